"""Reading the manifest back out of a report: the inverse of what `page.render` embeds."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from placement_sim.errors import InputError

PARTS = ("manifest", "runs")


class _Parts(HTMLParser):
    """Collect the text of the elements whose id is in PARTS."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._open: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        name = dict(attrs).get("id")
        if tag == "pre" and name in PARTS:
            self._open = name
            self.found[name] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "pre":
            self._open = None

    def handle_data(self, data: str) -> None:
        if self._open:
            self.found[self._open] += data


def read_manifest(path: str | Path) -> dict[str, Any]:
    """Give the manifest of a report, its runs under ``runs``.

    Raises
    ------
    InputError
        The file cannot be read or is no report of this package.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8 text"
        raise InputError(str(path), reason, "name a report in HTML that placement-sim has written") from None
    return manifest_of(text, str(path))


def manifest_of(text: str, place: str = "report") -> dict[str, Any]:
    """Give the manifest that stands in the HTML of a report.

    Raises
    ------
    InputError
        There is none.

    Examples
    --------
    >>> manifest_of('<pre id="manifest">{"seed": 1}</pre><pre id="runs">{"seed": 7}</pre>')
    {'seed': 1, 'runs': [{'seed': 7}]}
    """
    parser = _Parts()
    parser.feed(text)
    try:
        manifest = dict(json.loads(parser.found["manifest"]))
        manifest["runs"] = [dict(json.loads(line)) for line in parser.found.get("runs", "").splitlines() if line]
    except (KeyError, ValueError, TypeError):
        raise InputError(place, "holds no manifest", "name a report in HTML that placement-sim has written") from None
    return manifest

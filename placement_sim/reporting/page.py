"""A report as a value: what stands in it, in which order; and its one way into HTML.

Every builder of reports makes a `Page`; the template beside this file writes it. Text is escaped there, so that
a name from a scenario, a trace or a file is shown and never obeyed. Nothing in the file is loaded from elsewhere.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_BYTES = 3_000_000  # a report is sent by mail


@dataclass(frozen=True)
class Picture:
    """An image, as an address that holds it, and the caption that says what was run."""

    kind: ClassVar[str] = "picture"
    address: str
    caption: str


@dataclass(frozen=True)
class Grid:
    """A table of text; the first row is the head."""

    kind: ClassVar[str] = "grid"
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True)
class Points:
    """A list of sentences."""

    kind: ClassVar[str] = "points"
    sentences: Sequence[str]


@dataclass(frozen=True)
class Code:
    """Text in which every blank counts."""

    kind: ClassVar[str] = "code"
    text: str


@dataclass(frozen=True)
class Fragment:
    """HTML that has been cleaned already: the only text of a page that is not escaped."""

    kind: ClassVar[str] = "fragment"
    html: str


Item = Picture | Grid | Text | Points | Code | Fragment


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    title: str
    items: Sequence[Item]


@dataclass(frozen=True)
class Page:
    """A whole report.

    Parameters
    ----------
    title
        Of the document.
    lead
        One sentence: what was run.
    summary
        For a reader who reads nothing else.
    sections
        Figures, tables, methods, in their order.
    limits
        What the numbers do not say.
    manifest
        What made the numbers; ``manifest["runs"]`` names the runs with their digests.

    Examples
    --------
    >>> page = Page("A <b> title", "One run.", [Points(["Fast."])], [], ["A model."], {"seed": 1})
    >>> "A &lt;b&gt; title" in render(page)
    True
    """

    title: str
    lead: str
    summary: Sequence[Item]
    sections: Sequence[Section]
    limits: Sequence[str]
    manifest: Mapping[str, Any] = field(default_factory=dict)


def render(page: Page) -> str:
    """Write a page as one HTML file: the same page gives the same bytes."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("placement_sim.reporting", "")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    manifest = {key: value for key, value in page.manifest.items() if key != "runs"}
    runs = [json.dumps(run, sort_keys=True) for run in page.manifest.get("runs", ())]
    return environment.get_template("page.html.j2").render(
        page=page, manifest=json.dumps(manifest, indent=1, sort_keys=True), runs=runs
    )


def picture(figure: Figure, caption: str) -> Picture:
    """Put a figure into the page, as SVG inside the file."""
    from placement_sim.reporting.figures import svg

    return Picture(data_address("image/svg+xml", svg(figure).encode()), caption)


def data_address(media_type: str, content: bytes) -> str:
    """Put a file into an address that needs no network.

    Examples
    --------
    >>> data_address("text/plain", b"hi")
    'data:text/plain;base64,aGk='
    """
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"

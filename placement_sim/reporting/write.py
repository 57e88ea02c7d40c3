"""Reports: whatever was run, as one HTML file that opens offline, and as a PDF.

PAGES lists the kinds of thing that have a report; each has a file of its own that lays it out.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from placement_sim.errors import InputError
from placement_sim.reporting.comparison_page import comparison_page, result_page
from placement_sim.reporting.notebook_page import notebook_page
from placement_sim.reporting.page import MAX_BYTES, Page, render
from placement_sim.reporting.study_page import study_page

# What a source must have to be reported in this way; the first that fits is taken.
PAGES: dict[str, tuple[tuple[str, ...], Callable[..., Page]]] = {
    "comparison": (("table", "differences", "manifest"), comparison_page),
    "result": (("summary", "disks", "timeline", "manifest"), result_page),
    "study": (("table", "runs", "factors", "effects", "manifest"), study_page),
    "notebook run": (("cells", "parameters", "manifest"), notebook_page),
}


def page_of(source: Any, title: str | None = None) -> Page:
    """Lay out the report of what was run.

    Raises
    ------
    InputError
        Nothing in PAGES fits `source`.
    """
    for needs, build in PAGES.values():
        if all(hasattr(source, name) for name in needs):
            return build(source, title)
    cure = f"hand in a {' or a '.join(PAGES)}, or a page"
    raise InputError("report", f"nothing is known about a {type(source).__name__}", cure)


def html_report(source: Any, title: str | None = None) -> str:
    """Make a report as HTML that loads nothing; names from the input are escaped.

    Parameters
    ----------
    source
        A `Comparison`, a `Result`, a `StudyResult`, a `NotebookRun`, or a `Page` that is laid out already.

    Raises
    ------
    InputError
        `source` is none of these, or the file would be larger than 3 MB.
    """
    page = source if isinstance(source, Page) else page_of(source, title)
    html = render(page)
    if (size := len(html.encode())) > MAX_BYTES:
        cure = "report fewer policies, runs or pictures"
        raise InputError("report", f"{size / 1e6:.1f} MB is more than the {MAX_BYTES / 1e6:g} MB of a report", cure)
    return html


def report(source: Any, path: str | Path, *, title: str | None = None, pdf: bool = False) -> Path:
    """Write a report of what was run; nothing is run here.

    Parameters
    ----------
    source
        A `Comparison`, a `Result`, a `StudyResult`, a `NotebookRun`, or a `Page` that is laid out already.
    path
        Of the HTML file.
    pdf
        Write a PDF of the same name, too.

    Returns
    -------
    Path
        Of the HTML file.

    Raises
    ------
    InputError
        `source` cannot be reported, the file cannot be written, or WeasyPrint is missing.

    Examples
    --------
    >>> import tempfile
    >>> from placement_sim import Scenario, compare
    >>> scenario = Scenario.from_text('''
    ... disks = [{name = "d", count = 2, capacity = "1 GiB", service = {kind = "exponential", mean = "5 ms"}}]
    ... objects = [{name = "vm", size = "64 MiB", block_size = "1 MiB"}]
    ... [[workloads]]
    ... name = "w"
    ... object = "vm"
    ... synthetic = {requests = 10, size = "4 KiB", arrivals = {law = "poisson", rate = 100}}
    ... ''')
    >>> comparison = compare(scenario, ["stripe", "most_free"], replications=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report(comparison, f"{folder}/report.html").name
    'report.html'
    """
    html = html_report(source, title)
    path = Path(path)
    contents = {path: html.encode()}
    if pdf:
        from placement_sim.reporting.pdf import pdf as to_pdf

        contents[path.with_suffix(".pdf")] = to_pdf(html)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for file, content in contents.items():
            file.write_bytes(content)
    except OSError as error:
        raise InputError(str(path), f"cannot write: {error.strerror}", "name another file") from None
    return path

"""The report of a notebook: its text and outputs as the story, its code as the methods.

Markdown and HTML from a notebook are cleaned: no script, no style, no image or link to another place survives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from placement_sim.errors import InputError
from placement_sim.reporting.page import Code, Fragment, Grid, Item, Page, Picture, Section, Text, data_address

if TYPE_CHECKING:
    from placement_sim.experiments.notebooks import NotebookRun

TAGS = set(
    "p h2 h3 h4 ul ol li em strong code pre blockquote br hr table thead tbody tr th td sub sup del div span".split()
)
LIMITS = (
    "A notebook's text was written before these numbers: where a parameter was changed, text and numbers may part.",
    "Disks are models: service times come from the scenario, not from the reader's hardware.",
    "A table or figure without an interval shows a single run, and a single run decides nothing.",
)


def notebook_page(run: NotebookRun, title: str | None = None) -> Page:
    """Lay out the report of a notebook that was run."""
    values = ", ".join(f"{name} = {value!r}" for name, value in run.parameters.items())
    ran = f"{run.name} with {values}." if values else f"{run.name}."
    heading, opening = _opening(run)
    story: list[Item] = []
    summary: list[Item] = [Fragment(opening)] if opening else []
    code: list[Item] = []
    for number, cell in enumerate(run.cells, 1):
        if cell["cell_type"] == "markdown" and number > 1:
            story.append(Fragment(markdown(cell["source"])))
        elif cell["cell_type"] == "code":
            code.append(Code(cell["source"]))
            shown = [item for output in cell["outputs"] for item in _output(output, f"Cell {number} of {ran}")]
            (summary if "summary" in cell["tags"] else story).extend(shown)
    rows = [["parameter", "value"], *([name, repr(value)] for name, value in run.parameters.items())]
    return Page(
        title=title or heading or run.name,
        lead=f"Notebook {ran}",
        summary=summary,
        sections=[
            Section("Results", story),
            Section("Methods", [Text("The notebook was run from top to bottom in a fresh kernel."), Grid(rows), *code]),
        ],
        limits=LIMITS,
        manifest=run.manifest,
    )


def _opening(run: NotebookRun) -> tuple[str, str]:
    """Give the heading of the first cell as text and the rest of that cell as HTML."""
    first = run.cells[0] if run.cells else {"cell_type": "", "source": ""}
    if first["cell_type"] != "markdown":
        return "", ""
    head, _, rest = str(first["source"]).partition("\n")
    return (head.lstrip("# "), markdown(rest)) if head.startswith("# ") else ("", markdown(first["source"]))


def markdown(source: str) -> str:
    """Turn Markdown into clean HTML; of a link or an image only the text is left.

    Examples
    --------
    >>> markdown("**Fast**, see [there](http://example.org) <script>alert(1)</script>").strip()
    '<p><strong>Fast</strong>, see there &lt;script&gt;alert(1)&lt;/script&gt;</p>'
    """
    from markdown_it import MarkdownIt

    return clean(MarkdownIt("commonmark", {"html": False}).enable("table").render(source))


def clean(html: str) -> str:
    """Leave text and tables of some HTML, and nothing that could load, run or restyle anything.

    Raises
    ------
    InputError
        nh3 is not installed.

    Examples
    --------
    >>> clean('<style>p {}</style><p onclick="x()">a<img src="http://example.org/i.png"></p>')
    '<p>a</p>'
    """
    try:
        import nh3
    except ImportError:
        raise InputError(
            "report", "nh3 is not installed", "install it with: pip install 'placement_sim[report]'"
        ) from None
    text: str = nh3.clean(html, tags=TAGS, attributes={"td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"}})
    return text


def _output(output: Mapping[str, Any], caption: str) -> Sequence[Item]:
    """Show an output in the richest form that needs nothing from outside."""
    if output["output_type"] == "stream":
        return [Code(_joined(output["text"]))]
    data = output.get("data", {})
    if "image/svg+xml" in data:
        return [Picture(data_address("image/svg+xml", _joined(data["image/svg+xml"]).encode()), caption)]
    for kind in ("image/png", "image/jpeg"):
        if kind in data:
            return [Picture(f"data:{kind};base64,{_joined(data[kind]).strip()}", caption)]
    if any(kind.startswith("application/vnd.jupyter.widget") for kind in data):
        return [Text("Here the notebook has a control; it works where the notebook runs, not on paper.")]
    if "text/markdown" in data:
        return [Fragment(markdown(_joined(data["text/markdown"])))]
    if "text/html" in data:
        return [Fragment(f'<div class="wide">{clean(_joined(data["text/html"]))}</div>')]
    return [Code(_joined(data["text/plain"]))] if "text/plain" in data else []


def _joined(text: str | Sequence[str]) -> str:
    return text if isinstance(text, str) else "".join(text)

"""The state of an explorer as files, as links and as code: two scenarios in TOML, and the lines that run them."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import ipywidgets as widgets

from placement_sim.errors import InputError
from placement_sim.widgets.configurations import SIDES, Configurations


def save(both: Configurations, side: str, name: str) -> Path:
    """Write the scenario of a side beside the file it came from, so that its traces are found.

    Raises
    ------
    InputError
        The setting makes no scenario, the name is no plain ``*.toml``, a file has it, or it cannot be written.
    """
    scenario = both.scenario(side)
    if Path(name).name != name or not name.endswith(".toml"):
        raise InputError(name or "file name", "is not a plain file name that ends in .toml", "write explored.toml")
    path = scenario.folder / name
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(scenario.to_toml())
    except FileExistsError:
        raise InputError(str(path), "there is such a file already", "choose another name") from None
    except OSError as error:
        raise InputError(str(path), f"cannot write: {error.strerror}", "name a file that can be written") from None
    return path


def code(both: Configurations) -> str:
    """Write the Python lines that run what is set, and compare it with intervals.

    Raises
    ------
    InputError
        The setting makes no scenario.
    """
    lines = ["from placement_sim import Scenario, run", ""]
    folder = both.start.folder
    where = "" if folder == Path(".") else f", folder={folder.as_posix()!r}"
    for side in SIDES:
        text = both.scenario(side).to_toml().replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
        lines += [f'{side.lower()} = Scenario.from_text("""', text.rstrip(), f'"""{where})', ""]
    return "\n".join([*lines, "results = run(a), run(b)", ""])


def link(name: str, text: str, label: str) -> str:
    """Write a link that gives a file without any server: its content is in the address.

    Examples
    --------
    >>> link("a.py", "run(a)", "code").partition("href=")[2]
    '"data:text/plain;charset=utf-8,run%28a%29">code</a>'
    """
    address = f"data:text/plain;charset=utf-8,{quote(text, safe='')}"
    look = "color:#0b5cad;text-decoration:underline"
    return f'<a download="{escape(name)}" style="{look}" href="{address}">{escape(label)}</a>'


class Saving:
    """The widgets: links to the code and to both scenarios, a name with two buttons, and the code to be read."""

    def __init__(self, both: Configurations) -> None:
        self._both = both
        self.name = widgets.Text("explored.toml", description="file", layout={"width": "260px"})
        self.said = widgets.HTML()
        self.links = widgets.HTML()
        self.links.add_class("ps-links")
        self.code = widgets.HTML()
        self.code.add_class("ps-code")
        self._shown = ""
        buttons = []
        for side in SIDES:
            button = widgets.Button(description=f"Save {side}", tooltip=f"write the scenario of side {side} as TOML")
            button.on_click(lambda _, side=side: self._save(side))
            buttons.append(button)
        row = widgets.HBox([self.name, *buttons, self.said])
        page = widgets.VBox([row, self.code])
        fold = widgets.Accordion(children=[page], titles=("Save this state, or read its code",))
        fold.selected_index = None
        self.box: Any = widgets.VBox([self.links, fold])

    def show(self) -> None:
        """Write links and code of the present state; of a state with an error the last good ones stay."""
        try:
            text = code(self._both)
            files = {f"{side.lower()}.toml": self._both.scenario(side).to_toml() for side in SIDES}
        except InputError:
            return
        if text == self._shown:
            return
        self._shown = text
        found = [link("explored.py", text, "the code that makes it")]
        found += [link(name, content, name) for name, content in files.items()]
        self.links.value = f"This state as files: {', '.join(found)}."
        look = "max-height:380px;overflow:auto;user-select:text;line-height:1.3"
        self.code.value = f'<pre tabindex="0" style="{look}">{escape(text)}</pre>'

    def _save(self, side: str) -> None:
        try:
            said = f"written: {save(self._both, side, self.name.value)}"
        except InputError as error:
            said = f"⚠ {error}"
        self.said.value = f'<span role="status">{escape(said)}</span>'

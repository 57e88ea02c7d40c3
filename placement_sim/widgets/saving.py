"""The state of an explorer as files and as code: two scenarios in TOML, and the lines that run them."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

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


class Saving:
    """The widgets: a name, two buttons, and a field with the code."""

    def __init__(self, both: Configurations) -> None:
        self._both = both
        self.name = widgets.Text("explored.toml", description="file", layout={"width": "260px"})
        self.said = widgets.HTML()
        self.code = widgets.Textarea(disabled=True, rows=16, layout={"width": "100%"})
        self.code.add_class("ps-code")
        buttons = []
        for side in SIDES:
            button = widgets.Button(description=f"Save {side}", tooltip=f"write the scenario of side {side} as TOML")
            button.on_click(lambda _, side=side: self._save(side))
            buttons.append(button)
        row = widgets.HBox([self.name, *buttons, self.said])
        page = widgets.VBox([row, self.code])
        self.box: Any = widgets.Accordion(children=[page], titles=("This state as a scenario and as code",))
        self.box.selected_index = None

    def show(self) -> None:
        """Write the code of the present state; of a state with an error the last good one stays."""
        try:
            self.code.value = code(self._both)
        except InputError:
            return

    def _save(self, side: str) -> None:
        try:
            said = f"written: {save(self._both, side, self.name.value)}"
        except InputError as error:
            said = f"⚠ {error}"
        self.said.value = f'<span role="status">{escape(said)}</span>'

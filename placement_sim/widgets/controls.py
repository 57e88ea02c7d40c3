"""One row a setting: a text or a choice, a slider over sensible values, a switch that gives B its own, an error."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as widgets

from placement_sim.widgets.configurations import Configurations
from placement_sim.widgets.fields import Setting
from placement_sim.widgets.quantities import ladder

LABEL = {"description_width": "112px"}


def css_name(path: str) -> str:
    """Give the CSS class of a setting's row, for tests and styles.

    Examples
    --------
    >>> css_name("disks[0].capacity")
    'ps-disks-0-capacity'
    """
    return "ps-" + path.replace("[", "-").replace("]", "").replace(".", "-").replace("_", "-")


class Editor:
    """The controls of one setting for one side."""

    def __init__(self, setting: Setting, side: str, text: str, changed: Callable[[str, str, str], None]) -> None:
        self._setting, self._side, self._changed = setting, side, changed
        self._is_quiet = False
        label = setting.label if side == "A" else "in B"
        options = setting.options
        hint = "default" if setting.is_set else "none"
        if setting.kind == "tick":
            options = ("yes", "no") if setting.text else ("", "yes", "no")
        about: dict[str, Any] = {"description": label, "style": LABEL, "tooltip": setting.path}
        if options:
            shown = [(name or hint, name) for name in options]
            self.entry = widgets.Dropdown(options=shown, value=text, layout={"width": "244px"}, **about)
        else:
            self.entry = widgets.Text(
                text, placeholder=hint, continuous_update=False, layout={"width": "212px"}, **about
            )
        self.slider: Any = None
        steps = [] if options else ladder(setting.kind, text, setting.least, setting.most)
        if steps:
            self.slider = widgets.SelectionSlider(
                options=steps, continuous_update=False, readout=False, layout={"width": "120px"},
                tooltip=f"{setting.label}: slider",
            )  # fmt: skip
            self._to_slider(text)
            self.slider.observe(self._from_slider, "value")
        self.entry.observe(self._from_entry, "value")
        self.box = widgets.HBox([self.entry, *([self.slider] if self.slider else [])])
        self.box.add_class(f"ps-side-{side.lower()}")

    def show(self, text: str) -> None:
        """Show a value without telling anybody."""
        self._is_quiet = True
        self.entry.value = text
        self._to_slider(text)
        self._is_quiet = False

    def _to_slider(self, text: str) -> None:
        if self.slider is None:
            return
        if text not in self.slider.options:
            steps = ladder(self._setting.kind, text, self._setting.least, self._setting.most)
            if text not in steps:
                return  # no such value: the slider stays where it was, and the error stands beside the text
            self.slider.options = steps
        self.slider.value = text

    def _from_slider(self, change: dict[str, Any]) -> None:
        if not self._is_quiet and change["new"] is not None:
            self.entry.value = change["new"]

    def _from_entry(self, change: dict[str, Any]) -> None:
        if self._is_quiet:
            return
        self._is_quiet = True
        self._to_slider(change["new"])
        self._is_quiet = False
        self._changed(self._side, self._setting.path, change["new"])


class Row:
    """A setting with both sides; B's editor is made when it is first wanted."""

    def __init__(self, setting: Setting, both: Configurations, changed: Callable[[str, str, str | None], None]) -> None:
        self.setting, self._both, self._changed = setting, both, changed
        self.editors = {"A": Editor(setting, "A", both.text("A", setting.path), changed)}
        self.switch = widgets.ToggleButton(
            value=both.is_split(setting.path),
            description="B",
            tooltip=f"{setting.label}: give B a value of its own",
            layout={"width": "34px"},
        )
        self.switch.observe(self._switched, "value")
        self.error = widgets.HTML()
        self.box = widgets.VBox(layout={"flex": "0 0 auto"})
        self.box.add_class(css_name(setting.path))
        self.arrange()

    def arrange(self) -> None:
        """Show what applies, and B's editor where the setting is split."""
        rows = [widgets.HBox([self.editors["A"].box, self.switch])] if not self.box.children else [self.box.children[0]]
        if self.switch.value:
            if "B" not in self.editors:
                text = self._both.text("B", self.setting.path)
                self.editors["B"] = Editor(self.setting, "B", text, self._changed)
            rows.append(self.editors["B"].box)
        if self.error.value:
            rows.append(self.error)
        if tuple(rows) != self.box.children:
            self.box.children = rows
        self.box.layout.display = None if self._both.applies_to_any(self.setting) else "none"

    def tell(self, message: str) -> None:
        """Show an error beside the control, or take it away."""
        mark = '<span class="ps-error" role="alert" style="color:#a30000;line-height:1.3;display:block">&#9888; '
        self.error.value = f"{mark}{escape(message)}</span>" if message else ""
        self.arrange()

    def _switched(self, change: dict[str, Any]) -> None:
        text = self._both.text("A", self.setting.path) if change["new"] else None
        if change["new"] and "B" in self.editors:
            self.editors["B"].show(text or "")
        self._changed("B", self.setting.path, text)
        self.arrange()

"""All controls of an explorer, folded: a page a section, in it a fold a part, and what a scenario leaves out last.

There are hundreds of settings and a screen has room for thirty, so a control is made when it is first seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import ipywidgets as widgets

from placement_sim.widgets.configurations import Configurations
from placement_sim.widgets.controls import Row
from placement_sim.widgets.fields import Setting

TITLES = {"run": "Run", "policy": "Placement policy", "fleet": "Fleet and upgrade"}
FIRST = ("fleet", "policy", "run")
FEW = 2  # settings that need no fold of their own
STYLE = """<style>
button.ps-fold, button.ps-fold.mod-active { background: none !important; box-shadow: none !important; }
button.ps-fold { text-align: left; padding-left: 2px; border-bottom: 1px solid #cccccc; }
button.ps-fold.mod-active { font-weight: bold; }
button.ps-fold:focus-visible { outline: 2px solid #0072B2; }
button.ps-fold i { width: 14px; }
</style>"""


class Rows(Mapping[str, Row]):
    """Path -> row of controls, made when it is first asked for.

    Attributes
    ----------
    made : dict
        Those that were.
    """

    def __init__(self, both: Configurations, changed: Callable[[str, str, str | None], None]) -> None:
        self.both, self._changed = both, changed
        self.made: dict[str, Row] = {}

    def __getitem__(self, path: str) -> Row:
        if path not in self.made:
            self.made[path] = Row(self.both.settings[path], self.both, self._changed)
        return self.made[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self.both.settings)

    def __len__(self) -> int:
        return len(self.both.settings)


class Fold:
    """A heading that opens and closes what is under it; without a title it is always open.

    Parameters
    ----------
    settings
        What is under it; shown are those that apply to a side.
    inner
        Folds at its end.
    """

    def __init__(
        self, rows: Rows, title: str, settings: list[Setting], inner: list[Fold] | None = None, is_open: bool = False
    ) -> None:
        self._rows, self._settings, self._inner = rows, settings, inner or []
        self._body = widgets.VBox()
        self.button: Any = None
        parts = [self._body]
        if title:
            self.button = widgets.ToggleButton(value=is_open, description=title, layout={"width": "98%"})
            self.button.add_class("ps-fold")
            self.button.observe(lambda _: self.arrange(), "value")
            parts.insert(0, self.button)
        self.box = widgets.VBox(parts, layout={"flex": "0 0 auto"})

    def arrange(self) -> None:
        """Show what applies, if it is open."""
        is_open = self.button is None or self.button.value
        if self.button is not None:
            self.button.icon = "caret-down" if is_open else "caret-right"
            self._body.layout.display = None if is_open else "none"
        if not is_open:
            return
        both = self._rows.both
        children = [self._rows[setting.path].box for setting in self._settings if both.applies_to_any(setting)]
        for fold in self._inner:
            if any(map(both.applies_to_any, fold._settings)):
                fold.arrange()
                children.append(fold.box)
        if tuple(children) != self._body.children:
            self._body.children = children


class Folds:
    """The accordion of all sections.

    Examples
    --------
    >>> from placement_sim import Scenario
    >>> scenario = Scenario.from_text('''
    ... objects = [{name = "vm", size = "64 MiB", block_size = "1 MiB"}]
    ... disks = [{name = "d", capacity = "1 GiB", service = {kind = "exponential", mean = "5 ms"}}]
    ... [[workloads]]
    ... name = "w"
    ... object = "vm"
    ... synthetic = {requests = 10, size = "4 KiB", arrivals = {law = "poisson", rate = 100}}
    ... ''')
    >>> folds = Folds(Rows(Configurations(scenario), lambda *_: None))
    >>> folds.accordion.titles[:3]
    ('Placement policy', 'Run', 'Disks')
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        sections: dict[str, list[Setting]] = {}
        for setting in rows.both.settings.values():
            sections.setdefault(setting.section, []).append(setting)
        given = [name for name, settings in sections.items() if not _is_left_out(settings)]
        first = [name for name in FIRST if name in given]
        order = [*first, *(name for name in given if name not in first), *(n for n in sections if n not in given)]
        self._pages = [self._folds_of(sections[name]) for name in order]
        titles = tuple(TITLES.get(name, name.replace("_", " ").capitalize()) for name in order)
        children = [widgets.VBox([fold.box for fold in page]) for page in self._pages]
        self.accordion = widgets.Accordion(
            children=children, titles=titles, selected_index=0, layout={"flex": "0 0 auto"}
        )
        self.accordion.observe(lambda _: self.arrange(), "selected_index")
        self.box = widgets.VBox([widgets.HTML(STYLE, layout={"display": "none"}), self.accordion])

    def arrange(self) -> None:
        """Show what applies on the page that is open, and in every row that was made."""
        if self.accordion.selected_index is not None:
            for fold in self._pages[self.accordion.selected_index]:
                fold.arrange()
        for row in self._rows.made.values():
            row.arrange()

    def _folds_of(self, settings: list[Setting]) -> list[Fold]:
        """Make a fold of each part; the first is open, and what has no heading has no fold."""
        groups: dict[str, list[Setting]] = {}
        for setting in settings:
            groups.setdefault(setting.group, []).append(setting)
        found = []
        for number, group in enumerate(groups.values()):
            shown = [setting for setting in group if not setting.is_more]
            rest = [setting for setting in group if setting.is_more]
            if not shown or len(rest) <= FEW:
                shown, rest = group, []
            more = [Fold(self._rows, "what the scenario leaves at defaults", rest)] if rest else []
            found.append(Fold(self._rows, group[0].title, shown, more, is_open=number == 0))
        return found


def _is_left_out(settings: list[Setting]) -> bool:
    """Whether a scenario has nothing of a section."""
    return settings[0].kind == "switch" and settings[0].text == "off"

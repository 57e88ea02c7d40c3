"""What an explorer is set to: the texts of its controls for the sides A and B, and the scenarios they make.

Side B has what side A has, except for settings that were split.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from pydantic import BaseModel

from placement_sim.errors import InputError
from placement_sim.experiments.scenario import Scenario
from placement_sim.widgets.fields import Setting, entries_left_out, settings_of
from placement_sim.widgets.quantities import plain_value

SIDES = ("A", "B")


class Configurations:
    """Two configurations of one scenario.

    Examples
    --------
    >>> scenario = Scenario.from_text('''
    ... objects = [{name = "vm", size = "64 MiB", block_size = "1 MiB"}]
    ... disks = [{name = "d", capacity = "1 GiB", service = {kind = "exponential", mean = "5 ms"}}]
    ... [[workloads]]
    ... name = "w"
    ... object = "vm"
    ... synthetic = {requests = 10, size = "4 KiB", arrivals = {law = "poisson", rate = 100}}
    ... ''')
    >>> both = Configurations(scenario)
    >>> both.put("A", "disks[0].capacity", "2 GiB")
    >>> both.put("B", "policy.name", "stripe")
    >>> both.scenario("B").policy.name, both.scenario("B").disks[0].capacity == 2**31, both.scenario("A").policy.name
    ('stripe', True, 'most_free')
    """

    def __init__(self, scenario: Scenario) -> None:
        self.start = scenario
        self.settings = {setting.path: setting for setting in settings_of(scenario)}
        self.left_out = entries_left_out(scenario)  # in words
        self._texts: dict[str, dict[str, str]] = {side: {} for side in SIDES}  # what was changed; B: what was split

    def text(self, side: str, path: str) -> str:
        """Give what a side has for a setting."""
        for texts in (self._texts[side], self._texts["A"]):
            if path in texts:
                return texts[path]
        return self.settings[path].text

    def put(self, side: str, path: str, text: str) -> None:
        """Change a setting; for side B this splits it."""
        if path not in self.settings:
            raise InputError(path, "there is no such setting", f"use one of {', '.join(self.settings)}")
        self._texts[side][path] = text

    def join(self, path: str) -> None:
        """Let side B have what A has again."""
        self._texts["B"].pop(path, None)

    def is_split(self, path: str) -> bool:
        """Whether side B has a value of its own."""
        return path in self._texts["B"]

    def applies(self, side: str, setting: Setting) -> bool:
        """Whether what a side has chosen takes this parameter."""
        return not setting.chooser or self.text(side, setting.chooser) in setting.takers

    def scenario(self, side: str) -> Scenario:
        """Make the scenario of a side.

        Raises
        ------
        InputError
            Its place is ``side: path``.
        """
        values = self.start.to_dict()
        for path, setting in self.settings.items():
            text = self.text(side, path)
            if setting.options and path.endswith(".name") and text != setting.text:
                _put(values, self.start, path, text, only=True)
            elif not self.applies(side, setting):
                continue
            elif text != setting.text or (setting.chooser and text):
                _put(values, self.start, path, plain_value(setting.kind, text) if text else None)
        return Scenario.from_dict(values, place=side, folder=self.start.folder)

    def setting_at(self, place: str) -> str | None:
        """Give the path of the setting that an error's place names, or None where it names none."""
        path = place.partition(": ")[2] or place
        return next((known for known in (path, f"{path}.name") if known in self.settings), None)


def _put(values: dict[str, Any], part: Any, path: str, value: Any, only: bool = False) -> None:
    """Set one value in plain nested values; a table that was left out as a default is written out first."""
    keys = [int(key) if key.isdigit() else key for key in re.findall(r"[^.\[\]]+", path)]
    here: Any = values
    for key in keys[:-1]:
        part = part[key] if isinstance(key, int) else part.get(key) if isinstance(part, dict) else getattr(part, key)
        if isinstance(here, dict) and key not in here:
            dumped = part.model_dump(mode="json", exclude_none=True) if isinstance(part, BaseModel) else part
            here[key] = copy.deepcopy(dumped) if dumped else {}
        here = here[key]
    if only:
        here.clear()
    if value is None:
        here.pop(keys[-1], None)
    else:
        here[keys[-1]] = value

"""What an explorer is set to: the texts of its controls for the sides A and B, and the scenarios they make.

Side B has what side A has, except for settings that were split.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from placement_sim.errors import InputError
from placement_sim.experiments.scenario import Scenario
from placement_sim.widgets.fields import Setting, entries_left_out, settings_of
from placement_sim.widgets.quantities import plain_value

SIDES = ("A", "B")
NAMING = ("name", "law", "kind")  # keys under which a choice stands


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
    >>> both.put("A", "events[0]", "on")  # a part that the scenario leaves out begins with a sample
    >>> both.scenario("A").events[0].action
    'disk_fail'
    """

    def __init__(self, scenario: Scenario) -> None:
        self.start = scenario
        self.settings = {setting.path: setting for setting in settings_of(scenario)}
        self.left_out = entries_left_out(scenario)  # in words
        self._plain = scenario.model_dump(mode="json", exclude_none=True)
        self._texts: dict[str, dict[str, str]] = {side: {} for side in SIDES}  # what was changed; B: what was split
        self._made: dict[str, tuple[Any, Scenario]] = {}  # the last of each side, with the texts it was made of

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

    def reset(self) -> None:
        """Forget all changes."""
        for texts in self._texts.values():
            texts.clear()

    def is_split(self, path: str) -> bool:
        """Whether side B has a value of its own."""
        return path in self._texts["B"]

    def applies(self, side: str, setting: Setting) -> bool:
        """Whether what a side has chosen leaves room for this setting."""
        return all(self.text(side, path) in texts for path, texts in setting.needs)

    def applies_to_any(self, setting: Setting) -> bool:
        """Whether a control of this setting is to be seen."""
        return any(self.applies(side, setting) for side in SIDES)

    def scenario(self, side: str) -> Scenario:
        """Make the scenario of a side.

        Raises
        ------
        InputError
            Its place is ``side: path``, with the numbers that entries of lists have in the settings.
        """
        texts = copy.deepcopy(self._texts)
        if side in self._made and self._made[side][0] == texts:
            return self._made[side][1]
        values = copy.deepcopy(self._plain)
        for setting in self.settings.values():
            self._apply(values, setting, self.text(side, setting.path), self.applies(side, setting))
        numbers: dict[str, list[int]] = {}
        _close_gaps(values, "", numbers)
        try:
            scenario = Scenario.from_dict(values, place=side, folder=self.start.folder)
        except InputError as error:
            start, colon, place = error.place.partition(": ")
            raise InputError(f"{start}{colon}{_numbered(place, numbers)}", error.problem, error.cure) from None
        self._made[side] = (texts, scenario)
        return scenario

    def _apply(self, values: dict[str, Any], setting: Setting, text: str, applies: bool) -> None:
        """Bring one setting into plain values; a part's own setting comes before those of what it holds."""
        path = setting.path
        if setting.kind == "form":
            owner = path.rpartition(".")[0]
            for option, fields in setting.sample.items():
                for name, sample in fields.items():
                    if not applies or option != text:
                        _drop(values, f"{owner}.{name}")
                    elif sample is not None:
                        _put(values, f"{owner}.{name}", copy.deepcopy(sample), only_if_missing=True)
        elif not applies or not text or (setting.kind == "switch" and text != "on"):
            _drop(values, path)
        elif setting.kind == "switch":
            _put(values, path, copy.deepcopy(setting.sample), only_if_missing=True)
        elif text != setting.text or not setting.is_set:
            _put(values, path, plain_value(setting.kind, text))

    def setting_at(self, place: str, changed: str = "") -> str | None:
        """Give the path of the setting that an error's place names, or the nearest above it; None where there is none.

        An error of a whole part belongs to what was `changed` in it.
        """
        path = place.partition(": ")[2] or place
        if changed.startswith(f"{path}."):
            return changed
        while path:
            for known in (path, *(f"{path}.{key}" for key in NAMING)):
                if known in self.settings:
                    return known
            path = re.sub(r"[.\[]?[^.\[]*$", "", path)
        return None


_GONE = object()  # an entry of a list that was switched off


def _keys(path: str) -> list[str | int]:
    return [int(key) if key.isdigit() else key for key in re.findall(r"[^.\[\]]+", path)]


def _put(values: dict[str, Any], path: str, value: Any, only_if_missing: bool = False) -> None:
    """Set one value in plain nested values; what lies above it and is missing is made."""
    here: Any = values
    keys = _keys(path)
    for key, following in zip(keys, [*keys[1:], None], strict=True):
        if isinstance(key, int):
            here.extend([_GONE] * (key + 1 - len(here)))
        is_missing = here[key] is _GONE if isinstance(key, int) else key not in here
        if following is None:
            if is_missing or not only_if_missing:
                here[key] = value
        elif is_missing:
            here[key] = [] if isinstance(following, int) else {}
        here = here[key]


def _drop(values: dict[str, Any], path: str) -> None:
    """Take one value away if it is there; entries of lists keep their numbers until `_close_gaps`."""
    here: Any = values
    *above, last = _keys(path)
    for key in above:
        if isinstance(here, dict) and key in here:
            here = here[key]
        elif isinstance(here, list) and isinstance(key, int) and key < len(here):
            here = here[key]
        else:
            return
    if isinstance(here, dict):
        here.pop(last, None)
    elif isinstance(here, list) and isinstance(last, int) and last < len(here):
        here[last] = _GONE


def _close_gaps(value: Any, path: str, numbers: dict[str, list[int]]) -> None:
    """Take away the entries that are gone; `numbers` gets, by the list's path, what the others were numbered before."""
    if isinstance(value, dict):
        for key, inner in value.items():
            _close_gaps(inner, f"{path}.{key}".lstrip("."), numbers)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            _close_gaps(inner, f"{path}[{i}]", numbers)
        if _GONE in value:
            numbers[path] = [i for i, inner in enumerate(value) if inner is not _GONE]
            value[:] = [inner for inner in value if inner is not _GONE]


def _numbered(place: str, numbers: dict[str, list[int]]) -> str:
    """Give an error's place the numbers that entries had before the gaps were closed.

    Examples
    --------
    >>> _numbered("disks[1].capacity", {"disks": [0, 2]})
    'disks[2].capacity'
    """
    for path in sorted(numbers, key=len):
        if found := re.match(rf"{re.escape(path)}\[(\d+)\]", place):
            place = f"{path}[{numbers[path][int(found[1])]}]{place[found.end() :]}"
    return place

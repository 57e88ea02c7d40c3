"""The fields of a scenario that can be turned, read from the scenario's own model: one list for all controls.

Names and references (which object a workload writes to, which disks carry it) are left out: another
name would be another scenario.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from placement_sim.experiments.fleet import FleetSpec, RolloutChoice, StrategyChoice
from placement_sim.experiments.parts import Open, PolicyChoice, data_folder
from placement_sim.experiments.scenario import Scenario
from placement_sim.policies import POLICIES
from placement_sim.units import parse_bandwidth, parse_bytes, parse_duration_ns
from placement_sim.upgrades import ROLLOUTS, STRATEGIES
from placement_sim.upgrades.failures import Failures
from placement_sim.upgrades.limits import Limits
from placement_sim.widgets.quantities import bytes_text, duration_text, value_text

CHOICES: dict[type[Open], Mapping[str, Callable[..., Any]]] = {
    PolicyChoice: POLICIES,
    StrategyChoice: STRATEGIES,
    RolloutChoice: ROLLOUTS,
}
TABLES: dict[tuple[type[BaseModel], str], type] = {(FleetSpec, "limits"): Limits, (FleetSpec, "failures"): Failures}
QUANTITIES: dict[Any, tuple[str, Callable[[Any], str]]] = {
    parse_bytes: ("bytes", bytes_text),
    parse_duration_ns: ("duration", duration_text),
    parse_bandwidth: ("bandwidth", lambda value: bytes_text(value) + "/s"),
}
LEFT_OUT = {"name", "host", "object", "disk", "failure_domain", "action", "at", "file", "format", "insist", "layout"}
ALONE = {"synthetic", "trace", "fleet", "limits", "rollout", "failures"}  # parts that a label does without
MOST_ENTRIES = 12  # of a list; more are left as they are, which the explorer says


@dataclass(frozen=True)
class Setting:
    """One thing that can be turned.

    Parameters
    ----------
    path
        Where it stands, as errors name it: ``disks[0].capacity``.
    section
        First part of the path.
    kind
        ``choice``, ``tick``, ``share``, ``int``, ``number``, ``bytes``, ``duration``, ``bandwidth`` or ``text``.
    text
        The scenario's own value; empty: not given.
    label
        For people.
    options
        Of a choice.
    chooser, takers
        A parameter of what another setting chooses: its path, and the names that take this parameter.
    least, most
        Bounds of a number, where they are known.
    entry
        Of a setting in a list: which entry, with its name.
    """

    path: str
    section: str
    kind: str
    text: str
    label: str
    options: tuple[str, ...] = ()
    chooser: str = ""
    takers: frozenset[str] = frozenset()
    least: float | None = None
    most: float | None = None
    entry: str = ""


def entries_left_out(scenario: Scenario) -> str:
    """Say of which lists only the first entries have controls; empty where all have.

    Examples
    --------
    >>> objects = ", ".join(f'{{name = "o{i}", size = "1 MiB", block_size = "1 MiB"}}' for i in range(13))
    >>> scenario = Scenario.from_text(f'''
    ... objects = [{objects}]
    ... disks = [{{name = "d", capacity = "1 GiB", service = {{kind = "exponential", mean = "5 ms"}}}}]
    ... [[workloads]]
    ... name = "w"
    ... object = "o0"
    ... synthetic = {{requests = 10, size = "4 KiB", arrivals = {{law = "poisson", rate = 100}}}}
    ... ''')
    >>> entries_left_out(scenario)
    'Controls for the first 12 of 13 objects; the others stay as they are.'
    """
    lists = [(name, getattr(scenario, name)) for name in type(scenario).model_fields]
    long = [
        f"{MOST_ENTRIES} of {len(value)} {name}"
        for name, value in lists
        if isinstance(value, tuple) and len(value) > MOST_ENTRIES and isinstance(value[0], BaseModel)
    ]
    return f"Controls for the first {' and the first '.join(long)}; the others stay as they are." if long else ""


def settings_of(scenario: Scenario) -> list[Setting]:
    """List what can be turned in a scenario, in the order of its model.

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
    >>> [(s.path, s.kind, s.text) for s in settings_of(scenario) if s.section == "objects"][:2]
    [('objects[0].size', 'bytes', '64 MiB'), ('objects[0].block_size', 'bytes', '1 MiB')]
    """
    return [setting for setting in _of_model(scenario, "") if setting.path != "name"]


def _of_model(part: BaseModel, path: str) -> Iterator[Setting]:
    for name, info in type(part).model_fields.items():
        if name in LEFT_OUT and path:
            continue
        value, here = getattr(part, name), f"{path}.{name}".lstrip(".")
        table = TABLES.get((type(part), name))
        if table is not None:
            yield from _of_signature(table, here, value, {})
        elif isinstance(value, Open):
            yield from _of_open(value, here)
        elif isinstance(value, BaseModel):
            yield from _of_model(value, here)
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for i, entry in enumerate(value[:MOST_ENTRIES]):
                about = " ".join(filter(None, [f"{here}[{i}]", getattr(entry, "name", "")]))
                yield from (replace(setting, entry=about) for setting in _of_model(entry, f"{here}[{i}]"))
        elif (setting := _of_value(here, info, value)) is not None:
            yield setting


def label_of(path: str) -> str:
    """Give the last parts of a path as words.

    Examples
    --------
    >>> label_of("workloads[0].synthetic.arrivals.rate"), label_of("fleet.os.size"), label_of("fleet.rollout.soak_s")
    ('arrivals rate', 'os size', 'soak (s)')
    """
    parts = [part for part in path.split(".") if "[" not in part]
    short = parts[-2:] if len(parts) > 1 and parts[-2] not in ALONE else parts[-1:]
    if parts[-1] == "name":
        return parts[-2].replace("_", " ")
    words = " ".join(short).replace("_", " ")
    return words[:-2] + " (s)" if words.endswith(" s") and not words.endswith(" per s") else words


def _setting(path: str, kind: str, text: str, **more: Any) -> Setting:
    section = path.split(".")[0].split("[")[0]
    return Setting(path, section if "." in path or "[" in path else "run", kind, text, label_of(path), **more)


def _of_value(path: str, info: FieldInfo, value: Any) -> Setting | None:
    inner, marks = _unwrapped(info.annotation, list(info.metadata))
    for mark in marks:
        quantity = QUANTITIES.get(getattr(mark, "func", None))
        if quantity is not None:
            kind, write = quantity
            return _setting(path, kind, "" if value is None else write(value))
    if get_origin(inner) is Literal:
        return _setting(path, "choice", str(value), options=tuple(map(str, get_args(inner))))
    if path.endswith(".model"):
        known = sorted(file.stem for file in (data_folder() / "disks").glob("*.toml"))
        return _setting(path, "choice", value, options=tuple(known)) if value in known else None
    if inner is bool:
        return _setting(path, "tick", "yes" if value else "no")
    if inner not in (int, float):
        return None
    least = next((mark.ge for mark in marks if hasattr(mark, "ge")), None)
    most = next((mark.le for mark in marks if hasattr(mark, "le")), None)
    kind = "int" if inner is int else "share" if (least, most) == (0, 1) else "number"
    text = "" if value is None else value_text(value)
    return _setting(path, kind, text, least=least, most=most)


def _unwrapped(annotation: Any, marks: list[Any]) -> tuple[Any, list[Any]]:
    """Strip None and Annotated, and gather what they carry."""
    while True:
        origin = get_origin(annotation)
        if origin in (Union, UnionType):
            kept = [inner for inner in get_args(annotation) if inner is not type(None)]
            if len(kept) != 1:
                return annotation, marks
            annotation = kept[0]
        elif origin is Annotated:
            annotation, *more = get_args(annotation)
            for mark in more:
                marks += mark.metadata if isinstance(mark, FieldInfo) else [mark]
        else:
            return annotation, marks


def _of_open(value: Open, path: str) -> Iterator[Setting]:
    """List a choice and its parameters; a law is kept, its parameters are those that are given."""
    makers = CHOICES.get(type(value))
    if makers is None:
        for name in type(value).model_fields:
            if name == "channels":
                yield _setting(f"{path}.channels", "int", str(getattr(value, name)), least=1)
        for name, given in value.parameters.items():
            if isinstance(given, str | int | float):
                kind = "text" if isinstance(given, str) else "number"
                yield _setting(f"{path}.{name}", kind, value_text(given))
        return
    name = str(getattr(value, "name", ""))
    yield _setting(f"{path}.name", "choice", name, options=tuple(makers))
    takers: dict[str, set[str]] = {}
    for choice, maker in makers.items():
        for parameter in inspect.signature(maker).parameters:
            takers.setdefault(parameter, set()).add(choice)
    seen: set[str] = set()
    for maker in makers.values():
        for setting in _of_signature(maker, path, value.parameters, takers):
            if setting.path not in seen:
                seen.add(setting.path)
                yield setting


def _of_signature(
    maker: Callable[..., Any], path: str, given: Mapping[str, Any], takers: Mapping[str, set[str]]
) -> Iterator[Setting]:
    """List a constructor's plain parameters; an empty text leaves its default."""
    for name, parameter in inspect.signature(maker).parameters.items():
        kind = str(parameter.annotation).split(" | ")[0]
        if kind not in ("int", "float", "bool", "str"):
            continue
        text = value_text(given[name]) if name in given else ""
        more: dict[str, Any] = {}
        if takers:
            more = {"chooser": f"{path}.name", "takers": frozenset(takers[name])}
        elif parameter.default is not inspect.Parameter.empty:
            text = text or value_text(parameter.default)
        kind = {"int": "int", "float": "number", "bool": "tick", "str": "text"}[kind]
        yield _setting(f"{path}.{name}", kind, text, **more)

"""The fields of a scenario that can be turned, read from the scenario's own model: one list for all controls.

Parts that a scenario leaves out are listed too, behind a switch, with the values of `samples`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from placement_sim.experiments.misfit import short_name
from placement_sim.experiments.parts import Open
from placement_sim.experiments.scenario import Scenario
from placement_sim.units import parse_bandwidth, parse_bytes, parse_duration_ns
from placement_sim.widgets.laws import CHOICES, OPTIONS, TABLES, chosen
from placement_sim.widgets.quantities import bytes_text, duration_text, value_text
from placement_sim.widgets.samples import BELONGS, FORMS, LEFT_OUT, MOST_NAMES, REFERENCES, SAMPLES, Form

QUANTITIES: dict[Any, tuple[str, Callable[[Any], str]]] = {
    parse_bytes: ("bytes", bytes_text),
    parse_duration_ns: ("duration", duration_text),
    parse_bandwidth: ("bandwidth", lambda value: bytes_text(value) + "/s"),
}
ALONE = {"synthetic", "trace", "fleet", "limits", "rollout", "failures", "service"}  # what a label does without
SWITCH = ("off", "on")
MOST_ENTRIES = 12  # of a list; more are left as they are, which the explorer says
Needs = tuple[tuple[str, frozenset[str]], ...]


@dataclass(frozen=True)
class Setting:
    """One thing that can be turned.

    Parameters
    ----------
    path
        Where it stands, as errors name it: ``disks[0].capacity``.
    kind
        ``choice``, ``tick``, ``share``, ``int``, ``number``, ``bytes``, ``duration``, ``bandwidth``, ``text``;
        ``toml``: a list; ``switch``: a part that may be left out; ``form``: parts of which there is one.
    text
        The scenario's own value, or what it begins with when it comes to apply; empty: not given.
    label
        For people.
    options
        Of a choice, switch or form.
    needs
        Paths of other settings, each with the texts for which this one applies.
    is_set
        Whether the scenario (or the sample it begins with) holds the value; otherwise it is written when it applies.
    least, most
        Bounds of a number, where they are known.
    group, title
        Path of the part that it is shown with, and that part's heading.
    is_more
        Whether the scenario says nothing of it: it may be shown later than what it does say.
    sample
        Of a switch: the plain value of the part; of a form: option -> field -> plain value, None for a single value.
    field
        Where it comes from in the model: ``DiskSpec.capacity``.
    """

    path: str
    kind: str
    text: str
    label: str
    options: tuple[str, ...] = ()
    needs: Needs = ()
    is_set: bool = True
    least: float | None = None
    most: float | None = None
    group: str = ""
    title: str = ""
    is_more: bool = False
    sample: Any = None
    field: str = ""

    @property
    def section(self) -> str:
        """The first part of the path; ``run`` for what belongs to no part."""
        first = self.path.split(".")[0].split("[")[0]
        return first if first != self.path or self.kind == "switch" else "run"


class _At(NamedTuple):
    """A place in the walk: its path, what it needs, and under which heading it is shown."""

    path: str = ""
    needs: Needs = ()
    group: str = ""
    title: str = ""
    is_more: bool = False

    def to(self, name: str, is_more: bool = False) -> _At:
        """Go down to a field."""
        return self._replace(path=f"{self.path}.{name}".lstrip("."), is_more=self.is_more or is_more)

    def where(self, path: str, *texts: str) -> _At:
        """Apply only where another setting has one of these texts."""
        return self._replace(needs=(*self.needs, (path, frozenset(texts))))

    def under(self, title: str) -> _At:
        """Begin a part with a heading of its own."""
        return self._replace(group=self.path, title=title)


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
    >>> [(s.path, s.kind, s.text) for s in settings_of(scenario) if s.section == "objects"][1:3]
    [('objects[0].size', 'bytes', '64 MiB'), ('objects[0].block_size', 'bytes', '1 MiB')]
    """
    return list(_Walk(scenario).model(scenario, _At()))


def label_of(path: str) -> str:
    """Give the last parts of a path as words.

    Examples
    --------
    >>> label_of("workloads[0].synthetic.arrivals.rate"), label_of("fleet.os.size"), label_of("fleet.rollout.soak_s")
    ('arrivals rate', 'os size', 'soak (s)')
    >>> label_of("workloads[0].synthetic.sizes[1].share"), label_of("events[0]")
    ('sizes[1] share', 'in use')
    """
    first, *parts = path.split(".")
    if path.endswith("]"):
        return "in use" if not parts else f"{parts[-1]} in use"
    parts = parts if "[" in first else [first, *parts]
    if parts[-1] in ("name", "law", "kind") and len(parts) > 1:
        words = parts[-2]
    else:
        short = parts[-2:] if len(parts) > 1 and parts[-2] not in ALONE else parts[-1:]
        words = " ".join(short)
    words = words.replace("_", " ")
    if words.endswith(" per s"):
        return words.removesuffix(" per s") + " (1/s)"
    return words[:-2] + " (s)" if words.endswith(" s") else words


class _Walk:
    """One pass over a scenario and the parts that it leaves out."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario

    def model(self, part: BaseModel, at: _At) -> Iterator[Setting]:
        """List the fields of a part."""
        owner = type(part).__name__
        told: set[str] = set()
        for name, info in type(part).model_fields.items():
            field, here = f"{owner}.{name}", at.to(name, name not in part.model_fields_set)
            if field in LEFT_OUT:
                continue
            form = next((form for form in FORMS.get(owner, ()) if form.option_of(name) is not None), None)
            if form is not None:
                names = {name for names in form.options.values() for name in names}
                switch = at.to(form.name, not names & part.model_fields_set)
                if form.name not in told:
                    told.add(form.name)
                    yield self._form(owner, form, part, switch)
                here = here._replace(is_more=switch.is_more).where(switch.path, str(form.option_of(name)))
            if field in BELONGS:
                sibling, texts = BELONGS[field]
                here = here._replace(is_more=at.is_more).where(at.to(sibling).path, *texts)
            yield from self._field(field, info, getattr(part, name), here, is_free=form is None)

    def _form(self, owner: str, form: Form, part: BaseModel, at: _At) -> Setting:
        sample = {
            option: {name: self._plain(f"{owner}.{name}", type(part).model_fields[name]) for name in names}
            for option, names in form.options.items()
        }
        return _setting(at, "form", form.chosen(part), options=tuple(form.options), sample=sample)

    def _plain(self, field: str, info: FieldInfo) -> Any:
        """Write what a part begins with as full plain values; None for a field that is no part."""
        inner, is_list = _part_in(info)
        if inner is None:
            return None
        value = inner.model_validate(SAMPLES[field](self._scenario)).model_dump(mode="json", exclude_none=True)
        return [value] if is_list else value

    def _field(self, field: str, info: FieldInfo, value: Any, at: _At, is_free: bool) -> Iterator[Setting]:
        """List one field; `is_free`: no form says whether it is there."""
        inner, is_list = _part_in(info)
        if field in TABLES:
            at = at.under(at.path.split(".")[-1])
            yield from self._signature(field, TABLES[field], value, at)
        elif inner is None:
            if (setting := self._leaf(field, info, value, at)) is not None:
                yield setting
        elif is_list:
            yield from self._list(field, inner, value or (), at, is_free)
        else:
            if "." not in at.path:
                at = at.under("")._replace(is_more=False)
            elif field == "FleetSpec.strategy":
                at = at._replace(is_more=False)
            elif at.group == "fleet":
                at = at.under(at.path.split(".")[-1])
            given = value is not None
            if not given:
                value = inner.model_validate(SAMPLES[field](self._scenario))
            if info.default is None and is_free:
                sample = value.model_dump(mode="json", exclude_none=True)
                yield _setting(at, "switch", SWITCH[given], options=SWITCH, sample=sample, field=field)
                at = at.where(at.path, "on")
            yield from self._open(field, value, at) if isinstance(value, Open) else self.model(value, at)

    def _list(
        self, field: str, inner: type[BaseModel], entries: tuple[Any, ...], at: _At, is_free: bool
    ) -> Iterator[Setting]:
        """List the entries of a list, and one more that can be switched on; a form's list has one to begin with."""
        sample = inner.model_validate(SAMPLES[field](self._scenario))
        entries = entries or (() if is_free else (sample,))
        for i, entry in enumerate([*entries, sample][:MOST_ENTRIES]):
            is_new = i == len(entries)
            here = at._replace(path=f"{at.path}[{i}]", is_more=at.is_more or is_new)
            if "." not in at.path:
                name = "one more" if is_new else getattr(entry, "name", "") or getattr(entry, "action", "")
                here = here.under(f"{here.path} {name}")._replace(is_more=False)
            plain = entry.model_dump(mode="json", exclude_none=True)
            yield _setting(here, "switch", SWITCH[not is_new], options=SWITCH, sample=plain, field=field)
            yield from self.model(entry, here.where(here.path, "on"))

    def _leaf(self, field: str, info: FieldInfo, value: Any, at: _At) -> Setting | None:
        inner, marks = _unwrapped(info.annotation, list(info.metadata))
        is_set = value is not None
        if not is_set and field in SAMPLES:
            value = SAMPLES[field](self._scenario)
        more: dict[str, Any] = {"is_set": is_set, "field": field}
        names = REFERENCES[field](self._scenario) if field in REFERENCES else []
        may_miss = info.default is None and field not in SAMPLES
        if field in REFERENCES and len(names) <= MOST_NAMES:
            names = [*([""] if may_miss or not names else []), *names]
            text = "" if value is None else str(value)
            return _setting(at, "choice", text, options=tuple(dict.fromkeys([*names, text])), **more)
        for mark in marks:
            quantity = QUANTITIES.get(getattr(mark, "func", None))
            if quantity is not None:
                kind, write = quantity
                return _setting(at, kind, "" if value is None else write(value), **more)
        if get_origin(inner) is Literal:
            options = ("",) * may_miss + tuple(map(str, get_args(inner)))
            return _setting(at, "choice", value or "", options=options, **more)
        if inner is bool:
            return _setting(at, "tick", "yes" if value else "no", **more)
        if get_origin(inner) is tuple:
            return _setting(at, "toml", value_text(value), **more)
        least = next((mark.ge for mark in marks if hasattr(mark, "ge")), None)
        top = next((mark.le for mark in marks if hasattr(mark, "le")), None)
        kind = {int: "int", float: "share" if (least, top) == (0, 1) else "number", str: "text"}.get(inner, "number")
        return _setting(at, kind, value_text(value), least=least, most=top, **more)

    def _open(self, field: str, value: Open, at: _At) -> Iterator[Setting]:
        """List a choice by name, the part's own fields, and the parameters of all that can be chosen."""
        choice = CHOICES[field]
        key = at.to(choice.key)
        yield _setting(key, "choice", chosen(field, value), options=tuple(choice.makers), field=field)
        for name, info in type(value).model_fields.items():
            if name != choice.key:
                yield from self._field(f"{type(value).__name__}.{name}", info, getattr(value, name), at.to(name), True)
        takers: dict[str, set[str]] = {}
        parameters: dict[str, inspect.Parameter] = {}
        for name, maker in choice.makers.items():
            for parameter in inspect.signature(maker).parameters.values():
                takers.setdefault(parameter.name, set()).add(name)
                parameters.setdefault(parameter.name, parameter)
        for name, parameter in parameters.items():
            here = at.where(key.path, *takers[name])
            yield from self._parameter(field, parameter, value.parameters, here, choice.starts)

    def _signature(self, field: str, maker: Callable[..., Any], given: Any, at: _At) -> Iterator[Setting]:
        """List a constructor's parameters with their defaults."""
        for parameter in inspect.signature(maker).parameters.values():
            starts = {} if parameter.default is inspect.Parameter.empty else {parameter.name: parameter.default}
            yield from self._parameter(field, parameter, given, at, starts)

    def _parameter(
        self, field: str, parameter: inspect.Parameter, given: Mapping[str, Any], at: _At, starts: Mapping[str, Any]
    ) -> Iterator[Setting]:
        """List one parameter; where it has no default, an empty text is no choice, so it begins with a value."""
        name = parameter.name
        key = next((key for key in (name, short_name(name)) if key in given), name)
        here, own = at.to(key, is_more=field in TABLES and key not in given), f"{field}.{name}"
        if name == "window":
            yield from self._table(own, name, given.get(key), here)
            return
        if name == "planned":
            rows = given.get(key, ())
            for i, row in enumerate([*rows, SAMPLES[name](self._scenario)]):
                spot = here._replace(path=f"{here.path}[{i}]")
                yield from self._table(own, name, row if i < len(rows) else None, spot)
            return
        kind = _kind_of(parameter)
        text = value_text(given[key] if key in given else starts.get(name))
        more: dict[str, Any] = {"is_set": key in given or parameter.default is not inspect.Parameter.empty}
        if own in OPTIONS:
            kind, more["options"] = "choice", ("", *OPTIONS[own]) if not text else OPTIONS[own]
        yield _setting(here, kind, text, field=own, **more)

    def _table(self, field: str, name: str, given: Any, at: _At) -> Iterator[Setting]:
        """List a table of parameters that may be left out."""
        sample = SAMPLES[name](self._scenario)
        text = SWITCH[given is not None]
        yield _setting(at, "switch", text, options=SWITCH, sample=sample, field=field)
        yield from self._signature(name, TABLES[name], sample if given is None else given, at.where(at.path, "on"))


def _kind_of(parameter: inspect.Parameter) -> str:
    """Tell from a parameter's annotation and name how its text is read."""
    name, base = parameter.name, str(parameter.annotation).split(" | ")[0]
    if base not in ("int", "float"):
        return {"bool": "tick", "str": "text"}.get(base, "toml")
    if name == "p" or "_share" in name:
        return "share"
    return "bytes" if name.endswith("_bytes") else "int" if base == "int" else "number"


def _setting(at: _At, kind: str, text: str, **more: Any) -> Setting:
    place: dict[str, Any] = {"needs": at.needs, "group": at.group, "title": at.title, "is_more": at.is_more}
    return Setting(at.path, kind, text, label_of(at.path), **place, **more)


def _part_in(info: FieldInfo) -> tuple[type[BaseModel] | None, bool]:
    """Give the part that a field holds, if any, and whether it holds a list of them."""
    inner, _ = _unwrapped(info.annotation, [])
    is_list = get_origin(inner) is tuple
    if is_list:
        inner = get_args(inner)[0]
    return (inner, is_list) if isinstance(inner, type) and issubclass(inner, BaseModel) else (None, is_list)


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

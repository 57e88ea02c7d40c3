"""The controls of explorers against the scenario's own model: every field has one, or a reason why not."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("ipywidgets")

from pydantic import BaseModel

from placement_sim import InputError, Scenario
from placement_sim.experiments.misfit import short_name
from placement_sim.experiments.parts import Open
from placement_sim.widgets.configurations import Configurations
from placement_sim.widgets.fields import Setting, _part_in
from placement_sim.widgets.laws import CHOICES, TABLES
from placement_sim.widgets.quantities import ladder
from placement_sim.widgets.samples import FORMS, LEFT_OUT

PLACEMENT = """
horizon = "10 s"
objects = [{ name = "vm", size = "64 MiB", block_size = "1 MiB" }]
disks = [{ name = "d", count = 2, capacity = "1 GiB", service = { kind = "exponential", mean_s = 0.005 } }]
hosts = [{ name = "h" }]
[[workloads]]
name = "w"
object = "vm"
synthetic = { requests = 10, size = "4 KiB", arrivals = { law = "poisson", rate_per_s = 100 } }
"""
FLEET = """
window = "5 s"
disks = [{ name = "d", host = "h", capacity = "64 GiB", model = "hdd-7200" }]
hosts = [{ name = "h" }]
objects = [{ name = "vm", size = "1 GiB", block_size = "1 MiB" }]
[fleet]
machines = 6
strategy = "os_swap"
"""


def schema(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, str]]:
    """Walk a model: (path with [] for entries of lists, name of the field) of every single value."""
    for name, info in model.model_fields.items():
        field, here = f"{model.__name__}.{name}", f"{path}.{name}".lstrip(".")
        inner, is_list = _part_in(info)
        if field in TABLES:
            yield from parameters(TABLES[field], here)
        elif inner is None:
            yield here, field
        elif issubclass(inner, Open):
            choice = CHOICES[field]  # a KeyError: nobody says what can be chosen for this field
            yield from ((f"{here}.{key}", f"{inner.__name__}.{key}") for key in inner.model_fields)
            for maker in choice.makers.values():
                yield from parameters(maker, here)
        else:
            yield from schema(inner, here + "[]" * is_list)


def parameters(maker: Any, path: str) -> Iterator[tuple[str, str]]:
    for name in inspect.signature(maker).parameters:
        here = f"{path}.{name}"
        if name in TABLES:
            yield from parameters(TABLES[name], here + "[]" * (name == "planned"))
        else:
            yield here, f"{maker.__name__}.{name}"


def pattern(path: str) -> str:
    """Leave out numbers of entries and units of parameters."""
    return ".".join(short_name(part) for part in re.sub(r"\d+\]", "]", path).split("."))


@pytest.mark.parametrize("text", [PLACEMENT, FLEET])
def test_every_field_of_the_model_has_a_control_or_a_reason(text: str) -> None:
    settings = Configurations(Scenario.from_text(text)).settings
    controls = {pattern(path) for path in settings}
    fields = dict(schema(Scenario))
    assert len(fields) > 150 and all(len(reason) > 10 for reason in LEFT_OUT.values())
    without = {path: field for path, field in fields.items() if pattern(path) not in controls}
    assert set(without.values()) <= set(LEFT_OUT), without
    assert set(LEFT_OUT) <= set(fields.values())
    own = {pattern(path) for path in fields}
    known = {"form", "switch"}
    assert [path for path, s in settings.items() if s.kind not in known and pattern(path) not in own] == []


def test_parts_that_exclude_each_other_have_a_form() -> None:
    """A validator that wants exactly one of two fields says so; each such pair is a form."""
    models = [inspect.getsource(model) for model in subclasses(BaseModel) if model.__module__.startswith("placement")]
    pairs = {found for text in models for found in re.findall(r"exactly one of (\w+) and (\w+)", text)}
    forms = [set().union(*form.options.values()) for found in FORMS.values() for form in found]
    assert pairs and all(any({*pair} <= fields for fields in forms) for pair in pairs)


def subclasses(model: type[Any]) -> Iterator[type[Any]]:
    for inner in model.__subclasses__():
        yield inner
        yield from subclasses(inner)


def make_apply(both: Configurations, setting: Setting) -> None:
    """Switch on what a setting needs."""
    for path, texts in setting.needs:
        if both.text("A", path) not in texts:
            both.put("A", path, min(texts))


@pytest.mark.parametrize("text", [PLACEMENT, FLEET])
def test_every_control_can_be_reached_and_turned(text: str) -> None:
    """Each value makes a scenario of its own, or is refused in one line; none is a control that can only be refused."""
    scenario = Scenario.from_text(text)
    both = Configurations(scenario)
    refused: dict[str, str] = {}
    for path, setting in both.settings.items():
        both.reset()
        make_apply(both, setting)
        assert both.applies("A", setting), path
        steps = setting.options or ladder(setting.kind, setting.text, setting.least, setting.most)
        assert setting.text in steps or not steps or not setting.text, path
        made: dict[str, Scenario] = {}
        for step in dict.fromkeys([setting.text, *steps[:1], *steps[-1:]]):
            both.put("A", path, step)
            try:
                made[step] = both.scenario("A")
            except InputError as error:
                refused[f"{path} = {step}"] = str(error)
        assert made, [line for key, line in refused.items() if key.startswith(path)]
        assert all((one == other) == (a == b) for a, one in made.items() for b, other in made.items()), (path, made)
    assert all(line.startswith("A: ") and "\n" not in line and "; " in line for line in refused.values())
    assert len(refused) < len(both.settings) / 4, refused


def test_errors_name_entries_as_the_controls_do_when_others_are_switched_off() -> None:
    text = PLACEMENT.replace("disks = [", 'disks = [{ name = "c", capacity = "1 GiB", model = "hdd-7200" }, ')
    both = Configurations(Scenario.from_text(text))
    both.put("A", "disks[0]", "off")
    both.put("A", "disks[1].capacity", "much")
    with pytest.raises(InputError) as caught:
        both.scenario("A")
    assert caught.value.place == "A: disks[1].capacity" and both.setting_at(caught.value.place) == "disks[1].capacity"
    both.put("A", "disks[1].capacity", "1 GiB")
    assert both.scenario("A").disk_names == ["d-0", "d-1"] and both.scenario("A").disks[0].capacity == 2**30


def test_a_service_law_a_fleet_and_failures_can_be_switched_on_for_one_side() -> None:
    both = Configurations(Scenario.from_text(PLACEMENT))
    for path, text in {"disks[0].service.kind": "ssd", "fleet": "on", "failures": "on", "events[0]": "on"}.items():
        both.put("B", path, text)
    both.put("B", "fleet.machines", "3")
    b, a = both.scenario("B"), both.scenario("A")
    assert b.disks[0].law.kind == "ssd" and b.fleet is not None and b.fleet.machines == 3
    assert b.failures is not None and b.failures.disks is not None and b.events[0].action == "disk_fail"
    assert a == both.start

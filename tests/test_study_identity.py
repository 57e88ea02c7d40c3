"""What makes a run the same run: scenario, traces, rule, seed and code; and which key tells two apart."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
from study_cases import CHANCE, SCENARIO, own, small
from test_fleet_recorded import BOOT, fleet_with
from test_run import TINY

from placement_sim.errors import InputError
from placement_sim.experiments import manifest
from placement_sim.experiments.code_identity import function_digest
from placement_sim.experiments.scenario import Scenario
from placement_sim.experiments.studies import identity
from placement_sim.experiments.studies.identity import recipe, recipe_id, recipe_text, run_key, why_different


def same(a: str, b: str) -> bool:
    return recipe_id(recipe(Scenario.from_text(a))) == recipe_id(recipe(Scenario.from_text(b)))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"tiny"', '"another name"', True),
        ('"16 MiB"', '"16384 KiB"', True),
        ("count = 2", "count = 3", False),
        ("8 ms", "9 ms", False),
        ('name = "tiny"', 'name = "tiny"\nseed = 5', True),
        ('name = "tiny"', 'name = "tiny"\npolicy = "stripe"', False),
    ],
)
def test_a_value_decides_and_not_how_it_is_written(old: str, new: str, expected: bool) -> None:
    assert old in CHANCE
    assert same(CHANCE, CHANCE.replace(old, new, 1)) is expected


def test_each_step_can_be_called() -> None:
    value = recipe(SCENARIO, "stripe")
    key = run_key(value, 7)
    assert key.recipe_id == recipe_id(value) and key.seed == 7 and len(key.run_id) == 32
    assert recipe_text(value).startswith('{"disks":[{"capacity":67108864')
    assert run_key(value, 8).run_id != key.run_id


def test_why_different_names_the_key() -> None:
    found = why_different(recipe(SCENARIO, "stripe"), recipe(SCENARIO, "most_free"))
    assert "policy.name" in found["key"].tolist()
    other = Scenario.from_text(CHANCE.replace("8 ms", "9 ms"))
    found = why_different(recipe(SCENARIO), recipe(other))
    assert found.to_dict("records") == [{"key": "disks[0].service.mean", "a": "8 ms", "b": "9 ms"}]
    assert why_different(recipe(SCENARIO), recipe(SCENARIO)).empty


def test_a_trace_counts_by_its_content(tmp_path: Path) -> None:
    text = TINY[: TINY.index("synthetic =")] + 'trace = { file = "t.csv" }\n'
    ids = []
    for folder, second in (("a", "0.1"), ("b", "0.1"), ("c", "0.2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "t.csv").write_text(f"10,hm,0,Write,4096,512,1\n{second},hm,0,Read,5120,1024,1\n")
        ids.append(recipe_id(recipe(Scenario.from_text(text, folder=tmp_path / folder))))
    assert ids[0] == ids[1] != ids[2]
    with pytest.raises(InputError, match="cannot read"):
        recipe(Scenario.from_text(text, folder=tmp_path))


def test_a_recorded_boot_of_a_fleet_counts_by_its_content(tmp_path: Path) -> None:
    ids = []
    for folder, content in (("a", BOOT), ("b", BOOT), ("c", BOOT.replace("8388608", "8392704"))):
        (tmp_path / folder).mkdir()
        ids.append(recipe_id(recipe(Scenario.from_toml(fleet_with(tmp_path / folder, content=content)))))
    assert ids[0] == ids[1] != ids[2]


def test_other_model_code_is_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    before = run_key(recipe(SCENARIO), 1)
    identity.code_identity.cache_clear()
    monkeypatch.setattr(identity, "code_digest", lambda: "changed")
    after = run_key(recipe(SCENARIO), 1)
    identity.code_identity.cache_clear()
    assert before.recipe_id == after.recipe_id and before.run_id != after.run_id


def test_code_of_studies_is_not_model_code() -> None:
    folder = Path(manifest.__file__).parent
    assert (folder / "studies").is_dir()
    assert "studies" not in manifest.MODEL_FOLDERS


def helper_one(view: Any) -> int:
    return int(view.candidates[0])


def helper_two(view: Any) -> int:
    return int(view.candidates[-1])


def rule(source: str, **names: Any) -> Any:
    """Define a rule as a notebook cell would, with what it reads from there."""
    space: dict[str, Any] = {"__name__": "__main__", "math": math, "np": np, **names}
    exec(source, space)
    return space["choose"]


CELL = "def choose(write, view, parameters, state):\n    return helper(view) + int(LIMIT)\n"


def test_a_rule_from_a_cell_is_known_by_what_it_does() -> None:
    first = rule(CELL, helper=helper_one, LIMIT=0)
    assert function_digest(first) == function_digest(rule("\n# a comment\n" + CELL, helper=helper_one, LIMIT=0))
    assert function_digest(first) != function_digest(rule(CELL, helper=helper_two, LIMIT=0))
    assert function_digest(first) != function_digest(rule(CELL, helper=helper_one, LIMIT=1))
    assert function_digest(first) != function_digest(rule(CELL.replace("+", "-"), helper=helper_one, LIMIT=0))


def test_a_rule_that_came_by_cloudpickle_is_the_same_rule() -> None:
    first = rule(CELL, helper=helper_one, LIMIT=np.arange(3))
    copy = cloudpickle.loads(cloudpickle.dumps(first))
    assert function_digest(first) == function_digest(copy)


def test_closures_defaults_classes_and_recursion_have_a_digest() -> None:
    class Rule:
        def __init__(self, step: int) -> None:
            self.step = step

        def __call__(self, write: Any, view: Any, parameters: Any, state: Any) -> int:
            return self.step if self.step == 0 else self(write, view, parameters, state)

    def make(step: int) -> Any:
        return lambda write, view, parameters, state, more=step: step + more

    for build in (Rule, make):
        assert function_digest(build(1)) == function_digest(build(1)) != function_digest(build(2))


def test_a_rule_that_cannot_be_identified_is_refused() -> None:
    source = "def choose(write, view, parameters, state):\n    return next(NUMBERS)\n"
    policy = own("hidden", rule(source, NUMBERS=iter([1, 2])))
    assert manifest.policy_identity(policy)["rule_sha256"] == manifest.UNKNOWN
    with pytest.raises(InputError, match="cannot be identified"):
        list(small(factors={"policy": [policy]}).settings())

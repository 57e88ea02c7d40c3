"""The compiled data path against the reference: every latency, owner, map, counter and reading, bit for bit."""

from dataclasses import fields, is_dataclass

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from test_fault_swarm import faulty_worlds
from test_fault_swarm import run as run_faulty
from test_swarm import run, worlds


def differences(one, other, name="outcome"):
    """List where two outcomes differ, by the names of their fields."""
    if is_dataclass(one):
        pairs = ((f.name, getattr(one, f.name), getattr(other, f.name)) for f in fields(one) if f.name != "data_path")
        return [found for key, a, b in pairs for found in differences(a, b, f"{name}.{key}")]
    if isinstance(one, list | tuple):
        found = [] if len(one) == len(other) else [f"{name}: {len(one)} and {len(other)} items"]
        pairs = enumerate(zip(one, other, strict=False))
        return found + [line for i, (a, b) in pairs for line in differences(a, b, f"{name}[{i}]")]
    if isinstance(one, np.ndarray):
        same = one.shape == np.shape(other) and bool((np.asarray(one) == np.asarray(other)).all())
        return [] if same else [f"{name}: {one} and {other}"]
    return [] if one == other else [f"{name}: {one!r} and {other!r}"]


@settings(
    max_examples=150, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(worlds())
def test_random_worlds_agree(world):
    outcomes = [run(world, data_path=name) for name in ("reference", "compiled")]
    assert [outcome.data_path for outcome in outcomes] == ["reference", "compiled"]
    assert differences(*outcomes) == []


@settings(
    max_examples=150, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(faulty_worlds())
def test_random_worlds_agree_under_faults(world):
    outcomes = [run_faulty(world, data_path=name) for name in ("reference", "compiled")]
    assert differences(*outcomes) == []


def test_a_difference_is_seen():
    assert differences([np.array([1, 2])], [np.array([1, 3])]) == ["outcome[0]: [1 2] and [1 3]"]
    with pytest.raises(AssertionError):
        assert differences(1, 2) == []

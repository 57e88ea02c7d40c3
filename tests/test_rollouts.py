"""Rollouts: waves add up, the window opens and closes, nonsense is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_sim.errors import InputError
from placement_sim.upgrades import ROLLOUTS
from placement_sim.upgrades.failures import Failures
from placement_sim.upgrades.limits import LIMIT_SOURCES, SLOT_ORDER, Limits
from placement_sim.upgrades.rollouts import MaintenanceWindow, Rollout, all_at_once, canary, rolling


@pytest.mark.parametrize(
    ("rollout", "machines", "waves"),
    [
        (all_at_once(), 5, [5]),
        (rolling(batch=2), 5, [2, 2, 1]),
        (canary(canaries=1, growth=2.5), 20, [1, 2, 6, 11]),
        (canary(canaries=2, growth=10, largest=8), 30, [2, 8, 8, 8, 4]),
    ],
)
def test_waves(rollout: Rollout, machines: int, waves: list[int]) -> None:
    assert rollout.waves(machines) == waves


@given(st.integers(1, 300), st.integers(1, 40), st.floats(1, 9), st.integers(1, 50))
def test_waves_add_up(machines: int, first: int, growth: float, largest: int) -> None:
    waves = Rollout("own", "", first, growth, largest).waves(machines)
    assert sum(waves) == machines and min(waves) >= 1 and max(waves) <= largest


def test_the_window_comes_again() -> None:
    window = MaintenanceWindow(100, 50, 1000)
    assert [window.wait_s(t) for t in (0, 100, 149, 150, 1099, 1100)] == [100, 0, 0, 950, 1, 0]


def test_refusals() -> None:
    for values in ({"first": 0}, {"first": 1, "growth": 0.5}, {"first": 1, "max_failed_share": 2.0}):
        with pytest.raises(InputError):
            Rollout("own", "", **values)
    for values in ({"on_gate": "panic"}, {"soak_s": -1.0}, {"per_host": 0}):
        with pytest.raises(InputError):
            Rollout("own", "", 1, **values)
    with pytest.raises(InputError):
        MaintenanceWindow(0, 90_000)
    for values in ({"retries": -1}, {"recover": "pray"}, {"stop_hangs": 1.5}):
        with pytest.raises(InputError):
            Failures(**values)
    with pytest.raises(ValueError):
        Limits(power=0)
    for rate in (0.0, 1e-310, 1.0000001e9, 4e9, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="from 1e-9 to 1e9"):
            Limits(operations_per_s=rate)
    assert Limits(operations_per_s=1e9).operations_per_s == 1e9


def test_every_limit_has_a_source() -> None:
    assert set(LIMIT_SOURCES) == {*SLOT_ORDER, "operations_per_s"}
    assert set(ROLLOUTS) == {"all_at_once", "rolling", "canary"}

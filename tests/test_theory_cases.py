"""The table of simulation beside theory: exact rows hold in every run, a wrong theory is told apart."""

from __future__ import annotations

import dataclasses

import pytest

from placement_sim.errors import InputError
from placement_sim.experiments import theory
from placement_sim.experiments.theory import CASES, check_theory

EXACT = [name for name, case in CASES.items() if case.exact]


def test_exact_cases_hold_in_every_run() -> None:
    found = check_theory(EXACT, replications=2, scale=0.3)
    assert found["agrees"].all() and found["p_value"].isna().all()
    assert (found["low"] == found["high"]).all() or (found["high"] - found["low"]).max() < 1e-9


def test_a_wrong_theory_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """The closed loop gives 2.909 requests a service time; 3 % more is far outside its interval."""
    name = "closed, 4 disks, 8 requests"
    wrong = dataclasses.replace(CASES[name], expected=1.03 * CASES[name].expected)
    monkeypatch.setitem(theory.CASES, "wrong", wrong)
    found = check_theory([name, "wrong"], replications=10, scale=0.4).set_index("case")
    assert found["agrees"].to_dict() == {name: True, "wrong": False}
    assert (found["high"] - found["low"]).max() < 0.06 * CASES[name].expected


def test_same_seed_same_table_and_cases_are_independent() -> None:
    names = ["balls in bins, fullest of 256", "random placement, variance"]
    both = check_theory(names, replications=2)
    alone = check_theory(names[1:], replications=2)
    assert both.iloc[1]["best"] == alone.iloc[0]["best"]
    assert check_theory(names[:1], replications=2, seed=2).iloc[0]["best"] != both.iloc[0]["best"]


def test_bad_input() -> None:
    with pytest.raises(InputError, match="no case is called"):
        check_theory(["M/M/7"])
    with pytest.raises(InputError, match="needs 2 or more"):
        check_theory(EXACT, replications=1)

"""What a study answers, against hand cases and theory: effects, front, region, Sobol indices."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from study_cases import small

from placement_sim.errors import InputError
from placement_sim.experiments.statistics import holm, paired_difference, t_half_widths, t_interval
from placement_sim.experiments.studies.effects import effects_table
from placement_sim.experiments.studies.fronts import pareto_table
from placement_sim.experiments.studies.regions import region_table
from placement_sim.experiments.studies.sensitivity import saltelli_points, sobol_table
from placement_sim.experiments.studies.sweep import sweep
from placement_sim.reporting.answer_figures import effects_figure, winning_region
from placement_sim.reporting.figures import draw, svg
from placement_sim.reporting.study_figures import levels
from placement_sim.reporting.study_tables import study_text

GRID = pd.DataFrame(list(itertools.product(["p", "q"], [1, 2, 3])), columns=["policy", "size"])


def noisy(means: list[float], replications: int, spread: float, seed: int) -> pd.DataFrame:
    """Points in rows, replications in columns: a share that all points have in common, and noise."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(0, 5, replications)
    return pd.DataFrame(np.array(means)[:, None] + shared + rng.normal(0, spread, (len(means), replications)))


def test_effects_of_a_model_that_is_known() -> None:
    """y = 10 + policy (-2, 2) + size (-1, 0, 1) + 0.5 (+-1)(-1, 0, 1): by hand; what all points share cancels."""
    means = [10 + p + s + 0.25 * p * s for p, s in itertools.product((-2, 2), (-1, 0, 1))]
    found = effects_table(GRID, noisy(means, 200, 0.2, 3)).set_index(["term", "level"])
    expected = {
        ("policy", "p"): -2.0, ("policy", "q"): 2.0, ("size", "1"): -1.0, ("size", "2"): 0.0, ("size", "3"): 1.0,
        ("policy x size", "p, 1"): 0.5, ("policy x size", "q, 1"): -0.5, ("policy x size", "p, 2"): 0.0,
    }  # fmt: skip
    for key, value in expected.items():
        row = found.loc[key]
        error = (row["high"] - row["low"]) / 2 / 1.972  # t quantile of 199 degrees of freedom
        assert abs(row["best"] - value) <= 3.5 * error and error < 0.02, key
    assert found.loc[("policy", "p"), "p_holm"] < 1e-10
    for term in ("policy", "size", "policy x size"):
        assert found.loc[term]["best"].sum() == pytest.approx(0, abs=1e-12)


def test_effects_need_a_full_grid_and_a_complete_replication() -> None:
    with pytest.raises(InputError, match="no full grid"):
        effects_table(GRID.head(5), pd.DataFrame(np.ones((5, 2))))
    gaps = pd.DataFrame(np.ones((6, 2)))
    gaps.iloc[0, :] = np.nan
    with pytest.raises(InputError, match="no replication"):
        effects_table(GRID, gaps)
    assert effects_table(GRID, pd.DataFrame(np.ones((6, 1))))["low"].isna().all(), "one run has no interval"


def test_the_front_by_hand() -> None:
    points = pd.DataFrame({"x": list("abcde")})
    speed = noisy([1.0, 2.0, 3.0, 3.0, 9.0], 30, 0.01, 1)
    cost = noisy([5.0, 4.0, 4.5, 3.0, 9.0], 30, 0.01, 2)
    throughput = pareto_table(points, {"s": -speed, "c": cost}, {"s": "higher", "c": "lower"})
    found = pareto_table(points, {"s": speed, "c": cost}, {"s": "lower", "c": "lower"})
    assert found["front"].tolist() == throughput["front"].tolist() == [True, True, False, True, False]
    assert found["beaten_by"].tolist()[2:] == [1, -1, 0]
    with pytest.raises(InputError, match="write 'lower'"):
        pareto_table(points, {"s": speed}, {"s": "less"})


def test_a_front_that_noise_may_change_claims_nothing() -> None:
    noise = noisy([1.0, 1.1], 4, 2.0, 5)
    found = pareto_table(pd.DataFrame({"x": ["a", "b"]}), {"s": noise}, {"s": "lower"})
    assert found["front"].sum() == 1 and (found["beaten_by"] == -1).all()


def test_a_region_names_winners_only_where_they_are_told_apart() -> None:
    means = [1.0, 5.0, 3.0, 2.0, 4.0, 3.0]  # p beats q at 1, q beats p at 2, equal at 3
    found = region_table(GRID, noisy(means, 20, 0.2, 7), "policy", "p", "q").set_index("size")
    assert found["winner"].tolist() == ["p", "q", "not told apart"]
    assert region_table(GRID, noisy(means, 20, 0.2, 7), "policy", "p", "q", "higher")["winner"].iloc[0] == "q"
    assert found.loc[1, "low"] <= -1 <= found.loc[1, "high"]
    for bad in (("x", "p", "q"), ("policy", "p", "z")):
        with pytest.raises(InputError):
            region_table(GRID, noisy(means, 3, 0.2, 7), *bad)


@pytest.mark.slow
def test_the_error_of_a_family_of_verdicts() -> None:
    """Two equal levels at 20 settings: a false winner anywhere in at most 5 % of the families (500 families)."""
    points = pd.DataFrame(list(itertools.product(["p", "q"], range(20))), columns=["policy", "size"])
    rng = np.random.default_rng(11)
    wrong = 0
    for _ in range(500):
        values = pd.DataFrame(rng.normal(size=(40, 6)))
        wrong += (region_table(points, values, "policy", "p", "q")["winner"] != "not told apart").any()
    assert wrong / 500 <= 0.05 + 3.5 * math.sqrt(0.05 * 0.95 / 500)


def test_sobol_indices_of_the_ishigami_function() -> None:
    """Ishigami and Homma (1990), a = 7, b = 0.1: indices from the closed form of the variances."""
    a, b = 7.0, 0.1
    v1, v2, v13 = (1 + b * math.pi**4 / 5) ** 2 / 2, a**2 / 8, b**2 * math.pi**8 * (1 / 18 - 1 / 50)
    total = v1 + v2 + v13
    x = (saltelli_points(3, 2048, 1) * 2 - 1) * math.pi
    y = np.sin(x[:, 0]) + a * np.sin(x[:, 1]) ** 2 + b * x[:, 2] ** 4 * np.sin(x[:, 0])
    found = sobol_table(["x1", "x2", "x3"], y, 1).set_index(["index", "factor"])
    first, whole = (v1 / total, v2 / total, 0.0), ((v1 + v13) / total, v2 / total, v13 / total)
    for kind, values in (("first", first), ("total", whole)):
        for name, value in zip(("x1", "x2", "x3"), values, strict=True):
            row = found.loc[(kind, name)]
            error = (row["high"] - row["best"]) / 1.96
            assert abs(row["best"] - value) <= max(0.05, 3.5 * error) and error < 0.05, (kind, name)


def test_p_value_equals_scipy() -> None:
    a, b = [4.1, 3.9, 5.2, 4.4], [4.0, 4.1, 4.6, 4.2]
    assert paired_difference(a, b).p_value == pytest.approx(stats.ttest_rel(a, b).pvalue, rel=1e-12)
    assert paired_difference([2.0, 2.0], [1.0, 1.0]).p_value == 0.0
    assert paired_difference([1.0, 1.0], [1.0, 1.0]).p_value == 1.0
    assert math.isnan(paired_difference([1.0], [2.0]).p_value)


def test_half_widths_equal_the_interval() -> None:
    values = np.random.default_rng(1).normal(size=(5, 7))
    found = t_half_widths(values.std(axis=1, ddof=1), [7] * 5, 0.9)
    assert found.tolist() == pytest.approx([t_interval(row, 0.9).half_width for row in values])
    assert math.isnan(t_half_widths([0.0], [0])[0])


def test_figures_and_text_of_a_small_study(tmp_path) -> None:  # type: ignore[no-untyped-def]
    found = sweep(small(), store=tmp_path, workers=0)
    table, size = found.table(), "objects[*].block_size"
    region = found.region("latency_s_mean", "policy", "stripe", "most_free").assign(other="x")
    pictures = [
        draw(levels, table, metric="latency_s_mean", across=size, lines="policy"),
        draw(winning_region, region, metric="latency_s_mean", x=size, y="other"),
        draw(effects_figure, found.effects("latency_s_mean"), metric="latency_s_mean"),
    ]
    assert all(svg(picture) == svg(picture) and len(svg(picture)) > 2000 for picture in pictures)
    axis = pictures[1].axes[0]
    assert "stripe minus most_free" in axis.get_title(loc="left")
    part = draw(levels, table.assign(partial=True), metric="latency_s_mean", across=size)
    assert part.axes[0].get_title(loc="right") == "partial: 12 of 12 runs"
    text = study_text(found)
    assert text.startswith("study: complete") and max(map(len, text.splitlines())) <= 110


def test_holm_of_a_comparison_is_over_its_policies() -> None:
    from study_cases import SCENARIO

    from placement_sim.experiments.compare import compare

    found = compare(SCENARIO, ["most_free", "stripe", "jump", "random"], 5).differences
    rows = found[found["metric"] == "latency_s_mean"]
    raw = []
    runs = compare(SCENARIO, ["most_free", "stripe", "jump", "random"], 5).runs
    wide = runs.pivot(index="replication", columns="policy", values="latency_s_mean")
    for name in rows["policy"]:
        raw.append(paired_difference(wide[name], wide["most_free"]).p_value)
    assert rows["p_holm"].tolist() == pytest.approx(holm(raw).tolist())

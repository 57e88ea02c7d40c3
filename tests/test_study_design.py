"""Factors over any scenario field, designs, study files; what does not fit is answered in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from study_cases import CHANCE, SCENARIO, own, small

from placement_sim.errors import InputError
from placement_sim.experiments.misfit import MisfitError
from placement_sim.experiments.studies.factors import Factor, with_levels
from placement_sim.experiments.studies.study import Study

VALUES = {"disks": [{"name": "a", "fill": 0.1}, {"name": "b"}], "policy": "stripe", "horizon": "1 s"}


@pytest.mark.parametrize(
    ("path", "level", "expected"),
    [
        ("horizon", "2 s", {"horizon": "2 s"}),
        ("disks[*].fill", 0.5, {"disks": [{"name": "a", "fill": 0.5}, {"name": "b", "fill": 0.5}]}),
        ("disks[1].fill", 0.5, {"disks": [{"name": "a", "fill": 0.1}, {"name": "b", "fill": 0.5}]}),
        ("disks[a].fill, horizon", 1, {"disks": [{"name": "a", "fill": 1}, {"name": "b"}], "horizon": 1}),
        ("policy", {"name": "d_choices", "d": 2}, {"policy": {"name": "d_choices", "d": 2}}),
        ("policy.d", 3, {"policy": {"name": "stripe", "d": 3}}),
        ("fleet.rollout.batch", 4, {"fleet": {"rollout": {"batch": 4}}}),
    ],
)
def test_a_path_sets_any_field(path: str, level: Any, expected: dict[str, Any]) -> None:
    before = repr(VALUES)
    assert with_levels(VALUES, {path: level}) == {**VALUES, **expected}
    assert repr(VALUES) == before


@pytest.mark.parametrize("path", ["disks.fill", "disks[c].fill", "disks[2].fill", "horizon[0]", "disks[", "", "a..b"])
def test_a_path_that_leads_nowhere_is_refused(path: str) -> None:
    with pytest.raises(MisfitError):
        with_levels(VALUES, {path: 1})


def test_a_grid_is_every_combination_and_seeds_are_shared() -> None:
    study = small()
    runs = study.runs()
    assert len(runs) == 12 and runs["run_id"].nunique() == 12
    assert list(runs.columns) == ["point", "policy", "objects[*].block_size", "replication", "seed", "run_id"]
    assert runs.groupby("replication")["seed"].nunique().eq(1).all()
    assert study.points()["policy"].tolist() == ["stripe", "stripe", "most_free", "most_free"]


def test_every_replication_has_a_seed_and_streams_of_its_own() -> None:
    from placement_sim.experiments.build import build_streams

    runs = small(factors={}, replications=500).runs()
    assert runs["seed"].nunique() == 500
    streams = [next(iter(build_streams(SCENARIO, seed)[0].requests)) for seed in runs["seed"].head(100).tolist()]
    offsets = {tuple(chunk.offset_bytes.tolist()) for chunk in streams}
    assert len(offsets) == 100


@pytest.mark.parametrize("kind", ["latin_hypercube", "sobol", "saltelli"])
def test_designs_that_fill_space(kind: str) -> None:
    factors = [
        {"path": "disks[*].fill", "low": 0.0, "high": 0.5},
        {"path": "disks[*].service.mean", "name": "service", "low": "2 ms", "high": "32 ms", "scale": "log"},
    ]
    study = small(factors=factors, design={"kind": kind, "points": 16}, replications=1)
    points = study.points()
    assert len(points) == (64 if kind == "saltelli" else 16)
    assert points["disks[*].fill"].between(0, 0.5).all()
    service = points["service"].str.removesuffix(" ms").astype(float)
    assert service.between(2, 32).all()
    if kind != "saltelli":  # one point in each of 16 strata of each factor
        for share in (points["disks[*].fill"] / 0.5, np.log2(service / 2) / 4):
            assert sorted(np.floor(share * 16).astype(int)) == list(range(16))
    assert study.points().equals(points), "the same seed gives the same points"


def test_a_frame_is_a_study() -> None:
    frame = pd.DataFrame({"policy": ["stripe", "stripe", "jump"], "disks[*].fill": [0.1, 0.2, 0.1]})
    study = Study.from_frame(SCENARIO, frame, replications=2)
    assert study.points().drop(columns="point").equals(frame)
    assert len(study.runs()) == 6


def test_a_file_is_a_study(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(CHANCE)
    text = 'scenario = "tiny.toml"\nreplications = 2\n[[factors]]\npath = "policy"\nlevels = ["stripe", "mine"]\n'
    (tmp_path / "my study.toml").write_text(text)
    mine = own("mine", lambda write, view, parameters, state: view.candidates[0])
    study = Study.from_toml(tmp_path / "my study.toml", {"mine": mine})
    assert study.name == "my study" and study.folder == Path("out/my_study")
    assert study.scenario.to_dict() == SCENARIO.to_dict() and study.scenario.folder == tmp_path
    assert [point.handed for point in study.settings()] == [{}, {"policy": mine}]
    with pytest.raises(InputError, match="mine"):
        list(Study.from_toml(tmp_path / "my study.toml").settings())


BAD: list[tuple[dict[str, Any], str]] = [
    ({"replications": 0}, "replications"),
    ({"nonsense": 1}, "nonsense"),
    ({"factors": {"policy": []}}, "levels"),
    ({"factors": {"policy": ["stripe", "stripe"]}}, "twice"),
    ({"factors": {"disks[*].fill": {"low": 0.5, "high": 0.1}}}, "higher end"),
    ({"factors": {"disks[*].fill": {"low": "1 s", "high": "2 ms"}}}, "one unit"),
    ({"factors": {"disks[*].fill": {"low": 0.0, "high": 0.1, "scale": "log"}}}, "logarithm"),
    ({"factors": {"disks[*].fill": {"low": 0.1, "high": 0.2}}}, "latin_hypercube"),
    ({"factors": {"disks[*].fill": {"low": 0.1}}}, "low and high"),
    ({"factors": {"policy": {"levels": ["stripe"], "low": 1}}}, "one of them"),
    ({"factors": {"disks[*].fill": {"low": 0.1, "high": 0.2}}, "design": {"kind": "sobol"}}, "points"),
    ({"factors": {"policy": ["a", "b"]}, "design": {"kind": "sobol", "points": 3}}, "power of 2"),
    ({"factors": {"policy": ["a"], "name": ["x", "y"]}, "design": {"kind": "zip"}}, "equally many"),
    ({"factors": [{"path": "policy", "name": "seed", "levels": ["a"]}]}, "column of its own"),
    ({"stop": {"metric": "latency_s_mean", "width": 0.0, "max_runs": 50}}, "width"),
    ({"stop": {"metric": "latency_s_mean", "width": 0.1, "max_runs": 3}}, "max_runs"),
    ({"metrics": []}, "metrics"),
]


@pytest.mark.parametrize(("change", "words"), BAD, ids=lambda value: str(value)[:40])
def test_what_does_not_fit_is_an_input_error(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        small(**change)


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        ({"disks[*].fil": [0.1]}, "write 'fill'"),
        ({"disks[x].fill": [0.1]}, "'x'"),
        ({"disks[*].fill": [0.1, 1.5]}, "point 1"),
        ({"policy": ["most_fre"]}, "write 'most_free'"),
        ({"horizon": [own("mine", print)]}, "belong to the paths"),
    ],
)
def test_a_level_that_does_not_fit_names_its_point(factors: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        list(small(factors=factors).settings())


def test_levels_of_a_range() -> None:
    assert Factor(path="x", low=1, high=100, scale="log").at([0.0, 0.5]) == [1.0, 10.0]
    assert Factor(path="x", levels=("a", "b")).at([0.0, 0.49, 0.5, 0.99]) == ["a", "a", "b", "b"]

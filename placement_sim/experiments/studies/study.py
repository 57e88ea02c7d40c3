"""A study: a scenario, factors over any of its fields, replications, metrics, and when to stop.

It is a TOML file or a Python value, and expands to frames that can be looked at before anything runs.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

import numpy as np
import pandas as pd
from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from placement_sim.errors import InputError
from placement_sim.experiments.compare import replication_seed
from placement_sim.experiments.manifest import code_digest, versions
from placement_sim.experiments.misfit import MisfitError, as_input_error
from placement_sim.experiments.parts import Name, Part
from placement_sim.experiments.scenario import Scenario
from placement_sim.experiments.studies.design import Design, expand
from placement_sim.experiments.studies.factors import Factor, label, with_levels
from placement_sim.experiments.studies.identity import RunKey, code_identity, recipe, recipe_id, recipe_text
from placement_sim.experiments.studies.outcome import StudyResult
from placement_sim.experiments.studies.schedule import SEQUENTIAL_BIAS, Pair, StopRule, batches
from placement_sim.experiments.studies.store import Store
from placement_sim.policies.interface import PlacementPolicy
from placement_sim.upgrades import UpgradeStrategy

RUN_COLUMNS = ("point", "replication", "seed", "run_id")


# Paths whose levels may be objects: the keyword of `run` that takes them, and their class.
HANDED_IN: dict[str, tuple[str, Any]] = {
    "policy": ("policy", PlacementPolicy),
    "fleet.strategy": ("strategy", UpgradeStrategy),
}
OBJECTS = tuple(kind for _, kind in HANDED_IN.values())


def _own(level: Any, own: Mapping[str, Any]) -> Any:
    return own.get(level, level) if isinstance(level, str) else level


def _factors(value: Any) -> Any:
    """Let ``{path: levels}`` stand for a list of factors."""
    if not isinstance(value, Mapping):
        return value
    return [
        given
        if isinstance(given, Factor)
        else {"path": path, **given}
        if isinstance(given, Mapping)
        else {"path": path, "levels": tuple(given)}
        for path, given in value.items()
    ]


class Point(NamedTuple):
    """One setting of all factors: what to run there."""

    number: int
    labels: tuple[Any, ...]
    scenario: Scenario
    handed: dict[str, Any]  # the caller's own objects, as keywords of `run`
    recipe_id: str
    recipe_text: str


class Study(Part):
    """Runs of a scenario over factors.

    Parameters
    ----------
    scenario
        The base; in a file a table, or the name of a scenario file beside it.
    factors
        A list of `Factor`, or ``{path: levels}``.
    design
        How factors combine; see `Design`.
    replications
        Runs of every point, each with a seed of its own that all points share; not with `stop`.
    seed
        By default the scenario's.
    metrics
        Metrics of interest: what tables show unless asked for others.
    stop
        Choose the best point with as few runs as it takes; see `StopRule`.
    store
        Folder of the finished runs; by default ``out/NAME``.

    Raises
    ------
    InputError
        Anything that does not fit, with its place and its cure.

    Examples
    --------
    >>> study = Study(
    ...     scenario=Scenario.from_text('''
    ... objects = [{name = "vm", size = "64 MiB", block_size = "1 MiB"}]
    ... disks = [{name = "d", count = 2, capacity = "1 GiB", service = {kind = "exponential", mean = "5 ms"}}]
    ... [[workloads]]
    ... name = "w"
    ... object = "vm"
    ... synthetic = {requests = 10, size = "4 KiB", arrivals = {law = "poisson", rate = 100}}
    ... '''),
    ...     factors={"policy": ["stripe", "most_free"], "objects[vm].block_size": ["1 MiB", "4 MiB"]},
    ...     replications=3,
    ... )
    >>> study.points().shape, len(study.runs())
    ((4, 3), 12)
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    name: Name = "study"
    scenario: Scenario
    factors: Annotated[tuple[Factor, ...], BeforeValidator(_factors)] = ()
    design: Design = Design()
    replications: int = Field(default=10, ge=1)
    seed: int | None = Field(default=None, ge=0)
    metrics: tuple[str, ...] = Field(default=("latency_s_mean", "latency_s_p99", "failed_requests"), min_length=1)
    stop: StopRule | None = None
    store: str = ""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise as_input_error(type(self), "study", error) from None

    @classmethod
    def from_toml(cls, path: str | Path, own: Mapping[str, Any] | None = None) -> Study:
        """Read a study file; `own` are the user's policies and strategies, which it may name as levels."""
        path = Path(path)
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "is not UTF-8 text"
            raise InputError(str(path), str(reason), "name a readable study file in TOML") from None
        except tomllib.TOMLDecodeError as error:
            raise InputError(str(path), f"not valid TOML: {error}", "mend the syntax at that place") from None
        base = values.get("scenario")
        if isinstance(base, str):
            values["scenario"] = Scenario.from_toml(path.parent / base)
        elif isinstance(base, dict):
            values["scenario"] = Scenario.from_dict(base, place=f"{path}: scenario", folder=path.parent)
        for factor in values.get("factors", []) if isinstance(values.get("factors"), list) else []:
            if isinstance(factor, dict) and factor.get("path") in HANDED_IN and isinstance(factor.get("levels"), list):
                factor["levels"] = [_own(level, own or {}) for level in factor["levels"]]
        try:
            return cls(**{"name": path.stem, **values})
        except InputError as error:
            place = error.place.replace("study", str(path), 1)
            raise InputError(place, error.problem, error.cure) from None

    @classmethod
    def from_frame(cls, scenario: Scenario, frame: pd.DataFrame, **more: Any) -> Study:
        """Make a study whose points are a frame's rows and whose factors are its columns, named by path."""
        factors = [Factor(path=str(name), levels=tuple(frame[name].tolist())) for name in frame.columns]
        return cls(scenario=scenario, factors=factors, design={"kind": "zip"}, **more)

    @model_validator(mode="after")
    def _check(self) -> Self:
        columns = [factor.column for factor in self.factors]
        for column in columns:
            if columns.count(column) > 1:
                raise MisfitError("factors", f"{column!r} is given twice", "give each factor its own name")
            if column in (*RUN_COLUMNS, "state", "error", "metric"):
                raise MisfitError("factors", f"{column!r} is a column of its own", "give the factor another name")
        expand(self.design, self.factors, self.base_seed)
        return self

    @property
    def base_seed(self) -> int:
        """The seed from which those of the replications come."""
        return self.scenario.seed if self.seed is None else self.seed

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the factors in tables."""
        return tuple(factor.column for factor in self.factors)

    @property
    def folder(self) -> Path:
        """Folder of the store."""
        return Path(self.store) if self.store else Path("out") / slug(self.name)

    def points(self) -> pd.DataFrame:
        """Give the points: point and a column a factor."""
        rows = expand(self.design, self.factors, self.base_seed)
        labels = {name: [label(row[i]) for row in rows] for i, name in enumerate(self.columns)}
        return pd.DataFrame({"point": range(len(rows)), **labels})

    def settings(self) -> Iterator[Point]:
        """Give what to run at each point, checked.

        Raises
        ------
        InputError
            A level does not fit in the scenario.
        """
        base = self.scenario.to_dict()
        for index, row in enumerate(expand(self.design, self.factors, self.base_seed)):
            labels = tuple(label(level) for level in row)
            text = ", ".join(f"{name}={value}" for name, value in zip(self.columns, labels, strict=True))
            place = f"{self.name}: point {index} ({text})"
            plain, handed = self._split(row)
            try:
                values = with_levels(base, plain)
            except MisfitError as error:
                key, problem, cure = error.args
                raise InputError(f"{place}: {key}", problem, cure) from None
            scenario = Scenario.from_dict(values, place=place, folder=self.scenario.folder)
            found = recipe(scenario, **handed)
            yield Point(index, labels, scenario, handed, recipe_id(found), recipe_text(found))

    def _split(self, row: Sequence[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Tell levels that are plain values from policies and strategies, which no scenario can hold."""
        plain: dict[str, Any] = {}
        handed: dict[str, Any] = {}
        for factor, level in zip(self.factors, row, strict=True):
            if not isinstance(level, OBJECTS):
                plain[factor.path] = level
                continue
            keyword, kind = HANDED_IN.get(factor.path, ("", ()))
            if not isinstance(level, kind):
                problem = f"{factor.path!r} is given a {type(level).__name__}"
                cure = f"such objects belong to the paths {', '.join(HANDED_IN)}"
                raise InputError(f"{self.name}: factors", problem, cure)
            handed[keyword] = level
        return plain, handed

    def key(self, point: Point, replication: int) -> RunKey:
        """Name one run under the present code."""
        return RunKey(point.recipe_id, replication_seed(self.base_seed, replication), code_identity())

    def runs(self) -> pd.DataFrame:
        """Give the planned runs (with a stopping rule: the first ones): point, factors, replication, seed, run_id."""
        points = list(self.settings())
        first = next(batches(len(points), self.replications, self.stop, lambda pairs: np.full(len(pairs), np.nan)))
        return self._frame(points, first)

    def _frame(self, points: Sequence[Point], pairs: Sequence[Pair]) -> pd.DataFrame:
        keys = [self.key(points[point], replication) for point, replication in pairs]
        labels = {name: [points[point].labels[i] for point, _ in pairs] for i, name in enumerate(self.columns)}
        return pd.DataFrame(
            {
                "point": [point for point, _ in pairs],
                **labels,
                "replication": [replication for _, replication in pairs],
                "seed": [key.seed for key in keys],
                "run_id": [key.run_id for key in keys],
            }
        )

    def table(self, metrics: str | Sequence[str] | None = None) -> pd.DataFrame:
        """Give the intervals of what is in the store by now; see `StudyResult.table`."""
        return self.result().table(metrics)

    def result(self, store: Store | None = None) -> StudyResult:
        """Give what is in the store by now, without running anything."""
        if store is None:
            with Store(self.folder) as opened:
                return self.result(opened)
        points = list(self.settings())
        pairs = self._replayed(points, store)
        planned = self._frame(points, sorted(pairs))
        every = store.frame()
        runs = planned.merge(every, on="run_id", how="left", validate="many_to_one")
        runs = runs.fillna({"state": "missing", "error": ""})
        notes = [SEQUENTIAL_BIAS] if self.stop else []
        if older := self._older(points, planned, runs, store):
            notes.append(f"{older} runs of this study were made by other model code; they are not used.")
        for name in self.metrics:
            if name not in runs and (runs["state"] == "done").any():
                known = sorted(set(every.columns) - {"run_id", "state", "error"})
                raise InputError(f"{self.name}: metrics", f"no run has {name!r}", f"use one of {', '.join(known)}")
        runs = runs.reindex(columns=[*runs.columns, *(name for name in self.metrics if name not in runs)])
        return StudyResult(
            runs, self.columns, self.metrics, self.design.kind, self._manifest(notes), tuple(notes), self.stop
        )

    def _replayed(self, points: Sequence[Point], store: Store) -> list[Pair]:
        """Take the decisions of the study again, on stored results, up to the first that is missing."""
        if self.stop is None:
            return [pair for batch in batches(len(points), self.replications, None, _nothing) for pair in batch]
        pairs: list[Pair] = []
        values = self.lookup(points, store)
        for batch in batches(len(points), self.replications, self.stop, values):
            pairs += batch
            ids = [self.key(points[point], replication).run_id for point, replication in batch]
            if len(store.settled(ids)) < len(set(ids)):
                break
        return pairs

    def lookup(self, points: Sequence[Point], store: Store) -> Any:
        """Give the function by which a stopping rule sees the values of finished runs."""
        metric = self.stop.metric if self.stop else ""

        def values(pairs: Sequence[Pair]) -> Any:
            ids = [self.key(points[point], replication).run_id for point, replication in pairs]
            found = store.frame([metric]).set_index("run_id")[metric]
            return found.reindex(ids).to_numpy(dtype=np.float64)

        return values

    def _older(self, points: Sequence[Point], planned: pd.DataFrame, runs: pd.DataFrame, store: Store) -> int:
        """Count planned runs that are missing here but were made by other code."""
        missing = runs["state"].eq("missing").to_numpy()
        if not missing.any():
            return 0
        states = store.states()
        done = states[(states["state"] == "done") & (states["code"] != code_identity())]
        recipes = planned["point"].map({point.number: point.recipe_id for point in points})
        wanted = set(zip(recipes[missing], planned["seed"][missing], strict=True))
        return len(wanted & set(zip(done["recipe_id"], done["seed"], strict=True)))

    def _manifest(self, notes: Sequence[str]) -> dict[str, Any]:
        factors = [
            {"path": factor.path, "name": factor.column, "levels": [label(level) for level in factor.levels]}
            if factor.levels is not None
            else factor.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
            for factor in self.factors
        ]
        return {
            "format": 1,
            "study": self.name,
            "scenario": self.scenario.to_dict(),
            "factors": factors,
            "design": self.design.model_dump(mode="json", exclude_none=True),
            "replications": None if self.stop else self.replications,
            "seed": self.base_seed,
            "metrics": list(self.metrics),
            "stop": self.stop.model_dump(mode="json") if self.stop else None,
            "code": code_identity(),
            "code_sha256": code_digest(),
            "versions": versions(),
            "notes": list(notes),
        }


def _nothing(pairs: Sequence[Pair]) -> Any:
    return np.full(len(pairs), np.nan)


def slug(name: str) -> str:
    """Make a file name of a study's name.

    Examples
    --------
    >>> slug("Block size x fill")
    'block_size_x_fill'
    """
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "study"

"""Repeating runs of a reported study: the study is rebuilt from the manifest, its points run again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from placement_sim.errors import InputError
from placement_sim.experiments.result import Result
from placement_sim.experiments.run import run
from placement_sim.experiments.studies.identity import code_identity
from placement_sim.experiments.studies.study import HANDED_IN, Study
from placement_sim.experiments.verify import CODE_CHANGED, Verdict, changed_since, repeated, scenario_with_traces


def verify_study(
    manifest: Mapping[str, Any],
    sample: int | None = 3,
    folders: Sequence[str | Path] = (),
    own: Mapping[str, Any] | None = None,
) -> Verdict:
    """Repeat runs of a study's report and compare.

    Parameters
    ----------
    manifest
        As `reporting.embedded.read_manifest` gives it.
    sample
        As of `verify.repeated`.
    folders
        Where the scenario's traces may lie.
    own
        The caller's own policies and strategies by name.

    Raises
    ------
    InputError
        The report holds no finished run, or the study cannot be rebuilt: a level was a table or an object.
    """
    stated = list(manifest.get("runs", ()))
    if not stated:
        raise InputError("report", "holds no finished run", "report a study of which something has run")
    points = {point.number: point for point in _rebuilt(manifest, folders, own or {}).settings()}

    def again(entry: Mapping[str, Any]) -> tuple[int, Result]:
        point = points[int(entry["point"])]
        return point.number, run(point.scenario, seed=int(entry["seed"]), **point.handed)

    frame = repeated("point", stated, sample, again)
    remarks = list(changed_since(manifest))
    if manifest.get("code") != code_identity():
        remarks.append(CODE_CHANGED)
    return Verdict(frame, len(stated), tuple(remarks))


def _rebuilt(manifest: Mapping[str, Any], folders: Sequence[str | Path], own: Mapping[str, Any]) -> Study:
    factors = [dict(factor) for factor in manifest["factors"]]
    for factor in factors:
        if factor["path"] in HANDED_IN and "levels" in factor:
            factor["levels"] = [own.get(str(level), level) for level in factor["levels"]]
    return Study(
        name=manifest["study"],
        scenario=scenario_with_traces(manifest, folders),
        factors=factors,
        design=manifest["design"],
        seed=manifest["seed"],
        metrics=manifest["metrics"],
    )

"""Does a report tell the truth: repeat some of its runs and compare the digests of their summaries.

The scenario, the rules and the seeds come from the report's manifest; the files it names must lie at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from placement_sim.errors import InputError
from placement_sim.experiments.digest import summary_digest
from placement_sim.experiments.fleet import resolve_strategy
from placement_sim.experiments.manifest import code_digest, file_digest, policy_identity, strategy_identity, versions
from placement_sim.experiments.misfit import near
from placement_sim.experiments.parts import data_folder
from placement_sim.experiments.result import Result
from placement_sim.experiments.run import run
from placement_sim.experiments.scenario import Scenario
from placement_sim.experiments.traced import file_entries, input_files
from placement_sim.policies import POLICIES, make_policy
from placement_sim.policies.interface import PlacementPolicy
from placement_sim.upgrades import UpgradeStrategy

CODE_CHANGED = "the model's code is not that which made the report"


@dataclass(frozen=True)
class Verdict:
    """What came out of repeating a sample of the runs.

    Parameters
    ----------
    runs
        A row a repeated run: policy, seed, stated and found digest, agrees.
    stated_runs
        How many runs the report holds.
    remarks
        What differs between then and now: versions, code, rules.
    """

    runs: pd.DataFrame
    stated_runs: int
    remarks: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Tell whether every repeated run gave the digest that the report states."""
        return bool(self.runs["agrees"].all())


def verify(
    manifest: Mapping[str, Any],
    sample: int | None = 3,
    folders: Sequence[str | Path] = (),
    own: Mapping[str, PlacementPolicy] | None = None,
    own_strategies: Mapping[str, UpgradeStrategy] | None = None,
) -> Verdict:
    """Repeat runs of a report and compare.

    Parameters
    ----------
    manifest
        As `reporting.embedded.read_manifest` gives it.
    sample
        How many runs to repeat, evenly spread over the report's; None is all.
    folders
        Where the scenario's traces and its log of failures may lie; the folder of the packaged scenarios is
        tried last.
    own, own_strategies
        The caller's own policies and upgrade strategies by name, for reports on such.

    Raises
    ------
    InputError
        The manifest names no runs, a policy or a file that is not at hand, or another file of that name.
    """
    stated = list(manifest.get("runs", ()))
    if not stated or "scenario" not in manifest:
        raise InputError("report", "names no runs that could be repeated", "name a report of a comparison")
    scenario = scenario_with_traces(manifest, folders)
    rules = {str(entry["name"]): entry for entry in manifest.get("policies", ())}
    arms = {str(arm["name"]): arm for arm in manifest.get("arms", ())}
    remarks = changed_since(manifest)

    def again(entry: Mapping[str, Any]) -> tuple[str, Result]:
        arm = str(entry["policy"])
        name = str(arms[arm]["policy"]) if arm in arms else arm
        strategy = _strategy(scenario, arms[arm]["strategy"], own_strategies or {}, remarks) if arm in arms else None
        policy = _policy(rules.get(name, {"name": name}), own or {})
        if policy_identity(policy)["rule_sha256"] != rules.get(name, {}).get("rule_sha256"):
            remarks[f"the rule {name} has another source now than when the report was made"] = None
        return arm, run(scenario, seed=int(entry["seed"]), policy=policy, strategy=strategy)

    return Verdict(repeated("policy", stated, sample, again), len(stated), tuple(remarks))


def repeated(
    head: str,
    stated: Sequence[Mapping[str, Any]],
    sample: int | None,
    again: Callable[[Mapping[str, Any]], tuple[str | int, Result]],
) -> pd.DataFrame:
    """Repeat a sample of the runs that a report states, evenly spread; None is all.

    Parameters
    ----------
    head
        The column of what `again` gives beside the result: what was run.
    stated
        A run of the manifest each, with seed and summary_sha256.

    Returns
    -------
    pandas.DataFrame
        `head`, seed, stated_sha256, found_sha256, agrees.

    Raises
    ------
    InputError
        The sample is below 1: nothing repeated would pass for agreement.
    """
    if sample is not None and sample < 1:
        raise InputError("sample", f"{sample} is below 1", "give 1 or more")
    rows = []
    for i in spread(len(stated), len(stated) if sample is None else sample):
        what, result = again(stated[i])
        digests = (str(stated[i]["summary_sha256"]), summary_digest(dict(result.summary)))
        rows.append((what, int(stated[i]["seed"]), *digests, digests[0] == digests[1]))
    return pd.DataFrame(rows, columns=[head, "seed", "stated_sha256", "found_sha256", "agrees"])


def spread(total: int, sample: int) -> list[int]:
    """Choose evenly, first and last included, so that early and late rules are both met."""
    return [int(i) for i in np.unique(np.linspace(0, total - 1, min(sample, total)).round())]


def _policy(entry: Mapping[str, Any], own: Mapping[str, PlacementPolicy]) -> PlacementPolicy:
    name = str(entry["name"])
    if name in own:
        return own[name]
    if name not in POLICIES:
        cure = f"hand in the file that defines it; {near(name, POLICIES)}"
        raise InputError("report", f"the policy {name!r} is not built in", cure)
    return make_policy(name, **entry.get("parameters", {}))


def _strategy(
    scenario: Scenario, entry: Mapping[str, Any], own: Mapping[str, UpgradeStrategy], remarks: dict[str, None]
) -> UpgradeStrategy:
    """Give the strategy of a report; a remark says when its steps are others now."""
    assert scenario.fleet is not None
    name = str(entry["name"])
    strategy = resolve_strategy(scenario.fleet, own.get(name, name))
    if strategy_identity(strategy) != entry:
        remarks[f"the strategy {name} has other steps now than when the report was made"] = None
    return strategy


def scenario_with_traces(manifest: Mapping[str, Any], folders: Sequence[str | Path]) -> Scenario:
    """Give the scenario, looking for its files in the first folder that has the same ones."""
    digests = manifest.get("traces_sha256")
    names = sorted({str(table[key]) for table, key in file_entries(manifest["scenario"])})
    other = ""
    for folder in (*folders, data_folder() / "scenarios"):
        if not all((Path(folder) / name).is_file() for name in names):
            continue
        scenario = Scenario.from_dict(manifest["scenario"], place="manifest", folder=folder)
        paths = input_files(scenario)
        # The report of a study states no digests of traces: there the numbers alone tell.
        other = next((name for name in paths if digests and file_digest(paths[name]) != digests.get(name)), "")
        if not other:
            return scenario
    if other:
        raise InputError(other, "is not the file that the report was made from", "name the folder of that file")
    raise InputError("files", f"not found: {', '.join(names)}", "name the folder in which the scenario file lies")


def changed_since(manifest: Mapping[str, Any]) -> dict[str, None]:
    """Say what is different now; the keys, in their order, are the remarks."""
    remarks: dict[str, None] = {}
    if manifest.get("code_sha256", code_digest()) != code_digest():
        remarks[CODE_CHANGED] = None
    now = versions()
    for name, then in dict(manifest.get("versions", {})).items():
        if now.get(name) != then:
            remarks[f"{name} was {then} and is {now.get(name, 'not installed')}"] = None
    return remarks

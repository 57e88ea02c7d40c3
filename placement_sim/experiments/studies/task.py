"""One run as a worker sees it: plain values in, numbers or an error out. Nothing it does can raise."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import cloudpickle

from placement_sim.errors import PlacementSimError
from placement_sim.experiments.run import run
from placement_sim.experiments.scenario import Scenario
from placement_sim.experiments.studies.identity import code_identity, recipe, recipe_id


class Task(NamedTuple):
    """What a worker needs for a run, in any process on any machine with the same code and traces."""

    run_id: str
    recipe_id: str
    seed: int
    code: str
    scenario_toml: str
    folder: str  # where its traces are looked for
    handed: bytes | None  # the caller's own policy or strategy, by cloudpickle: one from a notebook cell works


class Answer(NamedTuple):
    """How a run ended: its numbers, or an error.

    `lost` tells that another try may go better, `refused` that the worker is not fit for this study.
    """

    values: dict[str, float] | None
    error: str = ""
    lost: bool = False
    refused: bool = False


def ready() -> str:
    """Load what a run needs, so that its time limit does not count that; give the code's identity."""
    import placement_sim.engine.simulate  # noqa: F401

    return code_identity()


def execute(task: Task) -> Answer:
    """Run a task and give its summary."""
    try:
        return _run(task)
    except MemoryError:
        return Answer(None, "MemoryError: the worker ran out of memory", lost=True)
    except (Exception, SystemExit) as error:  # a user's rule may raise anything
        text = str(error) if isinstance(error, PlacementSimError) else f"{type(error).__name__}: {error}"
        return Answer(None, " ".join(text.split()))


def _run(task: Task) -> Answer:
    if code_identity() != task.code:
        return Answer(None, "has other model code or other libraries than the study", refused=True)
    scenario, handed, found = _prepare(task.scenario_toml, task.folder, task.handed)
    if found != task.recipe_id:
        return Answer(None, "sees another trace, device model or own rule than the study", refused=True)
    result = run(scenario, seed=task.seed, **handed)
    return Answer({str(name): float(value) for name, value in result.summary.items()})


@lru_cache(maxsize=64)
def _prepare(scenario_toml: str, folder: str, handed: bytes | None) -> tuple[Scenario, dict[str, Any], str]:
    """Build what all replications of a point share; its input is checked once a point and worker."""
    scenario = Scenario.from_text(scenario_toml, folder=folder)
    own = {} if handed is None else cloudpickle.loads(handed)
    return scenario, own, recipe_id(recipe(scenario, **own))

"""Moves runs from the plan through the workers to the store; tries lost ones again, records what fails."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import cloudpickle

from placement_sim.errors import InputError
from placement_sim.experiments.studies.monitor import Monitor, Progress
from placement_sim.experiments.studies.schedule import Pair
from placement_sim.experiments.studies.store import Store
from placement_sim.experiments.studies.study import Point, Study
from placement_sim.experiments.studies.task import Answer, Task
from placement_sim.experiments.studies.workers import Workers
from placement_sim.experiments.traced import file_entries

CHUNK = 500  # planned runs that are looked up in the store at once
PATIENCE_S = 0.2  # between looks at runs that another process has


class Runner:
    """Moves runs of one study from the plan through the workers to the store."""

    def __init__(
        self,
        study: Study,
        points: Sequence[Point],
        store: Store,
        crew: Workers,
        retries: int,
        retry_failed: bool,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._study, self._points, self._store, self._crew = study, points, store, crew
        self._retries, self._retry_failed = retries, retry_failed
        self._monitor = Monitor(study, points, store, progress)
        self._recipes = {point.recipe_id: point.recipe_text for point in points}
        self._texts: dict[int, tuple[str, bytes | None]] = {}
        self._tries: dict[str, int] = {}
        self._where: dict[str, Pair] = {}  # runs that are this process's to finish
        self._under_way = 0

    def run(self, batch: Sequence[Pair]) -> None:
        """Finish a batch: what is stored is taken, what another process has is waited for."""
        self._monitor.plan(batch)
        planned = self._missing(batch)
        again: deque[Task] = deque()
        taken: deque[Pair] = deque()
        while True:
            while self._under_way < self._crew.slots and (task := self._next(again, planned, taken)) is not None:
                self._crew.submit(task)
                self._under_way += 1
            if self._under_way:
                self._harvest(self._crew.wait(1.0), again)
            elif taken:
                time.sleep(PATIENCE_S)
                planned, taken = self._missing(list(taken)), deque()
            else:
                return

    def _missing(self, batch: Sequence[Pair]) -> Iterator[Pair]:
        """Give the pairs that are not settled; the others are counted. Looked up bit by bit, never all at once."""
        source = iter(batch)
        while chunk := list(islice(source, CHUNK)):
            ids = [self._key(pair).run_id for pair in chunk]
            settled = self._store.settled(ids)
            for pair, run_id in zip(chunk, ids, strict=True):
                state = settled.get(run_id)
                if state is None or (state == "failed" and self._retry_failed):
                    yield pair
                else:
                    self._monitor.reused(state == "failed")

    def _key(self, pair: Pair) -> Any:
        return self._study.key(self._points[pair[0]], pair[1])

    def _next(self, again: deque[Task], planned: Iterator[Pair], taken: deque[Pair]) -> Task | None:
        if again:
            return again.popleft()
        for pair in planned:
            key = self._key(pair)
            if key.run_id in self._where:  # two points with the same setting
                taken.append(pair)
                continue
            claim = self._store.claim(key.run_id, retry_failed=self._retry_failed)
            if claim == "taken":
                taken.append(pair)
            elif claim == "mine":
                self._where[key.run_id] = pair
                text, handed = self._text(pair[0])
                folder = os.path.abspath(self._study.scenario.folder)
                return Task(key.run_id, key.recipe_id, key.seed, key.code, text, folder, handed)
            else:
                self._monitor.reused(claim == "failed")
        return None

    def _text(self, index: int) -> tuple[str, bytes | None]:
        if index not in self._texts:
            point = self._points[index]
            own = cloudpickle.dumps(point.handed) if point.handed else None
            self._texts[index] = (point.scenario.to_toml(), own)
        return self._texts[index]

    def _harvest(self, finished: Iterable[tuple[Task, Answer]], again: deque[Task]) -> None:
        records = []
        ended = []
        for task, answer in finished:
            self._under_way -= 1
            if answer.refused:  # says nothing about the run: no failure is recorded
                raise InputError("workers", f"a worker {answer.error}", "make them the same and sweep again")
            tries = self._tries.get(task.run_id, 0) + 1
            if answer.lost and tries <= self._retries:
                self._tries[task.run_id] = tries
                again.append(task)
                continue
            pair = self._where.pop(task.run_id)
            error = answer.error
            if answer.values is None:
                tried = f" (tried {tries} times)" if tries > 1 else ""
                error = f"{error}{tried}; {self._repeat(task, self._points[pair[0]])}"
            self._tries.pop(task.run_id, None)
            records.append(self._store.record(self._key(pair), answer.values, error))
            ended.append((pair, answer))
        if records:
            self._store.add(records, self._recipes)
        for pair, answer in ended:
            self._monitor.finished(pair, answer.values)

    def _repeat(self, task: Task, point: Point) -> str:
        """Write the scenario of a failed run beside the store and say how to run it again."""
        folder = self._store.folder / "failed"
        folder.mkdir(exist_ok=True)
        path = folder / f"{task.recipe_id[:12]}.toml"
        path.write_text(_moved(point, folder).to_toml(), encoding="utf-8")
        named = "".join(f" --{key} {value.name}" for key, value in point.handed.items())
        own = f" --plugin FILE.py{named}" if named else ""
        return f"repeat: placement-sim run {path.as_posix()} --seed {task.seed}{own}"


def _moved(point: Point, folder: Path) -> Any:
    """Give the scenario of a point with its traces and logs named relative to another folder."""
    scenario = point.scenario
    values = scenario.to_dict()
    for table, key in file_entries(values):
        table[key] = Path(os.path.relpath(scenario.folder / table[key], folder)).as_posix()
    return type(scenario).from_dict(values, folder=folder)

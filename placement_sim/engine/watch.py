"""A control process that looks on and changes nothing: who owns which block at each window's end.

It also tells how far a run is, and ends it where its owner no longer wants it. Maps are kept as
changes from window to window, so that a thin object of millions of blocks costs what was written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import simpy

from placement_sim.errors import PlacementSimError
from placement_sim.model.allocation import wide_entries

MOST_BLOCKS = 1 << 24  # of all watched maps together: each is compared once a window
LOOKS_A_WINDOW = 4  # how often at least it is asked whether the run is still wanted
FIRST_LOOK_NS = 1_000_000
LOOK_S = 0.1  # of real time between two looks, about: a window may take minutes

Entries = npt.NDArray[Any]


class StoppedError(PlacementSimError):
    """The run was ended because nobody wants it any more."""


@dataclass
class MapHistory:
    """One parent's map over time: `changes` holds (moment, blocks, entries), moments in rising order.

    An entry is disk index + 1, 0 for an unallocated block; `STALE` and `DEGRADED` name no disk.
    """

    blocks: int
    changes: list[tuple[int, Entries, Entries]] = field(default_factory=list)

    def note(self, moment: int, before: Entries, now: Entries) -> None:
        """Keep where `now` is not `before`, which is brought up to date."""
        at = np.flatnonzero(before != now)
        if len(at):
            entries = now[at].copy()
            before[at] = entries
            self.changes.append((moment, at, wide_entries(entries)))

    def at(self, moment: int) -> npt.NDArray[np.int32]:
        """Give the map at a moment, shape (blocks,).

        Examples
        --------
        >>> history = MapHistory(3)
        >>> history.note(1, np.zeros(3, np.uint8), np.array([0, 2, 1], np.uint8))
        >>> history.at(0).tolist(), history.at(1).tolist()
        ([0, 0, 0], [0, 2, 1])
        """
        found = np.zeros(self.blocks, np.int32)
        for when, at, entries in self.changes:
            if when > moment:
                break
            found[at] = entries
        return found


class Watch:
    """Hand it to `simulate` among `control`.

    Parameters
    ----------
    window_ns, warm_up_ns
        Those of the run: maps are noted at the ends of its windows.
    tell
        Called now and then with the simulated nanoseconds and the finished requests; False ends the run.
        How often hangs on how fast the run goes; nothing that comes out does.

    Attributes
    ----------
    maps : dict
        (object index, leg) -> `MapHistory`, of as many objects as `MOST_BLOCKS` allows.
    maps_left_out : int
        Maps beyond these, from the first that did not fit.
    """

    def __init__(self, window_ns: int, warm_up_ns: int = 0, tell: Callable[[int, int], bool] | None = None) -> None:
        self._window_ns, self._warm_up_ns = window_ns, warm_up_ns
        self._tell = tell
        self.moments = 0
        self.maps_left_out = 0
        self.maps: dict[tuple[int, int], MapHistory] = {}
        self._watched: list[tuple[MapHistory, Entries, Entries]] = []

    def __call__(self, path: Any) -> Generator[simpy.Event, Any, None]:
        """Begin to look on; the process itself ends at time 0, so that no run waits for it."""
        room = MOST_BLOCKS
        legs = [(index, i, leg) for index, tree in enumerate(path.objects) for i, leg in enumerate(tree.legs)]
        for index, leg_index, leg in legs:
            array = leg.parent.array
            room -= len(array)
            if room < 0:
                break
            history = self.maps[index, leg_index] = MapHistory(len(array))
            self._watched.append((history, np.zeros_like(array), array))
        self.maps_left_out = len(legs) - len(self.maps)
        path.env.process(self._look(path))
        yield path.env.timeout(0)

    def _look(self, path: Any) -> Generator[simpy.Event, Any, None]:
        env = path.env
        if self._warm_up_ns:
            yield env.timeout(self._warm_up_ns)
        end_ns, step_ns, looked_s = env.now_ns, FIRST_LOOK_NS, time.perf_counter()
        while True:
            end_ns += self._window_ns
            while env.now_ns < end_ns:
                step_ns = max(1, min(step_ns, self._window_ns // LOOKS_A_WINDOW))
                yield env.timeout(min(step_ns, end_ns - env.now_ns))
                if self._tell is not None and not self._tell(env.now_ns, path.totals()[0]):
                    raise StoppedError("the run is no longer wanted")
                took_s, looked_s = time.perf_counter() - looked_s, time.perf_counter()
                step_ns = int(step_ns * min(2.0, max(0.1, LOOK_S / max(took_s, 1e-9))))
            self.note()

    def note(self) -> None:
        """Note all maps as they are."""
        for history, before, now in self._watched:
            history.note(self.moments, before, now)
        self.moments += 1

    def close(self, moments: int) -> None:
        """Note the maps at the end of the run, which had `moments` windows; the last may be cut short."""
        self.moments = moments - 1
        self.note()

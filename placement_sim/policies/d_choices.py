"""The power of d choices: sample d candidates, take the least loaded of them.

Load is requests present, or free bytes. Ties are broken at random within the sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from placement_sim.errors import InputError
from placement_sim.policies.checks import whole
from placement_sim.policies.interface import PlacementPolicy, View, Write
from placement_sim.randomness import draw


def load_of(view: View, disk: int, by_free: bool) -> int:
    """Give the load that is to be small: requests present, or minus the free bytes.

    Examples
    --------
    >>> load_of(View([0], [0], [0], [8], [9], [3], [1]), 0, True)
    -8
    """
    return -int(view.free_bytes[disk]) if by_free else int(view.queue_requests[disk])


def choose_d_choices(write: Write, view: View, parameters: Sequence[float], state: Any) -> int:
    """Name the least loaded of d sampled candidates; parameters: d, by free (0/1), replacement (0/1).

    Without replacement the sample is drawn in one pass (Knuth, TAOCP 2, algorithm 3.4.2 S).

    Examples
    --------
    >>> view = View([0, 1], [0, 1], [0, 0], [9, 9], [9, 9], [3, 1], [1, 1])
    >>> choose_d_choices(Write(0, 0, 0, 4, 1, 0), view, [2.0, 0.0, 0.0], [0])
    1
    """
    wanted, by_free, count = int(parameters[0]), parameters[1] != 0.0, len(view.candidates)
    best, best_load = -1, 0
    if parameters[2] != 0.0:
        if count == 0:
            return -1
        for i in range(wanted):  # drawn in random order, so the first of equals is a fair choice
            disk = int(view.candidates[int(draw(write.word, i) * count)])
            load = load_of(view, disk, by_free)
            if best < 0 or load < best_load:
                best, best_load = disk, load
        return best
    wanted = min(wanted, count)
    ties = 0
    for i in range(count):
        if draw(write.word, i) * (count - i) < wanted:
            wanted -= 1
            disk = int(view.candidates[i])
            load = load_of(view, disk, by_free)
            if best < 0 or load < best_load:
                best, best_load, ties = disk, load, 1
            elif load == best_load:
                ties += 1
                if draw(write.word, count + i) * ties < 1.0:  # each of the equals stays with 1/ties
                    best = disk
    return best


def d_choices(d: int = 2, by: str = "queue", replacement: bool = False) -> PlacementPolicy:
    """Make the power of d choices.

    Parameters
    ----------
    d
        Candidates sampled, 1 or more.
    by
        ``"queue"`` (requests present) or ``"free"`` (free bytes).
    replacement
        Whether one candidate may be sampled twice.

    Raises
    ------
    InputError
        A parameter is none of these.

    Examples
    --------
    >>> d_choices(by="free").parameters
    {'d': 2, 'by': 1, 'replacement': 0}
    """
    if by not in ("queue", "free"):
        raise InputError("policy d_choices: by", f"{by!r} is unknown", 'give "queue" or "free"')
    if not isinstance(replacement, bool):
        raise InputError("policy d_choices: replacement", f"{replacement!r} is no bool", "give true or false")
    return PlacementPolicy(
        "d_choices",
        "Mitzenmacher, The Power of Two Choices in Randomized Load Balancing, IEEE TPDS 2001",
        "least loaded of d sampled candidates",
        choose_d_choices,
        parameters={
            "d": whole("d_choices", "d", d, least=1),
            "by": int(by == "free"),
            "replacement": int(replacement),
        },
    )

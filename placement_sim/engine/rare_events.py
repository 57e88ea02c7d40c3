"""The mean time to data loss where losses are rare: importance sampling over cycles from whole to whole.

While redundancy is missing, the disks that are nearest to a loss fail at a raised rate; the likelihood ratio takes
the bias out again. Lives are exponential, so that every cycle starts like the first.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from placement_sim.engine.reliability import History, ReliabilityModel
from placement_sim.randomness import draw, mix, stream_key
from placement_sim.workloads.failures import Exponential


@dataclass(frozen=True)
class Cycle:
    """One cycle after its first failure: how long it took, whether it ended in a loss, and its likelihood ratio."""

    length_s: float
    degraded_s: float
    lost: bool
    weight: float


class CycleHistory(History):
    """From the first failure until all is whole, every disk in its place, or data is lost.

    Parameters
    ----------
    boost
        Factor on the failure rate of the disks nearest to a loss; 1 is the true law.
    """

    def __init__(self, model: ReliabilityModel, seed: int, replication: int, boost: float) -> None:
        self._boost = boost
        super().__init__(model, seed, replication)
        self._rate = 1.0 / model.life.mean_s
        self._cycle_word = mix(stream_key(seed, "cluster", f"cycle with boost {boost!r}"), replication)
        self._draws = 0
        self._log_weight = 0.0

    def disk_is_new(self, disk: int) -> None:
        """Schedule nothing: one exponential clock stands for all disks."""

    def cycle(self) -> Cycle:
        """Run one cycle; it begins with the first failure, of any disk alike."""
        count = len(self.alive)
        self.fail(min(int(self._uniform() * count), count - 1))
        while not self.outcome.lost_groups and (self.degraded or not all(self.alive)):
            self._to_next_event()
        degraded_s = self.outcome.degraded_s + (self.now_s - self._degraded_since if self.degraded else 0.0)
        return Cycle(self.now_s, degraded_s, self.outcome.lost_groups > 0, math.exp(self._log_weight))

    def _uniform(self) -> float:
        self._draws += 1
        return draw(self._cycle_word, self._draws)

    def _to_next_event(self) -> None:
        alive = [disk for disk, lives in enumerate(self.alive) if lives]
        near = self._nearest_to_loss()
        plain_rate = self._rate * len(alive)
        near_rate = self._rate * len(near) * (self._boost - 1.0)  # what the bias adds
        wait_s = -math.log1p(-self._uniform()) / (plain_rate + near_rate)
        before_s = self.now_s
        if self.advance(before_s + wait_s):
            self._log_weight += near_rate * (self.now_s - before_s)
            return
        self.now_s = before_s + wait_s
        self._log_weight += near_rate * wait_s
        if self._uniform() * (plain_rate + near_rate) < near_rate:
            disk = near[min(int(self._uniform() * len(near)), len(near) - 1)]
        else:
            disk = alive[min(int(self._uniform() * len(alive)), len(alive) - 1)]
        if disk in near:
            self._log_weight -= math.log(self._boost)
        self.fail(disk)

    def _nearest_to_loss(self) -> list[int]:
        """List the disks of the groups that survive the fewest further failures."""
        if self._boost == 1.0 or not self.degraded:
            return []
        spare = {group: self.model.groups[group].tolerates - self.missing[group] for group in self.degraded}
        least = min(spare.values())
        return sorted({disk for group, left in spare.items() if left == least for disk in self.members[group]})


@dataclass(frozen=True)
class RareLoss:
    """Sums over cycles, from which the mean time to data loss and its interval follow.

    ``mttdl_s = (first_s + mean length) / loss probability``; its relative variance is the sum of those of the
    two independent means (delta method). ``effective_cycles`` is (sum w)^2 / sum w^2 over the losses.
    """

    mttdl_s: float
    relative_error: float
    loss_probability: float
    effective_cycles: float
    cycles: int
    losses: int
    boost: float


def rare_loss(model: ReliabilityModel, seed: int, cycles: int = 2000, boost: float | None = None) -> RareLoss:
    """Estimate the mean time to data loss by importance sampling.

    Parameters
    ----------
    cycles
        Biased cycles for the probability of a loss; as many true ones give the length of a cycle.
    boost
        Factor on the rate of the disks nearest to a loss; by default such that half a failure is expected in
        a mean cycle: with exponential repair that is best, and at twice as much the variance is infinite.

    Raises
    ------
    ValueError
        Lives are not exponential, or hosts have outages: a cycle would not start like the first.

    Source: Goyal, Shahabuddin, Heidelberger, Nicola and Glynn, "A unified framework for simulating Markovian models
    of highly dependable systems", IEEE Transactions on Computers 41 (1992): the ratio of cycle means and failure
    biasing; the bias goes to the disks nearest to a loss as in Carrasco's failure distance biasing (1992).

    Examples
    --------
    >>> from placement_sim.engine.reliability import Replacement
    >>> from placement_sim.model.redundancy import RedundancyGroup
    >>> names = ["a", "b"]
    >>> pair = RedundancyGroup((0, 1), part_bytes=100, tolerates=1)
    >>> model = ReliabilityModel(
    ...     names, names, names, [0, 0], [pair], Exponential(1000.0), Replacement(Exponential(10.0))
    ... )
    >>> found = rare_loss(model, seed=1, cycles=400)
    >>> abs(found.mttdl_s - 51_500) < 3.5 * found.relative_error * found.mttdl_s
    True
    """
    if not isinstance(model.life, Exponential) or model.outages is not None:
        raise ValueError("importance sampling needs exponential lives and no outages of hosts")
    if cycles < 2:
        raise ValueError(f"{cycles} cycles are too few: give 2 or more")
    plain = [CycleHistory(model, seed, index, 1.0).cycle() for index in range(cycles)]
    mean_s = math.fsum(cycle.length_s for cycle in plain) / cycles
    if boost is None:
        degraded_s = math.fsum(cycle.degraded_s for cycle in plain) / cycles
        boost = max(1.0, 0.5 * model.life.mean_s / (degraded_s * _typical_near(model)) if degraded_s else 1.0)
    found = [CycleHistory(model, seed, index, boost).cycle() for index in range(cycles)]
    weights = [cycle.weight for cycle in found if cycle.lost]
    first_s = model.life.mean_s / len(model.disk_names)
    if not weights:
        return RareLoss(math.inf, math.inf, 0.0, 0.0, cycles, 0, boost)
    total, squares = math.fsum(weights), math.fsum(weight * weight for weight in weights)
    probability = total / cycles
    length_variance = math.fsum((cycle.length_s - mean_s) ** 2 for cycle in plain) / (cycles - 1) / cycles
    loss_variance = (squares / cycles - probability**2) / (cycles - 1)
    relative = math.sqrt(length_variance / (first_s + mean_s) ** 2 + max(loss_variance, 0.0) / probability**2)
    return RareLoss(
        (first_s + mean_s) / probability,
        relative,
        probability,
        total * total / squares,
        cycles,
        len(weights),
        boost,
    )


def _typical_near(model: ReliabilityModel) -> float:
    """Give the mean number of other disks that share a group with a disk."""
    partners: dict[int, set[int]] = {}
    for group in model.groups:
        for disk in group.disks:
            partners.setdefault(disk, set()).update(group.disks)
    counts = Counter(len(others) - 1 for others in partners.values())
    return max(1.0, sum(size * times for size, times in counts.items()) / max(1, counts.total()))

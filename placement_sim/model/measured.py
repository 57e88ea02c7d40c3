"""A service-time law with the chance that was measured: quantiles of reads and of writes.

A constant or an exponential time has the wrong percentiles for a real disk; seven points of
the measured distribution, joined by lines, have the right ones. A deep queue may change them.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from placement_sim.model.encoding import MEASURED, Encoded, check_not_negative, check_positive, pad

LEVELS = (0.0, 0.1, 0.5, 0.8, 0.9, 0.99, 1.0)  # the inner ones stand in `service_time_ns`, too


@dataclass(frozen=True)
class Measured:
    """A random time with seven measured quantiles, and a transfer without chance.

    The time of no bytes has the quantiles given, linear between the levels 0, 0.1, 0.5, 0.8,
    0.9, 0.99 and 1. Between `shallow_depth` and `deep_depth` operations present it is multiplied
    by a factor that goes from 1 to the `deep_factor`, linear in the logarithm of the depth; beyond
    either it stays. The size over the rate is added.

    Parameters
    ----------
    read_quantiles_s, write_quantiles_s
        Seconds at the seven levels, shape (7,), not falling.
    read_bytes_per_s, write_bytes_per_s
        Rate of one channel; 0: the size costs nothing.
    read_deep_factor, write_deep_factor
        Time at `deep_depth` over that at `shallow_depth`, positive: above 1 for a disk that gets slower at
        depth, below 1 for one that gains, as by reordering.
    shallow_depth, deep_depth
        Operations present when service starts, waiting and in service, this one included but
        not the one whose end made room for it; at least 1, the second at least the first.

    Raises
    ------
    ValueError
        Not seven quantiles, a quantile below its predecessor, a negative value, a factor that is
        not positive, depths below 1 or in the wrong order, or a factor other than 1 between equal depths.

    Notes
    -----
    The logarithm of the depth is a form that fits measured disks, no law of physics.

    Examples
    --------
    >>> disk = Measured((0.001,) * 7, (0.0, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006), 4096e3)
    >>> disk.mean_s(False, 4096), round(disk.mean_s(True, 4096), 9)
    (0.002, 0.00221)
    >>> slower = Measured((0.001,) * 7, (0.001,) * 7, read_deep_factor=1.4, shallow_depth=4, deep_depth=64)
    >>> [round(slower.mean_s(False, 4096, present), 9) for present in (1, 4, 16, 64, 256)]
    [0.001, 0.001, 0.0012, 0.0014, 0.0014]
    """

    read_quantiles_s: tuple[float, ...]
    write_quantiles_s: tuple[float, ...]
    read_bytes_per_s: float = 0.0
    write_bytes_per_s: float = 0.0
    read_deep_factor: float = 1.0
    write_deep_factor: float = 1.0
    shallow_depth: float = 1.0
    deep_depth: float = 1.0

    def __post_init__(self) -> None:
        check_not_negative(read_bytes_per_s=self.read_bytes_per_s, write_bytes_per_s=self.write_bytes_per_s)
        check_positive(read_deep_factor=self.read_deep_factor, write_deep_factor=self.write_deep_factor)
        check_positive(shallow_depth=self.shallow_depth, deep_depth=self.deep_depth)
        if not 1.0 <= self.shallow_depth <= self.deep_depth:
            raise ValueError(f"1 <= shallow_depth <= deep_depth must hold, got {self.shallow_depth}, {self.deep_depth}")
        if self.shallow_depth == self.deep_depth and not self.read_deep_factor == self.write_deep_factor == 1.0:
            raise ValueError("deep_depth must be above shallow_depth where a deep factor is not 1")
        for name in ("read_quantiles_s", "write_quantiles_s"):
            times_s = tuple(getattr(self, name))
            object.__setattr__(self, name, times_s)  # a list read from TOML is welcome
            if len(times_s) != len(LEVELS):
                raise ValueError(f"{name} must have {len(LEVELS)} entries, got {len(times_s)}")
            for time_s in times_s:
                check_not_negative(**{name: time_s})
            if any(a > b for a, b in itertools.pairwise(times_s)):
                raise ValueError(f"{name} must not fall, got {times_s}")

    def growth(self, is_write: bool) -> float:
        """Give what each doubling of the depth adds to the time, as a share of that at the shallow depth."""
        factor = self.write_deep_factor if is_write else self.read_deep_factor
        return 0.0 if factor == 1.0 else (factor - 1.0) / math.log2(self.deep_depth / self.shallow_depth)

    def mean_s(self, is_write: bool, size_bytes: int, present: int = 1) -> float:
        """Give the mean time of one operation, seconds: the trapezia under the quantiles, and the transfer.

        Parameters
        ----------
        present
            Operations at the disk when service starts, this one included.
        """
        depth = min(max(float(present), self.shallow_depth), self.deep_depth)
        factor = 1.0 + self.growth(is_write) * math.log2(depth / self.shallow_depth)
        rate = self.write_bytes_per_s if is_write else self.read_bytes_per_s
        transfer_s = size_bytes / rate if rate > 0.0 else 0.0
        quantiles_s = self.write_quantiles_s if is_write else self.read_quantiles_s
        return factor * mean_of_quantiles(quantiles_s) + transfer_s

    def encode(self) -> Encoded:
        """Give the kind code and the 20 floats: rates, seven quantiles of reads and of writes, growths, depths."""
        quantiles_s = *self.read_quantiles_s, *self.write_quantiles_s
        growths = self.growth(False), self.growth(True)
        rates = self.read_bytes_per_s, self.write_bytes_per_s
        return pad(MEASURED, *rates, *quantiles_s, *growths, self.shallow_depth, self.deep_depth)


def mean_of_quantiles(times_s: tuple[float, ...]) -> float:
    """Give the mean of a law with these quantiles, shape (7,), at LEVELS.

    Examples
    --------
    >>> round(mean_of_quantiles(LEVELS), 9)  # uniform on [0, 1)
    0.5
    """
    pairs = zip(itertools.pairwise(LEVELS), itertools.pairwise(times_s), strict=True)
    return math.fsum((b - a) * (low + high) / 2 for (a, b), (low, high) in pairs)

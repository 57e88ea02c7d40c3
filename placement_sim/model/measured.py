"""A service-time law with the chance that was measured: quantiles of reads and of writes.

A constant or an exponential time has the wrong percentiles for a real disk; seven points of
the measured distribution, joined by lines, have the right ones.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from placement_sim.model.encoding import MEASURED, Encoded, check_not_negative, pad

LEVELS = (0.0, 0.1, 0.5, 0.8, 0.9, 0.99, 1.0)  # the inner ones stand in `service_time_ns`, too


@dataclass(frozen=True)
class Measured:
    """A random time with seven measured quantiles, and a transfer without chance.

    The time of no bytes has the quantiles given, linear between the levels 0, 0.1, 0.5, 0.8,
    0.9, 0.99 and 1; the size over the rate is added.

    Parameters
    ----------
    read_quantiles_s, write_quantiles_s
        Seconds at the seven levels, shape (7,), not falling.
    read_bytes_per_s, write_bytes_per_s
        Rate of one channel; 0: the size costs nothing.

    Raises
    ------
    ValueError
        Not seven quantiles, a quantile below its predecessor, or a negative value.

    Examples
    --------
    >>> disk = Measured((0.001,) * 7, (0.0, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006), 4096e3)
    >>> disk.mean_s(False, 4096), round(disk.mean_s(True, 4096), 9)
    (0.002, 0.00221)
    """

    read_quantiles_s: tuple[float, ...]
    write_quantiles_s: tuple[float, ...]
    read_bytes_per_s: float = 0.0
    write_bytes_per_s: float = 0.0

    def __post_init__(self) -> None:
        check_not_negative(read_bytes_per_s=self.read_bytes_per_s, write_bytes_per_s=self.write_bytes_per_s)
        for name in ("read_quantiles_s", "write_quantiles_s"):
            times_s = tuple(getattr(self, name))
            object.__setattr__(self, name, times_s)  # a list read from TOML is welcome
            if len(times_s) != len(LEVELS):
                raise ValueError(f"{name} must have {len(LEVELS)} entries, got {len(times_s)}")
            for time_s in times_s:
                check_not_negative(**{name: time_s})
            if any(a > b for a, b in itertools.pairwise(times_s)):
                raise ValueError(f"{name} must not fall, got {times_s}")

    def mean_s(self, is_write: bool, size_bytes: int) -> float:
        """Give the mean time of one operation, seconds: the trapezia under the quantiles, and the transfer."""
        rate = self.write_bytes_per_s if is_write else self.read_bytes_per_s
        transfer_s = size_bytes / rate if rate > 0.0 else 0.0
        return mean_of_quantiles(self.write_quantiles_s if is_write else self.read_quantiles_s) + transfer_s

    def encode(self) -> Encoded:
        """Give the kind code and the 16 floats: two rates, seven quantiles of reads, seven of writes."""
        return pad(
            MEASURED, self.read_bytes_per_s, self.write_bytes_per_s, *self.read_quantiles_s, *self.write_quantiles_s
        )


def mean_of_quantiles(times_s: tuple[float, ...]) -> float:
    """Give the mean of a law with these quantiles, shape (7,), at LEVELS.

    Examples
    --------
    >>> round(mean_of_quantiles(LEVELS), 9)  # uniform on [0, 1)
    0.5
    """
    pairs = zip(itertools.pairwise(LEVELS), itertools.pairwise(times_s), strict=True)
    return math.fsum((b - a) * (low + high) / 2 for (a, b), (low, high) in pairs)

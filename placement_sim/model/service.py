"""Service-time models of disks: what one operation costs, without any queueing.

Every model encodes itself as a kind code and a row of floats; `service_time_ns` reads
nothing else, so that the readable engine calls it as it stands and the fast one compiles it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from placement_sim.model.encoding import (
    DETERMINISTIC,
    EXPONENTIAL,
    HDD,
    HYPEREXPONENTIAL,
    MEASURED,
    SSD,
    TABLE,
    UNIFORM,
    Encoded,
    check_not_negative,
    check_positive,
    pad,
)
from placement_sim.model.measured import LEVELS, Measured

PLACES = 4294967296  # 2**32 fixed-point places on a disk; 0 is the outer edge
TABLE_ROWS = 4


@dataclass(frozen=True)
class Hdd:
    """A hard disk: seek, rotation, and transfer at the rate of the zone.

    The seek takes ``settle + (mean - settle) * 15/8 * sqrt(distance)``, with the distance as
    a share of the disk: for X, Y uniform E sqrt|X - Y| = 8/15, so random seeks have the
    published mean. The rotational delay is uniform on [0, 2 * half_rotation_s).

    Assumptions: an operation that starts where the last one ended (distance 0) pays
    neither seek nor rotation; the rate falls linearly with the place, from the outer edge
    to the inner one; there is no track buffer and no reordering.

    Parameters
    ----------
    seek_read_mean_s, seek_write_mean_s
        Mean seek between two random places, seconds; at least `settle_s`.
    half_rotation_s
        Half of one revolution, seconds.
    outer_bytes_per_s, inner_bytes_per_s
        Sustained rates at the two edges.
    settle_s
        Seek time of the shortest move, seconds; 1 ms is an assumption.

    Raises
    ------
    ValueError
        A time is negative, a rate is not positive, or a mean seek is below `settle_s`.

    Source: the square-root shape is that of Ruemmler and Wilkes, An introduction to disk
    drive modeling, IEEE Computer 27(3), 1994, who use it for short seeks.

    Examples
    --------
    >>> kind, p = Hdd(0.0082, 0.0082, 0.00416, 175e6, 83e6).encode()
    >>> service_time_ns(kind, p, False, 175_000_000, 0, 0, 0.5, 0.0)  # sequential, outer edge
    1000000000
    """

    seek_read_mean_s: float
    seek_write_mean_s: float
    half_rotation_s: float
    outer_bytes_per_s: float
    inner_bytes_per_s: float
    settle_s: float = 0.001

    def __post_init__(self) -> None:
        check_not_negative(half_rotation_s=self.half_rotation_s, settle_s=self.settle_s)
        check_positive(outer_bytes_per_s=self.outer_bytes_per_s, inner_bytes_per_s=self.inner_bytes_per_s)
        for name, mean_s in (("read", self.seek_read_mean_s), ("write", self.seek_write_mean_s)):
            if not (math.isfinite(mean_s) and mean_s >= self.settle_s):
                raise ValueError(
                    f"seek_{name}_mean_s must be finite and >= settle_s = {self.settle_s!r}, got {mean_s!r}"
                )

    def encode(self) -> Encoded:
        """Give the kind code and the floats (six used)."""
        return pad(
            HDD,
            self.seek_read_mean_s,
            self.seek_write_mean_s,
            self.half_rotation_s,
            self.outer_bytes_per_s,
            self.inner_bytes_per_s,
            self.settle_s,
        )


@dataclass(frozen=True)
class Ssd:
    """A solid-state disk, SATA or NVMe: a latency and a transfer, both without chance.

    Assumption: no garbage collection and no write cache; parallelism is the number of
    channels of the disk, not part of one operation's time.

    Examples
    --------
    >>> kind, p = Ssd(85e-6, 20e-6, 3.2e9, 1.05e9).encode()
    >>> service_time_ns(kind, p, False, 4096, 0, 0, 0.0, 0.0)
    86280
    """

    read_latency_s: float
    write_latency_s: float
    read_bytes_per_s: float
    write_bytes_per_s: float

    def __post_init__(self) -> None:
        check_not_negative(read_latency_s=self.read_latency_s, write_latency_s=self.write_latency_s)
        check_positive(read_bytes_per_s=self.read_bytes_per_s, write_bytes_per_s=self.write_bytes_per_s)

    def encode(self) -> Encoded:
        """Give the kind code and the floats (four used)."""
        return pad(
            SSD,
            self.read_latency_s,
            self.write_latency_s,
            self.read_bytes_per_s,
            self.write_bytes_per_s,
        )


@dataclass(frozen=True)
class Table:
    """Measured times at up to four sizes, linear in between.

    Below the smallest size its own time holds; above the largest the last slope goes on.
    A table of one row is constant.

    Parameters
    ----------
    sizes_bytes
        Increasing, shape (rows,), 1 to 4 rows.
    read_s, write_s
        Seconds, shape (rows,); the last slope must not be negative.

    Examples
    --------
    >>> kind, p = Table((4096, 65536), (100e-6, 220e-6), (50e-6, 290e-6)).encode()
    >>> [service_time_ns(kind, p, False, size, 0, 0, 0.0, 0.0) for size in (512, 34816, 126976)]
    [100000, 160000, 340000]
    """

    sizes_bytes: tuple[int, ...]
    read_s: tuple[float, ...]
    write_s: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("sizes_bytes", "read_s", "write_s"):  # a list read from TOML is welcome
            object.__setattr__(self, name, tuple(getattr(self, name)))
        rows = len(self.sizes_bytes)
        if not 1 <= rows <= TABLE_ROWS:
            raise ValueError(f"a table has 1 to {TABLE_ROWS} sizes, got {rows}")
        if self.sizes_bytes[0] <= 0 or any(
            a >= b for a, b in zip(self.sizes_bytes, self.sizes_bytes[1:], strict=False)
        ):
            raise ValueError(f"sizes_bytes must be positive and increase, got {self.sizes_bytes}")
        for name, times_s in (("read_s", self.read_s), ("write_s", self.write_s)):
            if len(times_s) != rows:
                raise ValueError(f"{name} must have {rows} entries, one a size, got {len(times_s)}")
            for time_s in times_s:
                check_not_negative(**{name: time_s})
            if rows > 1 and times_s[-1] < times_s[-2]:
                raise ValueError(f"{name} falls at the end, so that it cannot be extended: {times_s}")

    def encode(self) -> Encoded:
        """Give the kind code and the floats: rows, then sizes, reads and writes in fours."""
        fill = (0.0,) * (TABLE_ROWS - len(self.sizes_bytes))
        rows = len(self.sizes_bytes)
        return pad(TABLE, rows, *self.sizes_bytes, *fill, *self.read_s, *fill, *self.write_s, *fill)


@dataclass(frozen=True)
class Exponential:
    """Exponential service, for comparison with queueing theory.

    Examples
    --------
    >>> service_time_ns(*Exponential(1.0).encode(), False, 4096, 0, 0, 0.5, 0.0)
    693147181
    """

    mean_s: float

    def __post_init__(self) -> None:
        check_positive(mean_s=self.mean_s)

    def encode(self) -> Encoded:
        """Give the kind code and the floats (one used)."""
        return pad(EXPONENTIAL, self.mean_s)


@dataclass(frozen=True)
class Deterministic:
    """The same time for every operation; 0 becomes 1 ns, as everywhere.

    Examples
    --------
    >>> service_time_ns(*Deterministic(0.002).encode(), True, 4096, 0, 0, 0.0, 0.0)
    2000000
    """

    time_s: float

    def __post_init__(self) -> None:
        check_not_negative(time_s=self.time_s)

    def encode(self) -> Encoded:
        """Give the kind code and the floats (one used)."""
        return pad(DETERMINISTIC, self.time_s)


@dataclass(frozen=True)
class Uniform:
    """Uniform service on [low_s, high_s).

    Examples
    --------
    >>> service_time_ns(*Uniform(1.0, 3.0).encode(), False, 4096, 0, 0, 0.25, 0.0)
    1500000000
    """

    low_s: float
    high_s: float

    def __post_init__(self) -> None:
        check_not_negative(low_s=self.low_s, high_s=self.high_s)
        if self.high_s < self.low_s:
            raise ValueError(f"high_s must be >= low_s = {self.low_s!r}, got {self.high_s!r}")

    def encode(self) -> Encoded:
        """Give the kind code and the floats (two used)."""
        return pad(UNIFORM, self.low_s, self.high_s)


@dataclass(frozen=True)
class Hyperexponential:
    """Exponential with mean_1_s in a share `p` of the operations, else with mean_2_s.

    Examples
    --------
    >>> kind, values = Hyperexponential(0.9, 0.5, 5.5).encode()
    >>> service_time_ns(kind, values, False, 4096, 0, 0, 0.95, 0.5)
    3812309493
    """

    p: float
    mean_1_s: float
    mean_2_s: float

    def __post_init__(self) -> None:
        check_positive(mean_1_s=self.mean_1_s, mean_2_s=self.mean_2_s)
        if not 0.0 <= self.p <= 1.0:
            raise ValueError(f"p must be in [0, 1], got {self.p!r}")

    def encode(self) -> Encoded:
        """Give the kind code and the floats (three used)."""
        return pad(HYPEREXPONENTIAL, self.p, self.mean_1_s, self.mean_2_s)


def service_time_ns(
    kind: int,
    p: Sequence[float],
    is_write: bool,
    size_bytes: int,
    position: int,
    head: int,
    u0: float,
    u1: float,
) -> int:
    """Give the service time of one operation, whole nanoseconds, at least 1.

    Only scalar arithmetic and `math`, in one piece, because Numba compiles this very text.

    Parameters
    ----------
    kind, p
        What ``encode()`` of a model gave; p has shape (PARAMETERS,).
    position, head
        Of `Hdd`: where the operation starts and where the last one ended, ``offset * 2**32 // capacity``, in
        [0, 2**32), 0 at the outer edge. Of others: operations present when service starts, this one included,
        not the one whose end made room for it; and 0. Signed 64-bit when compiled.
    u0, u1
        Uniform draws in [0, 1).

    Raises
    ------
    ValueError
        The kind is unknown.
    """
    if kind == HDD:
        distance = abs(position - head) / 4294967296.0
        rate = p[3] + (p[4] - p[3]) * (position / 4294967296.0)
        time_s = size_bytes / rate
        if distance > 0.0:
            time_s += p[5] + ((p[1] if is_write else p[0]) - p[5]) * 1.875 * math.sqrt(distance)
            time_s += u0 * 2.0 * p[2]
    elif kind == SSD:
        time_s = p[1] + size_bytes / p[3] if is_write else p[0] + size_bytes / p[2]
    elif kind == TABLE:
        rows = int(p[0])
        first = 9 if is_write else 5
        if rows == 1 or size_bytes <= p[1]:
            time_s = p[first]
        else:
            row = 1
            while row < rows - 1 and size_bytes > p[1 + row]:
                row += 1
            slope = (p[first + row] - p[first + row - 1]) / (p[1 + row] - p[row])
            time_s = p[first + row - 1] + (size_bytes - p[row]) * slope
    elif kind == EXPONENTIAL:
        time_s = -p[0] * math.log1p(-u0)
    elif kind == DETERMINISTIC:
        time_s = p[0]
    elif kind == UNIFORM:
        time_s = p[0] + (p[1] - p[0]) * u0
    elif kind == HYPEREXPONENTIAL:
        time_s = -(p[1] if u0 < p[0] else p[2]) * math.log1p(-u1)
    elif kind == MEASURED:
        row = int(u0 >= 0.1) + int(u0 >= 0.5) + int(u0 >= 0.8) + int(u0 >= 0.9) + int(u0 >= 0.99)
        first = row + (9 if is_write else 2)
        time_s = p[first] + (p[first + 1] - p[first]) * (u0 - LEVELS[row]) / (LEVELS[row + 1] - LEVELS[row])
        growth = p[17] if is_write else p[16]
        time_s *= 1.0 + growth * math.log2(min(float(position), p[19]) / p[18]) if position > p[18] else 1.0
        rate = p[1] if is_write else p[0]
        time_s += size_bytes / rate if rate > 0.0 else 0.0
    else:
        raise ValueError("unknown kind of service model; use the code that encode() gives")
    return max(1, int(time_s * 1e9 + 0.5))


ServiceModel = Hdd | Ssd | Table | Exponential | Deterministic | Uniform | Hyperexponential | Measured

SERVICE_MODELS: dict[str, type[ServiceModel]] = {
    "hdd": Hdd,
    "ssd": Ssd,
    "table": Table,
    "exponential": Exponential,
    "deterministic": Deterministic,
    "uniform": Uniform,
    "hyperexponential": Hyperexponential,
    "measured": Measured,
}

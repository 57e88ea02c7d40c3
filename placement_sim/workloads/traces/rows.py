"""Rows on their way from a file to requests: checks of values, with line or record."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from placement_sim.errors import TraceError

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
SECTOR_BYTES = 512
CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
MAX_INT64 = 2**63 - 1
_MEND = "mend or remove it, or open the trace with skip_bad_rows=True"


@dataclass(frozen=True)
class Rows:
    """Requests in file order with raw time stamps; ``place`` is the line or record number."""

    ticks: Ints
    kind: npt.NDArray[np.uint8]
    offset_bytes: Ints
    size_bytes: Ints
    device: npt.NDArray[np.int32]
    place: Ints

    def __len__(self) -> int:
        return len(self.ticks)

    def take(self, which: Ints | Mask | slice) -> Rows:
        """Return the chosen rows."""
        return Rows(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


def concatenate(parts: list[Rows]) -> Rows:
    """Join rows in order; at least one part."""
    if len(parts) == 1:
        return parts[0]
    names = Rows.__dataclass_fields__
    return Rows(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass
class Reading:
    """One pass over a file: what it counts and the devices it meets."""

    path: Path
    unit: str
    skip_bad_rows: bool = False
    devices: list[str] = field(default_factory=list)
    other_operations: Counter[str] = field(default_factory=Counter)
    skipped_rows: int = 0
    _index: dict[str, int] = field(default_factory=dict)

    def device_index(self, names: pd.Series[str]) -> npt.NDArray[np.int32]:
        """Give each device name its place in ``devices``, adding new ones."""
        codes, unique = pd.factorize(names)
        for name in unique:
            if name not in self._index:
                self._index[str(name)] = len(self.devices)
                self.devices.append(str(name))
        table = np.array([self._index[str(name)] for name in unique], dtype=np.int32)
        return table[codes] if len(table) else np.zeros(0, np.int32)

    def error(self, place: int, problem: str, cure: str = _MEND) -> TraceError:
        """Build the error for one line or record."""
        return TraceError(f"{self.path}: {self.unit} {place}", problem, cure)


class Checker:
    """Checks over one block of rows; a bad row is an error, or masked where that was asked."""

    def __init__(self, reading: Reading, place: Ints) -> None:
        self.reading = reading
        self.place = place
        self.good: Mask = np.ones(len(place), dtype=bool)

    def check(self, bad: Mask, problem: Callable[[int], str]) -> None:
        """Reject rows where ``bad``; ``problem`` tells of the row with that index."""
        bad = bad & self.good
        if not bad.any():
            return
        first = int(np.argmax(bad))
        if not self.reading.skip_bad_rows:
            raise self.reading.error(int(self.place[first]), problem(first))
        self.reading.skipped_rows += int(bad.sum())
        self.good &= ~bad

    def whole(self, name: str, text: pd.Series[str], where: Mask | None = None) -> Ints:
        """Convert a text column to int64 of 0 or more; rows outside ``where`` become 0."""
        used = self.good if where is None else self.good & where
        form = text.str.fullmatch(r"[0-9]+").to_numpy(dtype=bool)
        self.check(used & ~form, lambda i: f"{name} {text.iloc[i]!r} is not a whole number of 0 or more")
        digits = text.str.lstrip("0")
        length = digits.str.len().to_numpy(dtype=np.int64)
        large = length > 19
        edge = np.flatnonzero(form & (length == 19))
        if len(edge):
            large[edge] = [int(value) > MAX_INT64 for value in digits.iloc[edge]]
        self.check(used & form & large, lambda i: f"{name} {text.iloc[i]} is 2**63 or more")
        usable = used & form & ~large
        numbers = text.where(pd.Series(usable, index=text.index), "0").astype("int64")
        return np.asarray(numbers, dtype=np.int64)

    def decimal_ns(self, name: str, text: pd.Series[str]) -> Ints:
        """Convert decimal seconds to int64 ns, exactly to the 9th digit."""
        form = text.str.fullmatch(r"[0-9]{1,10}(\.[0-9]*)?").to_numpy(dtype=bool)
        self.check(~form, lambda i: f"{name} {text.iloc[i]!r} is not a time in seconds below 2**63 ns")
        safe = text.where(pd.Series(self.good & form, index=text.index), "0")
        parts = safe.str.partition(".")
        seconds = parts[0].astype("int64").to_numpy(dtype=np.int64)
        digits = parts[2].str.slice(0, 9).str.pad(9, side="right", fillchar="0")
        self.check(seconds > 9_223_372_035, lambda i: f"{name} {text.iloc[i]} s is 2**63 ns or more")
        fraction = digits.astype("int64").to_numpy(dtype=np.int64)
        return np.asarray(np.where(self.good, seconds, 0) * 10**9 + fraction, dtype=np.int64)

    def sectors(self, name: str, sectors: Ints) -> Ints:
        """Convert sectors to bytes."""
        over = sectors > MAX_INT64 // SECTOR_BYTES
        self.check(over, lambda i: f"{name} {sectors[i]} sectors is 2**63 bytes or more")
        return np.where(over, 0, sectors) * SECTOR_BYTES

    def extent(self, offset: Ints, size: Ints, where: Mask | None = None) -> None:
        """Reject requests without length and those that end beyond 2**63."""
        used = self.good if where is None else where
        self.check(used & (size == 0), lambda i: "the request has length 0")
        over = size > MAX_INT64 - offset
        self.check(used & over, lambda i: f"offset {offset[i]} + size {size[i]} is 2**63 or more")


def split_lines(
    reading: Reading, first_line: int, block: bytes, separator: str, fields: tuple[int, int]
) -> tuple[pd.DataFrame, Checker]:
    """Split lines into text columns; the number of fields must lie within ``fields``.

    Blank lines are passed over; missing fields at the end of a row are ''.
    """
    lines = block.replace(b"\r\n", b"\n").split(b"\n")[:-1]
    mark = separator.encode()
    if separator == " ":
        lines = [b" ".join(line.split()) for line in lines]
    kept = [i for i, line in enumerate(lines) if line and not line.isspace()]
    place = np.array(kept, dtype=np.int64) + first_line
    count = np.array([lines[i].count(mark) for i in kept], dtype=np.int64) + 1
    checker = Checker(reading, place)
    low, high = fields
    wanted = f"{low}" if low == high else f"{low} to {high}"

    def problem(i: int) -> str:
        text = lines[kept[i]][:80].decode("latin-1")
        return f"the row has {count[i]} fields where {wanted} belong: {text!r}"

    checker.check((count < low) | (count > high), problem)
    if CONTROL.search(b"".join(lines)):
        control = np.array([CONTROL.search(lines[i]) is not None for i in kept], dtype=bool)
        checker.check(control, lambda i: f"the row holds a control character: {lines[kept[i]][:80]!r}")
    empty = mark * (low - 1)
    text = b"\n".join(lines[i] if ok else empty + b"?" for i, ok in zip(kept, checker.good, strict=True))
    width = int(min(high, max(int(count.max(initial=low)), low)))
    if not kept:
        return pd.DataFrame({i: pd.Series([], dtype="str") for i in range(width)}), checker
    frame = pd.read_csv(
        io.BytesIO(text), sep=separator, header=None, names=list(range(width)), dtype="str",
        na_filter=False, skip_blank_lines=False, quoting=3, index_col=False, encoding="latin-1",
    )  # fmt: skip
    return frame.fillna("").apply(lambda column: column.str.strip()), checker

"""Rows on their way from a file to requests: what a pass over a file counts, and checks of values with their place.

Text columns are Arrow arrays; a check looks at a whole column at once and goes row by row only to tell of a bad one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from placement_sim.errors import TraceError
from placement_sim.workloads.traces.source import TraceSource

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
SECTOR_BYTES = 512
MAX_INT64 = 2**63 - 1
MAX_DEVICES = 1_000_000
_MEND = "mend or remove it, or skip bad rows (on_bad_row 'skip')"
_SECONDS = r"^[0-9]{1,10}(\.[0-9]*)?$"


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

    source: TraceSource
    unit: str
    skip_bad_rows: bool = False
    devices: list[str] = field(default_factory=list)
    other_operations: Counter[str] = field(default_factory=Counter)
    skipped_rows: int = 0
    notes: list[str] = field(default_factory=list)
    version: int = 0  # that the first row of a format with versions showed
    _index: dict[str, int] = field(default_factory=dict)

    def device_index(self, names: pa.Array) -> npt.NDArray[np.int32]:
        """Give each device name its place in ``devices``, adding new ones."""
        encoded = names.dictionary_encode()
        unique = encoded.dictionary.to_pylist()
        for name in unique:
            if name not in self._index:
                if len(self.devices) >= MAX_DEVICES:
                    problem = f"there are more than {MAX_DEVICES} devices, the last is {name[:80]!r}"
                    raise TraceError(self.source.name, problem, "name the right format")
                self._index[name] = len(self.devices)
                self.devices.append(name)
        table = np.array([self._index[name] for name in unique], dtype=np.int32)
        return table[encoded.indices.to_numpy()] if len(table) else np.zeros(0, np.int32)

    def error(self, place: int, problem: str, cure: str = _MEND) -> TraceError:
        """Build the error for one line or record."""
        return TraceError(f"{self.source.name}: {self.unit} {place}", problem, cure)

    def bad(self, count: int, place: int, problem: Callable[[], str], cure: str = _MEND) -> None:
        """Count bad rows, or raise the error of the first of them."""
        if not self.skip_bad_rows:
            raise self.error(place, problem(), cure)
        self.skipped_rows += count


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
        self.reading.bad(int(bad.sum()), int(self.place[first]), lambda: problem(first))
        self.good &= ~bad

    def count_others(self, name: str, which: Mask) -> None:
        """Count good rows that are no read, write or unmap."""
        count = int((which & self.good).sum())
        if count:
            self.reading.other_operations[name] += count

    def whole(self, name: str, text: pa.Array, where: Mask | None = None) -> Ints:
        """Convert a text column to int64 of 0 or more; rows outside ``where`` become 0."""
        used = self.good if where is None else self.good & where
        form = as_mask(pc.ascii_is_decimal(text))
        self.check(used & ~form, lambda i: f"{name} {shown(text, i)} is not a whole number of 0 or more")
        usable = used & form
        try:
            return cast(_or_zero(text, usable), pa.int64())
        except pa.ArrowInvalid:  # at least one number is too large: find which
            large = np.zeros(len(text), dtype=bool)
            for i in np.flatnonzero(usable & (as_numpy(pc.binary_length(text)) >= 19)).tolist():
                digits = text[i].as_py().lstrip("0")
                large[i] = len(digits) > 19 or int(digits or 0) > MAX_INT64
            self.check(large, lambda i: f"{name} {shown(text, i)} is 2**63 or more")
            return cast(_or_zero(text, usable & ~large), pa.int64())

    def decimal_ns(self, name: str, text: pa.Array) -> Ints:
        """Convert decimal seconds to int64 ns, exactly to the 9th digit; further digits are dropped."""
        form = as_mask(pc.match_substring_regex(text, _SECONDS))
        self.check(~form, lambda i: f"{name} {shown(text, i)} is not a time in seconds below 2**63 ns")
        safe = _or_zero(text, self.good & form)
        try:
            exact = pc.cast(safe, pa.decimal128(19, 9))
        except pa.ArrowInvalid:  # more than nine digits after the point
            exact = pc.cast(pc.replace_substring_regex(safe, r"(\.[0-9]{9})[0-9]+$", r"\1"), pa.decimal128(19, 9))
        words = np.frombuffer(exact.buffers()[1], dtype="<u8")[2 * exact.offset :: 2][: len(exact)]
        self.check(words > MAX_INT64, lambda i: f"{name} {shown(text, i)} s is 2**63 ns or more")
        return np.where(self.good, words, 0).astype(np.int64)

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


def as_numpy(values: pa.Array) -> npt.NDArray[np.int64]:
    """Give an Arrow array of numbers as a numpy one."""
    return np.asarray(values.to_numpy(zero_copy_only=False))


def as_mask(values: pa.Array) -> Mask:
    """Give an Arrow array of truth values as a numpy one."""
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=bool)


def cast(text: pa.Array, to: pa.DataType) -> Ints:
    """Convert text to numbers, all of which are known to be in form."""
    return np.asarray(pc.cast(text, to).to_numpy(), dtype=np.int64)


def _or_zero(text: pa.Array, usable: Mask) -> pa.Array:
    return text if usable.all() else pc.if_else(pa.array(usable), text, "0")


def shown(text: pa.Array, i: int) -> str:
    """Quote the value of one row for an error, cut where it is long."""
    return repr(text[i].as_py()[:80])


def by_value(text: pa.Array, rule: Callable[[str], int]) -> Ints:
    """Apply a rule to each distinct value of a column that has few."""
    encoded = text.dictionary_encode()
    table = np.array([rule(value) for value in encoded.dictionary.to_pylist()], dtype=np.int64)
    return table[encoded.indices.to_numpy()] if len(table) else np.zeros(0, np.int64)

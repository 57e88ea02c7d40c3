"""Lines of a text trace cut into columns without a loop over rows: positions of separators in one array of bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from placement_sim.workloads.traces.rows import Checker, Ints, Mask, Reading

NEWLINE, BLANK = 10, 32
_CONTROL = np.zeros(256, dtype=bool)
_CONTROL[[*range(9), *range(11, 32), 127]] = True


@dataclass(frozen=True)
class Lines:
    """Lines of a block, each cut into fields.

    Parameters
    ----------
    text
        The block, ending in a newline.
    tokens
        Every field of every line, in order.
    first, fields
        Index of a line's first field and how many it has, each of shape (lines,).
    """

    text: bytes
    tokens: pa.Array
    first: Ints
    fields: Ints

    def __len__(self) -> int:
        return len(self.first)

    def column(self, number: int, lines: Ints | None = None) -> pa.Array:
        """Give a field of all or the chosen lines; '' where a line ends before it."""
        first, fields = (self.first, self.fields) if lines is None else (self.first[lines], self.fields[lines])
        there = fields > number
        if there.all():
            return self.tokens.take(pa.array(first + number))
        index = pa.array(np.where(there, first + number, 0), mask=~there)
        return pc.fill_null(self.tokens.take(index), "")

    def line(self, number: int) -> str:
        """Give the beginning of a line for an error."""
        return self.text.split(b"\n", number + 1)[number].decode()[:80]


def cut(block: bytes, separator: str) -> Lines:
    r"""Cut whole lines into fields; runs of blanks count as one where the separator is a blank.

    Examples
    --------
    >>> lines = cut(b"a,b\r\nc\n", ",")
    >>> lines.fields.tolist(), lines.column(1).to_pylist()
    ([2, 1], ['b', ''])
    """
    if not block.isascii():
        block = block.decode("latin-1").encode()
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
    if separator == " ":
        block = _collapse(block)
    raw = np.frombuffer(block, dtype=np.uint8)
    edges = np.flatnonzero((raw == NEWLINE) | (raw == ord(separator)))
    ends = np.flatnonzero(raw[edges] == NEWLINE)
    offsets = np.zeros(len(edges) + 1, dtype=np.int32)
    offsets[1:] = edges - np.arange(len(edges))
    data = block.translate(None, b"\n" + separator.encode())
    tokens = pa.StringArray.from_buffers(len(edges), pa.py_buffer(offsets), pa.py_buffer(data))
    if separator != " " and (b" " in block or b"\t" in block):
        tokens = pc.ascii_trim_whitespace(tokens)
    first = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1]) if len(ends) else np.zeros(0, np.int64)
    return Lines(block, tokens, first, np.asarray(ends - first + 1, dtype=np.int64))


def _collapse(block: bytes) -> bytes:
    """Make each run of blanks and tabs one blank, with none at the ends of a line."""
    raw = np.frombuffer(block.replace(b"\t", b" "), dtype=np.uint8)
    blank = raw == BLANK
    space = blank | (raw == NEWLINE)
    surplus = blank & (np.append(True, space[:-1]) | np.append(raw[1:] == NEWLINE, True))
    while surplus.any():  # a run before a newline loses its last blank in the first turn, the rest in the second
        raw = raw[~surplus]
        blank = raw == BLANK
        surplus = blank & np.append(raw[1:] == NEWLINE, True)
    return raw.tobytes()


def split_lines(
    reading: Reading, first_line: int, block: bytes, separator: str, fields: tuple[int, int]
) -> tuple[list[pa.Array], Checker]:
    """Give the columns of the rows whose number of fields lies within ``fields``, without control characters.

    Blank lines are passed over; missing fields at the end of a row are ''.
    """
    lines = cut(block, separator)
    low, high = fields
    wrong = (lines.fields < low) | (lines.fields > high)
    place = first_line + np.arange(len(lines), dtype=np.int64)
    everything = Checker(reading, place)
    control = _with_control(lines)
    if not wrong.any() and not control.any():
        return [lines.column(i) for i in range(high if high < 10 else low)], everything
    blank = np.zeros(len(lines), dtype=bool)
    one = np.flatnonzero(lines.fields == 1)
    blank[one] = as_blank(lines.column(0, one))
    wanted = f"{low}" if low == high else f"{low} to {high}"
    everything.check(
        wrong & ~blank, lambda i: f"the row has {lines.fields[i]} fields where {wanted} belong: {lines.line(i)!r}"
    )
    everything.check(control & ~blank, lambda i: f"the row holds a control character: {lines.line(i)!r}")
    kept = np.flatnonzero(everything.good & ~blank)
    return [lines.column(i, kept) for i in range(high if high < 10 else low)], Checker(reading, place[kept])


def as_blank(tokens: pa.Array) -> Mask:
    """Tell which of the fields are empty."""
    return np.asarray(pc.equal(tokens, "").to_numpy(zero_copy_only=False), dtype=bool)


def _with_control(lines: Lines) -> Mask:
    found = np.zeros(len(lines), dtype=bool)
    raw: npt.NDArray[np.uint8] = np.frombuffer(lines.text, dtype=np.uint8)
    odd = raw[(raw < BLANK) | (raw == 127)]
    if _CONTROL[odd].any():
        at = np.flatnonzero(_CONTROL[raw])
        found[np.searchsorted(np.flatnonzero(raw == NEWLINE), at)] = True
    return found

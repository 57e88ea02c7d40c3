"""Bytes of a trace: from a file, a pipe or standard input, decompressed by magic number, and never silently short."""

from __future__ import annotations

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import zstandard

from placement_sim.errors import TraceError

RAW_BYTES = 1 << 18
PIECE_BYTES = 1 << 20  # at most about this much is decompressed at a time, whatever the ratio
LZMA_MEMORY_BYTES = 1 << 28
HEAD_BYTES = 1 << 16
BLOCK_BYTES = 1 << 22  # of text that are cut into columns at once, however large the window
STANDARD_INPUT = "-"
_COPY_AGAIN = "copy or download the file again"
_DECODE_ERRORS = (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, EOFError, ValueError, MemoryError)


def _inflate(member: Any, raw: bytes) -> Iterator[bytes]:
    while raw and not member.eof:
        yield member.decompress(raw, PIECE_BYTES)
        raw = member.unconsumed_tail
    while not member.eof and (more := member.decompress(b"", PIECE_BYTES)):
        yield more


def _limited(member: Any, raw: bytes) -> Iterator[bytes]:
    """Bzip2 and xz keep what they were given and hand it out piece by piece."""
    yield member.decompress(raw, PIECE_BYTES)
    while not member.eof and not member.needs_input:
        yield member.decompress(b"", PIECE_BYTES)


def _zstd(member: Any, raw: bytes) -> Iterator[bytes]:
    """Zstd has no such limit, but 1 KiB of it holds at most 256 blocks of 128 KiB."""
    for start in range(0, len(raw), 1024):
        yield member.decompress(raw[start : start + 1024])
        if member.eof:
            member.left = raw[start + 1024 :]
            return


class _ZstdMember:
    def __init__(self) -> None:
        self._member = zstandard.ZstdDecompressor().decompressobj()
        self.left = b""
        self.decompress = self._member.decompress

    @property
    def eof(self) -> bool:
        return bool(self._member.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._member.unused_data) + self.left


Step = Callable[[Any, bytes], Iterator[bytes]]
# Name, magic number, constructor of a one-member decompressor, how it is fed.
COMPRESSIONS: tuple[tuple[str, bytes, Callable[[], Any], Step], ...] = (
    ("gzip", b"\x1f\x8b", lambda: zlib.decompressobj(31), _inflate),
    ("bzip2", b"BZh", bz2.BZ2Decompressor, _limited),
    ("xz", b"\xfd7zXZ\x00", lambda: lzma.LZMADecompressor(memlimit=LZMA_MEMORY_BYTES), _limited),
    ("zstd", b"\x28\xb5\x2f\xfd", _ZstdMember, _zstd),
)


class TraceSource:
    """Where a trace comes from: a file, which every pass reads anew, or a pipe, which can be read once.

    Parameters
    ----------
    path
        A file, a named pipe, or ``-`` for standard input.

    After a pass over text, ``open_ended`` says that its last line had no newline: it may have been cut off.

    Raises
    ------
    TraceError
        When read: it is missing, unreadable or empty, its compressed data is corrupt or cut off, or a pipe is
        to be read a second time.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.name = "standard input" if str(path) == STANDARD_INPUT else str(path)
        self.compression = "none"
        self.open_ended = False
        self._held: list[bytes] = []
        self._stream: Iterator[bytes] | None = None
        self._spent = False

    @property
    def once(self) -> bool:
        """Whether it can be read only once."""
        return str(self.path) == STANDARD_INPUT or (not self.path.is_file() and not self.path.is_dir())

    def pieces(self) -> Iterator[bytes]:
        """Yield the content in pieces, decompressed."""
        if not self.once or not self._exists():
            yield from self._read()
            return
        if self._spent:
            problem = "a pipe can be read only once, and this needs a second pass"
            raise TraceError(self.name, problem, "save it to a file and name that")
        self._spent = True
        held, self._held = self._held, []
        yield from held
        yield from self._stream or self._read()

    def head(self) -> bytes:
        """Return the first decompressed bytes, at most 64 KiB, fewer only where the content is shorter."""
        stream = self._read()
        if self.once and self._exists():
            stream = self._stream = self._stream or stream
        held = list(self._held)
        while sum(map(len, held)) < HEAD_BYTES and (piece := next(stream, b"")):
            held.append(piece)
        if self.once:
            self._held = held
        if not held:
            raise TraceError(self.name, "the file is empty once decompressed", "give a recorded trace")
        return b"".join(held)[:HEAD_BYTES]

    def _exists(self) -> bool:
        return str(self.path) == STANDARD_INPUT or self.path.exists()

    def _read(self) -> Iterator[bytes]:
        try:
            if str(self.path) == STANDARD_INPUT:
                yield from self._decoded(sys.stdin.buffer)
            else:
                with self.path.open("rb") as file:
                    yield from self._decoded(file)
        except OSError as error:
            problem = f"cannot be read ({error.strerror or error})"
            raise TraceError(self.name, problem, "check the path and its permissions") from error

    def _decoded(self, file: BinaryIO) -> Iterator[bytes]:
        first = _full(file)
        if not first:
            raise TraceError(self.name, "the file is empty (0 bytes)", "give a recorded trace")
        pieces = _chain(first, file)
        for name, magic, make, step in COMPRESSIONS:
            if first.startswith(magic):
                self.compression = name
                yield from _decompress(self.name, name, make, step, pieces)
                return
        yield from pieces


def _full(file: BinaryIO) -> bytes:
    """Read one piece; a pipe may give less at a time than was asked."""
    parts: list[bytes] = []
    left = RAW_BYTES
    while left and (part := file.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _chain(first: bytes, file: BinaryIO) -> Iterator[bytes]:
    piece = first
    while piece:
        yield piece
        piece = _full(file)


def _decompress(
    source: str, name: str, make: Callable[[], Any], step: Step, pieces: Iterator[bytes]
) -> Iterator[bytes]:
    """Decompress members one after another; zero padding between them is allowed."""
    member: Any = None
    byte = 0
    for raw in pieces:
        byte += len(raw)
        while raw:
            if member is None:
                raw = raw.lstrip(b"\0")
                if not raw:
                    break
                member = make()
            try:
                for data in step(member, raw):
                    if data:
                        yield data
            except _DECODE_ERRORS as error:
                place = f"{source}: before byte {byte}"
                raise TraceError(place, f"{name} data is corrupt ({error})", _COPY_AGAIN) from error
            raw = b""
            if member.eof:
                raw, member = member.unused_data, None
    if member is not None:
        raise TraceError(f"{source}: byte {byte}", f"{name} data is cut off before its end", _COPY_AGAIN)


def read_records(source: TraceSource, record_bytes: int, records: int) -> Iterator[bytes]:
    """Yield whole fixed-size records, at most ``records`` at a time.

    Raises
    ------
    TraceError
        The last record is cut off.
    """
    rest = b""
    want = record_bytes * records
    done = 0
    for piece in source.pieces():
        rest += piece
        while len(rest) >= want:
            yield rest[:want]
            done += records
            rest = rest[want:]
    whole = len(rest) // record_bytes
    if len(rest) % record_bytes:
        problem = f"the record is cut off after {len(rest) % record_bytes} of {record_bytes} bytes"
        raise TraceError(f"{source.name}: record {done + whole + 1}", problem, _COPY_AGAIN)
    if rest:
        yield rest


def read_lines(source: TraceSource, block_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Yield (number of the first line, from 1; whole lines ending in a newline)."""
    block_bytes = min(block_bytes, BLOCK_BYTES)
    parts: list[bytes] = []
    held = 0
    line = 1
    for piece in source.pieces():
        parts.append(piece)
        held += len(piece)
        if held < block_bytes:
            continue
        block = b"".join(parts)
        cut = block.rfind(b"\n") + 1
        parts, held = [block[cut:]], len(block) - cut
        if held > (1 << 20):
            raise TraceError(f"{source.name}: line {line}", "a line is longer than 1 MiB", "give a text trace")
        if cut:
            yield line, block[:cut]
            line += block.count(b"\n", 0, cut)
    last = b"".join(parts)
    source.open_ended = bool(last) and not last.endswith(b"\n")
    if last:
        yield line, last if last.endswith(b"\n") else last + b"\n"

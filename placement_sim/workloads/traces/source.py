"""Bytes of a trace file: decompressed by its magic number, and never silently short."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import zstandard

from placement_sim.errors import TraceError

RAW_BYTES = 1 << 18
_COPY_AGAIN = "copy or download the file again"

# Name, magic number, constructor of a one-member decompressor.
COMPRESSIONS: tuple[tuple[str, bytes, Callable[[], Any]], ...] = (
    ("gzip", b"\x1f\x8b", lambda: zlib.decompressobj(31)),
    ("bzip2", b"BZh", bz2.BZ2Decompressor),
    ("xz", b"\xfd7zXZ\x00", lzma.LZMADecompressor),
    ("zstd", b"\x28\xb5\x2f\xfd", lambda: zstandard.ZstdDecompressor().decompressobj()),
)
_DECODE_ERRORS = (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, EOFError, ValueError)


def read_bytes(path: Path) -> Iterator[bytes]:
    """Yield the file's content in pieces, decompressed.

    Raises
    ------
    TraceError
        The file is missing, unreadable or empty, or its compressed data is corrupt or cut off.
    """
    try:
        with path.open("rb") as file:
            first = file.read(RAW_BYTES)
            if not first:
                raise TraceError(str(path), "the file is empty (0 bytes)", "give a recorded trace")
            pieces = _chain(first, file)
            for name, magic, make in COMPRESSIONS:
                if first.startswith(magic):
                    yield from _decompress(path, name, make, pieces)
                    return
            yield from pieces
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
        raise TraceError(str(path), problem, "check the path and its permissions") from error


def _chain(first: bytes, file: Any) -> Iterator[bytes]:
    piece = first
    while piece:
        yield piece
        piece = file.read(RAW_BYTES)


def _decompress(path: Path, name: str, make: Callable[[], Any], pieces: Iterator[bytes]) -> Iterator[bytes]:
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
                data = member.decompress(raw)
            except _DECODE_ERRORS as error:
                place = f"{path}: before byte {byte}"
                raise TraceError(place, f"{name} data is corrupt ({error})", _COPY_AGAIN) from error
            if data:
                yield data
            raw = b""
            if member.eof:
                raw, member = member.unused_data, None
    if member is not None:
        raise TraceError(f"{path}: byte {byte}", f"{name} data is cut off before its end", _COPY_AGAIN)


def read_head(path: Path, head_bytes: int = 1 << 16) -> bytes:
    """Return the first decompressed bytes, fewer only where the file is shorter."""
    head = b""
    for piece in read_bytes(path):
        head += piece
        if len(head) >= head_bytes:
            return head[:head_bytes]
    if not head:
        raise TraceError(str(path), "the file is empty once decompressed", "give a recorded trace")
    return head


def read_records(path: Path, record_bytes: int, records: int) -> Iterator[bytes]:
    """Yield whole fixed-size records, at most ``records`` at a time.

    Raises
    ------
    TraceError
        The last record is cut off.
    """
    rest = b""
    want = record_bytes * records
    done = 0
    for piece in read_bytes(path):
        rest += piece
        while len(rest) >= want:
            yield rest[:want]
            done += records
            rest = rest[want:]
    whole = len(rest) // record_bytes
    if len(rest) % record_bytes:
        problem = f"the record is cut off after {len(rest) % record_bytes} of {record_bytes} bytes"
        raise TraceError(f"{path}: record {done + whole + 1}", problem, _COPY_AGAIN)
    if rest:
        yield rest


def read_lines(path: Path, block_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Yield (number of the first line, from 1; whole lines ending in a newline)."""
    parts: list[bytes] = []
    held = 0
    line = 1
    for piece in read_bytes(path):
        parts.append(piece)
        held += len(piece)
        if held < block_bytes:
            continue
        block = b"".join(parts)
        cut = block.rfind(b"\n") + 1
        parts, held = [block[cut:]], len(block) - cut
        if held > (1 << 20):
            raise TraceError(f"{path}: line {line}", "a line is longer than 1 MiB", "give a text trace")
        if cut:
            yield line, block[:cut]
            line += block.count(b"\n", 0, cut)
    last = b"".join(parts)
    if last:
        yield line, last if last.endswith(b"\n") else last + b"\n"

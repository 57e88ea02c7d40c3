"""Quantities as texts that are read back to the same value, and the ladder of values that a slider offers."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

from placement_sim.units import parse_bytes

_DURATIONS = (("h", 3600 * 10**9), ("min", 60 * 10**9), ("s", 10**9), ("ms", 10**6), ("us", 10**3), ("ns", 1))
_SIZES = (*((f"{p}i", 2 ** (10 * (4 - i))) for i, p in enumerate("TGMK")), ("G", 10**9), ("M", 10**6), ("k", 1000))
_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)\s*(.*)", re.DOTALL)


def bytes_text(size_bytes: float) -> str:
    """Write a size so that it is read back exactly.

    Examples
    --------
    >>> bytes_text(1792 * 2**20), bytes_text(550_000_000), bytes_text(12345)
    ('1.75 GiB', '550 MB', '12345 B')
    """
    size = int(size_bytes)
    texts = [f"{size} B"]
    for prefix, factor in _SIZES:
        if size >= factor and (size % factor == 0 or (size < 1000 * factor and 4 * size % factor == 0)):
            texts.append(f"{size / factor:.15g} {prefix}B")
    return min(texts, key=len)


def duration_text(duration_ns: int) -> str:
    """Write a duration so that it is read back exactly.

    Examples
    --------
    >>> duration_text(60 * 10**9), duration_text(90 * 10**9), duration_text(8_200_000), duration_text(0)
    ('1 min', '90 s', '8.2 ms', '0 s')
    """
    if duration_ns == 0:
        return "0 s"
    for unit, factor in _DURATIONS:
        if duration_ns % factor == 0 or (
            factor < 10**10 and duration_ns >= factor and duration_ns % (factor // 10) == 0
        ):
            return (
                f"{duration_ns / factor:g} {unit}" if duration_ns / factor < 1e6 else f"{duration_ns // factor} {unit}"
            )
    return f"{duration_ns} ns"


def value_text(value: Any) -> str:
    """Write a plain value.

    Examples
    --------
    >>> value_text(True), value_text(0.5), value_text("5 ms"), value_text(None), value_text((1, 2.5))
    ('yes', '0.5', '5 ms', '', '[1, 2.5]')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return json.dumps(value)
    return repr(value) if isinstance(value, float) else str(value)


def plain_value(kind: str, text: str) -> Any:
    """Give the value that a scenario file would hold; what is no number stays text, and is refused there.

    Examples
    --------
    >>> plain_value("int", "3"), plain_value("number", "2.5"), plain_value("bytes", "4 KiB"), plain_value("tick", "no")
    (3, 2.5, '4 KiB', False)
    >>> plain_value("toml", '["d-0", "d-1"]')
    ['d-0', 'd-1']
    """
    text = text.strip()
    if kind == "toml":
        try:
            return tomllib.loads(f"list = {text}")["list"]
        except tomllib.TOMLDecodeError:
            return text
    if kind == "tick":
        return text == "yes"
    if kind in ("int", "number", "share"):
        for read in (int, float):
            try:
                return read(text)
            except ValueError:
                continue
    return text


def ladder(kind: str, text: str, least: float | None = None, most: float | None = None) -> list[str]:
    """Give texts around a value for a slider, rising, the value among them; empty where there is no number.

    Sizes go in powers of two, shares in twentieths, small bounded whole numbers one by one, the rest 1, 2, 5.

    Examples
    --------
    >>> ladder("bytes", "256 MiB")
    ['32 MiB', '64 MiB', '128 MiB', '256 MiB', '512 MiB', '1 GiB', '2 GiB']
    >>> ladder("int", "2", 1, 3), ladder("number", "120")
    (['1', '2', '3'], ['12', '24', '60', '120', '240', '600', '1200'])
    """
    found = _NUMBER.fullmatch(text.strip())
    if found is None or (float(found[1]) == 0 and kind != "share"):
        return []
    amount, unit = float(found[1]), found[2]
    if kind == "share":
        return _sorted({f"{i / 20:g}": i / 20 for i in range(21)} | {text: amount})
    if kind == "int" and least is not None and most is not None and most - least <= 20:
        return [str(i) for i in range(int(least), int(most) + 1)]
    if kind == "bytes":
        try:
            size = parse_bytes(text)
        except ValueError:
            return []
        return [bytes_text(size * 2**i // 8) if i != 3 else text for i in range(7) if size * 2**i >= 8]
    steps = {amount * factor for factor in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)}
    if kind == "int":
        steps = {float(max(round(step), least or 0)) for step in steps}
    inside = [s for s in steps if (least is None or s >= least) and (most is None or s <= most)]
    return _sorted({(text if s == amount else f"{s:.10g} {unit}".strip()): s for s in inside} | {text: amount})


def _sorted(values: dict[str, float]) -> list[str]:
    """Order texts by their values, one text a value; the last one given is kept."""
    by_value = {value: text for text, value in values.items()}
    return [by_value[value] for value in sorted(by_value)]

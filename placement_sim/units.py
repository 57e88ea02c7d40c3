"""Quantities with units, such as "4 TiB", "8.2 ms" or "10 Gbit/s", read exactly.

Decimal arithmetic, so that "8.2 ms" is 8,200,000 ns and nothing else. A number without a
unit counts in bytes, seconds, or bytes a second; a string must name its unit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, localcontext

INT64_MAX = 2**63 - 1

_DECIMAL_PREFIXES = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}
_BINARY_PREFIXES = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50}
_PREFIXES = _DECIMAL_PREFIXES | _BINARY_PREFIXES

BYTE_UNITS = {f"{prefix}B": Decimal(factor) for prefix, factor in _PREFIXES.items()}
SECOND_UNITS = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "µs": Decimal("1e-6"),  # micro sign
    "μs": Decimal("1e-6"),  # Greek mu
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "min": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86400),
}
BANDWIDTH_UNITS = (
    {f"{unit}/s": factor for unit, factor in BYTE_UNITS.items()}
    | {f"{prefix}bit/s": Decimal(factor) / 8 for prefix, factor in _PREFIXES.items()}
    | {f"{prefix}bps": Decimal(factor) / 8 for prefix, factor in _DECIMAL_PREFIXES.items()}
)

_QUANTITY = re.compile(
    r"(?P<amount>[+-]?[0-9][0-9_]{0,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?|[+-]?(nan|inf))\s*(?P<unit>.*)",
    re.IGNORECASE | re.DOTALL,
)


def parse_bytes(value: str | int | float) -> int:
    """Read a size in bytes; it must be a whole number of bytes below 2**63.

    Raises
    ------
    ValueError
        Not a quantity, an unknown unit, negative, NaN, too large or not whole.

    Examples
    --------
    >>> parse_bytes("4 TiB"), parse_bytes("1.5 KiB"), parse_bytes(4096)
    (4398046511104, 1536, 4096)
    """
    size_bytes = _base_amount(value, "size", BYTE_UNITS, "4 TiB")
    if size_bytes != size_bytes.to_integral_value():
        raise ValueError(f"size {value!r} is not a whole number of bytes")
    return int(size_bytes)


def parse_duration_ns(value: str | int | float) -> int:
    """Read a duration as nanoseconds; finer parts are rounded to the nearest nanosecond.

    Parameters
    ----------
    value
        A string with a unit, or a number of seconds.

    Raises
    ------
    ValueError
        Not a quantity, an unknown unit, negative, NaN, or 2**63 ns (292 years) and more.

    Examples
    --------
    >>> parse_duration_ns("8.2 ms"), parse_duration_ns(1.5)
    (8200000, 1500000000)
    """
    duration_s = _base_amount(value, "duration", SECOND_UNITS, "8.2 ms")
    with localcontext() as context:
        context.prec = 90
        duration_ns = int((duration_s * 10**9).to_integral_value())
    if duration_ns > INT64_MAX:
        raise ValueError(f"duration {value!r} is too large; the limit is 292 years")
    return duration_ns


def parse_bandwidth(value: str | int | float) -> float:
    """Read a bandwidth as bytes a second; it must be positive.

    Raises
    ------
    ValueError
        Not a quantity, an unknown unit, negative, zero, NaN or too large.

    Examples
    --------
    >>> parse_bandwidth("10 Gbit/s"), parse_bandwidth("175 MB/s")
    (1250000000.0, 175000000.0)
    """
    bandwidth = float(_base_amount(value, "bandwidth", BANDWIDTH_UNITS, "10 Gbit/s"))
    if bandwidth == 0.0:
        raise ValueError(f"bandwidth {value!r} is zero; give a positive one")
    return bandwidth


def format_bytes(size_bytes: int) -> str:
    """Write a size with the largest binary unit that it reaches, to at most two decimals.

    Examples
    --------
    >>> format_bytes(4398046511104), format_bytes(1536), format_bytes(-12)
    ('4 TiB', '1.5 KiB', '-12 B')
    """
    sign = "-" if size_bytes < 0 else ""
    magnitude = abs(size_bytes)
    for prefix, factor in reversed(_BINARY_PREFIXES.items()):
        if magnitude >= factor:
            return f"{sign}{magnitude / factor:.2f}".rstrip("0").rstrip(".") + f" {prefix}B"
    return f"{sign}{magnitude} B"


def _base_amount(value: str | int | float, noun: str, units: Mapping[str, Decimal], example: str) -> Decimal:
    """Give `value` in the base unit of `units`, checked to be finite, not negative, below 2**63."""
    amount, factor = _split(value, noun, units, example)
    if not amount.is_finite():
        raise ValueError(f"{noun} {value!r} is not finite; write for example {example!r}")
    if amount < 0:
        raise ValueError(f"{noun} {value!r} is negative; give zero or more")
    if amount > Decimal("1e40"):
        raise ValueError(f"{noun} {value!r} is too large; the limit is 2**63 - 1")
    with localcontext() as context:
        context.prec = 90  # 61 digits of input by 16 of a factor: nothing is rounded
        base = amount * factor
    if base > INT64_MAX:
        raise ValueError(f"{noun} {value!r} is too large; the limit is 2**63 - 1")
    return base


def _split(value: str | int | float, noun: str, units: Mapping[str, Decimal], example: str) -> tuple[Decimal, Decimal]:
    """Split `value` into its amount and the factor of its unit."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{noun} {value!r} is neither a number nor text; write for example {example!r}")
    if not isinstance(value, str):
        return Decimal(str(float(value)) if isinstance(value, float) else value), Decimal(1)
    match = _QUANTITY.fullmatch(value.strip())
    if match is None:
        raise ValueError(f"{noun} {value!r} is not a number with a unit; write for example {example!r}")
    unit = match["unit"].strip()
    if not unit:
        raise ValueError(f"{noun} {value!r} has no unit; write for example {example!r}")
    if unit not in units:
        raise ValueError(f"{noun} {value!r} has the unknown unit {unit!r}; use one of {', '.join(units)}")
    return Decimal(match["amount"]), units[unit]

"""The arithmetic under CRUSH: the rjenkins1 hash and the integer logarithm, as Ceph has them.

Bit-exact with Ceph, so placements can be compared with ``crushtool --test``. The
logarithm's second table departs from its formula in Ceph; the departures are kept, because
placements depend on them.
"""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
import numpy.typing as npt

MASK_32 = 0xFFFFFFFF
HASH_SEED = 1315423911


def mix32(a: int, b: int, c: int) -> tuple[int, int, int]:
    """Mix three 32-bit words (Jenkins, Dr. Dobb's Journal, September 1997).

    Examples
    --------
    >>> mix32(0, 0, 1)[0] != 0
    True
    """
    a = ((a - b - c) & MASK_32) ^ (c >> 13)
    b = ((b - c - a) & MASK_32) ^ ((a << 8) & MASK_32)
    c = ((c - a - b) & MASK_32) ^ (b >> 13)
    a = ((a - b - c) & MASK_32) ^ (c >> 12)
    b = ((b - c - a) & MASK_32) ^ ((a << 16) & MASK_32)
    c = ((c - a - b) & MASK_32) ^ (b >> 5)
    a = ((a - b - c) & MASK_32) ^ (c >> 3)
    b = ((b - c - a) & MASK_32) ^ ((a << 10) & MASK_32)
    c = ((c - a - b) & MASK_32) ^ (b >> 15)
    return a, b, c


def hash32_2(a: int, b: int) -> int:
    """Hash two 32-bit words.

    Examples
    --------
    >>> hash32_2(1, 2)
    3079532188
    """
    a, b = a & MASK_32, b & MASK_32
    h = HASH_SEED ^ a ^ b
    x, y = 231232, 1232
    a, b, h = mix32(a, b, h)
    x, a, h = mix32(x, a, h)
    b, y, h = mix32(b, y, h)
    return h


def hash32_3(a: int, b: int, c: int) -> int:
    """Hash three 32-bit words.

    Examples
    --------
    >>> hash32_3(1, 2, 3)
    1935332395
    """
    a, b, c = a & MASK_32, b & MASK_32, c & MASK_32
    h = HASH_SEED ^ a ^ b ^ c
    x, y = 231232, 1232
    a, b, h = mix32(a, b, h)
    c, x, h = mix32(c, x, h)
    y, a, h = mix32(y, a, h)
    b, x, h = mix32(b, x, h)
    y, c, h = mix32(y, c, h)
    return h


# Ceph's fine table is 2**48 log2(1 + k / 2**15) for k = 0, 1 and _LN_EXACT; every other entry is
# larger by _LN_SHIFT, except the irregular ones listed here. Placements depend on all of it.
_LN_SHIFT = 0x147700000
_LN_EXACT = (0, 1, 203, 216, 222, 233, 237, 238, 239, 243, 244, 245, 246, *range(248, 256))
_LN_IRREGULAR = {
    56: 0xA2B07F3458,
    127: 0x16DF6CA19BD,
    134: 0x182B07F3458,
    181: 0x209C06E6212,
    184: 0x212B07F3458,
    188: 0x21D6A73A78F,
    193: 0x22C23679B4E,
    198: 0x23A2C3B0EA4,
    199: 0x23D13EE805B,
    200: 0x24035E9221F,
    207: 0x25492644D65,
    210: 0x25D13EE805B,
    212: 0x26296453882,
    225: 0x287BDBF5255,
    227: 0x28D13EE805B,
    228: 0x29035E9221F,
    229: 0x29296453882,
    231: 0x29902A37AAB,
    235: 0x2A4C7605D61,
    236: 0x2A7BDBF5255,
    240: 0x2B296453882,
    241: 0x2B5D022D80F,
    247: 0x2C61A5E8F4C,
}


def _log2_fixed(numerator: int, denominator: int) -> int:
    """Give floor(2**48 log2(numerator / denominator)), the same on every machine."""
    with localcontext() as context:
        context.prec = 40
        return int((Decimal(numerator) / Decimal(denominator)).ln() / Decimal(2).ln() * 2**48)


def _fine_entry(k: int) -> int:
    """Give entry k of the fine table."""
    if k in _LN_IRREGULAR:
        return _LN_IRREGULAR[k]
    return _log2_fixed(2**15 + k, 2**15) + (0 if k in _LN_EXACT else _LN_SHIFT)


def _table(values: list[int]) -> npt.NDArray[np.int64]:
    """Freeze a table."""
    table = np.array(values, dtype=np.int64)
    table.setflags(write=False)
    return table


INVERSES = _table([-(-(2**55) // (128 + k)) for k in range(129)])  # 2**48 / (1 + k/128), rounded up
# 2**48 log2(1 + k/128); Ceph's last entry is 0xffff00000000, not 2**48, so that no logarithm reaches 2**48
COARSE_LOGS = _table([_log2_fixed(128 + k, 128) for k in range(128)] + [0xFFFF00000000])
FINE_LOGS = _table([_fine_entry(k) for k in range(256)])


def crush_ln(value: int) -> int:
    """Give 2**44 log2(value + 1) for a value of 0 to 0xffff, by Ceph's tables.

    Examples
    --------
    >>> crush_ln(1), crush_ln(100)
    (17592186044416, 117132495127636)
    """
    x = value + 1
    exponent = 15
    while x < 0x8000:
        x <<= 1
        exponent -= 1
    row = (x >> 8) - 128
    inverse = int(INVERSES[row])
    # x * inverse needs 64 bits, so it is taken in two halves
    product = (x * (inverse >> 24) + ((x * (inverse & 0xFFFFFF)) >> 24)) >> 24
    fraction = int(COARSE_LOGS[row]) + int(FINE_LOGS[product & 0xFF])
    return (exponent << 44) + (fraction >> 4)

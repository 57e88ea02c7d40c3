"""Jump consistent hash: n numbered buckets, and 1/(n+1) of the blocks move when one is added at the end.

Unweighted. Bucket i is the i-th member.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from placement_sim.policies.interface import DOMAIN, PlacementPolicy, View, Write
from placement_sim.randomness import mix

MASK_32 = 0xFFFFFFFF
TRIES = 64
# The multiplier 2862933555777941757 of the paper's generator, in 32-bit halves
_HIGH = 2862933555777941757 >> 32
_LOW = 2862933555777941757 & MASK_32


def low_product(a: int, b: int) -> int:
    """Give the low 32 bits of the product of two 32-bit words without leaving int64.

    Examples
    --------
    >>> low_product(0xFFFFFFFF, 0xFFFFFFFF)
    1
    """
    return (a * (b & 0xFFFF) + (((a * (b >> 16)) & 0xFFFF) << 16)) & MASK_32


def jump_bucket(high: int, low: int, bucket_count: int) -> int:
    """Give the bucket of the 64-bit key ``high * 2**32 + low``.

    Examples
    --------
    >>> jump_bucket(0, 256, 1024), jump_bucket(0, 1, 60)
    (520, 55)
    """
    bucket, following = -1, 0
    while following < bucket_count:
        bucket = following
        # key = key * multiplier + 1 modulo 2**64
        upper = low * (_LOW >> 16)
        lower = low * (_LOW & 0xFFFF) + ((upper & 0xFFFF) << 16) + 1
        carry = (lower >> 32) + (upper >> 16)
        high = (carry + low_product(high, _LOW) + low_product(low, _HIGH)) & MASK_32
        low = lower & MASK_32
        following = int((bucket + 1) * (2147483648.0 / float((high >> 1) + 1)))
    return bucket


def choose_jump(write: Write, view: View, parameters: Sequence[float], state: Any) -> int:
    """Name the member of the bucket of mix(mix(object index, block), attempt).

    The attempt starts at 0 and rises while another leg holds the block in that failure
    domain, 64 times at most. A full or offline owner is named all the same.

    Examples
    --------
    >>> view = View([3], [3], [0, 0, 0, 0], [], [], [], [])
    >>> choose_jump(Write(0, 0, 0, 4, 1, 0), view, [], [0])
    3
    """
    count = len(view.members)
    if count == 0:
        return -1
    word = mix(write.object_index, write.block)
    for attempt in range(TRIES):
        key = mix(word, attempt)
        disk = int(view.members[jump_bucket((key >> 32) & MASK_32, key & MASK_32, count)])
        if (view.blocked[disk] & DOMAIN) == 0:
            return disk
    return -1


def jump() -> PlacementPolicy:
    """Make jump consistent hashing.

    Examples
    --------
    >>> jump().needs_map
    False
    """
    return PlacementPolicy(
        "jump",
        "Lamping and Veach, A Fast, Minimal Memory, Consistent Hash Algorithm, arXiv:1406.2294",
        "jump hash of the address over numbered components, unweighted",
        choose_jump,
        needs_map=False,
    )

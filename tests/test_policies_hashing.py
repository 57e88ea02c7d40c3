"""Hash placement: exact answers of Ceph and of the jump hash paper, and what moves on growth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from placement_sim.policies import make_policy
from placement_sim.policies.crush import crush_ln, hash32_2, hash32_3
from placement_sim.policies.interface import View, Write
from placement_sim.policies.jump import jump_bucket
from placement_sim.policies.straw2 import straw2_owner


def weighted(weights: list[int]) -> View:
    disks, zeros = list(range(len(weights))), [0] * len(weights)
    return View(disks, disks, zeros, zeros, zeros, zeros, weights)


def owners(name: str, view: View, blocks: range) -> list[int]:
    policy = make_policy(name)
    return [policy.choose(Write(3, 0, block, len(blocks), 1, 0), view, [], [0]) for block in blocks]


def test_rjenkins1_and_crush_ln() -> None:
    assert hash32_2(1, 2) == 3079532188
    assert hash32_3(1, 2, 3) == 1935332395
    assert crush_ln(1) == 17592186044416
    assert crush_ln(100) == 117132495127636


def test_crush_ln_is_near_the_logarithm_and_below_its_bound() -> None:
    values = [crush_ln(u) for u in range(0x10000)]
    assert max(values) < 1 << 48
    errors = [abs(v - 2**44 * math.log2(u + 1)) for u, v in enumerate(values)]
    assert max(errors) < 2**44 * 1e-3  # the tables are this rough


def test_straw2_ten_equal_items() -> None:
    view = weighted([0x10000] * 10)
    assert [straw2_owner(x, 0, view) for x in range(10)] == [0, 5, 9, 0, 8, 3, 6, 9, 2, 9]


def test_straw2_growth_moves_blocks_to_the_new_disk_only() -> None:
    # The hash takes arrays as well; the logarithms of all 16-bit hashes are looked up.
    keys = np.arange(100_000)
    lengths = np.array([-((2**48 - crush_ln(u)) // 0x10000) for u in range(0x10000)])
    straws = np.array([lengths[hash32_3(keys, disk, 0) & 0xFFFF] for disk in range(11)])  # type: ignore[arg-type]
    before, after = straws[:10].argmax(axis=0), straws.argmax(axis=0)
    view = weighted([0x10000] * 11)
    assert [straw2_owner(x, 0, view) for x in range(2000)] == after[:2000].tolist()
    moved = before != after
    assert set(after[moved]) == {10}
    assert moved.sum() == 9239


def test_straw2_with_weights_and_legs_as_ceph_prints_them() -> None:
    # crushtool --test of one straw2 bucket with weights 1, 2, .5, 4, 3.637, 1.819, 0 and three
    # replicas (firstn, choose_total_tries 50): the mappings of x = 0..11. All of x = 0..20000 agreed.
    expected = [
        [0, 3, 4], [4, 0, 3], [4, 3, 5], [0, 4, 3], [5, 0, 3], [3, 4, 1],
        [3, 4, 1], [1, 4, 3], [2, 5, 3], [4, 1, 3], [4, 0, 3], [1, 4, 5],
    ]  # fmt: skip
    view = weighted([int(w * 0x10000) for w in (1, 2, 0.5, 4, 3.637, 1.819, 0)])
    for x, disks in enumerate(expected):
        chosen: list[int] = []
        for leg in range(3):
            r = leg
            while straw2_owner(x, r, view) in chosen:
                r += 1
            chosen.append(straw2_owner(x, r, view))
        assert chosen == disks


@pytest.mark.parametrize(
    ("key", "buckets", "expected"),
    [(10863919174838991, 11, 6), (256, 1024, 520), (1, 60, 55)],
)
def test_jump_hash_of_the_paper(key: int, buckets: int, expected: int) -> None:
    assert jump_bucket(key >> 32, key & 0xFFFFFFFF, buckets) == expected


@pytest.mark.parametrize("name", ["rendezvous", "jump"])
def test_growth_moves_blocks_to_the_new_disk_only(name: str) -> None:
    before = owners(name, weighted([0x10000] * 10), range(20_000))
    after = owners(name, weighted([0x10000] * 11), range(20_000))
    moved = [new for old, new in zip(before, after, strict=True) if old != new]
    assert set(moved) == {10}
    p = 1 / 11  # 4 standard errors of the share that moves
    assert abs(len(moved) / 20_000 - p) <= 4 * math.sqrt(p * (1 - p) / 20_000)


@pytest.mark.parametrize("name", ["rendezvous", "straw2"])
def test_shares_follow_the_weights(name: str) -> None:
    weights, count = [0x10000, 0x20000, 0, 0x50000], 20_000
    hits = np.bincount(owners(name, weighted(weights), range(count)), minlength=4)
    for disk, weight in enumerate(weights):
        p = weight / 0x80000
        # 4 standard errors, and for straw2 the 16 bits of its hash and its rough logarithm
        assert abs(hits[disk] / count - p) <= 4 * math.sqrt(p * (1 - p) / count) + 0.001

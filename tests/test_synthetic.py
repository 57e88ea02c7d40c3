"""Synthetic requests: laws against theory, bounds, streams that stay apart, chunks that do not show.

Statistical intervals are 4.5 standard errors wide on each side (seeds are fixed).
"""

import math
from itertools import islice

import numpy as np
import pytest

from placement_sim.randomness import stream_key
from placement_sim.workloads import ADDRESSES, ARRIVALS, THINK, Requests, synthetic_requests
from placement_sim.workloads.addresses import (
    HotColdAddresses,
    SequentialAddresses,
    UniformAddresses,
    ZipfAddresses,
    ZipfRunAddresses,
    scatter,
)
from placement_sim.workloads.arrivals import ExponentialThink, FixedRate, FixedThink, OnOff, Poisson, Renewal

SIGMAS = 4.5
BASE = {
    "seed": 11,
    "name": "vm-1",
    "count": 20_000,
    "object_bytes": 1000 * 4096 + 100,
    "align_bytes": 4096,
    "sizes": [(4096, 0.5), (10_000, 0.3), (65_536, 0.2)],
    "read_share": 0.7,
    "addresses": UniformAddresses(),
    "arrivals": Poisson(1000.0),
}
FIELDS = ("time_ns", "kind", "offset_bytes", "size_bytes", "device")
GAPS = Renewal(1000.0, (0.0, 0.5, 0.99, 1.0), (0.0, 1e-6, 1e-3, 0.5))
LAWS = [
    UniformAddresses(),
    ZipfAddresses(0.9),
    SequentialAddresses(),
    HotColdAddresses(0.1, 0.9),
    ZipfRunAddresses(0.9, 0.6, 16384, 50),
]


def collect(**changes: object) -> Requests:
    chunks = list(synthetic_requests(**{**BASE, **changes}))
    return Requests(*(np.concatenate([getattr(chunk, field) for chunk in chunks]) for field in FIELDS))


def assert_share(hits: np.ndarray, expected: float) -> None:
    error = math.sqrt(expected * (1 - expected) / len(hits))
    assert abs(hits.mean() - expected) <= SIGMAS * error


@pytest.mark.parametrize("addresses", LAWS)
@pytest.mark.parametrize("arrivals", [Poisson(1000.0), FixedRate(777.0), OnOff(5000.0, 0.1, 0.3), GAPS, None])
def test_the_chunk_size_shows_nowhere(addresses: object, arrivals: object) -> None:
    whole = collect(addresses=addresses, arrivals=arrivals, count=3000)
    for size in (1, 7, 1024):
        parts = collect(addresses=addresses, arrivals=arrivals, count=3000, chunk_requests=size)
        for field in FIELDS:
            np.testing.assert_array_equal(getattr(whole, field), getattr(parts, field))


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        ({"arrivals": FixedRate(5.0)}, {"time_ns"}),
        ({"read_share": 0.2}, {"kind"}),
        ({"addresses": ZipfAddresses(1.0)}, {"offset_bytes"}),
        ({"sizes": [(512, 0.5), (4096, 0.5)]}, {"size_bytes"}),
        ({"name": "vm-2"}, {"time_ns", "kind", "offset_bytes", "size_bytes"}),
    ],
)
def test_streams_are_independent(change: dict[str, object], changed: set[str]) -> None:
    a, b = collect(object_bytes=2**40), collect(object_bytes=2**40, **change)
    assert {f for f in FIELDS if not np.array_equal(getattr(a, f), getattr(b, f))} == changed


@pytest.mark.parametrize("addresses", LAWS)
@pytest.mark.parametrize("object_bytes", [65_536, 65_537, 70_000, 1000 * 4096 + 100])
def test_requests_stay_inside_aligned_and_typed(addresses: object, object_bytes: int) -> None:
    got = collect(addresses=addresses, object_bytes=object_bytes)
    assert len(got) == 20_000
    assert (got.offset_bytes >= 0).all()
    assert (got.offset_bytes + got.size_bytes <= object_bytes).all()
    assert (got.offset_bytes % 4096 == 0).all()
    assert (np.diff(got.time_ns) >= 0).all()
    assert [getattr(got, f).dtype for f in FIELDS] == [np.int64, np.uint8, np.int64, np.int64, np.int32]


def test_kinds_and_sizes_have_their_shares() -> None:
    got = collect()
    assert_share(got.kind == 0, 0.7)
    for size, share in ((4096, 0.5), (10_000, 0.3), (65_536, 0.2)):
        assert_share(got.size_bytes == size, share)


@pytest.mark.parametrize("law", ["poisson", "think"])
def test_exponential_times(law: str) -> None:
    if law == "poisson":
        values = np.diff(collect(arrivals=Poisson(1000.0)).time_ns)
    else:
        values = collect(arrivals=None, think=ExponentialThink(0.001)).time_ns
    assert abs(values.mean() - 1e6) <= SIGMAS * 1e6 / math.sqrt(len(values))
    assert_share(values > 2e6, math.exp(-2.0))


def test_fixed_times() -> None:
    assert collect(arrivals=FixedRate(3.0), count=3000).time_ns[-1] == 1_000_000_000_000
    assert set(collect(arrivals=None, think=FixedThink(0.25)).time_ns) == {250_000_000}
    assert set(collect(arrivals=None).time_ns) == {0}


def test_on_off_is_silent_when_off_and_has_its_mean_rate() -> None:
    times_s = collect(arrivals=OnOff(1000.0, 0.1, 0.3)).time_ns / 1e9
    assert (times_s % 0.4 <= 0.1 + 1e-6).all()
    # 20,000 arrivals at a mean of 250 a second: 80 s, standard error 80 / sqrt(20,000)
    assert abs(times_s[-1] - 80.0) <= SIGMAS * 80.0 / math.sqrt(20_000) + 0.4


def test_uniform_and_hot_cold() -> None:
    small = {"sizes": [(4096, 1.0)], "object_bytes": 1000 * 4096}
    assert_share(collect(**small).offset_bytes < 250 * 4096, 0.25)
    hot = collect(**small, addresses=HotColdAddresses(0.2, 0.8)).offset_bytes
    assert_share(hot < 200 * 4096, 0.8)
    assert_share(hot >= 600 * 4096, 0.1)


@pytest.mark.parametrize("exponent", [0.6, 1.0, 1.4])
@pytest.mark.parametrize("slots", [1, 10, 3000])
def test_zipf_frequencies(exponent: float, slots: int) -> None:
    got = collect(sizes=[(4096, 1.0)], object_bytes=slots * 4096, addresses=ZipfAddresses(exponent))
    counts = np.sort(np.bincount(got.offset_bytes // 4096, minlength=slots))[::-1]
    weights = np.arange(1, slots + 1) ** -exponent
    shares = weights / weights.sum()
    errors = np.sqrt(20_000 * shares * (1 - shares))
    assert (abs(counts - 20_000 * shares)[:3] <= SIGMAS * errors[:3] + 1e-6).all()


@pytest.mark.parametrize("exponent", [0.5, 1.0])
def test_zipf_beyond_the_table(exponent: float) -> None:
    slots = 2**22
    got = collect(sizes=[(4096, 1.0)], object_bytes=slots * 4096, addresses=ZipfAddresses(exponent))
    place = scatter(np.arange(slots), slots, stream_key(11, "vm-1", "scatter"))
    rank = np.empty(slots, dtype=np.int64)
    rank[place] = np.arange(slots)
    weights = np.cumsum(np.arange(1, slots + 1) ** -exponent)
    for edge in (2**10, 2**20, 2**21):
        assert_share(rank[got.offset_bytes // 4096] < edge, weights[edge - 1] / weights[-1])


def test_renewal_has_its_distribution_and_rate() -> None:
    gaps = np.diff(collect(arrivals=GAPS, count=200_000).time_ns) / 1e9
    mean = 0.5 * 0.5e-6 + 0.49 * 0.5005e-3 + 0.01 * 0.2505  # of the law before it is scaled to 1000 a second
    assert_share(gaps > 1e-6 * (1e-3 / mean), 0.5)
    assert_share(gaps > 1e-3 * (1e-3 / mean), 0.01)
    # E[g**2] of a piece from a to b is (a**2 + a * b + b**2) / 3
    square = (0.5 * 1e-12 + 0.49 * (1e-12 + 1e-9 + 1e-6) + 0.01 * (1e-6 + 5e-4 + 0.25)) / 3 * (1e-3 / mean) ** 2
    assert abs(gaps.mean() - 1e-3) <= SIGMAS * math.sqrt((square - 1e-6) / len(gaps))


def test_runs_go_on_with_their_share_and_jump_by_popularity() -> None:
    law = ZipfRunAddresses(1.0, 0.6, 16 * 4096, 500)
    got = collect(sizes=[(4096, 1.0)], object_bytes=2**34, addresses=law)
    goes_on = np.diff(got.offset_bytes) == 4096
    assert_share(goes_on, 0.6)
    jumps = got.offset_bytes[np.append(True, ~goes_on)] // (16 * 4096)
    assert_share(jumps == np.bincount(jumps).argmax(), 1 / (1 / np.arange(1, 501)).sum())
    assert len(np.unique(jumps)) <= 500


@pytest.mark.parametrize("slots", [1, 2, 3, 64, 1000])
def test_scatter_is_a_permutation(slots: int) -> None:
    assert np.array_equal(np.sort(scatter(np.arange(slots), slots, 99)), np.arange(slots))


def test_endless_and_empty() -> None:
    chunks = synthetic_requests(**{**BASE, "count": None, "chunk_requests": 10})
    assert [len(chunk) for chunk in islice(chunks, 50)] == [10] * 50
    assert list(synthetic_requests(**{**BASE, "count": 0})) == []


@pytest.mark.parametrize(
    "change",
    [
        {"think": FixedThink(1.0)},
        {"count": -1},
        {"chunk_requests": 0},
        {"align_bytes": 0},
        {"object_bytes": 65_535},
        {"read_share": 1.5},
        {"sizes": [(4096, 0.5)]},
        {"sizes": [(4096, 1.5), (512, -0.5)]},
        {"sizes": [(0, 1.0)]},
    ],
)
def test_faults_show_at_the_call(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must|give"):
        synthetic_requests(**{**BASE, **change})


@pytest.mark.parametrize(
    ("law", "arguments"),
    [
        (ARRIVALS["poisson"], (0.0,)),
        (ARRIVALS["on_off"], (1.0, 0.0, 1.0)),
        (ARRIVALS["renewal"], (1.0, (0.0, 0.5), (0.0, 1.0))),
        (ARRIVALS["renewal"], (1.0, (0.0, 1.0), (1.0, 0.5))),
        (ADDRESSES["zipf_runs"], (1.0, 1.5, 4096, 1)),
        (THINK["fixed"], (-1.0,)),
        (ADDRESSES["zipf"], (math.nan,)),
        (ADDRESSES["hot_cold"], (0.5, 1.1)),
    ],
)
def test_laws_refuse_what_cannot_be(law: type, arguments: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="must"):
        law(*arguments)

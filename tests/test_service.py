"""Service times against theory and published numbers: a hand case a model, then means."""

import dataclasses
import math
import tomllib
from pathlib import Path

import numpy as np
import pytest

from placement_sim.model.encoding import PARAMETERS
from placement_sim.model.service import (
    PLACES,
    SERVICE_MODELS,
    Deterministic,
    Exponential,
    Hdd,
    Hyperexponential,
    Measured,
    ServiceModel,
    Ssd,
    Table,
    Uniform,
    service_time_ns,
)

DISKS = sorted((Path(__file__).parent.parent / "data" / "disks").glob("*.toml"))
TWICE_THE_LEVEL = (0.0, 0.2, 1.0, 1.6, 1.8, 1.98, 2.0)
CHEETAH = Hdd(0.005467, 0.005467, 30.0 / 10045.0, 20e6, 20e6)


def sample_s(model: ServiceModel, count: int, is_write: bool = False, size_bytes: int = 1) -> np.ndarray:
    rng = np.random.default_rng(20240611)
    kind, p = model.encode()
    places = rng.integers(0, PLACES, size=(count, 2)).tolist()
    draws = rng.random((count, 2)).tolist()
    times = [
        service_time_ns(kind, p, is_write, size_bytes, position, head, u0, u1)
        for (position, head), (u0, u1) in zip(places, draws, strict=True)
    ]
    return np.array(times) / 1e9


def assert_mean(values: np.ndarray, expected: float, tolerance: float) -> None:
    """Hold the rule of known answers: 3.5 standard errors, and those small enough to tell."""
    error = values.std(ddof=1) / math.sqrt(len(values))
    assert error <= tolerance / 3
    assert abs(values.mean() - expected) <= max(tolerance, 3.5 * error)


def test_cheetah_9lp_seek_and_rotation() -> None:
    # DiskSim's Cheetah 9LP: 5.467 ms mean seek + 2.987 ms half rotation = 8.454 ms
    assert_mean(sample_s(CHEETAH, 40_000), 0.008454, 5e-5)


@pytest.mark.parametrize(
    ("name", "is_write", "expected_s"),
    [
        ("hdd-7200", False, 0.0082 + 0.00416),
        ("hdd-7200", True, 0.0082 + 0.00416),
        ("hdd-15000", False, 0.0033 + 0.002),
        ("hdd-15000", True, 0.0038 + 0.002),
    ],
)
def test_published_hdd_means(name: str, is_write: bool, expected_s: float) -> None:
    assert_mean(sample_s(load(name), 40_000, is_write), expected_s, 0.01 * expected_s)


def test_hdd_seek_is_settle_plus_root_of_the_distance() -> None:
    kind, p = Hdd(0.009, 0.005, 0.004, 1e8, 1e8, 0.001).encode()
    quarter = service_time_ns(kind, p, False, 100, PLACES // 4, 0, 0.0, 0.0)
    assert quarter == 1_000_000 + 8_000_000 * 15 // 16 + 1_000  # sqrt(1/4) * 15/8 = 15/16
    assert service_time_ns(kind, p, True, 100, 0, PLACES // 4, 0.5, 0.0) == 1_000_000 + 3_750_000 + 4_001_000


@pytest.mark.parametrize(("position", "rate"), [(0, 200e6), (PLACES // 2, 150e6), (PLACES - 1, 100e6)])
def test_hdd_sequential_pays_the_transfer_of_its_zone(position: int, rate: float) -> None:
    kind, p = Hdd(0.009, 0.005, 0.004, 200e6, 100e6).encode()
    time_ns = service_time_ns(kind, p, False, 10**8, position, position, 0.9, 0.9)
    assert time_ns == pytest.approx(1e17 / rate, rel=1e-8)


@pytest.mark.parametrize(
    ("model", "mean", "square"),
    [
        (Exponential(1.0), 1.0, 2.0),
        (Uniform(0.0, 2.0), 1.0, 4.0 / 3.0),
        (Hyperexponential(0.9, 0.5, 5.5), 1.0, 2 * (0.9 * 0.25 + 0.1 * 30.25)),
        (Deterministic(1.0), 1.0, 1.0),
        (Measured(TWICE_THE_LEVEL, (1.0,) * 7), 1.0, 4.0 / 3.0),  # uniform on [0, 2)
    ],
)
def test_moments(model: ServiceModel, mean: float, square: float) -> None:
    values = sample_s(model, 100_000)
    assert_mean(values, mean, 0.03)
    assert_mean(values**2, square, 0.8 if square > 2.0 else 0.06)


@pytest.mark.parametrize(
    ("size", "is_write", "expected_ns"),
    [
        *[(1, False, 1000), (10, False, 1000), (20, False, 2000), (25, False, 3000), (40, False, 6000)],
        *[(1, True, 10), (15, True, 15), (30, True, 40), (50, True, 80)],
    ],
)
def test_table(size: int, is_write: bool, expected_ns: int) -> None:
    # rows 10, 20, 30: reads 1, 2, 4 us, writes 10, 20, 40 ns
    table = Table((10, 20, 30), (1e-6, 2e-6, 4e-6), (1e-8, 2e-8, 4e-8))
    assert service_time_ns(*table.encode(), is_write, size, 7, 3, 0.3, 0.7) == expected_ns


@pytest.mark.parametrize(
    ("level", "expected_ns"),
    [(0.0, 0), (0.05, 500), (0.1, 1000), (0.3, 1500), (0.65, 2500), (0.85, 3500), (0.945, 4500), (0.995, 5500)],
)
def test_measured_is_linear_between_its_quantiles(level: float, expected_ns: int) -> None:
    quantiles = tuple(step * 1e-6 for step in range(7))
    law = Measured(quantiles, (6e-6,) * 7, 1e9).encode()
    assert service_time_ns(*law, False, 1000, 0, 0, level, 0.0) == 1000 + expected_ns  # 1 us of transfer
    assert service_time_ns(*law, True, 1000, 0, 0, level, 0.0) == 6000


@pytest.mark.parametrize(
    ("present", "read_ns", "write_ns"),
    [(1, 11_000, 20_000), (2, 11_000, 20_000), (4, 16_000, 15_000), (8, 21_000, 10_000), (900, 21_000, 10_000)],
)
def test_measured_at_depth_is_linear_in_the_doublings(present: int, read_ns: int, write_ns: int) -> None:
    # From 2 to 8 operations present, two doublings, reads go from 10 to 20 us and writes from 20 to 10 us;
    # the transfer of a read, 1 us, stays as it is.
    model = Measured((1e-5,) * 7, (2e-5,) * 7, 1e9, 0.0, 2.0, 0.5, shallow_depth=2, deep_depth=8)
    law = model.encode()
    assert service_time_ns(*law, False, 1000, present, 0, 0.5, 0.0) == read_ns
    assert service_time_ns(*law, True, 1000, present, 0, 0.5, 0.0) == write_ns
    assert model.mean_s(False, 1000, present) == pytest.approx(read_ns * 1e-9)


def test_table_of_one_and_of_four_rows() -> None:
    one = Table((4096,), (1e-3,), (2e-3,)).encode()
    assert service_time_ns(*one, False, 10**9, 0, 0, 0.0, 0.0) == 1_000_000
    four = Table((1, 2, 3, 4), (1.0, 2.0, 3.0, 5.0), (5.0, 6.0, 7.0, 9.0)).encode()
    assert service_time_ns(*four, True, 5, 0, 0, 0.0, 0.0) == 11_000_000_000


@pytest.mark.parametrize("model", [Deterministic(0.0), Exponential(1.0), Uniform(0.0, 1.0)])
def test_no_time_is_below_a_nanosecond(model: ServiceModel) -> None:
    assert service_time_ns(*model.encode(), False, 1, 0, 0, 0.0, 0.0) == 1


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (Hdd, (0.0005, 0.005, 0.004, 1e8, 1e8)),
        (Hdd, (0.008, math.nan, 0.004, 1e8, 1e8)),
        (Hdd, (0.008, 0.008, -0.004, 1e8, 1e8)),
        (Hdd, (0.008, 0.008, 0.004, 1e8, 0.0)),
        (Ssd, (1e-4, 1e-4, 0.0, 1e9)),
        (Ssd, (-1e-4, 1e-4, 1e9, 1e9)),
        (Table, ((), (), ())),
        (Table, ((1, 2, 3, 4, 5), (1.0,) * 5, (1.0,) * 5)),
        (Table, ((2, 1), (1.0, 2.0), (1.0, 2.0))),
        (Table, ((1, 2), (1.0,), (1.0, 2.0))),
        (Table, ((1, 2), (2.0, 1.0), (1.0, 2.0))),
        (Exponential, (0.0,)),
        (Deterministic, (math.inf,)),
        (Uniform, (2.0, 1.0)),
        (Hyperexponential, (1.1, 1.0, 1.0)),
        (Measured, ((1.0,) * 6, (1.0,) * 7)),
        (Measured, ((2.0, *(1.0,) * 6), (1.0,) * 7)),
        (Measured, ((-1.0, *(1.0,) * 6), (1.0,) * 7)),
        (Measured, ((1.0,) * 7, (1.0,) * 7, -1.0)),
        (Measured, ((1.0,) * 7, (1.0,) * 7, 0.0, 0.0, 0.0, 1.0, 1.0, 2.0)),
        (Measured, ((1.0,) * 7, (1.0,) * 7, 0.0, 0.0, 2.0, 1.0, 1.0, 1.0)),
        (Measured, ((1.0,) * 7, (1.0,) * 7, 0.0, 0.0, 2.0, 1.0, 0.5, 2.0)),
        (Measured, ((1.0,) * 7, (1.0,) * 7, 0.0, 0.0, 2.0, 1.0, 4.0, 2.0)),
        (Measured, ((1.0,) * 7, (1.0,) * 7, 0.0, 0.0, 2.0, math.nan, 1.0, 2.0)),
    ],
)
def test_models_refuse_what_cannot_be(make: type[ServiceModel], arguments: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"must|has|falls"):
        make(*arguments)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        service_time_ns(99, (0.0,) * PARAMETERS, False, 1, 0, 0, 0.0, 0.0)


def load(name: str) -> ServiceModel:
    path = next(path for path in DISKS if path.stem == name)
    described = tomllib.loads(path.read_text())
    return SERVICE_MODELS[described["kind"]](**described["parameters"])


@pytest.mark.parametrize("path", DISKS, ids=lambda path: path.stem)
def test_disk_files_are_complete(path: Path) -> None:
    described = tomllib.loads(path.read_text())
    assert set(described) == {"source", "assumptions", "kind", "channels", "parameters"}
    assert described["channels"] >= 1
    model = load(path.stem)
    assert {field.name for field in dataclasses.fields(model)} == set(described["parameters"])
    kind, p = model.encode()
    assert len(p) == PARAMETERS
    assert all(type(value) is float for value in p)
    assert list(SERVICE_MODELS)[kind] == described["kind"]


@pytest.mark.parametrize(
    ("name", "is_write", "alone_iops", "saturated_iops", "tolerance"),
    [
        ("ssd-sata-s4610", False, 15_490, 57_824, 0.08),
        ("ssd-sata-s4610", True, 13_355, 52_996, 0.02),
        ("nvme-p4500", False, 1 / 85e-6, 490_000, 0.02),
    ],
)
def test_published_ssd_rates(
    name: str, is_write: bool, alone_iops: float, saturated_iops: float, tolerance: float
) -> None:
    channels = tomllib.loads(next(p for p in DISKS if p.stem == name).read_text())["channels"]
    rate = 1e9 / service_time_ns(*load(name).encode(), is_write, 4096, 0, 0, 0.0, 0.0)
    assert rate == pytest.approx(alone_iops, rel=0.01)
    assert rate * channels == pytest.approx(saturated_iops, rel=tolerance)


@pytest.mark.parametrize(("name", "expected_us"), [("nvme-p4800x", 8.9), ("nvme-p3700", 77.9), ("nvme-9100", 107.7)])
def test_published_latencies_at_depth_1(name: str, expected_us: float) -> None:
    for is_write in (False, True):
        time_ns = service_time_ns(*load(name).encode(), is_write, 4096, 0, 0, 0.0, 0.0)
        assert time_ns == pytest.approx(expected_us * 1000, abs=1)

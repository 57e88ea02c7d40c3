"""Quantities: hand cases, exactness, and a clear refusal of everything else."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as some

from placement_sim.units import format_bytes, parse_bandwidth, parse_bytes, parse_duration_ns


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("4 TiB", 4 * 2**40),
        ("1MB", 10**6),
        ("0.5 KiB", 512),
        ("1e3 B", 1000),
        (7, 7),
        (8.0, 8),
        (" 2 kB ", 2000),
    ],
)
def test_sizes(text, size_bytes):
    assert parse_bytes(text) == size_bytes


@pytest.mark.parametrize(
    ("text", "duration_ns"),
    [
        ("8.2 ms", 8_200_000),
        ("3us", 3000),
        ("3 µs", 3000),
        ("1.5 h", 5400 * 10**9),
        (0.1, 10**8),
        ("0.6 ns", 1),
    ],
)
def test_durations(text, duration_ns):
    assert parse_duration_ns(text) == duration_ns


@pytest.mark.parametrize(
    ("text", "bytes_per_s"),
    [("10 Gbit/s", 1.25e9), ("10Gbps", 1.25e9), ("175 MB/s", 1.75e8), ("1 MiB/s", 1048576.0), (5, 5.0)],
)
def test_bandwidths(text, bytes_per_s):
    assert parse_bandwidth(text) == bytes_per_s


@pytest.mark.parametrize(
    ("parse", "value", "reason"),
    [
        (parse_bytes, "-1 B", "negative"),
        (parse_bytes, -1, "negative"),
        (parse_bytes, math.nan, "not finite"),
        (parse_bytes, math.inf, "not finite"),
        (parse_bytes, "nan GB", "not finite"),
        (parse_bytes, "4 TB/s", "unknown unit"),
        (parse_bytes, "4 tib", "unknown unit"),
        (parse_bytes, "4096", "no unit"),
        (parse_bytes, "many B", "not a number"),
        (parse_bytes, "", "not a number"),
        (parse_bytes, "0.3 B", "whole number"),
        (parse_bytes, "9999999 PiB", "too large"),
        (parse_bytes, "1e99 B", "too large"),
        (parse_bytes, 1e300, "too large"),
        (parse_bytes, 10**100, "too large"),
        (parse_bytes, True, "neither"),
        (parse_bytes, None, "neither"),
        (parse_duration_ns, "3 weeks", "unknown unit"),
        (parse_duration_ns, "200000 d", "too large"),
        (parse_bandwidth, "0 MB/s", "zero"),
        (parse_bandwidth, "10 Gb/s", "unknown unit"),
    ],
)
def test_bad_quantities_are_refused(parse, value, reason):
    with pytest.raises(ValueError, match=reason):
        parse(value)


@given(some.integers(0, 2**63 - 1))
def test_whole_bytes_are_exact(size_bytes):
    assert parse_bytes(f"{size_bytes} B") == parse_bytes(size_bytes) == size_bytes


@given(some.integers(0, 2**63 - 1))
def test_nanoseconds_are_exact_in_every_unit(duration_ns):
    assert parse_duration_ns(f"{duration_ns // 10**9}.{duration_ns % 10**9:09d} s") == duration_ns
    assert parse_duration_ns(f"{duration_ns} ns") == duration_ns


@given(some.text(max_size=12))
def test_any_text_is_read_or_refused(text):
    try:
        assert parse_bytes(text) >= 0
    except ValueError as error:
        assert repr(text) in str(error)


@given(some.integers(0, 2**55))
def test_formatted_sizes_read_back_within_half_a_percent(size_bytes):
    text = format_bytes(size_bytes)
    number, unit = text.split()
    assert float(number) * parse_bytes(f"1 {unit}") == pytest.approx(size_bytes, rel=0.005)

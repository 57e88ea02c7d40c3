"""Keyed randomness: published vectors, independence of streams, uniformity."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy import stats

from placement_sim.randomness import MASK_64, draw, generator, mix, mix_array, stream_key, unit

# The first outputs of SplitMix64 from state 1234567, as in its reference implementation in C.
SPLITMIX_1234567 = [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_mix_is_splitmix64():
    assert [mix(1234567, i) for i in range(3)] == SPLITMIX_1234567


@given(some.integers(0, MASK_64), some.integers(0, 2**40), some.integers(0, 20))
def test_the_array_is_the_same_numbers(key, start, count):
    assert mix_array(key, start, count).tolist() == [mix(key, start + i) for i in range(count)]


@given(some.integers(0, MASK_64))
def test_unit_is_in_the_half_open_interval(word):
    assert 0.0 <= unit(word) < 1.0


def test_draws_are_uniform():
    """Chi-square over 64 cells: below the 99.99 % quantile."""
    draws = [draw(mix(stream_key(1, "disk-0", "service"), i), 0) for i in range(20_000)]
    counts = np.histogram(draws, 64, (0.0, 1.0))[0]
    assert stats.chisquare(counts).statistic < stats.chi2.ppf(0.9999, 63)


def test_every_part_of_a_key_matters():
    parts = [(1, "a", "b"), (2, "a", "b"), (1, "ab", ""), (1, "", "ab"), (1, "b", "a"), (-1, "a", "b")]
    assert len({stream_key(*part) for part in parts}) == len(parts)


def test_a_new_entity_leaves_other_draws_alone():
    alone = generator(3, "disk-0", "service").random(5)
    generator(3, "disk-1", "service").random(5)
    assert alone.tolist() == generator(3, "disk-0", "service").random(5).tolist()


def test_streams_of_neighbours_do_not_correlate():
    """The correlation of 10,000 pairs has standard deviation 0.01; five of them."""
    first, second = (generator(3, f"disk-{i}", "service").random(10_000) for i in range(2))
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(0.0, abs=0.05)

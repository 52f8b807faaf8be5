"""Random numbers of places: known values, and that they are spread evenly."""

from __future__ import annotations

import numpy as np
from scipy import stats

from sam_common.support.chance import _mixed, uniform


def test_the_generator_is_splitmix64():
    """The first numbers of seed 0, by another implementation."""
    state, expected = 0, []
    for _ in range(5):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        expected.append(z ^ (z >> 31))
    assert expected[0] == 0xE220A8397B1DCDAF
    found = uniform(np.arange(5), 0)
    assert np.array_equal(found, [(z >> 11) * 2.0**-53 + 2.0**-54 for z in expected])


def test_numbers_are_spread_evenly_and_seeds_have_nothing_in_common():
    one, other = uniform(np.arange(100_000), 1), uniform(np.arange(100_000), 2)
    assert one.min() > 0
    assert one.max() < 1
    assert stats.kstest(one, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.02
    assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < 0.02


def test_a_place_has_its_number_whatever_else_is_asked():
    whole = uniform(np.arange(1000), 7)
    assert np.array_equal(uniform(np.array([999, 3, 500]), 7), whole[[999, 3, 500]])
    assert _mixed(np.zeros(1, dtype=np.uint64))[0] == 0

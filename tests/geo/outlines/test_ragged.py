"""Lists of different lengths in one array."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sam_geo.outlines.ragged import Lists, ranges

NUMBERS = st.lists(st.integers(0, 5), max_size=20)


@given(NUMBERS)
def test_groups_are_lists_in_the_given_order(group):
    lists = Lists.grouped(np.array(group, dtype=np.int64), np.arange(len(group)), 6)
    for n in range(6):
        found, of = lists.spread(np.array([n]))
        assert found.tolist() == [k for k, of_one in enumerate(group) if of_one == n]
        assert of.tolist() == [0] * len(found)


@given(NUMBERS, st.lists(st.integers(0, 5), max_size=8))
def test_lists_are_spread_in_the_order_that_is_asked_for(group, which):
    lists = Lists.grouped(np.array(group, dtype=np.int64), np.arange(len(group)), 6)
    found, of = lists.spread(np.array(which, dtype=np.int64))
    expected = [(k, m) for m, n in enumerate(which) for k, one in enumerate(group) if one == n]
    assert list(zip(found.tolist(), of.tolist(), strict=True)) == expected
    assert lists.sizes(np.array(which, dtype=np.int64)).sum() == len(found)


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 4)), max_size=8))
def test_ranges_follow_each_other(asked):
    first, sizes = np.array(asked, dtype=np.int64).reshape(-1, 2).T
    found, of = ranges(first, sizes)
    expected = [(start + k, n) for n, (start, size) in enumerate(asked) for k in range(size)]
    assert list(zip(found.tolist(), of.tolist(), strict=True)) == expected

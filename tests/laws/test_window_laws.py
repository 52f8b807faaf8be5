from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sam_common.window import Window


def windows(ndim):
    start = st.tuples(*[st.integers(-20, 20)] * ndim)
    shape = st.tuples(*[st.integers(1, 12)] * ndim)
    return st.builds(lambda s, n: Window(s, tuple(np.add(s, n))), start, shape)


pairs = st.integers(1, 3).flatmap(lambda ndim: st.tuples(windows(ndim), windows(ndim)))
triples = st.integers(1, 3).flatmap(lambda ndim: st.tuples(*[windows(ndim)] * 3))


def members(window):
    """Every index inside, one by one."""
    return {tuple(np.add(index, window.start).tolist()) for index in np.ndindex(window.shape)}


@given(pairs)
def test_intersect_commutes_and_holds_what_both_hold(pair):
    a, b = pair
    shared = a.intersect(b)
    assert shared == b.intersect(a)
    assert members(a) & members(b) == (set() if shared is None else members(shared))


@given(triples)
def test_intersect_is_associative(triple):
    a, b, c = triple

    def both(x, y):
        return None if x is None or y is None else x.intersect(y)

    assert both(both(a, b), c) == both(a, both(b, c))


@given(pairs)
def test_shift_there_and_back(pair):
    a, b = pair
    offset = b.start
    moved = a.shift(offset)
    assert moved.shift([-o for o in offset]) == a
    assert moved.shape == a.shape
    assert members(moved) == {tuple(np.add(i, offset).tolist()) for i in members(a)}


@given(pairs)
def test_a_window_within_another_counts_from_its_start(pair):
    a, b = pair
    inside = a.within(b)
    assert inside.shift(b.start) == a
    assert members(inside) == {tuple(np.subtract(i, b.start).tolist()) for i in members(a)}


@given(pairs)
def test_union_is_the_smallest_window_that_holds_both(pair):
    a, b = pair
    union = a.union(b)
    assert union == b.union(a)
    assert union.contains(a)
    assert union.contains(b)
    assert union.start == tuple(np.minimum(a.start, b.start))
    assert union.stop == tuple(np.maximum(a.stop, b.stop))


@given(pairs)
def test_contains_means_every_index(pair):
    a, b = pair
    assert a.contains(b) == (members(b) <= members(a))
    assert a.contains(b) == (a.intersect(b) == b)


@given(pairs, st.integers(0, 5))
def test_expand_is_a_margin_on_every_side(pair, margin):
    a, _ = pair
    wide = a.expand(margin)
    assert wide.contains(a)
    assert wide.shape == tuple(n + 2 * margin for n in a.shape)
    assert wide.expand(-margin) == a


@given(st.integers(1, 3).flatmap(lambda ndim: st.tuples(*[st.integers(1, 6)] * ndim)), st.data())
def test_slices_cut_the_window_out_of_an_array(shape, data):
    array = np.arange(np.prod(shape)).reshape(shape)
    whole = Window.full(shape)
    np.testing.assert_array_equal(array[whole.slices], array)
    window = data.draw(windows(len(shape)).map(whole.intersect).filter(bool))
    assert array[window.slices].shape == window.shape
    assert array[window.slices].ravel()[0] == array[window.start]


@given(pairs)
def test_windows_are_values(pair):
    a, b = pair
    twin = Window(tuple(np.array(a.start)), tuple(np.array(a.stop)))
    assert twin == a
    assert hash(twin) == hash(a)
    assert all(type(v) is int for v in (*twin.start, *twin.stop))
    assert (a == b) == (members(a) == members(b))

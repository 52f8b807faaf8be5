from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sam_common.window import Window
from sam_med.corrections.likely_slices import BEYOND, halved, likely_slices
from sam_med.geometry import frame
from sam_med.geometry.volume import Volume
from sam_med.propagate.propagated_object import PropagatedObject


def volume(spacing_kji):
    k, j, i = spacing_kji
    placed = frame.from_itk((0, 0, 0), (i, j, k), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    return Volume(np.zeros((12, 40, 50), np.int16), placed, "MR")


def an_object(*corners):
    window = Window(*corners)
    return PropagatedObject(window, np.ones(window.shape, dtype=bool), {})


@given(st.integers(0, 30), st.integers(0, 30))
def test_every_number_comes_once(first, more):
    assert sorted(halved(first, first + more)) == list(range(first, first + more + 1))


@given(st.integers(2, 200), st.data())
def test_at_any_time_the_numbers_lie_evenly(last, data):
    count = data.draw(st.integers(2, last + 1))
    gaps = np.diff(sorted(list(halved(0, last))[:count]))
    assert gaps.max() <= 2 * gaps.min() + 2


def test_all_slices_of_an_object_and_a_few_beyond_its_ends():
    found = likely_slices(an_object((4, 20, 1), (6, 25, 4)), volume((2, 1, 1)))
    assert len(found) == len(set(found))
    for axis, indices in enumerate((range(1, 9), range(17, 28), range(7))):
        assert sorted(n for d, n in found if d == axis) == list(indices)
    assert BEYOND == 3
    # all axes in turn
    assert [axis for axis, _ in found[:9]] == [0, 1, 2] * 3


@pytest.mark.parametrize("thick", [3.0, 9.0])
def test_slices_across_thick_ones_are_left_out(thick):
    found = likely_slices(an_object((4, 20, 1), (6, 25, 4)), volume((thick, 1, 1)))
    assert {axis for axis, _ in found} == ({0} if thick > 3 else {0, 1, 2})

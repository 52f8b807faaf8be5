from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sam_common.window import Window
from sam_med.corrections.voxels import Voxels, counted

SHAPE = (4, 5, 6)
masks = hnp.arrays(np.bool_, SHAPE, elements=st.booleans())


def of(mask, axis=0):
    return Voxels.of_slices(dict(enumerate(np.moveaxis(mask, axis, 0))), axis)


@given(mask=masks, axis=st.sampled_from([0, 1, 2]))
def test_slices_become_the_voxels_that_they_show_and_no_others(mask, axis):
    voxels = of(mask, axis)
    assert np.array_equal(voxels.inside(Window.full(SHAPE)), mask)
    if mask.any():
        # the smallest window: every side of it holds a voxel
        for d in range(3):
            assert voxels.mask.take(0, d).any()
            assert voxels.mask.take(-1, d).any()


@given(
    mask=masks, start=st.tuples(*[st.integers(-3, 5)] * 3), size=st.tuples(*[st.integers(1, 9)] * 3)
)
def test_voxels_inside_of_any_window(mask, start, size):
    window = Window(start, tuple(a + n for a, n in zip(start, size, strict=True)))
    around = np.pad(mask, 12)
    assert np.array_equal(of(mask).inside(window), around[window.shift((12, 12, 12)).slices])


@given(parts=st.lists(masks, min_size=1, max_size=3))
def test_each_voxel_is_counted_once_for_each_part(parts):
    window, counts = counted([of(part) for part in parts])
    whole = np.zeros(SHAPE, dtype=int)
    whole[window.slices] = counts
    assert np.array_equal(whole, np.sum(parts, axis=0))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_is_empty_makes_no_window_larger(order):
    mask = np.zeros(SHAPE, dtype=bool)
    mask[3, 4, 5] = True
    parts = [of(mask), of(np.zeros_like(mask))]
    assert counted([parts[n] for n in order])[0] == Window((3, 4, 5), (4, 5, 6))

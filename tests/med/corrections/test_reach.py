from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from shaded_objects import DIRECTION

from sam_common.window import Window
from sam_med.corrections.reach import Reach
from sam_med.corrections.voxels import Voxels
from sam_med.geometry import frame as frames
from sam_med.geometry.volume import Volume
from sam_med.propagate.propagated_object import PropagatedObject

SHAPE = (5, 7, 9)
FULL = Window.full(SHAPE)
masks = hnp.arrays(np.bool_, SHAPE, elements=st.booleans())
spacings = st.tuples(*[st.sampled_from([0.5, 0.8, 1.0, 2.5])] * 3)
places = st.tuples(*[st.integers(0, n - 1) for n in SHAPE])


def volume_of(shape, spacing_kji):
    frame = frames.from_itk((0, 0, 0), spacing_kji[::-1], DIRECTION)
    return Volume(np.zeros(shape, dtype=np.int16), frame, "CT")


def voxels_of(mask):
    return Voxels(Window.full(mask.shape), mask)


def reached(mask, at, change, spacing_kji, *, positive, axes=(0, 1, 2)):
    """What a mark may change of all that it would, or None where nothing holds it back."""
    one = PropagatedObject(Window.full(mask.shape), mask, {})
    volume = volume_of(mask.shape, spacing_kji)
    reach = Reach.of(one, volume, voxels_of(at), axes, positive=positive)
    return None if reach is None else reach.part(voxels_of(change)).mask


def marked(*places):
    at = np.zeros(SHAPE, dtype=bool)
    for place in places:
        at[place] = True
    return at


def away_on_slices(wrong_side, new, spacing, axis):
    """The largest distance of a mark's voxels from the edge on their own slices along an axis."""
    most = 0.0
    across = np.delete(spacing, axis)
    for side, at in zip(np.moveaxis(wrong_side, axis, 0), np.moveaxis(new, axis, 0), strict=True):
        if at.any() and side.all():
            return np.inf
        if at.any():
            most = max(most, ndimage.distance_transform_edt(side, sampling=across)[at].max())
    return most


@given(
    mask=masks,
    marks=st.lists(places, min_size=1, max_size=3),
    spacing=spacings,
    sign=st.booleans(),
    axes=st.sets(st.sampled_from([0, 1, 2]), min_size=1),
)
def test_it_is_as_far_as_distances_in_the_whole_volume_say(mask, marks, spacing, sign, axes):
    at = marked(*marks)
    new = at & (mask != sign)
    wrong_side = mask != sign
    found = reached(mask, at, wrong_side, spacing, positive=sign, axes=sorted(axes))
    if not new.any() or wrong_side.all():
        assert found is None
        return
    depth = ndimage.distance_transform_edt(wrong_side, sampling=spacing)
    away = ndimage.distance_transform_edt(~new, sampling=spacing)
    most = 2 * min(away_on_slices(wrong_side, new, spacing, axis) for axis in axes)
    allowed = wrong_side & (away <= most + 1e-5) & (depth < 2 * depth[new].max() - 1e-5)
    pieces, _ = ndimage.label(allowed)
    assert np.array_equal(found, np.isin(pieces, np.unique(pieces[new])) & allowed)
    assert found[new].all()


@given(mask=masks, place=places, spacing=spacings, turn=st.permutations(range(3)), data=st.data())
def test_neither_the_order_of_axes_nor_flips_decide(mask, place, spacing, turn, data):
    flips = data.draw(st.sets(st.sampled_from([0, 1, 2])))
    at = marked(place)
    sign = not mask[place]
    plain = reached(mask, at, mask != sign, spacing, positive=sign)
    turned = [np.flip(np.transpose(one, turn), tuple(flips)) for one in (mask, at, mask != sign)]
    other = reached(*turned, tuple(spacing[d] for d in turn), positive=sign)
    if plain is None:
        assert other is None
    else:
        assert np.array_equal(np.flip(np.transpose(plain, turn), tuple(flips)), other)


@given(mask=masks, place=places, margin=st.integers(0, 2))
def test_the_window_in_which_the_object_is_kept_does_not_decide(mask, place, margin):
    assume(mask.any())
    sign, at = not mask[place], marked(place)
    found = np.nonzero(mask)
    tight = Window(tuple(int(x.min()) for x in found), tuple(int(x.max()) + 1 for x in found))
    window = tight.expand(margin).intersect(FULL)
    small = PropagatedObject(window, mask[window.slices], {})
    reach = Reach.of(small, volume_of(SHAPE, (1, 1, 1)), voxels_of(at), (0, 1), positive=sign)
    expected = reached(mask, at, mask != sign, (1, 1, 1), positive=sign, axes=(0, 1))
    assert (reach is None) == (expected is None)
    if reach is not None:
        assert np.array_equal(reach.part(voxels_of(mask != sign)).mask, expected)


def test_a_thick_slice_too_many_goes_and_the_one_below_stays():
    mask = np.zeros((5, 41, 41), dtype=bool)
    mask[:4, 6:35, 8:33] = True
    at = np.zeros_like(mask)
    at[3, 20, 20] = True
    found = reached(mask, at, mask, (5, 1, 1), positive=False, axes=(0,))
    assert np.array_equal(found[3], mask[3])
    # 10 mm are two slices: of the others no more than what lies at their sides
    assert not found[:3, 16:25, 18:23].any()


def test_a_thick_slice_too_few_is_filled_and_the_one_above_is_not():
    mask = np.zeros((5, 41, 41), dtype=bool)
    mask[:2, 6:35, 8:33] = True
    at = np.zeros_like(mask)
    at[2, 20, 20] = True
    found = reached(mask, at, ~mask, (5, 1, 1), positive=True, axes=(0,))
    assert found[2][mask[1]].all()
    assert not found[3].any()


@pytest.mark.parametrize("positive", [True, False])
def test_nothing_holds_a_mark_back_where_the_object_has_no_edge(positive):
    whole = np.full(SHAPE, not positive)
    assert reached(whole, marked((2, 3, 4)), whole, (1, 1, 1), positive=positive) is None


def test_the_border_of_a_volume_is_no_edge():
    # an object on a single slice, cut off by two sides of the volume
    mask = np.zeros((1, 20, 20), dtype=bool)
    mask[0, :, :12] = True
    at = np.zeros_like(mask)
    at[0, 2, 8] = True
    found = reached(mask, at, mask, (5, 1, 1), positive=False)[0]
    # four from the edge: nothing that is eight from it, or more than eight from the mark
    assert found[0, 5]
    assert not found[:, :5].any()
    assert np.flatnonzero(found[:, 8]).tolist() == list(range(11))

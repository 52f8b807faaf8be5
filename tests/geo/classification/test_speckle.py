"""Small pieces of a class map, against GDAL's pieces and laws of place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from sam_geo.classification.speckle import reach, without_speckle

SURE = np.uint8(80)


def sizes_of_pieces(classes):
    """(h, w) number of pixels of the piece that each pixel belongs to."""
    found = np.zeros(classes.shape, dtype=int)
    for value in np.unique(classes):
        labels, count = ndimage.label(classes == value)
        pixels = np.bincount(labels.ravel(), minlength=count + 1)
        found += np.where(labels > 0, pixels[labels], 0)
    return found


def test_a_small_piece_becomes_the_class_around_it():
    classes = np.full((9, 9), 3, dtype=np.uint8)
    classes[4, 3:6] = 7
    found, per_cent = without_speckle(classes, np.full((9, 9), SURE), 4)
    assert (found == 3).all()
    assert (per_cent[4, 3:6] == 20).all()
    assert (per_cent[classes == 3] == 80).all()


def test_a_piece_that_is_large_enough_stays():
    classes = np.full((9, 9), 3, dtype=np.uint8)
    classes[4, 2:6] = 7
    found, _ = without_speckle(classes, np.full((9, 9), SURE), 4)
    assert np.array_equal(found, classes)


def test_the_more_probable_neighbour_wins():
    classes = np.full((5, 9), 1, dtype=np.uint8)
    classes[:, 5:] = 2
    classes[2, 4] = 9
    per_cent = np.full((5, 9), 90, dtype=np.uint8)
    # three neighbours of class 1 with little evidence, one of class 2 with more than all of them
    per_cent[:, :4], per_cent[1, 4], per_cent[3, 4] = 20, 20, 20
    found, _ = without_speckle(classes, per_cent, 4)
    assert found[2, 4] == 2


def test_nodata_is_no_class():
    classes = np.zeros((9, 9), dtype=np.uint8)
    classes[4, 4] = 5
    classes[0] = 6
    found, _ = without_speckle(classes, np.full((9, 9), SURE), 4)
    assert np.array_equal(found, classes)
    classes[:] = 6
    classes[4, 4] = 0
    found, _ = without_speckle(classes, np.full((9, 9), SURE), 4)
    assert np.array_equal(found, classes)


def test_one_pixel_may_be_enough():
    classes = np.random.default_rng(0).integers(1, 5, (20, 20), dtype=np.uint8)
    found, _ = without_speckle(classes, np.full((20, 20), SURE), 1)
    assert np.array_equal(found, classes)


def test_what_was_sure_of_its_class_has_a_probability_still():
    classes = np.full((9, 9), 3, dtype=np.uint8)
    classes[4, 4] = 7
    _, per_cent = without_speckle(classes, np.full((9, 9), 100, np.uint8), 4)
    assert per_cent[4, 4] == 1


def test_most_speckle_goes():
    rng = np.random.default_rng(4)
    classes = np.where(np.arange(200) < 100, 1, 2).astype(np.uint8) * np.ones((200, 1), np.uint8)
    wrong = rng.random(classes.shape) < 0.1
    classes[wrong] = rng.integers(1, 6, int(wrong.sum()))
    before = (sizes_of_pieces(classes) < 4).sum()
    found, _ = without_speckle(classes, np.full(classes.shape, SURE), 4)
    assert (sizes_of_pieces(found) < 4).sum() <= before / 20
    assert (found[:, :98] == 1).mean() > 0.995
    assert (found[:, 102:] == 2).mean() > 0.995


@settings(max_examples=60)
@given(
    arrays(np.uint8, (14, 15), elements=st.integers(0, 3)),
    arrays(np.uint8, (14, 15), elements=st.integers(0, 100)),
)
def test_a_large_piece_never_loses_a_pixel_and_nodata_stays(classes, per_cent):
    found, chance = without_speckle(classes, per_cent, 4)
    assert np.array_equal(found == 0, classes == 0)
    large = sizes_of_pieces(classes) >= 4
    assert np.array_equal(found[large], classes[large])
    assert np.array_equal(chance[found == classes], per_cent[found == classes])


@pytest.mark.parametrize("least", [2, 4, 7])
def test_a_window_with_what_it_depends_on_gives_the_same(least):
    rng = np.random.default_rng(least)
    classes = rng.integers(0, 4, (120, 130), dtype=np.uint8)
    per_cent = rng.integers(0, 101, (120, 130), dtype=np.uint8)
    whole = without_speckle(classes, per_cent, least)
    halo = reach(least)
    for top, left in ((0, 0), (50, 40), (90, 100)):
        rows = slice(max(0, top - halo), top + 30 + halo)
        cols = slice(max(0, left - halo), left + 30 + halo)
        part = without_speckle(classes[rows, cols], per_cent[rows, cols], least)
        inner = np.s_[top - rows.start :, left - cols.start :]
        for one, other in zip(whole, part, strict=True):
            expected = one[top : top + 30, left : left + 30]
            assert np.array_equal(other[inner][:30, :30], expected)

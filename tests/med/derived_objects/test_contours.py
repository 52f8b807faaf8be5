from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp
from matplotlib.path import Path as Outline
from skimage.draw import polygon2mask
from skimage.measure import label

from sam_med.derived_objects.contours import outlines

masks = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9))


def inside(contour, shape):
    """Pixel centres inside one contour, by matplotlib."""
    rows, columns = np.indices(shape)
    centres = np.stack([columns.ravel(), rows.ravel()], axis=1)
    closed = np.vstack([contour, contour[:1]])[:, ::-1]
    return Outline(closed).contains_points(centres).reshape(shape)


def even_odd(contour, shape):
    """The same by hand: how many edges lie to the right of a pixel centre."""
    rows, columns = np.indices(shape)
    crossings = np.zeros(shape, int)
    for (r0, c0), (r1, c1) in zip(contour, np.roll(contour, -1, axis=0), strict=True):
        if c0 == c1:
            crossings += (columns < c0) & (min(r0, r1) < rows) & (rows < max(r0, r1))
    return crossings % 2 == 1


@settings(max_examples=300, deadline=None)
@given(masks)
def test_pixel_centres_inside_the_outlines_are_the_mask(mask):
    found = outlines(mask)
    for fill in (inside, even_odd):
        filled = [fill(contour, mask.shape) for contour in found]
        assert np.array_equal(np.sum([np.zeros(mask.shape, int), *filled], axis=0), mask)


@settings(max_examples=200, deadline=None)
@given(masks)
def test_one_outline_a_piece_with_the_area_of_its_pixels(mask):
    found = outlines(mask)
    assert len(found) == label(mask, connectivity=1).max()
    area = 0.0
    for contour in found:
        rows, columns = contour.T
        area += np.sum(columns * np.roll(rows, -1) - np.roll(columns, -1) * rows) / 2
        assert ((contour * 2) % 2 == 1).all()  # every corner is half a pixel from centres
    assert area == mask.sum()


def test_a_hole_by_hand():
    mask = np.ones((3, 3), bool)
    mask[1, 1] = False
    (contour,) = outlines(mask)
    corners = {(-0.5, -0.5), (-0.5, 2.5), (2.5, 2.5), (2.5, -0.5)}
    hole = {(0.5, 0.5), (0.5, 1.5), (1.5, 1.5), (1.5, 0.5)}
    assert {tuple(p) for p in contour.tolist()} == corners | hole | {(0.5, -0.5)}
    assert len(contour) == 4 + 4 + 2  # the channel leaves the outline and comes back


def test_pieces_that_touch_at_a_corner_stay_two():
    assert len(outlines(np.eye(2, dtype=bool))) == 2


def test_nothing():
    assert outlines(np.zeros((4, 5), bool)) == []


@pytest.mark.parametrize("seed", range(3))
def test_a_round_object_by_a_further_library(seed):
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((60, 70))
    radius = np.hypot(rows - 30, columns - 33)
    mask = (radius < 22) & (radius > 9) & (rng.random((60, 70)) < 0.98)
    filled = np.zeros(mask.shape, int)
    for contour in outlines(mask):
        filled += polygon2mask(mask.shape, contour)
    assert np.array_equal(filled, mask)

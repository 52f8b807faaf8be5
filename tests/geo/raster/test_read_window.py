"""Indices of a raster and of the image that is read of it."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from sam_common.window import Window
from sam_geo.raster.frame import corners_to_world, frame_from_affine
from sam_geo.raster.read_window import ReadWindow

COARSE = ReadWindow(Window((10, 20), (50, 100)), (20, 20), (0, 3))
FRAME = frame_from_affine(Affine(0.4, 0.3, 500_000, 0.3, -0.4, 5_800_000))
sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


@st.composite
def reads(draw):
    start, image = draw(st.tuples(st.integers(0, 900), st.integers(0, 900))), draw(sizes)
    rows, cols = (side * draw(st.integers(1, 7)) for side in image)
    return ReadWindow(Window(start, (start[0] + rows, start[1] + cols)), image, ())


def test_a_coarse_read_by_hand():
    assert COARSE.scale_xy == (4.0, 2.0)
    assert not COARSE.is_native
    # the outer corner of the window is at -0.5 in both
    assert COARSE.point_into_image((19.5, 9.5)) == (-0.5, -0.5)
    assert COARSE.box_into_image((19.5, 9.5, 99.5, 49.5)) == (-0.5, -0.5, 19.5, 19.5)
    assert COARSE.corners_into_raster(np.array([[1.0, 1.0]])).tolist() == [[24.0, 12.0]]


def test_a_native_read_is_a_shift():
    read = ReadWindow(Window((10, 20), (50, 100)), (40, 80), ())
    assert read.is_native
    assert read.scale_xy == (1.0, 1.0)
    assert read.point_into_image((20.25, 10.5)) == (0.25, 0.5)


@given(reads(), st.tuples(st.floats(-50, 50), st.floats(-50, 50)))
def test_points_lie_at_the_same_place_of_the_world_in_raster_and_image(read, corner):
    in_raster = read.corners_into_raster(np.array([corner]))
    frame = read.image_frame(FRAME)
    world = corners_to_world(np.array([corner]), frame)
    np.testing.assert_allclose(world, corners_to_world(in_raster, FRAME), atol=1e-6)
    index_xy = read.point_into_image(tuple(in_raster[0] - 0.5))
    assert index_xy == pytest.approx((corner[0] - 0.5, corner[1] - 0.5), abs=1e-6)

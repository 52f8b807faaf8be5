"""Objects on the voxels of another grid, where these are the same voxels."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from sam_common.errors import GeometryError, InputError
from sam_common.frame import Frame
from sam_common.window import Window
from sam_med.geometry.volume import Volume
from sam_med.objects.segments import Segment
from sam_med.segmentations.align import common_grid, onto_grid
from sam_med.segmentations.objects import SegmentationFile, grid_of

SHAPE = (4, 5, 6)
WORLD = [[0.0, 0.1, 0.8], [0.2, 0.7, 0.0], [2.5, 0.0, 0.0]]
"""Columns: steps along k, j and i in mm; oblique and not even perpendicular."""


def frame(columns=WORLD, origin=(-10.0, 20.0, 5.0)):
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = columns, origin
    return Frame.from_array(matrix)


def grid(shape=SHAPE, of=None):
    return grid_of(shape, of or frame())


def one_object(shape=SHAPE):
    mask = np.random.default_rng(4).random((2, 3, 4)) < 0.5
    start = [n - m for n, m in zip(shape, mask.shape, strict=True)]
    return Segment("a", 3, Window(tuple(start), shape), mask)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", list(itertools.product((False, True), repeat=3)))
def test_axes_in_any_order_and_direction(order, flips):
    """The whole mask, transposed and reversed by numpy, and its grid likewise."""
    segment = one_object()
    whole = segment.full(SHAPE).transpose(order)
    columns = frame().array[:3, list(order)].copy()
    origin = np.array(frame().array[:3, 3])
    for axis, flip in enumerate(flips):
        if flip:
            whole = np.flip(whole, axis)
            origin += columns[:, axis] * (whole.shape[axis] - 1)
            columns[:, axis] *= -1
    turned = Segment("a", 3, Window((0, 0, 0), whole.shape), whole)
    file = SegmentationFile(grid(whole.shape, frame(columns, origin)), (turned,), named=True)
    (found,) = onto_grid(file, grid()).segments
    assert np.array_equal(found.full(SHAPE), segment.full(SHAPE))
    assert found.mask.flags.c_contiguous


def test_a_part_of_the_grid_is_put_in_its_place():
    segment = one_object((2, 3, 4))
    part = grid((2, 3, 4), frame(origin=frame().to_world([1, 2, 1])))
    file = SegmentationFile(part, (segment,), named=True, sparse=True)
    (found,) = onto_grid(file, grid()).segments
    assert found.window.start == (1, 2, 1)
    assert np.array_equal(found.mask, segment.mask)
    whole = SegmentationFile(part, (segment,), named=True)
    expected = "the grids differ: 6 x 5 x 4 and 4 x 3 x 2 voxels (both have to be of the same vol"
    with pytest.raises(GeometryError, match=f"^{re.escape(expected)}"):
        onto_grid(whole, grid())


def test_slices_that_a_sparse_file_leaves_out_are_empty():
    """Every second slice: the step from slice to slice is two of the grid."""
    columns = frame().array[:3, :3] * (2, 1, 1)
    mask = np.ones((2, 1, 1), bool)
    segment = Segment("a", 1, Window((0, 1, 1), (2, 2, 2)), mask)
    file = SegmentationFile(grid((2, 5, 6), frame(columns)), (segment,), named=True, sparse=True)
    (found,) = onto_grid(file, grid()).segments
    assert found.occupied_slices == [0, 2]
    assert found.voxels == 2


@pytest.mark.parametrize(
    ("origin", "columns", "expected"),
    [
        ((-10.0, 20.0, 5.4), WORLD, "the grids differ: voxels are 0.4 mm apart"),
        ((-10.0, 20.0, 7.5), WORLD, "the grids differ: "),
        ((-10.0, 20.0, 5.0), np.eye(3)[:, [1, 1, 2]] + 0.3 * np.eye(3), "the grids differ: their"),
    ],
)
def test_other_voxels_are_refused(origin, columns, expected):
    file = SegmentationFile(grid(of=frame(columns, origin)), (one_object(),), named=True)
    with pytest.raises(GeometryError, match=f"^{re.escape(expected)}"):
        onto_grid(file, grid())


def test_an_object_without_voxels_lies_on_any_grid():
    empty = Segment("a", 1, Window((0, 0, 0), (1, 1, 1)), np.zeros((1, 1, 1), bool))
    file = SegmentationFile(grid(), (empty,), named=True, sparse=True)
    assert not onto_grid(file, grid()).segments[0].mask.any()


def test_a_grid_around_two_sparse_files():
    one, two = (
        SegmentationFile(
            grid((2, 3, 4), frame(origin=frame().to_world(start))),
            (one_object((2, 3, 4)),),
            named=True,
            sparse=True,
        )
        for start in ([0, 0, 0], [5, -2, 1])
    )
    around = common_grid(one, two)
    assert around.shape == (7, 5, 5)
    assert np.allclose(around.to_world([0, 2, 0]), one.grid.to_world([0, 0, 0]))
    moved = [onto_grid(file, around).segments[0].window.start for file in (one, two)]
    assert moved == [(0, 2, 0), (5, 0, 1)]
    dense = SegmentationFile(grid(), (), named=False)
    assert common_grid(one, dense) is dense.grid


def test_no_grid_around_files_that_lie_far_apart_or_unevenly():
    near = SegmentationFile(grid(), (), named=True, sparse=True)
    far = SegmentationFile(grid(of=frame(origin=(1e6, 0, 0))), (), named=True, sparse=True)
    with pytest.raises(GeometryError, match=r"^the grids differ: they lie \d+ voxels apart"):
        common_grid(near, far)
    origins = np.array([frame().to_world([k, 0, 0]) for k in (0, 1, 2, 4)])
    uneven = Volume(np.zeros(SHAPE, np.uint8), frame(), origins_lps=origins)
    with pytest.raises(InputError, match=r"^the frames lie on no even grid: gaps of 2\.\d+ mm to "):
        common_grid(near, SegmentationFile(uneven, (), named=True, sparse=True))

"""Points, lines and outlines as prompts."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sam_common.errors import PromptError
from sam_common.frame import Frame
from sam_common.window import Window
from sam_med.annotations.drawing import Annotation, AnnotationFile, Drawing
from sam_med.geometry.slice_box import SliceBox
from sam_med.geometry.volume import Volume
from sam_med.measurements.diameters import axes_of
from sam_med.objects.segments import Segment
from sam_med.prompts.drawings import WIDTH, ellipse_corners, prompts_from_annotations
from sam_med.prompts.object_prompt import VoxelPoint


def volume(spacing_kji=(3.0, 1.0, 1.0), shape=(9, 60, 70)):
    matrix = np.diag([*spacing_kji[::-1], 1.0])
    return Volume(np.zeros(shape, np.int16), Frame.from_array(matrix[:, [2, 1, 0, 3]]))


def drawing(kind, *points):
    return Drawing(kind, np.array(points, float))


def prompt(*drawings, grid=None, name="lesion"):
    file = AnnotationFile((Annotation(name, drawings),))
    (found,), notes = prompts_from_annotations(file, grid or volume())
    assert notes == []
    return found


def test_points_are_in_the_object():
    found = prompt(drawing("point", (2, 9.25, 7), (3, 1, 1)))
    assert found.points == (VoxelPoint((2, 9.25, 7)), VoxelPoint((3, 1, 1)))
    assert (found.label, found.value, found.slice_boxes, found.box) == ("lesion", 1, (), None)


def test_a_line_is_the_long_axis_of_an_ellipse():
    """From column 10 to column 50, so 40 long and 30 wide, whose middle is row 30."""
    assert WIDTH == 0.75
    (box,) = prompt(drawing("line", (4, 30, 9.5), (4, 30, 49.5))).slice_boxes
    assert box == SliceBox(0, 4, Window((15, 10), (46, 50)))


def test_the_width_counts_in_millimetres():
    """Rows twice as far apart as columns: half as many of them."""
    grid = volume((3.0, 2.0, 1.0))
    (box,) = prompt(drawing("line", (4, 30, 9.5), (4, 30, 49.5)), grid=grid).slice_boxes
    assert box.window == Window((23, 10), (38, 50))


def test_two_lines_that_cross_are_long_and_short_axis():
    lines = [
        drawing("line", (4, 20, 19.5), (4, 20, 59.5)),
        drawing("line", (4, 15, 30), (4, 29, 30)),
    ]
    (box,) = prompt(*lines).slice_boxes
    assert box.window == Window((15, 20), (30, 60))
    (same,) = prompt(*lines[::-1]).slice_boxes
    assert same == box


def test_two_lengths_side_by_side_are_no_cross():
    lines = [
        drawing("line", (4, 20, 19.5), (4, 20, 59.5)),
        drawing("line", (4, 24, 20), (4, 25, 40)),
    ]
    (box,) = prompt(*lines).slice_boxes
    assert box.window == Window((5, 20), (36, 60))


@pytest.mark.parametrize("degrees", [0, 20, 45, 80, 110])
@pytest.mark.parametrize("spacing", [(3.0, 1.0, 1.0), (3.0, 0.8, 1.5)])
def test_the_axes_of_an_ellipse_give_its_box(degrees, spacing):
    """However it lies: the axes that were measured on a mask, back to the box of the mask."""
    grid = volume(spacing)
    y, x = np.mgrid[:60, :70] * np.array(spacing[1:])[:, None, None]
    turn = np.radians(degrees)
    x, y = x - 35 * spacing[2], y - 30 * spacing[1]
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    mask = ((along / 22) ** 2 + (across / 11) ** 2 <= 1)[None]
    axes = axes_of(grid, Segment("a", 1, Window((4, 0, 0), (5, 60, 70)), mask))
    lines = [drawing("line", *ends.tolist()) for ends in (axes.long_kji, axes.short_kji)]
    (box,) = prompt(*lines, grid=grid).slice_boxes
    rows, columns = np.nonzero(mask[0])
    tight = Window((rows.min(), columns.min()), (rows.max() + 1, columns.max() + 1))
    # at 45 degrees an ellipse reaches beyond the box around the ends of its axes
    assert_allclose(box.window.start, tight.start, atol=3)
    assert_allclose(box.window.stop, tight.stop, atol=3)


def test_outlines_and_ellipses_give_the_box_around_them():
    corners = drawing("outline", (2, 4.5, 9.5), (2, 4.5, 19.5), (2, 14.5, 19.5), (2, 4.5, 9.5))
    (box,) = prompt(corners).slice_boxes
    assert box == SliceBox(0, 2, Window((5, 10), (15, 20)))
    ends = drawing("ellipse", (2, 9.5, 9.5), (2, 9.5, 19.5), (2, 4.5, 14.5), (2, 14.5, 14.5))
    assert prompt(ends).slice_boxes == (box,)
    both = prompt(corners, drawing("outline", (2, 30, 30), (2, 31, 31), (2, 30, 33)))
    assert both.slice_boxes == (SliceBox(0, 2, Window((5, 10), (32, 34))),)


def test_drawings_on_slices_of_any_plane():
    found = prompt(
        drawing("outline", (2, 10, 10), (2, 20, 10), (2, 20, 20)),
        drawing("outline", (1, 15, 10), (5, 15.2, 10), (5, 14.9, 20)),
        drawing("line", (1, 12, 30), (7, 18, 30)),
    )
    assert [(box.axis, box.index) for box in found.slice_boxes] == [(0, 2), (1, 15), (2, 30)]


def test_an_ellipsoid_is_a_box_in_three_dimensions():
    ends = [(1.5, 20, 30), (6.5, 20, 30), (4, 9.5, 30), (4, 30.5, 30), (4, 20, 10.5), (4, 20, 49.5)]
    assert prompt(drawing("ellipsoid", *ends)).box == Window((2, 10, 11), (7, 31, 50))


def test_a_line_across_slices_is_refused():
    message = (
        "^a line of label lesion lies on no slice of the volume: draw it on one, axial, coronal or "
        "sagittal$"
    )
    with pytest.raises(PromptError, match=message):
        prompt(drawing("line", (1, 12, 30), (7, 18, 40)))


def test_a_line_of_no_length_is_a_voxel():
    (box,) = prompt(drawing("line", (1, 12, 30), (1, 12, 30))).slice_boxes
    assert box.window == Window((12, 30), (13, 31))


def test_names_are_told_apart():
    point = (drawing("point", (1, 1, 1)),)
    file = AnnotationFile(tuple(Annotation(name, point) for name in ("a", None, "a")))
    found, notes = prompts_from_annotations(file, volume())
    assert [(one.label, one.value) for one in found] == [("a", 1), ("object_2", 2), ("a 2", 3)]
    assert notes == ["several objects of the prompts are called a: one is a 2 here"]


def test_the_box_of_a_stretched_ellipse_is_the_stretched_box():
    ends = np.array([[0.0, 1.0], [6.0, 5.0], [2.0, 4.5], [4.0, 1.5]])
    stretch = np.array([[2.0, 0.0], [0.0, 0.3]])
    assert_allclose(ellipse_corners(ends @ stretch), ellipse_corners(ends) @ stretch)

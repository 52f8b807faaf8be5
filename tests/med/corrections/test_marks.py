from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from sam_common.errors import PromptError
from sam_common.frame import Frame
from sam_med.corrections.marks import Mark
from sam_med.geometry.volume import Volume


@pytest.fixture
def volume():
    """10 x 20 x 30 voxels (k, j, i) whose slices along k are the farthest apart."""
    affine = np.diag([3.0, 1.0, 1.0, 1.0])
    return Volume(np.zeros((10, 20, 30), dtype=np.int16), Frame.from_array(affine), "CT")


@pytest.mark.parametrize(
    ("kind", "points", "more", "expected"),
    [
        (
            "dot",
            [(1, 2, 3)],
            {},
            "a correction is click, scribble, lasso, line, not_this, got 'dot'",
        ),
        ("click", [], {}, "a click takes one point, got 0"),
        ("click", [(1, 2, 3), (1, 2, 4)], {}, "a click takes one point, got 2"),
        (
            "scribble",
            [(1, 2, 3)],
            {},
            "a scribble takes two or more points along its stroke, got 1",
        ),
        (
            "lasso",
            [(1, 2, 3), (1, 2, 5)],
            {},
            "a lasso takes three or more points around its outline, got 2",
        ),
        (
            "line",
            [(1, 2, 3)] * 3,
            {},
            (
                "a line takes two points, the ends of the long axis, or four, those of the long "
                "and the short one, got 3"
            ),
        ),
        (
            "line",
            [(1, 2, 3), (1, 2, 3)],
            {},
            "a line of length zero says nothing: both ends are at ijk 3,2,1",
        ),
        (
            "line",
            [(1, 2, 3), (1, 2, 9), (1, 4, 5), (1, 4, 5)],
            {},
            "a line of length zero says nothing: both ends are at ijk 5,4,1",
        ),
        ("click", [(1, 2)], {}, "points of a click must be three finite numbers each"),
        ("click", [(1, 2, np.nan)], {}, "points of a click must be three finite numbers each"),
        (
            "line",
            [(1, 2, 3), (1, 2, 9)],
            {"positive": False},
            "a line is never negative: use a scribble or a lasso",
        ),
        ("click", [(1, 2, 3)], {"axis": 3}, "the axis of a slice must be 0, 1 or 2, got 3"),
    ],
)
def test_a_mark_that_says_nothing_is_refused(kind, points, more, expected):
    with pytest.raises(PromptError) as caught:
        Mark(kind, tuple(points), **more)
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        (Mark("click", ((1, 2, 30),)), "the click lies outside the volume: ijk 30,2,1, but"),
        (Mark("click", ((-0.6, 2, 3),)), "the click lies outside the volume: ijk 3,2,-0.6, but"),
        (Mark("scribble", ((1, 2, 3), (1, 2, 31))), "the scribble lies outside the volume"),
        (Mark("lasso", ((1, 2, 40), (1, 5, 41), (1, 5, 42))), "the lasso lies outside the volume"),
        (
            Mark("scribble", ((1, 2, 3), (5, 9, 20))),
            "the scribble at ijk 3,2,1 lies on no slice of the volume: draw it on one, axial",
        ),
        (
            Mark("scribble", ((1, 2, 3), (1, 9, 20)), axis=1),
            "the scribble at ijk 3,2,1 lies on no slice along j of the volume",
        ),
    ],
)
def test_a_mark_that_lies_nowhere_is_refused(mark, expected, volume):
    with pytest.raises(PromptError) as caught:
        mark.place(volume)
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize(
    ("mark", "place"),
    [
        (Mark("click", ((4.4, 2, 3),)), (0, 4)),
        (Mark("click", ((4.4, 2, 3),), axis=2), (2, 3)),
        (Mark("scribble", ((1, 2, 3), (5, 2, 9))), (1, 2)),
        # a stroke along a row lies on slices of two axes: the finer one is meant
        (Mark("scribble", ((1, 2, 3), (1, 2, 9))), (0, 1)),
        (Mark("lasso", ((1.4, 2, 3), (0.6, 9, 9), (1, 5, 1))), (0, 1)),
    ],
)
def test_a_mark_lies_on_a_slice(mark, place, volume):
    assert mark.place(volume) == place


def test_pixels_of_marks(volume):
    click = Mark("click", ((4, 2, 3),)).on_slice(volume, (0, 4))
    assert np.argwhere(click).tolist() == [[2, 3]]
    stroke = Mark("scribble", ((4, 2, 3), (4, 2, 6), (4, 4, 6))).on_slice(volume, (0, 4))
    assert np.argwhere(stroke).tolist() == [[2, 3], [2, 4], [2, 5], [2, 6], [3, 6], [4, 6]]
    corners = ((4, 1.5, 2.5), (4, 1.5, 5.5), (4, 3.5, 5.5), (4, 3.5, 2.5))
    area = Mark("lasso", corners).on_slice(volume, (0, 4))
    assert np.argwhere(area).tolist() == [[r, c] for r in (2, 3) for c in (3, 4, 5)]
    cross = Mark("line", ((4, 2, 2), (4, 2, 4), (4, 1, 3), (4, 3, 3))).on_slice(volume, (0, 4))
    assert np.argwhere(cross).tolist() == [[1, 3], [2, 2], [2, 3], [2, 4], [3, 3]]


def test_strokes_have_no_gaps(volume):
    stroke = Mark("scribble", ((4, 1, 1), (4, 17, 28), (4, 5, 20))).on_slice(volume, (0, 4))
    assert ndimage.label(stroke, np.ones((3, 3)))[1] == 1


def test_a_lasso_between_centres_is_refused(volume):
    tiny = Mark("lasso", ((4, 1.1, 1.1), (4, 1.1, 1.4), (4, 1.4, 1.1)))
    with pytest.raises(PromptError, match=r"goes around no centre of a voxel: draw it larger$"):
        tiny.on_slice(volume, (0, 4))

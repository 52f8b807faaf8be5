from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sam_med.annotations.drawing import LeftOutError, circle_as_ellipse, kind_of, rows_of


@pytest.mark.parametrize(
    ("graphic", "count", "kind"),
    [
        ("POINT", 1, "point"),
        ("MULTIPOINT", 7, "point"),
        ("POLYLINE", 2, "line"),
        ("POLYLINE", 5, "outline"),
        ("INTERPOLATED", 4, "outline"),
        ("POLYGON", 4, "outline"),
        ("ELLIPSE", 4, "ellipse"),
        ("ELLIPSOID", 6, "ellipsoid"),
    ],
)
def test_graphics_of_the_standard(graphic, count, kind):
    assert kind_of(graphic, np.zeros((count, 2))) == kind


@pytest.mark.parametrize(
    ("graphic", "count", "reason"),
    [
        ("POLYLINE", 1, "POLYLINE of 1 points"),
        ("ELLIPSE", 3, "ELLIPSE of 3 points"),
        ("SPLINE", 9, "SPLINE of 9 points"),
        ("", 2, "a graphic without a type of 2 points"),
    ],
)
def test_graphics_that_are_left_out(graphic, count, reason):
    with pytest.raises(LeftOutError, match=f"^{reason}$"):
        kind_of(graphic, np.zeros((count, 2)))


def test_a_circle_has_two_axes():
    ends = circle_as_ellipse(np.array([[10.0, 20.0], [13.0, 24.0]]))
    assert_allclose(ends, [[5, 20], [15, 20], [10, 15], [10, 25]])
    with pytest.raises(LeftOutError, match=r"^CIRCLE of 1 points$"):
        circle_as_ellipse(np.zeros((1, 2)))


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ([1.0, 2.0, 3.0], "a graphic of 3 coordinates, or of some that are not finite"),
        ([1.0, float("nan")], "a graphic of 2 coordinates, or of some that are not finite"),
        (["a", "b"], "a graphic without coordinates"),
        ([], "a graphic of 0 coordinates, or of some that are not finite"),
    ],
)
def test_coordinates_that_cannot_be_used(numbers, reason):
    with pytest.raises(LeftOutError, match=f"^{reason}$"):
        rows_of(numbers, 2)
    assert rows_of([1, 2, 3, 4], 2).tolist() == [[1, 2], [3, 4]]

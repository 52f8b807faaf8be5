from __future__ import annotations

import numpy as np
import pytest

from sam_common.errors import GeometryError
from sam_common.frame import Frame
from sam_common.window import Window


def test_a_single_index_needs_no_batch_axis():
    # rows go down in y, columns go right in x, steps of 2 and 3
    frame = Frame.from_array([[0, 3, 100], [-2, 0, 50], [0, 0, 1]])
    assert frame.to_world([1, 2]).tolist() == [106, 48]
    assert frame.to_index([106, 48]).tolist() == [1, 2]
    assert frame.to_world(np.zeros((4, 5, 2))).shape == (4, 5, 2)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (
            [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]],
            "matrix must be square and homogeneous, got shape (3, 2)",
        ),
        ([[1.0]], "matrix must be square and homogeneous, got shape (1, 1)"),
        ([[1, 0], [0, 2]], "last row must be (0, ..., 0, 1), got [0.0, 2.0]"),
        ([[np.nan, 0], [0, 1]], "matrix must be finite, got [[nan, 0.0], [0.0, 1.0]]"),
        (
            [[1, 2, 0], [2, 4, 0], [0, 0, 1]],
            "matrix is singular: [[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [0.0, 0.0, 1.0]]",
        ),
    ],
)
def test_impossible_frames(matrix, message):
    with pytest.raises(GeometryError) as caught:
        Frame.from_array(matrix)
    assert str(caught.value) == message


def test_coordinates_of_another_dimension():
    with pytest.raises(GeometryError) as caught:
        Frame.identity(2).to_world([1, 2, 3])
    assert str(caught.value) == "coordinates must end in an axis of 2, got shape (3,)"


def test_the_last_row_may_be_of_any_number_type_and_the_matrix_is_plain():
    frame = Frame.from_array(np.array([[2, 0, 5], [0, 3, 7], [0, 0, 1]], dtype=np.int16))
    assert frame.matrix == ((2.0, 0.0, 5.0), (0.0, 3.0, 7.0), (0.0, 0.0, 1.0))
    assert {type(v) for row in frame.matrix for v in row} == {float}
    assert frame.ndim == 2


def test_a_crop_by_hand():
    # two world units per column, three per row, the first sample at (100, 50)
    frame = Frame.from_array([[0, 2, 100], [-3, 0, 50], [0, 0, 1]])
    crop = frame.crop(Window((4, 5), (6, 9)))
    assert crop.to_world([0, 0]).tolist() == [110, 38]
    # what lies beyond the window does not count
    assert crop == frame.crop(Window((4, 5), (7, 6)))


def test_the_order_of_composition():
    twice = Frame.from_array([[2, 0], [0, 1]])
    later = Frame.from_array([[1, 10], [0, 1]])
    assert twice.compose(later).to_world([1]).tolist() == [22]
    assert later.compose(twice).to_world([1]).tolist() == [12]


def test_the_arrays_of_a_frame_cannot_be_written_to():
    frame = Frame.identity(3)
    for array in (frame.array, frame.inverse_array):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sam_common.errors import GeometryError, PromptError
from sam_common.window import Window
from sam_med.objects.labels import Label, apart, paint
from sam_med.objects.segments import Segment

SHAPE = (2, 4, 4)


def block(value, start, stop):
    window = Window(start, stop)
    return Segment(f"object {value}", value, window, np.ones(window.shape, bool))


def by_hand(*values):
    return [block(values[0], (0, 0, 0), (1, 2, 3)), block(values[1], (0, 1, 2), (1, 4, 4))]


def test_the_later_object_is_kept_where_they_overlap():
    labels = paint(SHAPE, by_hand(1, 2), "all")
    assert labels.array.tolist() == [
        [[1, 1, 1, 0], [1, 1, 2, 2], [0, 0, 2, 2], [0, 0, 2, 2]],
        [[0, 0, 0, 0]] * 4,
    ]
    assert labels.array.dtype == np.uint8
    assert labels.labels == (Label("object 1", 1, 5, 6), Label("object 2", 2, 6, 6))
    assert paint(SHAPE, by_hand(1, 2)[::-1], "all").array[0, 1, 2] == 1


def test_an_earlier_object_keeps_its_voxels_unless_asked():
    labels = paint(SHAPE, by_hand(1, 2))
    assert labels.array[0].tolist() == [[1, 1, 1, 0], [1, 1, 1, 2], [0, 0, 2, 2], [0, 0, 2, 2]]
    assert labels.labels == (Label("object 1", 1, 6, 6), Label("object 2", 2, 5, 6))
    # two objects of one structure: the first keeps its own under "other" as well
    assert np.array_equal(paint(SHAPE, by_hand(1, 2), "other").array, labels.array)


def test_without_what_went_to_others_objects_lie_apart():
    one, two = by_hand(1, 2)
    for rule in ("none", "all"):
        labels = paint(SHAPE, [one, two], rule)
        first, second = apart([one, two], labels)
        assert not first.overlaps(second)
        assert np.array_equal(first.full(SHAPE), labels.array == 1)
        assert np.array_equal(second.full(SHAPE), labels.array == 2)


@pytest.mark.parametrize(
    ("values", "dtype"), [((5, 3), np.uint8), ((255, 1), np.uint8), ((300, 7), np.uint16)]
)
def test_values_of_ones_own(values, dtype):
    plain = paint(SHAPE, by_hand(1, 2)).array
    labels = paint(SHAPE, by_hand(*values))
    assert labels.array.dtype == dtype
    assert np.array_equal(labels.array, np.array([0, *values])[plain])
    assert [label.value for label in labels.labels] == list(values)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2**32 - 1)), max_size=6)
)
def test_counts_are_those_of_the_array(parts):
    segments = []
    for n, (row, column, seed) in enumerate(parts, start=1):
        window = Window((0, row, column), (2, 4, 4))
        mask = np.random.default_rng(seed).random(window.shape) < 0.5
        segments.append(Segment(str(n), n * 7, window, mask))
    labels = paint(SHAPE, segments, "all")
    expected = np.zeros(SHAPE, int)
    for segment in segments:
        expected[segment.full(SHAPE)] = segment.value
    assert np.array_equal(labels.array, expected)
    for label, segment in zip(labels.labels, segments, strict=True):
        assert label.voxels == (expected == label.value).sum()
        assert label.voxels_segmented == segment.full(SHAPE).sum()


def test_more_than_255_objects():
    labels = paint(SHAPE, [block(n, (0, 0, 0), (1, 4, 4)) for n in range(1, 301)], "all")
    assert labels.array.dtype == np.uint16
    assert (labels.array[0] == 300).all()
    assert [label.voxels for label in labels.labels] == [0] * 299 + [16]


def test_nothing_paints_nothing():
    window = Window((0, 0, 0), SHAPE)
    labels = paint(SHAPE, [Segment("a", 1, window, np.zeros(SHAPE, bool))])
    assert labels.labels == (Label("a", 1, 0, 0),)
    assert not labels.array.any()
    assert not paint(SHAPE, []).array.any()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ((3, 3), r"^each object needs a value of its own, got \[3, 3\]$"),
        ((0, 3), r"^values of objects must be 1 to 65535, got \[0, 3\]$"),
        ((1, 65536), r"^values of objects must be 1 to 65535, got \[1, 65536\]$"),
    ],
)
def test_each_object_needs_its_value(values, reason):
    with pytest.raises(PromptError, match=reason):
        paint(SHAPE, by_hand(*values))


def test_objects_must_lie_inside():
    segment = block(1, (1, 3, 3), (3, 5, 5))
    expected = (
        r"^object 1 covers \(1, 3, 3\) to \(3, 5, 5\), which is not inside a volume of \(2, 4, 4\)$"
    )
    with pytest.raises(GeometryError, match=expected):
        paint(SHAPE, [segment])

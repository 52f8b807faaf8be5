from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sam_common.prompts import Prompts
from sam_common.window import Window

# sixteenths: sums and differences of them are exact
places = st.integers(-80_000, 80_000).map(lambda n: n / 16)
starts = st.tuples(st.integers(-3000, 3000), st.integers(-3000, 3000))


def window_at(start, shape=(7, 5)):
    return Window(tuple(start), tuple(np.add(start, shape)))


@st.composite
def prompts(draw):
    count = draw(st.integers(0, 4))
    boxes = points = labels = None
    if draw(st.booleans()):
        corners = draw(hnp.arrays(np.float64, (count, 2, 2), elements=places))
        boxes = np.sort(corners, axis=1).reshape(count, 4)
    if boxes is None or draw(st.booleans()):
        per_prompt = draw(st.integers(1, 3))
        points = draw(hnp.arrays(np.float64, (count, per_prompt, 2), elements=places))
        labels = draw(hnp.arrays(np.int64, (count, per_prompt), elements=st.integers(-1, 1)))
    return Prompts(boxes, points, labels)


def same(a, b):
    pairs = zip(a._parts(), b._parts(), strict=True)
    return all(x is y is None or (x == y).all() for x, y in pairs)


@given(prompts(), starts)
def test_into_window_moves_every_coordinate_by_the_start(batch, start):
    moved = batch.into_window(window_at(start))
    row, col = start
    assert moved.kinds == batch.kinds
    if batch.boxes_xyxy is not None:
        assert (moved.boxes_xyxy == batch.boxes_xyxy - [col, row, col, row]).all()
    if batch.points_xy is not None:
        assert (moved.points_xy == batch.points_xy - [col, row]).all()
        assert (moved.point_labels == batch.point_labels).all()


@given(prompts(), starts)
def test_into_a_window_and_back(batch, start):
    back = window_at([-s for s in start])
    assert same(batch.into_window(window_at(start)).into_window(back), batch)


@given(prompts(), starts, starts)
def test_a_window_of_a_window_is_one_window(batch, first, second):
    both = window_at(np.add(first, second))
    twice = batch.into_window(window_at(first)).into_window(window_at(second))
    assert same(twice, batch.into_window(both))


@given(prompts(), starts, st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_only_the_start_of_the_window_counts(batch, start, shape):
    assert same(batch.into_window(window_at(start, shape)), batch.into_window(window_at(start)))


@given(prompts(), st.data())
def test_rows_can_be_taken_before_or_after(batch, data):
    window = window_at(data.draw(starts))
    rows = data.draw(st.slices(len(batch)))
    assert same(batch[rows].into_window(window), batch.into_window(window)[rows])
    assert len(batch[rows]) == len(range(len(batch))[rows])


@given(st.tuples(st.integers(0, 6), st.integers(0, 4)), starts)
def test_a_prompt_points_at_the_same_pixel(index, start):
    # a pixel of the window, named in the indices of the image and then of the window
    (row, col), window = index, window_at(start)
    image_xy = [[start[1] + col, start[0] + row]]
    assert Prompts.from_points(image_xy).into_window(window).points_xy.tolist() == [[[col, row]]]


def test_masks_ride_along():
    masks = np.zeros((1, 256, 256), dtype=np.float32)
    moved = Prompts(mask_logits=masks).into_window(window_at((3, 4)))
    assert (moved.mask_logits == masks).all()
    assert moved.kinds == {"masks"}

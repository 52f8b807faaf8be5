from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reference import _batched_nms

from sam_common.automatic import nms
from sam_common.automatic.nms import batched_nms
from sam_common.errors import InputError

corners = st.tuples(*[st.integers(0, 12)] * 4).map(
    lambda c: (min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3]))
)
detections = st.lists(st.tuples(corners, st.integers(0, 5), st.integers(0, 2)), max_size=40)
thresholds = st.sampled_from([0.0, 0.25, 0.5, 0.7, 1.0])


def columns(found):
    boxes = np.array([box for box, _, _ in found], dtype=np.float64).reshape(-1, 4)
    scores = np.array([score for _, score, _ in found], dtype=np.float64)
    return boxes, scores, np.array([group for _, _, group in found], dtype=np.int64)


def naive(boxes, scores, groups, threshold):
    """Greedy, pair by pair."""

    def overlap(a, b):
        wide, tall = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
        shared = max(wide, 0) * max(tall, 0)
        union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
        return shared / union if union else 0.0

    kept = []
    for i in sorted(range(len(boxes)), key=lambda n: (-scores[n], n)):
        rivals = [j for j in kept if groups[i] == groups[j]]
        if all(overlap(boxes[i], boxes[j]) <= threshold for j in rivals):
            kept.append(i)
    return kept


@given(detections, thresholds, st.sampled_from([1, 3, 512]))
def test_equals_the_naive_form_whatever_the_block(found, threshold, block):
    given_columns = columns(found)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nms, "_BLOCK", block)
        kept = batched_nms(*given_columns, threshold)
    assert kept.dtype == np.int64
    assert kept.tolist() == naive(*given_columns, threshold)


@given(detections.filter(bool), thresholds)
def test_equals_the_published_semantics(found, threshold):
    given_columns = columns(found)
    theirs = _batched_nms(*(torch.from_numpy(part) for part in given_columns), threshold)
    assert batched_nms(*given_columns, threshold).tolist() == theirs.tolist()


@given(detections, thresholds)
def test_groups_are_independent(found, threshold):
    boxes, scores, groups = columns(found)
    kept = batched_nms(boxes, scores, groups, threshold)
    for group in range(3):
        rows = np.flatnonzero(groups == group)
        alone = rows[batched_nms(boxes[rows], scores[rows], groups[rows], threshold)]
        assert kept[groups[kept] == group].tolist() == alone.tolist()


def test_more_boxes_than_a_block():
    random = np.random.default_rng(7)
    low = random.uniform(0, 120, (1500, 2))
    boxes = np.hstack([low, low + random.uniform(5, 20, (1500, 2))])
    scores, groups = random.random(1500).round(2), random.integers(0, 2, 1500)
    kept = batched_nms(boxes, scores, groups, 0.3)
    assert nms._BLOCK < 1500
    assert 0 < len(kept) < 1500
    assert kept.tolist() == naive(boxes, scores, groups, 0.3)


def test_equal_scores_stay_in_the_order_of_the_input():
    boxes = [[n * 20, 0, n * 20 + 10, 10] for n in range(6)]
    assert batched_nms(boxes, [1, 2, 1, 2, 1, 2], [0] * 6, 0.5).tolist() == [1, 3, 5, 0, 2, 4]


def test_a_suppressed_box_suppresses_nothing():
    # a row of boxes, each overlapping the next: the first drops the second, the third stays
    boxes = [[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]]
    assert batched_nms(boxes, [3, 2, 1], [0, 0, 0], 0.2).tolist() == [0, 2]


def test_an_overlap_of_exactly_the_threshold_stays():
    boxes = [[0, 0, 10, 10], [0, 0, 10, 5]]
    assert batched_nms(boxes, [2, 1], [0, 0], 0.5).tolist() == [0, 1]
    assert batched_nms(boxes, [2, 1], [0, 0], 0.49).tolist() == [0]


def test_boxes_without_area_neither_suppress_nor_fall():
    lines = [[5, 0, 5, 10], [0, 5, 10, 5], [5, 5, 5, 5], [5, 5, 5, 5]]
    assert batched_nms(lines, [4, 3, 2, 1], [0] * 4, 0.0).tolist() == [0, 1, 2, 3]


def test_memory_does_not_grow_with_the_square_of_the_boxes():
    random = np.random.default_rng(3)
    low = random.uniform(0, 1e6, (8000, 2))
    boxes = np.hstack([low, low + 10])
    tracemalloc.start()
    kept = batched_nms(boxes, random.random(8000), np.zeros(8000, dtype=np.int64), 0.5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(kept) > 7900
    assert peak < 8e6  # a table of all pairs would be 64 MB of booleans alone


@pytest.mark.parametrize(
    ("boxes", "scores", "groups", "threshold", "message"),
    [
        ([0, 0, 1, 1], [1], [0], 0.5, "boxes_xyxy must have shape (N, 4), got (4,)"),
        ([[0, 0, 1, 1]], [1, 2], [0], 0.5, "scores must have shape (1,), got (2,)"),
        ([[0, 0, 1, 1]], [1], [0, 0], 0.5, "groups must have shape (1,), got (2,)"),
        ([[0, 0, 1, 1]], [1], [0], 1.5, "iou_threshold must lie between 0 and 1, got 1.5"),
        ([[0, 0, 1, 1]], [1], [0], np.nan, "iou_threshold must lie between 0 and 1, got nan"),
        ([[0, 0, 1, 1]], [np.nan], [0], 0.5, "scores must be numbers, got NaN at row 0"),
        (
            [[2, 0, 1, 1]],
            [1],
            [0],
            0.5,
            "boxes must be finite with min <= max, got [2.0, 0.0, 1.0, 1.0]",
        ),
        (
            [[0, 0, 1, np.inf]],
            [1],
            [0],
            0.5,
            "boxes must be finite with min <= max, got [0.0, 0.0, 1.0, inf]",
        ),
    ],
)
def test_bad_input(boxes, scores, groups, threshold, message):
    with pytest.raises(InputError) as caught:
        batched_nms(boxes, scores, groups, threshold)
    assert str(caught.value) == message

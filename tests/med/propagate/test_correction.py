from __future__ import annotations

import numpy as np
import pytest
from shaded_objects import ball, scan, slice_box, slices_of, tight

from sam_common.errors import PromptError
from sam_common.window import Window
from sam_med.geometry.slice_box import SliceBox
from sam_med.propagate.correction import PaintedSlice, redraw
from sam_med.propagate.planes import segment_box


def test_a_painted_slice_stays_as_painted_and_nothing_far_away_changes():
    truth = ball()
    slices = slices_of(scan(truth))
    before = segment_box(slices, tight(truth))
    mask = np.zeros((6, 6), dtype=bool)
    mask[1:4, 2:5] = True
    decoded = slices.decoded
    after = redraw(before, slices, PaintedSlice(0, 9, Window((14, 17), (20, 23)), mask))
    wanted = np.zeros(truth.shape[1:], dtype=bool)
    wanted[14:20, 17:23] = mask
    one, two = before.full(truth.shape), after.full(truth.shape)
    assert np.array_equal(two[9], wanted)
    changed = [k for k in range(30) if not np.array_equal(one[k], two[k])]
    assert 9 in changed
    # each changed slice is decoded once, and one more on each side shows that it is as it was
    assert slices.decoded - decoded <= len(changed) - 1 + 2
    encoded = slices.calls
    redraw(after, slices, slice_box(truth, 0, 9))
    assert slices.calls == encoded


def test_corrections_meet_at_slices_that_were_corrected_before():
    truth = ball()
    slices = slices_of(scan(truth))
    result = segment_box(slices, tight(truth))
    for index in (10, 14):
        result = redraw(result, slices, slice_box(truth, 0, index))
    decoded = slices.decoded
    nothing = np.zeros((1, 1), dtype=bool)
    after = redraw(result, slices, PaintedSlice(0, 12, Window((17, 20), (18, 21)), nothing))
    assert not after.full(truth.shape)[12].any()
    # an object that ends here gives its neighbours no box
    assert slices.decoded == decoded
    assert np.array_equal(after.full(truth.shape)[10], result.full(truth.shape)[10])


def test_a_correction_may_reach_beyond_the_object():
    truth = ball()
    slices = slices_of(scan(truth))
    box = tight(truth)
    small = Window(box.start, (15, *box.stop[1:]))
    result = segment_box(slices, small)
    after = redraw(result, slices, slice_box(truth, 0, 17))
    assert after.window == Window(box.start, (18, *box.stop[1:]))
    assert np.array_equal(after.full(truth.shape)[17], truth[17])


def test_a_correction_outside_is_refused():
    truth = ball()
    slices = slices_of(scan(truth))
    result = segment_box(slices, tight(truth))
    with pytest.raises(PromptError, match=r"^correction Window\(.*\) lies outside the volume"):
        redraw(result, slices, SliceBox(0, 30, Window((1, 1), (3, 3))))
    with pytest.raises(
        PromptError,
        match=r"^a painted mask must be boolean of shape \(2, 2\), got bool of \(1, 2\)$",
    ):
        PaintedSlice(0, 3, Window((1, 1), (3, 3)), np.ones((1, 2), dtype=bool))

from __future__ import annotations

import numpy as np
import pytest
from shaded_objects import ball, shown, tight

from sam_common.window import Window
from sam_med.objects.snomed import Code
from sam_med.propagate.confidence import slice_confidences
from sam_med.propagate.propagated_object import PropagatedObject


@pytest.fixture
def found():
    """The object of one axis, and half of it along another."""
    mask = np.zeros((4, 5, 6), dtype=bool)
    mask[:, 1:3, 2:4] = True
    half = mask.copy()
    half[:, 2] = False
    predictions = shown(mask, 0, 0.9) | shown(half, 1, 0.6)
    return PropagatedObject(Window((0, 0, 0), mask.shape), mask, predictions)


def test_the_score_is_agreement_times_mean_quality(found):
    # Dice of 16 and 8 voxels; both axes count by the 16 voxels of the object
    assert found.score == pytest.approx(2 * 8 / 24 * (0.9 + 0.6) / 2)


def test_as_a_segment_it_keeps_its_window_and_confidences(found):
    code = Code("10200004", "SCT", "Liver")
    segment = found.segment("liver", 3, code)
    assert (segment.name, segment.value, segment.code) == ("liver", 3, code)
    assert segment.window == found.window
    assert segment.slices == found.slices
    assert found.slices == slice_confidences(found.window, found.mask, found.predictions)


def test_in_the_whole_volume_it_lies_in_its_window():
    body = ball()
    window = Window((5, 12, 14), (24, 23, 27))
    found = PropagatedObject(window, body[window.slices], {})
    assert np.array_equal(found.full(body.shape), body)


def test_an_object_knows_what_it_was_chosen_from():
    truth = ball()
    window = Window.full(truth.shape)
    half = truth & (np.indices(truth.shape)[0] < 14)
    good, bad, same = (
        PropagatedObject(window, mask, shown(mask, 0, quality))
        for mask, quality in ((truth, 0.9), (half, 0.4), (truth, 0.3))
    )
    chosen = good.chosen_from([bad, same, good])
    first, other = chosen.candidates
    assert (first.score, first.dice) == (good.score, 1)
    assert np.array_equal(other.mask, half)
    assert 0 < other.dice < 1
    assert other.score < first.score
    assert chosen.segment("a", 1).candidates == chosen.candidates


def test_a_wider_window_changes_no_voxel():
    truth = ball()
    window = tight(truth)
    answered = np.zeros(window.shape, dtype=np.int8)
    answered[0, 0, 0] = -1
    part = truth[window.slices]
    one = PropagatedObject(window, part, {}, answered)
    wide = one.widened(Window.full(truth.shape))
    assert np.array_equal(wide.mask, truth)
    assert wide.answered[window.start] == -1
    assert np.count_nonzero(wide.answered) == 1
    assert one.widened(window) is one

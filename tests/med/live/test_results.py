from __future__ import annotations

import numpy as np
import pytest
from shaded_objects import prediction

from sam_common.server.sessions.live_source import PlacedMask, Result
from sam_common.window import Window
from sam_med.live.results import (
    LiveObject,
    array_of,
    hull_of,
    live_object_of,
    recorrected,
    result_of,
)
from sam_med.objects import calibration_facts
from sam_med.objects.calibration import Calibration
from sam_med.objects.segments import SliceConfidence
from sam_med.propagate.propagated_object import PropagatedObject

WINDOW = Window((4, 2, 3), (8, 7, 9))
MASK = np.zeros(WINDOW.shape, dtype=bool)
MASK[1:3, 1:4, 2:5] = True


def found(quality=0.8):
    predictions = {(0, k): prediction((0, k), MASK[k - 4], WINDOW, quality) for k in range(4, 8)}
    return PropagatedObject(WINDOW, MASK, predictions)


def test_an_object_is_told_slice_by_slice():
    result = result_of(live_object_of(found()), 1.5)
    assert (result.status, result.area) == ("ok", 18)
    assert [(mask.axis, mask.index) for mask in result.masks] == [(0, 5), (0, 6)]
    assert result.masks[0].window == Window((3, 5), (6, 8))
    assert result.window == Window((5, 3, 5), (7, 6, 8))
    assert result.seconds == {"encode": 0.0, "decode": 1.5}
    whole = np.zeros(WINDOW.stop, dtype=bool)
    whole[result.window.slices] = array_of(result)
    assert np.array_equal(whole[WINDOW.slices], MASK)


def test_an_object_that_was_not_found():
    empty = PropagatedObject(WINDOW, np.zeros_like(MASK), {})
    result = result_of(live_object_of(empty), 0)
    assert (result.status, result.masks, result.window, result.area) == ("empty", (), None, 0)
    assert array_of(result).size == 0


def test_masks_on_slices_of_different_axes_lie_in_one_array():
    one, other = np.ones((2, 3), dtype=bool), np.ones((4, 2), dtype=bool)
    masks = (
        PlacedMask(Window((5, 6), (7, 9)), one, 0, 3),
        PlacedMask(Window((1, 7), (5, 9)), other, 1, 6),
    )
    hull = hull_of(masks)
    assert hull == Window((1, 5, 6), (5, 7, 9))
    found = array_of(Result("ok", masks, hull))
    # they cross in two voxels of slice 3
    assert found.sum() == 6 + 8 - 2
    assert found[2, 0:2].sum() == 6
    assert hull_of(()) is None


def test_the_confidence_of_an_object_is_that_of_its_median_slice():
    rows = tuple(SliceConfidence(k, c, 1, 1, 1, 1) for k, c in enumerate((0.2, 0.9, 0.4)))
    assert LiveObject(found(), rows).confidence == pytest.approx(0.4)
    assert result_of(LiveObject(found(), rows), 0).confidence == pytest.approx(0.4)


def test_bounds_of_the_dice_go_on_after_a_correction(monkeypatch):
    monkeypatch.setattr(calibration_facts, "SLICES", ((0.0, 0.25),))
    whole = live_object_of(found(), Calibration("CT", 7, 0.9))
    assert {at.at_least for at in whole.slices} == {0.25}
    assert {at.at_least for at in recorrected(whole, found(), "planes").slices} == {0.25}
    assert {at.at_least for at in live_object_of(found()).slices} == {None}


@pytest.mark.parametrize("method", ["planes", "litemedsam"])
def test_slices_that_the_loop_alone_has_seen_keep_their_confidence(method):
    said = tuple(SliceConfidence(k, 0.5, 0.6, 0.7, 0.5, None) for k in range(4, 8))
    before = LiveObject(PropagatedObject(WINDOW, MASK, {}), said)
    one = prediction((0, 5), MASK[1], WINDOW, given=True)
    after = recorrected(before, PropagatedObject(WINDOW, MASK, {(0, 5): one}), method)
    assert after.slices[1].confidence == 1
    others = [row.confidence for row in after.slices if row.k != 5]
    assert others == ([0, 0, 0] if method == "planes" else [0.5, 0.5, 0.5])
    assert np.array_equal(after.propagated.mask, MASK)

from __future__ import annotations

import numpy as np
import pytest

from sam_common.window import Window
from sam_med.objects import calibration, calibration_facts
from sam_med.objects.calibration import (
    Calibration,
    assured,
    calibration_of,
    rest_at_least,
    told,
)
from sam_med.objects.segments import Segment, SliceConfidence

MINE = Calibration("CT", 7, 0.9)


@pytest.fixture(autouse=True)
def steps(monkeypatch):
    """Bounds that do not change when they are measured anew."""
    monkeypatch.setattr(calibration_facts, "OBJECTS", ((0.0, 0.1), (0.5, 0.62345), (0.7, 0.8)))
    monkeypatch.setattr(calibration_facts, "SLICES", ((0.0, 0.0), (0.6, 0.5), (0.9, 0.85)))
    monkeypatch.setattr(calibration_facts, "VOLUMES", {"CT": 7, "MR": 5, "PT": 1, "US": 4})


def at(k, confidence):
    return SliceConfidence(k, confidence, 0.9, 0.9, 0.9, None)


def segment(score, *confidences):
    rows = tuple(at(k, one) for k, one in enumerate(confidences))
    window = Window((0, 0, 0), (len(rows), 2, 2))
    mask = np.ones(window.shape, dtype=bool)
    return Segment("liver", 1, window, mask, slices=rows, score=score)


@pytest.mark.parametrize(
    ("score", "bound"),
    [(0.0, 0.1), (0.499, 0.1), (0.5, 0.623), (0.69, 0.623), (0.7, 0.8), (1, 0.8)],
)
def test_a_bound_is_that_of_the_step_of_the_score(score, bound):
    assert MINE.of_object(score) == bound


def test_an_object_and_its_slices_get_bounds_and_nothing_else_changes():
    before = segment(0.72, 0.95, 0.3, 0.65)
    found = assured(before, MINE)
    assert found.at_least == 0.8
    assert [one.at_least for one in found.slices] == [0.85, None, 0.5]
    assert [one.confidence for one in found.slices] == [0.95, 0.3, 0.65]
    assert found.mask is before.mask
    assert assured(before, None) is before
    assert assured(segment(None, 0.9), MINE).at_least is None


def test_the_rest_has_the_bound_of_its_worst_slice():
    rows = assured(segment(0.72, 0.95, 0.3, 0.75), MINE).slices
    assert rest_at_least(rows, 0.7) == (1, 0.5)
    assert rest_at_least(rows, 0.9) == (2, 0.85)
    assert rest_at_least(rows, 0.1) == (0, None)
    assert rest_at_least(rows, 0.99) == (3, None)
    assert rest_at_least([*rows, at(3, 0.9)], 0.7) == (1, None)
    assert rest_at_least([], 0.7) == (0, None)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (("PT", "lite_medsam", "planes"), "1 volume of PT was measured, 5 are needed"),
        (("US", "lite_medsam", "planes"), "4 volumes of US were measured, 5 are needed"),
        (("XA", "lite_medsam", "planes"), "no volumes of XA were measured, 5 are needed"),
        ((None, "lite_medsam", "planes"), "no volumes of an unknown modality were measured, "),
        (("CT", "medsam", "planes"), "they were measured with lite_medsam and planes"),
        (("CT", "lite_medsam", "litemedsam"), "they were measured with lite_medsam and planes"),
    ],
)
def test_without_enough_evidence_it_is_said_why(asked, why):
    assert calibration_of(*asked) is None
    assert told(*asked).startswith(f"not enough evidence for bounds of the Dice: {why}")


def test_with_enough_evidence_it_is_said_what_the_bounds_stand_on():
    assert calibration_of("CT", "lite_medsam", "planes") == MINE
    assert calibration_of("MR", "lite_medsam", "planes").volumes == calibration.LEAST_VOLUMES
    assert told("CT", "lite_medsam", "planes") == (
        "bounds hold with 90 % for objects in tight 3-D boxes, measured on 7 volumes of CT"
    )

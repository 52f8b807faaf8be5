"""Descriptions of segments: codes, categories, colours and the algorithm."""

from __future__ import annotations

import dataclasses

from segment_phantoms import MADE_BY, overlapping

from sam_common.masks.overlay import colour
from sam_med.derived_objects.seg_descriptions import describe_segments
from sam_med.objects.snomed import Code, find_code


def described(**changes):
    """The description of one segment."""
    segment = dataclasses.replace(overlapping((2, 3, 4))[0], **changes)
    (found,) = describe_segments([segment], [1], MADE_BY, "seed")
    return found


def test_a_name_gives_a_code_and_its_category():
    found = described(name="left kidney")
    kind = found.SegmentedPropertyTypeCodeSequence[0]
    assert (kind.CodeValue, kind.CodeMeaning) == ("64033007", "Kidney")
    (side,) = kind.SegmentedPropertyTypeModifierCodeSequence
    assert side.CodeMeaning == "Left"
    assert found.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "91723000"
    assert described(name="tumor").SegmentedPropertyCategoryCodeSequence[0].CodeValue == "49755003"


def test_a_code_of_its_own_is_before_that_of_the_name():
    found = described(name="liver", code=Code("1", "99OWN", "Mine"))
    assert found.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Mine"


def test_an_unknown_name_is_tissue():
    assert find_code("thing") is None
    found = described(name="thing")
    for item in (
        *found.SegmentedPropertyTypeCodeSequence,
        *found.SegmentedPropertyCategoryCodeSequence,
    ):
        assert (item.CodeValue, item.CodeMeaning) == ("85756007", "Tissue")


def test_numbers_colours_and_tracking():
    first, second = describe_segments(overlapping((2, 3, 4)), [1, 2], MADE_BY, "seed")
    assert [first.SegmentNumber, second.SegmentNumber] == [1, 2]
    assert first.TrackingID == "1 liver"
    assert first.TrackingUID != second.TrackingUID
    (again, _) = describe_segments(overlapping((2, 3, 4)), [1, 2], MADE_BY, "seed")
    (other, _) = describe_segments(overlapping((2, 3, 4)), [1, 2], MADE_BY, "another")
    assert again.TrackingUID == first.TrackingUID != other.TrackingUID
    assert list(first.RecommendedDisplayCIELabValue) != list(second.RecommendedDisplayCIELabValue)
    assert colour(0) != colour(1)
    (algorithm,) = first.SegmentationAlgorithmIdentificationSequence
    assert algorithm.AlgorithmName == "sam-geomed lite_medsam planes"
    assert first.SegmentAlgorithmType == "SEMIAUTOMATIC"


def test_label_values_are_numbers_in_their_order():
    """Each object keeps its own colour, whatever its number."""
    first, second = overlapping((2, 3, 4))
    one, two = describe_segments([first, second], [9, 2], MADE_BY, "seed")
    assert [(one.SegmentNumber, one.SegmentLabel), (two.SegmentNumber, two.SegmentLabel)] == [
        (2, second.name),
        (9, first.name),
    ]
    usual = list(describe_segments([first, second], [1, 2], MADE_BY, "seed"))
    assert two.RecommendedDisplayCIELabValue == usual[0].RecommendedDisplayCIELabValue

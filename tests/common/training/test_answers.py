from __future__ import annotations

import pytest

from sam_common.masks.decoded import MaskRegion
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.training.answers import answers, region_iou
from tests.oracles.lessons import disc, picture


def test_the_true_box_and_the_middle_are_asked():
    image, masks = picture()
    regions = [MaskRegion.tight((0, 0), mask) for mask in masks]
    fake = FakeSegmenter(radius_px=5)
    embedding = fake.embed(image)
    boxes = answers(fake, embedding, regions, "boxes")
    assert [found.window for found in boxes] == [region.window for region in regions]
    points = answers(fake, embedding, regions, "points")
    assert all(found.area_px == 81 for found in points)  # a disc of radius 5
    assert answers(fake, embedding, [], "points") == []


def test_iou_of_regions():
    a, b = (MaskRegion.tight((0, 0), disc((40, 40), (20, col), 8)) for col in (15, 19))
    full = [disc((40, 40), (20, col), 8) for col in (15, 19)]
    expected = (full[0] & full[1]).sum() / (full[0] | full[1]).sum()
    assert region_iou(a, b) == region_iou(b, a) == pytest.approx(expected)
    assert region_iou(a, None) == 0
    assert region_iou(a, b.shift((0, 30))) == 0

from __future__ import annotations

from sam_common.masks.decoded import MaskRegion
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.training.answers import answers
from tests.oracles.lessons import picture


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

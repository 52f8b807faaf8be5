"""Everything in an image: the grid, the crops, the filters."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest

from sam_common.automatic import mask_generator
from sam_common.automatic.mask_generator import (
    clean,
    crops,
    generate_masks,
    point_grid,
)
from sam_common.automatic.options import EverythingOptions
from sam_common.errors import CapabilityError
from sam_common.masks.decoded import MaskRegion
from sam_common.prompts import Prompts
from sam_common.segmenter.capabilities import Capabilities
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.window import Window

IMAGE = np.full((60, 90, 3), 200, dtype=np.uint8)


def test_every_point_of_the_grid_gives_its_disc() -> None:
    found = generate_masks(
        FakeSegmenter(radius_px=3), IMAGE, options=EverythingOptions(points_per_side=3)
    )
    centres = {
        tuple((a + b - 1) / 2 for a, b in zip(f.region.window.start, f.region.window.stop))  # noqa: B905
        for f in found
    }
    assert centres == {(y, x) for y in (10, 30, 50) for x in (15, 45, 75)}
    assert [f.score for f in found] == pytest.approx([0.9] * 9)
    assert {f.stability for f in found} == {1.0}


def test_points_on_invalid_pixels_are_not_tried() -> None:
    valid = np.zeros((60, 90), dtype=np.bool_)
    valid[:, 40:] = True
    options = EverythingOptions(points_per_side=3)
    found = generate_masks(FakeSegmenter(radius_px=3), IMAGE, options=options, valid=valid)
    assert len(found) == 6
    nothing = np.zeros_like(valid)
    assert generate_masks(FakeSegmenter(), IMAGE, options=options, valid=nothing) == []


def test_of_two_alike_one_stays() -> None:
    options = EverythingOptions(points_per_side=30)
    found = generate_masks(FakeSegmenter(radius_px=20), IMAGE, options=options)
    boxes = [f.region.box_xyxy for f in found]
    assert 1 < len(boxes) < 100
    assert len(set(boxes)) == len(boxes)


@pytest.mark.parametrize(
    ("options", "count"),
    [({"pred_iou_thresh": 0.89}, 4), ({"pred_iou_thresh": 0.91}, 0)],
)
def test_unsure_masks_are_dropped(options: dict[str, float], count: int) -> None:
    given = EverythingOptions(points_per_side=2, **options)
    assert len(generate_masks(FakeSegmenter(), IMAGE, options=given)) == count


def test_boxes_serve_a_model_without_points() -> None:
    capabilities = Capabilities(points=False, boxes=True, masks=False, multimask=False)
    segmenter = FakeSegmenter(capabilities=capabilities)
    options = EverythingOptions(points_per_side=2)
    boxes = np.array([[9.5, 4.5, 19.5, 14.5], [50, 20, 70, 50]])
    found = generate_masks(segmenter, IMAGE, options=options, boxes_xyxy=boxes)
    assert sorted(f.region.area_px for f in found) == [100, 21 * 31]
    with pytest.raises(CapabilityError, match=r'model "fake" takes boxes only, not points'):
        generate_masks(segmenter, IMAGE, options=options)


def test_crops_cover_the_image_and_are_looked_at() -> None:
    options = EverythingOptions(points_per_side=4, crop_n_layers=2)
    found = list(crops((60, 90), options))
    assert [layer for _, layer in found] == [0, *[1] * 4, *[2] * 16]
    for layer in (1, 2):
        covered = np.zeros((60, 90), dtype=np.bool_)
        for crop, of in found:
            if of == layer:
                covered[crop.slices] = True
        assert covered.all()
    segmenter = FakeSegmenter(radius_px=2)
    generate_masks(segmenter, IMAGE, options=options)
    assert len(segmenter.embedded) == 21


def test_the_grid_by_hand() -> None:
    assert point_grid(1, (10, 20)).tolist() == [[10, 5]]
    assert math.isclose(point_grid(32, (1024, 1024))[0, 0], 16)


def test_small_holes_are_filled_and_small_islands_removed() -> None:
    mask = np.zeros((20, 30), dtype=np.bool_)
    mask[2:15, 3:18] = True
    mask[5, 6] = mask[8:12, 8:12] = False
    mask[18, 28] = True
    region = MaskRegion(Window((100, 200), (120, 230)), mask)
    cleaned, changed = clean(region, 5)
    assert changed
    assert cleaned.window == Window((102, 203), (115, 218))
    expected = np.ones((13, 15), dtype=np.bool_)
    expected[6:10, 5:9] = False
    assert np.array_equal(cleaned.mask, expected)
    same, changed = clean(cleaned, 5)
    assert not changed
    assert same is cleaned


def test_the_largest_island_always_stays() -> None:
    mask = np.zeros((5, 9), dtype=np.bool_)
    mask[1, 1] = mask[3, 4:7] = True
    cleaned, changed = clean(MaskRegion(Window((0, 0), (5, 9)), mask), 100)
    assert changed
    assert cleaned.window == Window((3, 4), (4, 7))


@dataclass(slots=True)
class Lines(FakeSegmenter):
    """Answers every point with the row of pixels that it lies on: masks one pixel thin."""

    def decode(self, embedding, prompts, *, multimask=False):
        masks = FakeSegmenter.decode(self, embedding, prompts, multimask=multimask)
        height, width = embedding.image_size_hw
        row = min(int(prompts.points_xy[0, 0, 1]) // 20 * 20, height - 1)
        line = Window((row, 0), (row + 1, width))
        region = MaskRegion(line, np.ones(line.shape, np.bool_))
        return replace(masks, regions=(region,))


@pytest.mark.parametrize("size_hw", [(60, 90), (1, 90)])
def test_masks_one_pixel_thin_come_once(size_hw):
    image = np.full((*size_hw, 3), 9, dtype=np.uint8)
    for turned in (False, True):
        seen = np.ascontiguousarray(image.swapaxes(0, 1)) if turned else image
        found = generate_masks(Turned() if turned else Lines(), seen, options=EverythingOptions(12))
        assert len(found) == -(-size_hw[0] // 20)


@dataclass(slots=True)
class Turned(Lines):
    """The same with columns."""

    def decode(self, embedding, prompts, *, multimask=False):
        turned = replace(embedding, image_size_hw=embedding.image_size_hw[::-1])
        points = Prompts.from_points(prompts.points_xy[:, 0, ::-1])
        masks = Lines.decode(self, turned, points, multimask=multimask)
        (line,) = masks.regions
        window = Window(line.window.start[::-1], line.window.stop[::-1])
        region = MaskRegion(window, np.ascontiguousarray(line.mask.T))
        return replace(masks, regions=(region,), image_size_hw=embedding.image_size_hw)


def test_thin_masks_side_by_side_stay_two():
    rows = [(0, 1), (1, 2), (0, 1), (0, 4)]
    windows = [Window((top, 0), (bottom, 30)) for top, bottom in rows]
    found = [
        mask_generator._Candidate(MaskRegion(window, np.ones(window.shape, np.bool_)), 0.9, 0.99)
        for window in windows
    ]
    kept = mask_generator._suppress(found, 0.7, [0.9, 0.8, 0.7, 0.6])
    assert kept == [found[0], found[1], found[3]]

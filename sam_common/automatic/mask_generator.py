"""Mask generator: all objects of an image, from a grid of points or from proposed boxes.

The published automatic generator (Kirillov et al. 2023, `SamAutomaticMaskGenerator`), whose masks
`tests/oracles/test_mask_generator_parity.py` compares with these, in the order of its steps:

```
crop -> points -> 3 masks each -> predicted IoU -> stability -> cut by the crop? -> NMS
     -> NMS across crops -> small holes and islands -> NMS
```
Most masks are dropped by their score or low-resolution stability, before a mask of the image's size
is made; and prompts are decoded a few at a time.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np

from sam_common.automatic.nms import batched_nms
from sam_common.masks.decoded import MaskRegion
from sam_common.masks.instance import Instance
from sam_common.prompts import Prompts
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from sam_common.automatic.options import EverythingOptions
    from sam_common.segmenter.predictor import Embedding, Segmenter

    FloatArray = npt.NDArray[np.float64]

NEAR_EDGE_PX = 20
"""A mask that ends so near to an edge of its crop, but not of the image, was cut by the crop."""
SLACK = 0.1
"""How far the low-resolution stability of a mask may lie below its full-size stability."""


def generate_masks(
    segmenter: Segmenter,
    image: npt.NDArray[np.uint8],
    *,
    options: EverythingOptions,
    valid: npt.NDArray[np.bool_] | None = None,
    embedding: Embedding | None = None,
    boxes_xyxy: npt.NDArray[np.float64] | None = None,
) -> list[Instance]:
    """Find all objects of an image whose masks pass the filters.

    Args:
        segmenter: A segmenter that takes points; one that takes boxes where boxes are given.
        image: (H, W) grey or (H, W, 3) RGB, uint8.
        options: Grid of points and filters.
        valid: (H, W) mask of the pixels that have data; points elsewhere are not tried.
        embedding: Embedding of the whole image, where there is one already.
        boxes_xyxy: (N, 4) boxes in image indices, to be tried in place of the grid of points.

    Returns:
        Instances in image indices, the best predicted IoU first; they may overlap.

    Raises:
        CapabilityError: If the segmenter takes no points, or no boxes where boxes are given.
    """
    size_hw = (int(image.shape[0]), int(image.shape[1]))
    found: list[_Candidate] = []
    for crop, layer in crops(size_hw, options):
        part = image[crop.slices]
        known = embedding if layer == 0 else None
        seen = segmenter.embed(part) if known is None else known
        prompts = _prompts(crop, layer, options, valid, boxes_xyxy)
        if prompts is None:
            continue
        candidates = list(_candidates(segmenter, seen, prompts, options))
        whole = [c for c in candidates if not _is_cut(c, crop, size_hw)]
        kept = _suppress(whole, options.box_nms_thresh, [c.score for c in whole])
        found += [c.moved(crop) for c in kept]
    if options.crop_n_layers:
        sizes = [1 / math.prod(c.crop.shape) if c.crop else 0.0 for c in found]
        found = _suppress(found, options.crop_nms_thresh, sizes)
    if options.min_mask_region_area:
        found = _cleaned(found, options)
    ranked = sorted(found, key=lambda c: -c.score)
    return [Instance(c.region, c.score, c.stability) for c in ranked]


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    """A mask that passed the filters of score and stability, in indices of its crop or image."""

    region: MaskRegion
    score: float
    stability: float
    crop: Window | None = None

    def moved(self, crop: Window) -> _Candidate:
        """The candidate in the indices of the image, from those of its crop."""
        rows, cols = crop.start
        return _Candidate(self.region.shift((rows, cols)), self.score, self.stability, crop)


def point_grid(per_side: int, size_hw: tuple[int, int]) -> FloatArray:
    """Points (x, y) at the centres of `per_side` x `per_side` cells of an image, (N, 2) row by row.

    >>> point_grid(2, (100, 40)).tolist()
    [[10.0, 25.0], [30.0, 25.0], [10.0, 75.0], [30.0, 75.0]]
    """
    steps = (np.arange(per_side) + 0.5) / per_side
    ys, xs = np.meshgrid(steps * size_hw[0], steps * size_hw[1], indexing="ij")
    return np.stack([xs.ravel(), ys.ravel()], axis=1)


def crops(size_hw: tuple[int, int], options: EverythingOptions) -> Iterator[tuple[Window, int]]:
    """The whole image and its crops, as published, each with the number of its layer."""
    yield Window.full(size_hw), 0
    height, width = size_hw
    for layer in range(1, options.crop_n_layers + 1):
        count = 2**layer
        overlap = int(options.crop_overlap_ratio * min(size_hw) * 2 / count)
        sides = [math.ceil((overlap * (count - 1) + side) / count) for side in size_hw]
        starts = [[int((side - overlap) * n) for n in range(count)] for side in sides]
        for left, top in itertools.product(starts[1], starts[0]):
            stop = (min(top + sides[0], height), min(left + sides[1], width))
            yield Window((top, left), stop), layer


def _prompts(
    crop: Window,
    layer: int,
    options: EverythingOptions,
    valid: npt.NDArray[np.bool_] | None,
    boxes_xyxy: FloatArray | None,
) -> Prompts | None:
    """The boxes inside a crop, or its valid grid points; None where there is none."""
    if boxes_xyxy is not None:
        inside = boxes_xyxy - np.array(crop.start[::-1] * 2)
        low, high = np.full(4, -0.5), np.array(crop.shape[::-1] * 2) - 0.5
        inside = inside[((inside >= low) & (inside <= high)).all(axis=1)]
        return Prompts.from_boxes(inside) if len(inside) else None
    per_side = max(1, int(options.points_per_side / options.crop_n_points_downscale_factor**layer))
    points = point_grid(per_side, (crop.shape[0], crop.shape[1]))
    if valid is not None:
        at = points.astype(np.int64)
        points = points[valid[crop.slices][at[:, 1], at[:, 0]]]
    return Prompts.from_points(points) if len(points) else None


def _candidates(
    segmenter: Segmenter, embedding: Embedding, prompts: Prompts, options: EverythingOptions
) -> Iterator[_Candidate]:
    """Decode the prompts to masks that pass the filters of score and stability, in order."""
    three = prompts.boxes_xyxy is None and segmenter.capabilities.multimask
    offset, least = options.stability_score_offset, options.stability_score_thresh
    for masks in segmenter.decode_batches(embedding, prompts, multimask=three):
        rough = masks.stability(offset=offset)
        passing = (masks.scores > options.pred_iou_thresh) & (rough >= least - SLACK)
        for n, c in np.argwhere(passing).tolist():
            region, stability = masks.region_and_stability(n, c, offset=offset)
            if stability >= least and region is not None:
                yield _Candidate(region, float(masks.scores[n, c]), stability)


def _is_cut(candidate: _Candidate, crop: Window, size_hw: tuple[int, int]) -> bool:
    """Whether the edge of its crop cuts a mask, judged by the mask's box as published."""
    x0, y0, x1, y1 = candidate.region.box_xyxy
    top, left = crop.start
    box = np.array([x0 + left, y0 + top, x1 + left, y1 + top])
    edges = np.array([left, top, crop.stop[1], crop.stop[0]])
    image = np.array([0, 0, size_hw[1], size_hw[0]])
    near_crop = np.abs(box - edges) <= NEAR_EDGE_PX
    near_image = np.abs(box - image) <= NEAR_EDGE_PX
    return bool((near_crop & ~near_image).any())


def _suppress(
    candidates: Sequence[_Candidate], threshold: float, scores: Sequence[float]
) -> list[_Candidate]:
    """Non-maximum suppression of candidates by their boxes, the best score first.

    As published, a box goes from the index of the first pixel to that of the last, so the box of a
    mask one pixel thin has no area, and the published code never drops one. Thin masks are
    therefore compared once more with all that stay, by boxes around the outer edges of their
    pixels.
    """
    if not candidates:
        return []
    boxes = np.array([c.region.box_xyxy for c in candidates], dtype=np.float64)
    confidence, group = np.asarray(scores), np.zeros(len(boxes), dtype=np.int64)
    kept = batched_nms(boxes, confidence, group, threshold)
    thin = (boxes[kept, :2] == boxes[kept, 2:]).any(axis=1)
    if thin.any():
        edges = boxes[kept] + (0, 0, 1, 1)
        apart = batched_nms(edges, confidence[kept], group[kept], threshold)
        kept = kept[~thin | np.isin(np.arange(len(kept)), apart)]
    return [candidates[k] for k in kept.tolist()]


def _cleaned(candidates: Sequence[_Candidate], options: EverythingOptions) -> list[_Candidate]:
    """Remove small holes and islands; of masks that became alike, unchanged ones stay."""
    cleaned, untouched = [], []
    for candidate in candidates:
        region, changed = clean(candidate.region, options.min_mask_region_area)
        cleaned.append(
            _Candidate(region, candidate.score, candidate.stability, candidate.crop)
            if changed
            else candidate
        )
        untouched.append(float(not changed))
    threshold = max(options.box_nms_thresh, options.crop_nms_thresh)
    return _suppress(cleaned, threshold, untouched)


def clean(region: MaskRegion, least_px: int) -> tuple[MaskRegion, bool]:
    """Fill holes and remove islands of fewer than `least_px` pixels, as published.

    The largest island always stays. Pixels that touch at a corner are connected.

    Returns:
        The region, and whether it was changed.
    """
    # a pixel of background all around: holes at the edge of the region are open to the outside
    mask = np.pad(region.mask, 1).astype(np.uint8)
    changed = False
    for of_holes in (True, False):
        count, labels, stats, _ = cv2.connectedComponentsWithStats(
            1 - mask if of_holes else mask, connectivity=8
        )
        areas = stats[1:, cv2.CC_STAT_AREA]
        outside = {int(labels[0, 0]) - 1} if of_holes else set()
        small = [n for n in range(count - 1) if areas[n] < least_px and n not in outside]
        if not small:
            continue
        changed = True
        if not of_holes and len(small) == count - 1:
            small.remove(int(areas.argmax()))
        mask[np.isin(labels, np.array(small) + 1)] = of_holes
    if not changed:
        return region, False
    inner = mask[1:-1, 1:-1].view(np.bool_)
    # the largest island stays, so there is something to cut to
    return cast("MaskRegion", MaskRegion.tight(region.window.start, inner)), True

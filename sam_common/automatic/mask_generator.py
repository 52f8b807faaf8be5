"""Everything in an image: masks from a grid of points or from proposed boxes, then filtered.

The published automatic generator (Kirillov et al. 2023, `SamAutomaticMaskGenerator`), with its
names and defaults, in the order in which it works:

```
crop -> points -> 3 masks each -> predicted IoU -> stability -> cut by the crop? -> NMS
     -> NMS across crops -> small holes and islands -> NMS
```
Most masks are dropped by their score or stability, which need no full-size mask: only the region
of what is left is ever made, and a few prompts are decoded at a time.
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
"""A mask that ends so near to the edge of its crop, but not of the image, was cut by it."""
SLACK = 0.1
"""How far the stability on the low-resolution grid may lie under that of the full-size mask."""


def generate_masks(
    segmenter: Segmenter,
    image: npt.NDArray[np.uint8],
    *,
    options: EverythingOptions,
    valid: npt.NDArray[np.bool_] | None = None,
    embedding: Embedding | None = None,
    boxes_xyxy: npt.NDArray[np.float64] | None = None,
) -> list[Instance]:
    """All objects of an image that the network is sure of.

    Args:
        segmenter: One that takes points and gives three candidates; with boxes, any.
        image: (H, W) or (H, W, 3) uint8.
        options: Grid and filters.
        valid: (H, W) pixels that are part of the image; points elsewhere are not tried.
        embedding: Of the whole image, where there is one already.
        boxes_xyxy: (N, 4) boxes in image indices to try in place of the grid of points.

    Returns:
        Instances in image indices, the best score first. They may overlap.

    Raises:
        CapabilityError: The segmenter takes no points, or no boxes where these are given.
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
    region: MaskRegion
    score: float
    stability: float
    crop: Window | None = None

    def moved(self, crop: Window) -> _Candidate:
        """From the indices of a crop to those of the image."""
        rows, cols = crop.start
        return _Candidate(self.region.shift((rows, cols)), self.score, self.stability, crop)


def point_grid(per_side: int, size_hw: tuple[int, int]) -> FloatArray:
    """Points (x, y) in the middles of `per_side` x `per_side` cells, row by row, (N, 2).

    >>> point_grid(2, (100, 40)).tolist()
    [[10.0, 25.0], [30.0, 25.0], [10.0, 75.0], [30.0, 75.0]]
    """
    steps = (np.arange(per_side) + 0.5) / per_side
    ys, xs = np.meshgrid(steps * size_hw[0], steps * size_hw[1], indexing="ij")
    return np.stack([xs.ravel(), ys.ravel()], axis=1)


def crops(size_hw: tuple[int, int], options: EverythingOptions) -> Iterator[tuple[Window, int]]:
    """The image, then its crops layer by layer, with their layers; as published."""
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
    """Masks that pass the filters of score and stability, in the order of their prompts."""
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
    """Whether the edge of a crop ends a mask, as published: by its box in whole pixels."""
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
    """What stays, the best score first: as published, but for masks one pixel thin.

    A published box goes from the first to the last pixel's index, so that of a thin mask has no
    area, and no two of them ever overlap. They are held once more against all that stays, by the
    outer edges of their pixels.
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
    """Without small holes and islands; of masks that became alike, untouched ones stay."""
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
    """Fill holes and remove islands of fewer pixels; the largest island always stays.

    Returns:
        The region, and whether anything changed. Neighbours touch at corners too, as published.
    """
    # holes at the rim of the region are open to the outside: one pixel of it all around
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

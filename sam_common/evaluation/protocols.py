"""Protocols: how a segmenter is asked for known objects, and what counts as right.

```
box         the box around the object
1 click     the pixel deepest inside the object
3, 5 clicks the earlier ones and, one by one, the pixel deepest inside the largest error; the mask
            so far is a prompt too, where the network takes masks
everything  the automatic mask generator; each object gets the mask that fits it best
```
Clicks are those of interactive segmentation (Sofiiuk et al. 2021, arXiv 2102.06583): a pixel is
deep where the distance to what is right is large, and the edge of the image counts as right. Of
the candidates of the first click the one with the best predicted IoU is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sam_common.automatic.mask_generator import generate_masks
from sam_common.automatic.options import EverythingOptions
from sam_common.errors import InputError
from sam_common.masks.region_overlap import region_iou
from sam_common.prompts import Prompts
from sam_common.training_data.simulated_prompts import true_box

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from sam_common.masks.decoded import MaskRegion, Masks
    from sam_common.segmenter.capabilities import Capabilities
    from sam_common.segmenter.predictor import Embedding, Segmenter

CLICKS = (1, 3, 5)
"""Numbers of clicks after which the mask is judged."""
BOX, EVERYTHING = "box", "everything"
BEST_OF_THREE = "1 click, best of three"
"""The best of the candidates of one click, which only the truth can tell: what could be had."""
AT_ONCE = 64
"""Objects that are clicked side by side; each holds the logits of its mask, 256 KiB."""


def click_name(count: int) -> str:
    """The name of a protocol of clicks.

    >>> click_name(1), click_name(3)
    ('1 click', '3 clicks')
    """
    return f"{count} click{'' if count == 1 else 's'}"


PROTOCOLS = (BOX, *(click_name(count) for count in CLICKS), EVERYTHING)


def protocols_for(capabilities: Capabilities, wanted: Sequence[str] = PROTOCOLS) -> tuple[str, ...]:
    """The protocols among some that a segmenter can do.

    Raises:
        InputError: There is no such protocol, or the segmenter can do none of them.
    """
    if unknown := [name for name in wanted if name not in PROTOCOLS]:
        raise InputError(f"unknown protocol {unknown[0]!r} (known: {', '.join(PROTOCOLS)})")
    kinds = capabilities.kinds
    able = [n for n in PROTOCOLS if n in wanted and ("boxes" if n == BOX else "points") in kinds]
    if not able:
        raise InputError(
            f"the model takes {', '.join(sorted(kinds))} only, not what "
            f"{', '.join(wanted)} would ask"
        )
    return tuple(able)


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What was found for the objects of one image by one protocol."""

    protocol: str
    found: list[MaskRegion | None]
    """The mask for each object, in order; None where nothing was found."""


def ask(
    segmenter: Segmenter,
    image: npt.NDArray[np.uint8],
    regions: Sequence[MaskRegion],
    protocols: Sequence[str],
    options: EverythingOptions | None = None,
) -> Iterator[Asked]:
    """What a segmenter finds for the objects of an image, protocol by protocol.

    Args:
        segmenter: Encodes the image once for all protocols.
        image: (H, W, 3) RGB or (H, W) grey, uint8.
        regions: The objects.
        protocols: Some of `PROTOCOLS`.
        options: Of the automatic mask generator.
    """
    embedding = segmenter.embed(image)
    if BOX in protocols:
        yield Asked(BOX, _by_box(segmenter, embedding, regions))
    counts = [count for count in CLICKS if click_name(count) in protocols]
    if counts:
        by_name: dict[str, list[MaskRegion | None]] = {}
        for first in range(0, len(regions), AT_ONCE):
            part = regions[first : first + AT_ONCE]
            for name, masks in _clicked(segmenter, embedding, part, max(counts)):
                by_name.setdefault(name, []).extend(masks)
        for name, masks in by_name.items():
            if name == BEST_OF_THREE or name in protocols:
                yield Asked(name, masks)
    if EVERYTHING in protocols:
        masks_of = generate_masks(
            segmenter, image, options=options or EverythingOptions(), embedding=embedding
        )
        yield Asked(EVERYTHING, _best_fits([one.region for one in masks_of], regions))


def next_click(
    wanted: MaskRegion, found: MaskRegion | None, clicked: Sequence[tuple[int, int]] = ()
) -> tuple[int, int, bool]:
    """Where a person would click next: deepest inside the largest error.

    Args:
        wanted: The object.
        found: The mask so far; None where there is none.
        clicked: Pixels (x, y) that were clicked before, which are not clicked again.

    Returns:
        Column and row of the pixel, and whether it lies on the object (else on what is too much).
        The pixel deepest inside the object where nothing is wrong.
    """
    window = wanted.window if found is None else wanted.window.union(found.window)
    want, have = (np.zeros(window.shape, dtype=np.bool_) for _ in range(2))
    want[wanted.window.within(window).slices] = wanted.mask
    if found is not None:
        have[found.window.within(window).slices] = found.mask
    missing, surplus = _depth(want & ~have), _depth(have & ~want)
    top, left = window.start
    for x, y in clicked:
        if 0 <= y - top < window.shape[0] and 0 <= x - left < window.shape[1]:
            missing[y - top, x - left] = surplus[y - top, x - left] = 0
    is_missing = bool(missing.max() >= surplus.max())
    depth = missing if is_missing else surplus
    if not depth.any():
        depth = _depth(want)
    row, col = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(col) + left, int(row) + top, is_missing


def _by_box(
    segmenter: Segmenter, embedding: Embedding, regions: Sequence[MaskRegion]
) -> list[MaskRegion | None]:
    """The mask for the box of each object, along the outer edges of its pixels."""
    boxes = np.array([true_box(region) for region in regions])
    found: list[MaskRegion | None] = []
    for masks in segmenter.decode_batches(embedding, Prompts.from_boxes(boxes)):
        found += [masks.region(n) for n in range(len(masks))]
    return found


def _clicked(
    segmenter: Segmenter, embedding: Embedding, regions: Sequence[MaskRegion], most: int
) -> Iterator[tuple[str, list[MaskRegion | None]]]:
    """The masks after each number of clicks up to the largest."""
    clicks = [[next_click(region, None)] for region in regions]
    several = segmenter.capabilities.multimask
    takes_masks = "masks" in segmenter.capabilities.kinds
    found: list[MaskRegion | None] = []
    logits: npt.NDArray[np.float32] | None = None
    for count in range(1, most + 1):
        if count > 1:
            for region, mask, done in zip(regions, found, clicks, strict=True):
                done.append(next_click(region, mask, [(x, y) for x, y, _ in done]))
        points = np.array([[(x, y) for x, y, _ in done] for done in clicks])
        labels = np.array([[int(is_object) for *_, is_object in done] for done in clicks])
        prompts = Prompts(points_xy=points, point_labels=labels, mask_logits=logits)
        masks = segmenter.decode(embedding, prompts, multimask=several and count == 1)
        if count == 1 and several:
            yield BEST_OF_THREE, [_best_candidate(masks, n, r) for n, r in enumerate(regions)]
        best = masks.best()
        found = [best.region(n) for n in range(len(best))]
        if takes_masks:
            logits = np.stack([best.prompt_logits(n) for n in range(len(best))])
        yield click_name(count), found


def _best_candidate(masks: Masks, n: int, wanted: MaskRegion) -> MaskRegion | None:
    """Of the candidates of a prompt the one that fits its object best."""
    candidates = [masks.region(n, c) for c in range(masks.scores.shape[1])]
    return max(candidates, key=lambda one: region_iou(wanted, one))


def _best_fits(
    found: Sequence[MaskRegion], regions: Sequence[MaskRegion]
) -> list[MaskRegion | None]:
    """For each object the mask that fits it best; None where none meets it."""
    best: list[MaskRegion | None] = []
    for region in regions:
        meeting = [one for one in found if one.window.intersect(region.window) is not None]
        best.append(max(meeting, key=lambda one: region_iou(region, one), default=None))
    return best


def _depth(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Distance of each pixel of a mask to its edge; the edge of the array is one, too."""
    padded = np.pad(mask, 1).astype(np.uint8)
    return np.array(
        cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1],
        dtype=np.float32,
    )

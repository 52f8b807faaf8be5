"""Decoding of one window: its prompts in batches of one kind, to a mask for each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sam_common.prompts import POSITIVE, Prompts
from sam_geo.prompts.mask_prompt import mask_logits, outline_mask

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy.typing as npt

    from sam_common.masks.decoded import MaskRegion, Masks
    from sam_common.prompts import PromptKind
    from sam_common.segmenter.predictor import Embedding, Segmenter
    from sam_geo.prompted.refine import Refinement
    from sam_geo.prompts.geo_prompt import GeoPrompt
    from sam_geo.raster.pixels import Pixels
    from sam_geo.raster.read_window import ReadWindow


MASKS_AT_A_TIME = 64
"""Mask prompts take 256 KiB each."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What the network said to one prompt."""

    score: float
    stability: float
    region: MaskRegion | None
    """In the image that was read; None where no pixel is in the mask."""

    def pieces(self, read: ReadWindow, refinement: Refinement) -> list[MaskRegion]:
        """The object in raster indices, in disjoint pieces; none where there is none.

        Args:
            read: Where the image lies in the raster.
            refinement: Looks at the outline of an object again that was read coarse.
        """
        if self.region is None:
            return []
        if not read.is_native:
            return list(refinement.pieces(self.region, read))
        row, col = read.window.start
        return [self.region.shift((row, col))]


def kinds_of(prompts: Iterable[GeoPrompt]) -> frozenset[PromptKind]:
    """What a network has to take for some prompts."""
    kinds: set[PromptKind] = set()
    for prompt in prompts:
        kinds |= {
            *(("points",) if prompt.points_xy else ()),
            *(("boxes",) if prompt.box_xyxy is not None else ()),
            *(("masks",) if prompt.outline is not None else ()),
        }
    return frozenset(kinds)


def answers(
    segmenter: Segmenter,
    embedding: Embedding,
    read: ReadWindow,
    members: Sequence[int],
    prompts: Sequence[GeoPrompt],
) -> Iterator[tuple[int, Answer]]:
    """The mask of each prompt, as it is decoded.

    Args:
        segmenter: That made the embedding.
        embedding: Of what was read.
        read: Where that lies in the raster.
        members: Numbers of the prompts to decode.
        prompts: All prompts of the job.

    Yields:
        Number of the prompt and its answer: for points alone, the likeliest of the candidates.

    This is all that decides a mask beside its window (`sam_geo.prompted.windows.window_for`), for
    jobs and for live sessions alike.
    """
    for alike in _alike(members, prompts):
        batch = _batch([prompts[n] for n in alike], read, embedding, segmenter.model_size)
        points_only = batch.kinds == {"points"} and segmenter.capabilities.multimask
        numbers = iter(alike)
        for part in segmenter.decode_batches(embedding, batch, multimask=points_only):
            for row in range(len(part)):
                yield next(numbers), likeliest(part, row)


def likeliest(masks: Masks, n: int) -> Answer:
    """The candidate with the best score that is an object, not the scene around it.

    A single point on aerial imagery often gets its highest score for a mask of nearly the whole
    window. What reaches from one side of the window to the other is no object that the window was
    made for; it is taken only where no other candidate is left.
    """
    ranked = np.argsort(-masks.scores[n], kind="stable").tolist()
    found = [(c, masks.region(n, c)) for c in ranked]
    filled = [pair for pair in found if pair[1] is not None]
    objects = [pair for pair in filled if not _spans(pair[1], masks.image_size_hw)]
    c, region = (objects or filled or found)[0]
    stability = float(masks[n : n + 1].stability()[0, c])
    return Answer(float(masks.scores[n, c]), stability, region)


def is_on_data(prompt: GeoPrompt, read: ReadWindow, pixels: Pixels) -> bool:
    """Whether a valid pixel lies in the box, or under an object point where there is no box."""
    if prompt.box_xyxy is None:
        spots = [
            xy + xy
            for xy, label in zip(prompt.points_xy, prompt.point_labels, strict=True)
            if label == POSITIVE
        ]
    else:
        spots = [prompt.box_xyxy]
    return any(_holds_data(read.box_into_image(spot), pixels.valid) for spot in spots)


def _holds_data(box: tuple[float, float, float, float], valid: npt.NDArray[np.bool_]) -> bool:
    # to pixel corners, without the rounding noise that would touch one pixel more
    x0, y0, x1, y1 = (round(edge + 0.5, 6) for edge in box)
    rows, cols = valid.shape
    # a point just inside the last pixel is rounded to its far edge
    top, left = min(math.floor(y0), rows - 1), min(math.floor(x0), cols - 1)
    bottom, right = max(math.ceil(y1), top + 1), max(math.ceil(x1), left + 1)
    return bool(valid[top:bottom, left:right].any())


def _spans(region: MaskRegion | None, size_hw: tuple[int, int]) -> bool:
    return region is not None and any(
        start == 0 and stop == side
        for start, stop, side in zip(region.window.start, region.window.stop, size_hw, strict=True)
    )


def _alike(members: Sequence[int], prompts: Sequence[GeoPrompt]) -> Iterator[list[int]]:
    """Prompts of one window by their kind: no padding points, a bounded number of masks."""
    groups: dict[tuple[int, bool, bool], list[int]] = {}
    for n in members:
        prompt = prompts[n]
        kind = (len(prompt.points_xy), prompt.box_xyxy is not None, prompt.outline is not None)
        groups.setdefault(kind, []).append(n)
    for kind in sorted(groups):
        step = MASKS_AT_A_TIME if kind[-1] else len(groups[kind])
        yield from (groups[kind][at : at + step] for at in range(0, len(groups[kind]), step))


def _batch(
    prompts: Sequence[GeoPrompt], read: ReadWindow, embedding: Embedding, model_size: int
) -> Prompts:
    """Prompts of one kind in the indices of the image that is read."""
    boxes = [read.box_into_image(p.box_xyxy) for p in prompts if p.box_xyxy is not None]
    has_points = bool(prompts[0].points_xy)
    logits = [
        mask_logits(outline_mask(p.outline, read), embedding.input_size_hw, model_size)
        for p in prompts
        if p.outline is not None
    ]
    return Prompts(
        boxes_xyxy=np.array(boxes) if boxes else None,
        points_xy=np.array([[read.point_into_image(xy) for xy in p.points_xy] for p in prompts])
        if has_points
        else None,
        point_labels=np.array([p.point_labels for p in prompts]) if has_points else None,
        mask_logits=np.array(logits) if logits else None,
    )

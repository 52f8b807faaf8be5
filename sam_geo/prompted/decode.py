"""Decoding of one window: its prompts, in batches of one kind, to one mask for each prompt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sam_common.prompts import POSITIVE, Prompts
from sam_geo.prompts.mask_prompt import mask_logits, outline_mask

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from sam_common.masks.decoded import MaskRegion, Masks
    from sam_common.prompts import PromptKind
    from sam_common.segmenter.predictor import Embedding, Segmenter
    from sam_geo.prompted.refine import Refinement
    from sam_geo.prompts.geo_prompt import GeoPrompt
    from sam_geo.raster.pixels import Pixels
    from sam_geo.raster.read_window import ReadWindow


MASKS_AT_A_TIME = 64
"""Mask prompts that are decoded in one batch: each takes 256 KiB."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The network's answer to one prompt: a mask and how good it is."""

    score: float
    """IoU of the mask with the object, as the network predicts it."""
    stability: float
    """IoU between the masks at two thresholds around the chosen one."""
    region: MaskRegion | None
    """The mask in the image that was read; None where no pixel is in it."""

    def pieces(self, read: ReadWindow, refinement: Refinement) -> list[MaskRegion]:
        """The object in raster indices as disjoint regions; an empty list for an empty mask.

        Args:
            read: Where the image lies in the raster.
            refinement: Decodes the outline again at full resolution where the image was coarser.
        """
        if self.region is None:
            return []
        if not read.is_native:
            return list(refinement.pieces(self.region, read))
        row, col = read.window.start
        return [self.region.shift((row, col))]


def is_points_only(prompt: GeoPrompt) -> bool:
    """Whether a prompt has points and neither a box nor a mask, so that it has candidates."""
    return bool(prompt.points_xy) and prompt.box_xyxy is None and prompt.outline is None


def kinds_of(prompts: Iterable[GeoPrompt]) -> frozenset[PromptKind]:
    """The kinds of prompts (points, boxes, masks) that occur in some prompts."""
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
    prompts: Sequence[GeoPrompt] | Mapping[int, GeoPrompt],
) -> Iterator[tuple[int, Answer]]:
    """Decode the prompts of one window, for jobs and for live sessions alike.

    A mask follows from its prompt, from the window of that prompt
    (`sam_geo.prompted.windows.window_for`), and from this function.

    Args:
        segmenter: The segmenter that made the embedding.
        embedding: The embedding of the image that was read.
        read: Where that image lies in the raster.
        members: Numbers of the prompts to decode.
        prompts: These prompts by their number, in raster indices; or all of the job.

    Yields:
        The number of a prompt and its answer. For points without a box the network gives several
        candidates, of which `likeliest` is taken.
    """
    for n, masks, row in _decoded(segmenter, embedding, read, members, prompts):
        yield n, likeliest(masks, row)


def all_answers(
    segmenter: Segmenter,
    embedding: Embedding,
    read: ReadWindow,
    members: Sequence[int],
    prompts: Sequence[GeoPrompt] | Mapping[int, GeoPrompt],
) -> Iterator[tuple[int, list[Answer], int]]:
    """Decode the prompts of one window, and keep every candidate mask; see `answers`.

    Yields:
        The number of a prompt, its candidates in the order of the network, and which of them is
        the likeliest.
    """
    for n, masks, row in _decoded(segmenter, embedding, read, members, prompts):
        count = masks.scores.shape[1]
        yield n, [_answer(masks, row, c) for c in range(count)], _likeliest(masks, row)


def _decoded(
    segmenter: Segmenter,
    embedding: Embedding,
    read: ReadWindow,
    members: Sequence[int],
    prompts: Sequence[GeoPrompt] | Mapping[int, GeoPrompt],
) -> Iterator[tuple[int, Masks, int]]:
    """Numbers of prompts, each with masks and its row in them."""
    for alike in _alike(members, prompts):
        batch = _batch([prompts[n] for n in alike], read, embedding, segmenter.model_size)
        points_only = batch.kinds == {"points"} and segmenter.capabilities.multimask
        numbers = iter(alike)
        for part in segmenter.decode_batches(embedding, batch, multimask=points_only):
            for row in range(len(part)):
                yield next(numbers), part, row


def likeliest(masks: Masks, n: int) -> Answer:
    """The candidate mask with the highest score that does not span the window.

    A single point on aerial imagery often gets its highest score for a mask of nearly the whole
    window. A mask that reaches from one edge of the window to the opposite one is no object that
    the window was made for; it is taken only where no other candidate has a pixel.

    Args:
        masks: Candidates of all prompts.
        n: Row of the prompt in `masks`.
    """
    return _answer(masks, n, _likeliest(masks, n))


def _likeliest(masks: Masks, n: int) -> int:
    """Number of the candidate that `likeliest` takes."""
    ranked = np.argsort(-masks.scores[n], kind="stable").tolist()
    found = [(c, masks.region(n, c)) for c in ranked]
    filled = [pair for pair in found if pair[1] is not None]
    objects = [pair for pair in filled if not spans(pair[1], masks.image_size_hw)]
    return int((objects or filled or found)[0][0])


def _answer(masks: Masks, n: int, c: int) -> Answer:
    """One candidate of one prompt."""
    stability = float(masks[n : n + 1].stability()[0, c])
    return Answer(float(masks.scores[n, c]), stability, masks.region(n, c))


def is_on_data(prompt: GeoPrompt, read: ReadWindow, pixels: Pixels) -> bool:
    """Whether a valid pixel lies in the box of a prompt, or under an object point without a box.

    Args:
        prompt: The prompt in raster indices.
        read: The window that was read for the prompt.
        pixels: What was read.
    """
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
    """Whether a valid pixel lies in a box (x0, y0, x1, y1) of image indices."""
    # to pixel corners, without the rounding noise that would touch one pixel more
    x0, y0, x1, y1 = (round(edge + 0.5, 6) for edge in box)
    rows, cols = valid.shape
    # a point just inside the last pixel is rounded to its far edge
    top, left = min(math.floor(y0), rows - 1), min(math.floor(x0), cols - 1)
    bottom, right = max(math.ceil(y1), top + 1), max(math.ceil(x1), left + 1)
    return bool(valid[top:bottom, left:right].any())


def spans(region: MaskRegion | None, size_hw: tuple[int, int]) -> bool:
    """Whether a mask reaches from one edge of its image to the opposite one."""
    return region is not None and any(
        start == 0 and stop == side
        for start, stop, side in zip(region.window.start, region.window.stop, size_hw, strict=True)
    )


def _alike(
    members: Sequence[int], prompts: Sequence[GeoPrompt] | Mapping[int, GeoPrompt]
) -> Iterator[list[int]]:
    """Numbers of prompts in batches of one kind: points need no padding, and masks are few."""
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
    """Prompts of one kind, converted from raster indices to those of the image that was read."""
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

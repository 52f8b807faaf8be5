"""Mending: an object that its window cut, put right by a window whose middle is the cut.

```
what is known      |   what a window around    |   the object
  kkkkkkkkkkkkkkkkk|   the cut sees            |
  kkkkkkkkkkkkkkkkk|     aaaaaaaaaaaaaaa       |   kkkkkkkkkkkkkkkaaaaa
  kkkkkkkkkkkkkkkkk|     aaaaaaaaaa            |   kkkkkkkkkkkkkkaa
```
- An object that the new window sees whole is taken from it, without any seam.
- Of a larger one only what differs at the cut is changed: what the new window adds there is added,
  what it does not have there goes. Elsewhere the object stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sam_common.masks.decoded import MaskRegion
from sam_common.masks.instance import Instance
from sam_common.prompts import POSITIVE, Prompts
from sam_common.stitching.continuation import inner_points
from sam_common.stitching.link import LinkedObject, crop, ends_at_edge
from sam_common.stitching.overlap_evidence import THRESHOLD, mask_iou
from sam_common.stitching.straight_cuts import NEAR_PX, drawn
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

    from sam_common.automatic.options import EverythingOptions
    from sam_common.masks.decoded import Masks
    from sam_common.segmenter.predictor import Embedding, Segmenter
    from sam_common.stitching.straight_cuts import Cut

REACH_PX = 2 + NEAR_PX
"""How near to a cut a difference begins that belongs to it."""
CHAINS, STEPS = 3, 6
"""So many masks are asked for by themselves, so many times at most."""
LOGIT = 32.0
"""Logits that are given back are cut off here, as SAM 2 does."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What one window saw of an object."""

    window: Window
    """(row, col) in the image."""
    instance: Instance
    """In image indices."""


def look_again(
    segmenter: Segmenter,
    embedding: Embedding,
    window: Window,
    asked: Sequence[View],
    *,
    options: EverythingOptions,
) -> list[Instance | None]:
    """What a window has of objects that were seen from elsewhere.

    Each is asked for by three points deep in what is known of it, by each alone and by all. Where
    no mask passes the filters, the best ones are asked for once more by their own box and mask,
    a few times: what the network stands behind becomes sharp by that.

    Args:
        segmenter: One that takes points.
        embedding: Of the window.
        window: (row, col) in the image.
        asked: What is known of each object.
        options: Whose filters of score and stability hold here too.

    Returns:
        For each, in image indices, the mask that agrees best with what is known, of those above
        the filters with an IoU of at least `THRESHOLD` in what both windows saw; None where none
        does.
    """
    known = [_known(view, window, n) for n, view in enumerate(asked)]
    parts = [part for part in known if part is not None]
    if not parts:
        return [None] * len(asked)
    points = np.stack([inner_points(part.region) for part in parts]) - np.array(window.start[::-1])
    each = [part for part in parts for _ in range(points.shape[1])]
    judge = _Judge(segmenter, embedding, window, options)
    tries = judge.tries(each, Prompts.from_points(points.reshape(-1, 2)))
    tries += judge.tries(parts, Prompts.from_points(points))
    if {"boxes", "masks"} <= segmenter.capabilities.kinds:
        done = {t.known.number for t in tries if judge.passes(t)}
        rough = [t for t in tries if t.known.number not in done]
        tries += judge.sharpened(rough, dict(zip((p.number for p in parts), points, strict=True)))
    best: list[_Try | None] = [None] * len(asked)
    for found in tries:
        other = best[found.known.number]
        if judge.passes(found) and (other is None or found.iou > other.iou):
            best[found.known.number] = found
    return [None if found is None else found.instance for found in best]


def mend(
    found: LinkedObject, cuts: Sequence[Cut], answer: View, image_hw: Sequence[int]
) -> LinkedObject:
    """An object with what another window saw of it at its cuts.

    Args:
        found: The object.
        cuts: Where its outline is straight.
        answer: What the window around one of them saw.
        image_hw: Size of the image.
    """
    window, instance = answer.window, answer.instance
    whole = not ends_at_edge(instance.region.window, window, image_hw)
    if whole and all(window.contains(piece.window) for piece in found.pieces):
        return replace(
            found,
            pieces=(instance.region,),
            score=instance.score,
            stability=instance.stability,
            seam_merged=True,
        )
    known, seen = drawn(found.pieces, window), drawn([instance.region], window)
    near = np.zeros(window.shape, dtype=np.bool_)
    for cut in cuts:
        if (place := _around(cut).intersect(window)) is not None:
            near[place.shift([-s for s in window.start]).slices] = True
    added, gone = (_touching(part, near) for part in (seen & ~known, known & ~seen))
    pieces = [_without(piece, window, gone) for piece in found.pieces]
    more = MaskRegion.tight(window.start, added)
    kept = tuple(piece for piece in (*pieces, more) if piece is not None)
    return replace(found, pieces=kept, seam_merged=True) if kept else found


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    number: int
    place: Window
    """What both windows saw."""
    region: MaskRegion
    """The object there."""


@dataclass(frozen=True, slots=True, eq=False)
class _Try:
    """A mask that agrees with what is known."""

    known: _Known
    iou: float
    instance: Instance
    logits: npt.NDArray[np.float32]

    @property
    def rank(self) -> float:
        return self.iou * self.instance.score * self.instance.stability


@dataclass(frozen=True, slots=True, eq=False)
class _Judge:
    """A window, and what is asked of its masks."""

    segmenter: Segmenter
    embedding: Embedding
    window: Window
    options: EverythingOptions

    def passes(self, found: _Try) -> bool:
        """The filters of the grid."""
        instance = found.instance
        sure = instance.score > self.options.pred_iou_thresh
        return sure and instance.stability >= self.options.stability_score_thresh

    def tries(self, parts: Sequence[_Known], prompts: Prompts, *, three: bool = True) -> list[_Try]:
        """The masks of one prompt for each part that agree with it."""
        found: list[_Try] = []
        waiting = iter(parts)
        three = three and self.segmenter.capabilities.multimask
        for masks in self.segmenter.decode_batches(self.embedding, prompts, multimask=three):
            for row in range(len(masks)):
                found += self._agreeing(masks, row, next(waiting))
        return found

    def _agreeing(self, masks: Masks, row: int, known: _Known) -> Iterator[_Try]:
        rows, cols = self.window.start
        for c in range(masks.scores.shape[1]):
            if (region := masks.region(row, c)) is None:
                continue
            moved = region.shift((rows, cols))
            inner = crop(moved, known.place)
            if inner is None or (iou := mask_iou(inner, known.region)) < THRESHOLD:
                continue
            stability = masks.full_stability(row, c, offset=self.options.stability_score_offset)
            instance = Instance(moved, float(masks.scores[row, c]), stability)
            yield _Try(known, iou, instance, masks.prompt_logits(row, c))

    def sharpened(
        self, rough: Sequence[_Try], points: Mapping[int, npt.NDArray[np.float64]]
    ) -> list[_Try]:
        """The best of some masks, asked for by themselves until they pass."""
        ranked = sorted(rough, key=lambda found: -found.rank)
        running: list[_Try] = []
        for found in ranked:
            if sum(other.known is found.known for other in running) < CHAINS:
                running.append(found)
        every: list[_Try] = []
        for _ in range(STEPS):
            running = [
                after
                for before in running
                for after in self.tries(
                    [before.known], self._again(before, points[before.known.number]), three=False
                )
            ]
            every += running
            running = [found for found in running if not self.passes(found)]
        return every

    def _again(self, found: _Try, points_xy: npt.NDArray[np.float64]) -> Prompts:
        box = np.array(found.instance.region.box_xyxy) - np.array(self.window.start[::-1] * 2)
        return Prompts(
            boxes_xyxy=box[None],
            points_xy=points_xy[None],
            point_labels=np.full((1, len(points_xy)), POSITIVE),
            mask_logits=found.logits[None].clip(-LOGIT, LOGIT),
        )


def _known(view: View, window: Window, number: int) -> _Known | None:
    place = view.window.intersect(window)
    part = None if place is None else crop(view.instance.region, place)
    return None if place is None or part is None else _Known(number, place, part)


def _around(cut: Cut) -> Window:
    at, ends = cut.line.at, (cut.start, cut.stop)
    low, high = (at - REACH_PX, ends[0]), (at + REACH_PX, ends[1])
    return Window(low, high) if cut.line.axis == 0 else Window(low[::-1], high[::-1])


def _touching(mask: npt.NDArray[np.bool_], near: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The connected parts of a mask that reach into a place."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    chosen = np.zeros(count, dtype=np.bool_)
    chosen[labels[near & mask]] = True
    return np.asarray(chosen[labels])


def _without(piece: MaskRegion, window: Window, gone: npt.NDArray[np.bool_]) -> MaskRegion | None:
    if (shared := piece.window.intersect(window)) is None:
        return piece
    mask = piece.mask.copy()
    here = shared.shift([-s for s in piece.window.start]).slices
    mask[here] &= ~gone[shared.shift([-s for s in window.start]).slices]
    return MaskRegion.tight(piece.window.start, mask)

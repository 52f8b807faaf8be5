"""Mending: an object that its window cut, corrected by a window that was moved over the cut.

```
the object so far   |   what a window around    |   the mended object
  kkkkkkkkkkkkkkkkk|   the cut sees            |
  kkkkkkkkkkkkkkkkk|     aaaaaaaaaaaaaaa       |   kkkkkkkkkkkkkkkaaaaa
  kkkkkkkkkkkkkkkkk|     aaaaaaaaaa            |   kkkkkkkkkkkkkkaa
```
- An object that the moved window sees whole is taken from it, without any seam.
- Of a larger one only what differs at the cut is changed: pixels that the moved window adds there
  are added, pixels that it lacks there are removed. Elsewhere the object stays as it was.
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
from sam_common.stitching.neighbourhood import ends_at_edge
from sam_common.stitching.overlap import LINK_IOU
from sam_common.stitching.regions import crop, drawn, mask_iou, minus
from sam_common.stitching.straight_cuts import NEAR_PX

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

    from sam_common.automatic.options import EverythingOptions
    from sam_common.masks.decoded import Masks
    from sam_common.segmenter.predictor import Embedding, Segmenter
    from sam_common.stitching.link import LinkedObject
    from sam_common.stitching.straight_cuts import Cut
    from sam_common.window import Window

REACH_PX = 2 + NEAR_PX
"""A difference that comes this near to a cut, in pixels, belongs to the cut."""
SHARPENED = 3
"""Masks of an object that are sharpened, the best ones first."""
SHARPENING_STEPS = 6
"""Most times that a mask is sharpened, that is, prompted for by its own box and logits."""
LOGIT_LIMIT = 32.0
"""Logits of a mask prompt are clipped to plus and minus this value, as SAM 2 does."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What one window saw of an object."""

    window: Window
    """(row, col) in the image."""
    instance: Instance
    """The object's mask in image indices."""


def segment_again(
    segmenter: Segmenter,
    embedding: Embedding,
    window: Window,
    asked: Sequence[View],
    *,
    options: EverythingOptions,
) -> list[Instance | None]:
    """Segment, in one window, objects that other windows saw in part.

    The prompts of an object are three points deep in what is known of it, each alone and all
    together. Where no mask passes the filters, the best ones are sharpened: the network is prompted
    with their own box and logits, a few times.

    Args:
        segmenter: A segmenter that takes points.
        embedding: The window's embedding.
        window: (row, col) in the image.
        asked: What is known of each object.
        options: Filters of predicted IoU and stability, as for the grid of points.

    Returns:
        For each object, in image indices, the mask that agrees best with the known part, of those
        that pass the filters and have an IoU of at least `LINK_IOU` with it in the pixels that both
        windows saw; None where no mask does.
    """
    known = [_known(view, window, n) for n, view in enumerate(asked)]
    parts = [part for part in known if part is not None]
    if not parts:
        return [None] * len(asked)
    points = np.stack([inner_points(part.region) for part in parts]) - np.array(window.start[::-1])
    each = [part for part in parts for _ in range(points.shape[1])]
    here = _MovedWindow(segmenter, embedding, window, options)
    found = here.candidates(each, Prompts.from_points(points.reshape(-1, 2)))
    found += here.candidates(parts, Prompts.from_points(points))
    if {"boxes", "masks"} <= segmenter.capabilities.kinds:
        done = {one.known.number for one in found if here.passes(one)}
        rough = [one for one in found if one.known.number not in done]
        found += here.sharpened(rough, dict(zip((p.number for p in parts), points, strict=True)))
    best: list[_Candidate | None] = [None] * len(asked)
    for one in found:
        other = best[one.known.number]
        if here.passes(one) and (other is None or one.iou > other.iou):
            best[one.known.number] = one
    return [None if one is None else one.instance for one in best]


def mend(
    found: LinkedObject, cuts: Sequence[Cut], answer: View, image_hw: Sequence[int]
) -> LinkedObject:
    """Correct an object at its cuts by what another window saw of it.

    Args:
        found: The object.
        cuts: Straight parts of its outline.
        answer: What the window around one of the cuts saw of the object.
        image_hw: Rows and columns of the image.
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
        if (place := cut.around(REACH_PX).intersect(window)) is not None:
            near[place.within(window).slices] = True
    added, gone = (_touching(part, near) for part in (seen & ~known, known & ~seen))
    pieces = [_without(piece, MaskRegion(window, gone)) for piece in found.pieces]
    more = MaskRegion.tight(window.start, added)
    kept = tuple(piece for piece in (*pieces, more) if piece is not None)
    return replace(found, pieces=kept, seam_merged=True) if kept else found


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """The known part of an object in the pixels that a moved window sees as well."""

    number: int
    place: Window
    """The pixels that both windows saw."""
    region: MaskRegion
    """The object's mask in these pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    """A mask of a moved window that agrees with the known part of an object."""

    known: _Known
    iou: float
    instance: Instance
    logits: npt.NDArray[np.float32]

    @property
    def rank(self) -> float:
        """Order in which candidates are sharpened."""
        return self.iou * self.instance.score * self.instance.stability


@dataclass(frozen=True, slots=True, eq=False)
class _MovedWindow:
    """A window that was moved over cuts, with its embedding and the filters of its masks."""

    segmenter: Segmenter
    embedding: Embedding
    window: Window
    options: EverythingOptions

    def passes(self, found: _Candidate) -> bool:
        """Whether a mask passes the filters of predicted IoU and stability."""
        instance = found.instance
        sure = instance.score > self.options.pred_iou_thresh
        return sure and instance.stability >= self.options.stability_score_thresh

    def candidates(
        self, parts: Sequence[_Known], prompts: Prompts, *, multimask: bool = True
    ) -> list[_Candidate]:
        """The masks of one prompt for each part that agree with that part."""
        found: list[_Candidate] = []
        waiting = iter(parts)
        three = multimask and self.segmenter.capabilities.multimask
        for masks in self.segmenter.decode_batches(self.embedding, prompts, multimask=three):
            for row in range(len(masks)):
                found += self._agreeing(masks, row, next(waiting))
        return found

    def _agreeing(self, masks: Masks, row: int, known: _Known) -> Iterator[_Candidate]:
        """The masks of one prompt that agree with the known part of an object."""
        rows, cols = self.window.start
        for c in range(masks.scores.shape[1]):
            if (region := masks.region(row, c)) is None:
                continue
            moved = region.shift((rows, cols))
            inner = crop(moved, known.place)
            if inner is None or (iou := mask_iou(inner, known.region)) < LINK_IOU:
                continue
            stability = masks.full_stability(row, c, offset=self.options.stability_score_offset)
            instance = Instance(moved, float(masks.scores[row, c]), stability)
            yield _Candidate(known, iou, instance, masks.prompt_logits(row, c))

    def sharpened(
        self, rough: Sequence[_Candidate], points: Mapping[int, npt.NDArray[np.float64]]
    ) -> list[_Candidate]:
        """Masks that the network gives for the best of some masks, until they pass the filters.

        A mask that the network is sure of becomes sharp by this.
        """
        ranked = sorted(rough, key=lambda found: -found.rank)
        running: list[_Candidate] = []
        for found in ranked:
            if sum(other.known is found.known for other in running) < SHARPENED:
                running.append(found)
        every: list[_Candidate] = []
        for _ in range(SHARPENING_STEPS):
            running = [
                after
                for before in running
                for after in self.candidates(
                    [before.known],
                    self._own_prompts(before, points[before.known.number]),
                    multimask=False,
                )
            ]
            every += running
            running = [found for found in running if not self.passes(found)]
        return every

    def _own_prompts(self, found: _Candidate, points_xy: npt.NDArray[np.float64]) -> Prompts:
        """A mask's box and logits, with the points that it was found by, as one prompt."""
        box = np.array(found.instance.region.box_xyxy) - np.array(self.window.start[::-1] * 2)
        return Prompts(
            boxes_xyxy=box[None],
            points_xy=points_xy[None],
            point_labels=np.full((1, len(points_xy)), POSITIVE),
            mask_logits=found.logits[None].clip(-LOGIT_LIMIT, LOGIT_LIMIT),
        )


def _known(view: View, window: Window, number: int) -> _Known | None:
    """The part of a view in a moved window, None where no object pixel lies there."""
    place = view.window.intersect(window)
    part = None if place is None else crop(view.instance.region, place)
    return None if place is None or part is None else _Known(number, place, part)


def _touching(mask: npt.NDArray[np.bool_], near: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The connected parts of a mask that have a pixel in another mask."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    chosen = np.zeros(count, dtype=np.bool_)
    chosen[labels[near & mask]] = True
    return np.asarray(chosen[labels])


def _without(piece: MaskRegion, gone: MaskRegion) -> MaskRegion | None:
    """A piece without some pixels, cut to what is left; None where nothing is."""
    rest = minus(piece, gone)
    return rest if rest is None or rest is piece else MaskRegion.tight(rest.window.start, rest.mask)

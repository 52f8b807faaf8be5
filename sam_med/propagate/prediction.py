"""Predictions: what the network says of one object on one slice, given a box or points.

A prediction is held as 8-bit certainty inside the window in which the object is searched; where
that is large, it is packed, see `sam_med.slices.packed_slices`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from sam_common.prompts import Prompts
from sam_common.window import Window
from sam_med.slices.packed_slices import kept, rows_of, signs_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from sam_common.masks.decoded import Masks
    from sam_med.slices.embedded_slices import SliceEmbeddings
    from sam_med.slices.packed_slices import Kept

Box: TypeAlias = tuple[float, float, float, float]
"""(x0, y0, x1, y1) in (column, row) indices of a slice on the volume's grid, along the outer edges
of its voxels: the box of voxel 7 alone runs from 6.5 to 7.5."""
Predictions: TypeAlias = "dict[tuple[int, int], Prediction]"
"""The chosen prediction for each slice, by (axis, index)."""

FULL = 127
"""The int8 value of a certainty of 1."""
GRID_PX = 256
"""Longest side of the decoder's grid, in pixels; margins of boxes are measured in them."""
SAME_PX = 1.0
"""Boxes whose edges differ by less than this, in pixels of the decoder's grid, are decoded once."""


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """The network's mask of one object on one slice, for one prompt."""

    axis: int
    """Array axis of the volume that the slice is perpendicular to."""
    index: int
    """Index of the slice along that axis, in the volume."""
    box_xyxy: Box
    """The box that was the prompt; the box of the mask where the prompt was points."""
    kept: Kept
    """The certainty, as it is kept."""
    predicted_iou: float
    """IoU of the mask as predicted by the network; may lie a little outside of 0 to 1."""
    stability: float
    """IoU of the masks at two thresholds, see `Masks.stability`."""
    given: bool = False
    """Whether a person drew this mask or box: it is then neither replaced nor outvoted."""

    @property
    def certainty(self) -> npt.NDArray[np.int8]:
        """127 * (2 * sigmoid(logit) - 1) on the window's part of the slice: above 0 is object."""
        return rows_of(self.kept)

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """The object on the window's part of the slice."""
        return signs_of(self.kept)

    @property
    def quality(self) -> float:
        """Predicted IoU times stability, 0 to 1: how sure the network is of its own mask."""
        return min(1.0, max(0.0, self.predicted_iou)) * self.stability


class SlicePredictor:
    """Predicts one object on slices from boxes; no box is decoded twice on one slice.

    Args:
        slices: Embeddings of the volume.
        window: (k, j, i) part of the volume; each prediction is kept inside of it only.
    """

    def __init__(self, slices: SliceEmbeddings, window: Window) -> None:
        self.slices = slices
        self.window = window
        self._seen: dict[tuple[int, int], list[Prediction]] = {}

    def predict(self, place: tuple[int, int], boxes: Sequence[Box]) -> list[Prediction]:
        """One prediction for each box on the slice `place` (axis, index), in their order."""
        asked = [self._known(place, box) for box in boxes]
        new = [box for box, known in zip(boxes, asked, strict=True) if known is None]
        made = iter(
            predict(self.slices, place, Prompts.from_boxes(new), self.window, new) if new else []
        )
        found = [next(made) if known is None else known for known in asked]
        seen = self._seen.setdefault(place, [])
        seen.extend(one for one in found if one not in seen)
        return found

    def unlike(self, boxes: Iterable[Box], axis: int) -> list[Box]:
        """Boxes of slices along an axis without those that come after one closer than `SAME_PX`."""
        found: list[Box] = []
        for box in boxes:
            if not any(self._is_same(box, other, axis) for other in found):
                found.append(box)
        return found

    def seen(self, place: tuple[int, int]) -> Sequence[Prediction]:
        """All predictions made so far on the slice `place` (axis, index), the earliest first."""
        return self._seen.get(place, ())

    def grow(self, box: Box, axis: int, margin_px: float) -> Box:
        """A box made larger by a margin in pixels of the decoder's grid, cut to the window."""
        dx, dy = self._step(axis, margin_px)
        limit = box_of_window(self.window, axis)
        return (
            min(max(box[0] - dx, limit[0]), limit[2]),
            min(max(box[1] - dy, limit[1]), limit[3]),
            max(min(box[2] + dx, limit[2]), limit[0]),
            max(min(box[3] + dy, limit[3]), limit[1]),
        )

    def side_px(self, box: Box, axis: int) -> float:
        """The longer side of a box on a slice along an axis, in pixels of the decoder's grid."""
        dx, dy = self._step(axis, 1.0)
        return max((box[2] - box[0]) / dx, (box[3] - box[1]) / dy)

    def box_of(self, mask: npt.NDArray[np.bool_], axis: int) -> Box | None:
        """The box of a mask on the window's part of a slice; None where the mask is empty."""
        return box_of(mask, across(self.window, axis))

    def _known(self, place: tuple[int, int], box: Box) -> Prediction | None:
        """An earlier prediction on the slice for a box that differs by less than `SAME_PX`."""
        for one in self._seen.get(place, ()):
            if self._is_same(one.box_xyxy, box, place[0]):
                return one
        return None

    def _is_same(self, one: Box, other: Box, axis: int) -> bool:
        """Whether the edges of two boxes differ by less than `SAME_PX`."""
        dx, dy = self._step(axis, SAME_PX)
        gaps = [abs(a - b) for a, b in zip(one, other, strict=True)]
        return max(gaps[0], gaps[2]) < dx and max(gaps[1], gaps[3]) < dy

    def _step(self, axis: int, pixels: float) -> tuple[float, float]:
        """The columns and rows of the volume's grid that equal `pixels` of the decoder's grid."""
        plane = self.slices.plane(axis)
        step = pixels * max(plane.shown_hw) / GRID_PX
        x, y = plane.scale_xy
        return step / x, step / y


def predict(
    slices: SliceEmbeddings,
    place: tuple[int, int],
    prompts: Prompts,
    window: Window,
    boxes: Sequence[Box] = (),
) -> list[Prediction]:
    """Decode several prompts on one slice, one prediction for each.

    Args:
        slices: Embeddings of the volume.
        place: Axis and index of the slice.
        prompts: Boxes, points or both, in (column, row) indices of the slice.
        window: (k, j, i) part of the volume that is kept of each prediction.
        boxes: The box of each prompt; the box of the found mask where empty.
    """
    axis, index = place
    # a point may stand for a part as well as for the whole: the surest of three candidates
    multimask = prompts.boxes_xyxy is None and slices.segmenter.capabilities.multimask
    masks = slices.decode(axis, index, prompts, multimask=multimask).best()
    stability = masks.stability()
    part = across(window, axis)
    found = []
    for n in range(len(prompts)):
        certainty = _certainty(masks, n, part)
        box = boxes[n] if boxes else box_of(certainty > 0, part) or box_of_window(window, axis)
        scores = float(masks.scores[n, 0]), float(stability[n, 0])
        found.append(Prediction(axis, index, box, kept(certainty), *scores))
    return found


def painted(place: tuple[int, int], mask: npt.NDArray[np.bool_], window: Window) -> Prediction:
    """A painted mask as a prediction that no vote overrules.

    Args:
        place: Axis and index of the slice.
        mask: (row, column) array of the window's part of the slice.
        window: (k, j, i) part of the volume in which the object is searched.
    """
    axis, index = place
    certainty = np.where(mask, FULL, -FULL).astype(np.int8)
    box = box_of(mask, across(window, axis)) or box_of_window(window, axis)
    return Prediction(axis, index, box, kept(certainty), 1.0, 1.0, given=True)


def nothing(place: tuple[int, int], window: Window) -> Prediction:
    """A prediction on the slice `place` (axis, index) that found nothing and has quality 0."""
    axis, index = place
    certainty = np.full(across(window, axis).shape, -1, dtype=np.int8)
    return Prediction(axis, index, box_of_window(window, axis), kept(certainty), 0.0, 0.0)


def across(window: Window, axis: int) -> Window:
    """The (row, column) part of a slice along `axis` that a (k, j, i) window covers.

    >>> across(Window((1, 2, 3), (4, 5, 6)), 1)
    Window(start=(1, 3), stop=(4, 6))
    """
    keep = [d for d in range(len(window.start)) if d != axis]
    return Window(tuple(window.start[d] for d in keep), tuple(window.stop[d] for d in keep))


def box_of_window(window: Window, axis: int) -> Box:
    """The box of a (k, j, i) window on any slice of it along `axis`.

    >>> box_of_window(Window((1, 2, 3), (4, 5, 6)), 0)
    (2.5, 1.5, 5.5, 4.5)
    """
    return edges(across(window, axis))


def edges(part: Window) -> Box:
    """The box along the outer edges of a (row, column) window.

    >>> edges(Window((2, 3), (5, 6)))
    (2.5, 1.5, 5.5, 4.5)
    """
    (top, left), (bottom, right) = part.start, part.stop
    return left - 0.5, top - 0.5, right - 0.5, bottom - 0.5


def window_of_box(box: Box) -> Window:
    """The (row, column) window whose outer edges a box of whole voxels runs along.

    >>> window_of_box((2.5, 1.5, 5.5, 4.5))
    Window(start=(2, 3), stop=(5, 6))
    """
    x0, y0, x1, y1 = (int(edge + 0.5) for edge in box)
    return Window((y0, x0), (y1, x1))


def box_of(mask: npt.NDArray[np.bool_], part: Window) -> Box | None:
    """The box of a mask that covers the (row, column) window `part`; None where it is empty."""
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    tight = Window((int(rows[0]), int(cols[0])), (int(rows[-1]) + 1, int(cols[-1]) + 1))
    return edges(tight.shift(part.start))


def _certainty(masks: Masks, n: int, part: Window) -> npt.NDArray[np.int8]:
    """Certainty of mask `n` on a (row, column) part of its slice; its sign is that of the mask."""
    logits = masks.full_logits(n)[part.slices]
    size = np.clip(np.round(FULL * np.tanh(np.abs(logits) / 2)), 1, FULL)
    # a logit just above the threshold must not become 0, so the sign comes from the mask
    inside = np.zeros(logits.shape, dtype=np.bool_)
    region = masks.region(n)
    if region is not None and (shared := region.window.intersect(part)) is not None:
        inside[shared.within(part).slices] = region.mask[shared.within(region.window).slices]
    return np.where(inside, size, -size).astype(np.int8)

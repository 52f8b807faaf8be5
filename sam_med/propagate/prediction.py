"""Predictions, called looks here: what the network says of one object on one slice for a box.

A look is held as 8-bit certainty inside the window in which the object is looked for, so that the
looks of a whole object along three axes take three bytes a voxel of its window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from sam_common.prompts import Prompts
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_common.masks.decoded import Masks
    from sam_med.slices.embedded_slices import SliceEmbeddings

Box: TypeAlias = tuple[float, float, float, float]
"""(x0, y0, x1, y1) in (column, row) indices of a slice on the volume's grid, outer edges: the box
of voxel 7 alone runs from 6.5 to 7.5."""
Looks: TypeAlias = "dict[tuple[int, int], Look]"
"""The chosen look on each (axis, index)."""

FULL = 127
"""Certainty of 1 in int8."""
GRID_PX = 256
"""The decoder's grid; margins are in its pixels."""
SAME_PX = 1.0
"""Boxes that differ by less, in pixels of that grid, get the same answer."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One slice, one box, one answer."""

    axis: int
    index: int
    """Slice along the axis, in the volume."""
    box_xyxy: Box
    """The prompt."""
    certainty: npt.NDArray[np.int8]
    """127 * (2 * sigmoid(logit) - 1) on the window's part of the slice: above 0 is object."""
    predicted_iou: float
    """Of the network."""
    stability: float
    """IoU of the masks at two thresholds."""
    given: bool = False
    """Whether a person said so: it is then neither replaced nor outvoted."""

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """The object on the window's part of the slice."""
        return np.asarray(self.certainty > 0)

    @property
    def quality(self) -> float:
        """Predicted IoU times stability, 0 to 1: how sure the network is of its own answer."""
        return min(1.0, max(0.0, self.predicted_iou)) * self.stability


class Looker:
    """Decodes boxes on slices for one object, and remembers what it has seen.

    Args:
        slices: Where embeddings come from.
        window: (k, j, i) part of the volume that is kept of each answer.
    """

    def __init__(self, slices: SliceEmbeddings, window: Window) -> None:
        self.slices = slices
        self.window = window
        self._seen: dict[tuple[int, int], list[Look]] = {}

    def look(self, place: tuple[int, int], boxes: Sequence[Box]) -> list[Look]:
        """One look for each box on the slice `place` (axis, index)."""
        asked = [self._known(place, box) for box in boxes]
        new = [box for box, known in zip(boxes, asked, strict=True) if known is None]
        made = iter(look(self.slices, place, new, self.window) if new else [])
        found = [next(made) if known is None else known for known in asked]
        seen = self._seen.setdefault(place, [])
        seen.extend(one for one in found if one not in seen)
        return found

    def grow(self, box: Box, axis: int, margin_px: float) -> Box:
        """A box made larger by a margin in pixels of the decoder's grid, inside the window."""
        dx, dy = self._step(axis, margin_px)
        limit = whole(self.window, axis)
        return (
            min(max(box[0] - dx, limit[0]), limit[2]),
            min(max(box[1] - dy, limit[1]), limit[3]),
            max(min(box[2] + dx, limit[2]), limit[0]),
            max(min(box[3] + dy, limit[3]), limit[1]),
        )

    def box_of(self, mask: npt.NDArray[np.bool_], axis: int) -> Box | None:
        """The box of a mask on the window's part of a slice; None where it is empty."""
        return box_of(mask, across(self.window, axis))

    def _known(self, place: tuple[int, int], box: Box) -> Look | None:
        """A look for a box that is as good as this one."""
        dx, dy = self._step(place[0], SAME_PX)
        for one in self._seen.get(place, ()):
            gaps = [abs(a - b) for a, b in zip(one.box_xyxy, box, strict=True)]
            if max(gaps[0], gaps[2]) < dx and max(gaps[1], gaps[3]) < dy:
                return one
        return None

    def _step(self, axis: int, pixels: float) -> tuple[float, float]:
        """Columns and rows of the volume's grid that are some pixels of the decoder's grid."""
        plane = self.slices.plane(axis)
        step = pixels * max(plane.shown_hw) / GRID_PX
        x, y = plane.scale_xy
        return step / x, step / y


def look(
    slices: SliceEmbeddings,
    place: tuple[int, int],
    boxes: Sequence[Box],
    window: Window,
) -> list[Look]:
    """Decode several boxes on the slice `place` (axis, index), one look each.

    Args:
        slices: Where embeddings come from.
        place: Axis and index of the slice.
        boxes: Prompts.
        window: (k, j, i) part of the volume that is kept of each answer.
    """
    return looks_of(slices, place, Prompts.from_boxes(boxes), window, boxes)


def looks_of(
    slices: SliceEmbeddings,
    place: tuple[int, int],
    prompts: Prompts,
    window: Window,
    boxes: Sequence[Box] = (),
) -> list[Look]:
    """One look for each prompt of any kind; the box of a prompt without one is that of its mask."""
    axis, index = place
    # a point stands for a part as well as for the whole: the surest of three candidates
    multimask = prompts.boxes_xyxy is None and slices.segmenter.capabilities.multimask
    masks = slices.decode(axis, index, prompts, multimask=multimask).best()
    stability = masks.stability()
    part = across(window, axis)
    found = []
    for n in range(len(prompts)):
        certainty = _certainty(masks, n, part)
        box = boxes[n] if boxes else box_of(certainty > 0, part) or whole(window, axis)
        scores = float(masks.scores[n, 0]), float(stability[n, 0])
        found.append(Look(axis, index, box, certainty, *scores))
    return found


def painted(place: tuple[int, int], mask: npt.NDArray[np.bool_], window: Window) -> Look:
    """A look from a mask that a person painted, (H, W) on the window's part of the slice."""
    axis, index = place
    certainty = np.where(mask, FULL, -FULL).astype(np.int8)
    box = box_of(mask, across(window, axis)) or whole(window, axis)
    return Look(axis, index, box, certainty, 1.0, 1.0, given=True)


def across(window: Window, axis: int) -> Window:
    """The (row, column) part of a slice along `axis` that a (k, j, i) window covers.

    >>> across(Window((1, 2, 3), (4, 5, 6)), 1)
    Window(start=(1, 3), stop=(4, 6))
    """
    keep = [d for d in range(len(window.start)) if d != axis]
    return Window(tuple(window.start[d] for d in keep), tuple(window.stop[d] for d in keep))


def whole(window: Window, axis: int) -> Box:
    """The box of all of a window on a slice along `axis`.

    >>> whole(Window((1, 2, 3), (4, 5, 6)), 0)
    (2.5, 1.5, 5.5, 4.5)
    """
    return edges(across(window, axis))


def edges(part: Window) -> Box:
    """The box of a (row, column) window.

    >>> edges(Window((2, 3), (5, 6)))
    (2.5, 1.5, 5.5, 4.5)
    """
    (top, left), (bottom, right) = part.start, part.stop
    return left - 0.5, top - 0.5, right - 0.5, bottom - 0.5


def box_of(mask: npt.NDArray[np.bool_], part: Window) -> Box | None:
    """The box of a mask that covers the (row, column) window `part`; None where it is empty."""
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    tight = Window((int(rows[0]), int(cols[0])), (int(rows[-1]) + 1, int(cols[-1]) + 1))
    return edges(tight.shift(part.start))


def _certainty(masks: Masks, n: int, part: Window) -> npt.NDArray[np.int8]:
    logits = masks.full_logits(n)[part.slices]
    size = np.clip(np.round(FULL * np.tanh(np.abs(logits) / 2)), 1, FULL)
    # the sign is the mask's own: a logit just above the threshold must not become 0
    inside = np.zeros(logits.shape, dtype=np.bool_)
    region = masks.region(n)
    if region is not None and (shared := region.window.intersect(part)) is not None:
        inside[shared.within(part).slices] = region.mask[shared.within(region.window).slices]
    return np.where(inside, size, -size).astype(np.int8)

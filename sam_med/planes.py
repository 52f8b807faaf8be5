"""Planes: the default method, from what was asked for to objects with a confidence for each slice.

```
3-D box            -> its window                                         \
boxes on slices    -> followed to the object's ends -> window, seeds      > rounds -> mask
points             -> a mask on their slice -> its box, as above         /
mask               -> its box on every slice                            -> one round
```
The method itself is in `rounds`; `docs/propagation.md` explains it with a drawing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sam_common.prompts import Prompts
from sam_common.window import Window
from sam_med.confidence import confidences
from sam_med.extent import seed_of, window_of
from sam_med.look import Looker, looks_of
from sam_med.rounds import Found, refine_mask, segment_window, steps
from sam_med.segments import Segment
from sam_med.slice_box import AXES, SliceBox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from sam_med.codes import Code
    from sam_med.prompts import ObjectPrompt, VoxelMask, VoxelPoint
    from sam_med.segments import SliceConfidence
    from sam_med.slice_box import Axis
    from sam_med.slices import SliceEmbeddings
    from sam_med.volume import Volume

ROOM = 3
"""Voxels around a mask to refine, at least; more for large ones."""
ROOM_SHARE = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class ObjectMask:
    """An object, and all that a later correction of it needs."""

    found: Found
    """Where it was looked for, and what the network said on each slice."""

    @property
    def window(self) -> Window:
        """(k, j, i) part of the volume that the mask covers."""
        return self.found.window

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """Array of `window.shape`."""
        return self.found.mask

    @property
    def slices(self) -> tuple[SliceConfidence, ...]:
        """How far each slice along the first axis can be trusted, ascending."""
        return confidences(self.found)

    def segment(self, name: str, value: int, code: Code | None = None) -> Segment:
        """As a named object, to be written or measured."""
        return Segment(name, value, self.window, self.mask, code, self.slices)

    def full(self, shape: tuple[int, int, int]) -> npt.NDArray[np.bool_]:
        """The mask in a whole volume of this (k, j, i) shape."""
        whole = np.zeros(shape, dtype=np.bool_)
        whole[self.window.slices] = self.mask
        return whole


def segment_box(
    slices: SliceEmbeddings,
    box: Window,
    slice_boxes: Sequence[SliceBox] = (),
    step: Callable[[int], None] = lambda _done: None,
) -> ObjectMask:
    """The object in a 3-D box.

    Args:
        slices: Embeddings of the volume; several objects share them.
        box: (k, j, i) voxels around the object, inside the volume.
        slice_boxes: Boxes on slices where they are known more exactly.
        step: Called with the number of steps done, of `rounds.steps`.
    """
    for part in slice_boxes:
        box = box.union(part.window_kji)
    return _in_window(slices, box, slice_boxes, step, tight=True)


def segment_slice_boxes(
    slices: SliceEmbeddings,
    boxes: Sequence[SliceBox],
    step: Callable[[int], None] = lambda _done: None,
) -> ObjectMask:
    """The object of boxes on single slices, of which nobody said how far it reaches.

    Args:
        slices: Embeddings of the volume.
        boxes: At least one, on slices of any axes.
        step: Called with the number of steps done.
    """
    # boxes on slices of two axes say how far the object reaches along all three
    tight = len({box.axis for box in boxes}) > 1
    return _in_window(slices, window_of(slices, boxes, step), boxes, step, tight=tight)


def segment_points(
    slices: SliceEmbeddings,
    points: Sequence[VoxelPoint],
    step: Callable[[int], None] = lambda _done: None,
) -> ObjectMask:
    """The object that holds some points, and does not hold others; see `boxes_of_points`."""
    return segment_slice_boxes(slices, boxes_of_points(slices, points), step)


def refine_object(
    slices: SliceEmbeddings,
    mask: VoxelMask,
    step: Callable[[int], None] = lambda _done: None,
) -> ObjectMask:
    """An earlier result, looked at again, with a step for each slice."""
    start, stop = [], []
    for d, size in enumerate(slices.shape):
        room = max(ROOM, round(ROOM_SHARE * mask.window.shape[d]))
        start.append(max(0, mask.window.start[d] - room))
        stop.append(min(size, mask.window.stop[d] + room))
    window = Window(tuple(start), tuple(stop))
    inside = np.zeros(window.shape, dtype=np.bool_)
    inside[mask.window.shift([-s for s in window.start]).slices] = mask.mask
    return ObjectMask(refine_mask(slices, inside, window, step))


def boxes_of_points(slices: SliceEmbeddings, points: Sequence[VoxelPoint]) -> list[SliceBox]:
    """The box of the mask that the points of each slice give, on slices of the finest pixels.

    Points of the background take part on slices that have points of the object too.

    Args:
        slices: Embeddings of the volume, by a model that takes points.
        points: At least one of them in the object.
    """
    axis = finest_axis(slices.volume)
    by_slice: dict[int, list[VoxelPoint]] = {}
    for point in points:
        by_slice.setdefault(point.window_kji.start[axis], []).append(point)
    everything = slices.volume.window
    boxes = []
    for index, here in sorted(by_slice.items()):
        if not any(point.positive for point in here):
            continue
        prompts = _point_prompts(here, axis)
        seen = looks_of(slices, (axis, index), prompts, everything)[0]
        x0, y0, x1, y1 = (int(edge + 0.5) for edge in seen.box_xyxy)
        boxes.append(SliceBox(axis, index, Window((y0, x0), (y1, x1))))
    return boxes


def finest_axis(volume: Volume) -> Axis:
    """The axis whose slices have the smallest pixels: that of the acquisition, as a rule."""
    spacing = volume.spacing_mm
    return max(AXES, key=lambda axis: (spacing[axis], -axis))


def run_planes(
    slices: SliceEmbeddings, prompts: Sequence[ObjectPrompt], step: Callable[[int], None]
) -> list[Segment]:
    """A segment for each prompt, in their order; none depends on the others.

    Args:
        slices: Embeddings of the volume.
        prompts: Inside the volume.
        step: Called with the number of steps done, of `planes_steps` in all.
    """
    return [
        segment_object(slices, prompt, step).segment(prompt.label, prompt.value, prompt.code)
        for prompt in prompts
    ]


def planes_steps(prompts: Sequence[ObjectPrompt], volume: Volume) -> int:
    """How many steps `run_planes` counts, at most."""
    total = 0
    for prompt in prompts:
        if prompt.box is not None:
            total += steps(volume, prompt.clip(volume).window)
        else:
            # it is looked for anywhere, which is one more pass
            total += steps(volume, volume.window) + sum(volume.shape)
    return total


def _in_window(
    slices: SliceEmbeddings,
    window: Window,
    boxes: Sequence[SliceBox],
    step: Callable[[int], None],
    *,
    tight: bool,
) -> ObjectMask:
    looker = Looker(slices, window)
    seeds = [seed_of(looker, box) for box in boxes]
    return ObjectMask(segment_window(slices, window, seeds, step, tight=tight))


def segment_object(
    slices: SliceEmbeddings, prompt: ObjectPrompt, step: Callable[[int], None]
) -> ObjectMask:
    """The object of a prompt: what is given most exactly decides where it is looked for.

    Args:
        slices: Embeddings of the volume.
        prompt: Inside the volume.
        step: Called with the number of steps done, of `planes_steps` in all.
    """
    boxes = [*prompt.slice_boxes, *boxes_of_points(slices, prompt.points)]
    if prompt.box is not None:
        return segment_box(slices, prompt.box, boxes, step)
    if prompt.mask is not None and not boxes:
        return refine_object(slices, prompt.mask, step)
    if prompt.mask is not None:
        window = prompt.mask.window
        return segment_box(slices, window, boxes, step)
    return segment_slice_boxes(slices, boxes, step)


def _point_prompts(points: Sequence[VoxelPoint], axis: int) -> Prompts:
    """All points of a slice as one prompt."""
    rows, cols = (d for d in AXES if d != axis)
    places = [(point.index_kji[cols], point.index_kji[rows]) for point in points]
    labels = [int(point.positive) for point in points]
    return Prompts.from_points([places], [labels])

"""Method `planes`: the object of each prompt, found in three planes at once.

```
3-D box            -> its window                                         \
boxes on slices    -> followed to the object's ends -> window, seeds      > rounds -> mask
points             -> a mask on their slice -> its box, as above         /
mask               -> its box on every slice, seeds                     -> one round
```
Points on a slice that a box, a mask or a 3-D box crosses are decoded together with that box.
The rounds are in `planes_rounds`; `docs/propagation.md` explains them with a drawing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from sam_common.prompts import Prompts
from sam_common.window import Window
from sam_med.geometry.slice_box import AXES, AXIS_NAMES, SliceBox
from sam_med.propagate.object_ends import search_window, seed_of
from sam_med.propagate.planes_rounds import count_steps, refine_mask, segment_window
from sam_med.propagate.prediction import (
    SlicePredictor,
    across,
    box_of,
    edges,
    predict,
    window_of_box,
)
from sam_med.propagate.propagated_object import PropagatedObject

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sam_med.geometry.slice_box import Axis
    from sam_med.geometry.volume import Volume
    from sam_med.objects.segments import Segment
    from sam_med.prompts.object_prompt import ObjectPrompt, VoxelMask, VoxelPoint
    from sam_med.propagate.prediction import Box
    from sam_med.slices.embedded_slices import SliceEmbeddings

ROOM = 3
"""Least voxels of room around a mask to refine."""
ROOM_SHARE = 0.1
"""Room around a mask to refine, as a share of its length along each axis."""


def segment_by_planes(
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
    """The number of steps that `segment_by_planes` counts, at most."""
    total = 0
    for prompt in prompts:
        if prompt.box is None and prompt.mask is None:
            # the object may lie anywhere, and finding its ends is one more pass
            total += count_steps(volume, volume.window) + sum(volume.shape)
        else:
            total += count_steps(volume, _searched(prompt.clip(volume), volume))
    return total


def segment_object(
    slices: SliceEmbeddings, prompt: ObjectPrompt, step: Callable[[int], None]
) -> PropagatedObject:
    """The object of one prompt; the most exact part of the prompt decides where it is searched.

    Args:
        slices: Embeddings of the volume.
        prompt: Inside the volume.
        step: Called with the number of steps done, of `planes_steps` in all.

    Returns:
        The object; an empty one where its points leave nothing on any of their slices.
    """
    pointed = boxes_of_points(slices, prompt)
    boxes = [box for box in prompt.slice_boxes if (box.axis, box.index) not in pointed]
    boxes += [box for box in pointed.values() if box is not None]
    if pointed and not any(pointed.values()):
        window = prompt.window
        return PropagatedObject(window, np.zeros(window.shape, dtype=np.bool_), {})
    if prompt.mask is not None:
        return refine_object(slices, prompt.mask, boxes, prompt.box, step)
    if prompt.box is not None:
        return segment_box(slices, prompt.box, boxes, step)
    return segment_slice_boxes(slices, boxes, step)


def segment_box(
    slices: SliceEmbeddings,
    box: Window,
    slice_boxes: Sequence[SliceBox] = (),
    step: Callable[[int], None] = lambda _done: None,
) -> PropagatedObject:
    """The object in a 3-D box.

    Args:
        slices: Embeddings of the volume; several objects share them.
        box: (k, j, i) voxels around the object, inside the volume.
        slice_boxes: Boxes on slices where the object is known more exactly.
        step: Called with the number of steps done, of `planes_rounds.count_steps`.
    """
    for part in slice_boxes:
        box = box.union(part.window_kji)
    return _in_window(slices, box, slice_boxes, step, tight=True)


def segment_slice_boxes(
    slices: SliceEmbeddings,
    boxes: Sequence[SliceBox],
    step: Callable[[int], None] = lambda _done: None,
) -> PropagatedObject:
    """The object of boxes on single slices, which do not say how far it reaches.

    Args:
        slices: Embeddings of the volume.
        boxes: At least one, on slices of any axes.
        step: Called with the number of steps done.
    """
    # boxes on slices of two axes say how far the object reaches along all three
    tight = len({box.axis for box in boxes}) > 1
    return _in_window(slices, search_window(slices, boxes, step), boxes, step, tight=tight)


def refine_object(
    slices: SliceEmbeddings,
    mask: VoxelMask,
    boxes: Sequence[SliceBox] = (),
    within: Window | None = None,
    step: Callable[[int], None] = lambda _done: None,
) -> PropagatedObject:
    """An earlier result, refined by one round.

    Args:
        slices: Embeddings of the volume.
        mask: The earlier result.
        boxes: Boxes on slices where the object is known more exactly.
        within: A box around the object that may reach beyond the mask.
        step: Called with 1 after each slice.
    """
    window = _around(mask, slices.shape)
    for part in (*([] if within is None else [within]), *(box.window_kji for box in boxes)):
        window = window.union(part)
    inside = np.zeros(window.shape, dtype=np.bool_)
    inside[mask.window.within(window).slices] = mask.mask
    predictor = SlicePredictor(slices, window)
    return refine_mask(predictor, inside, [seed_of(predictor, box) for box in boxes], step)


def boxes_of_points(
    slices: SliceEmbeddings, prompt: ObjectPrompt
) -> dict[tuple[Axis, int], SliceBox | None]:
    """The box of the mask that the points of each slice give, on slices of the finest pixels.

    Where a box or a mask of the prompt crosses such a slice, its box there is decoded together
    with the points. Points of the background count where there is that box, or a point of the
    object; see `idle_notes`.

    Args:
        slices: Embeddings of the volume, by a model that takes points.
        prompt: Any, with points or without.

    Returns:
        Axis and index of each slice to the box; None where the points leave nothing.
    """
    axis = finest_axis(slices.volume)
    everything = slices.volume.window
    boxes: dict[tuple[Axis, int], SliceBox | None] = {}
    for index, here in _by_slice(prompt.points, axis).items():
        around = _box_on(prompt, axis, index)
        if around is None and not any(point.positive for point in here):
            continue
        prompts = _point_prompts(here, axis, around)
        seen = predict(slices, (axis, index), prompts, everything)[0]
        box = box_of(seen.mask, across(everything, axis))
        found = None if box is None else SliceBox(axis, index, window_of_box(box))
        boxes[axis, index] = found
    return boxes


def idle_notes(prompt: ObjectPrompt, volume: Volume) -> list[str]:
    """One sentence for each slice with points of the background and nothing else.

    Such points have no effect: nothing of the object is predicted on their slice by itself.
    """
    axis = finest_axis(volume)
    return [
        f"points of the background of label {prompt.label} on slice {AXIS_NAMES[axis]}={index} "
        "have no effect: no box and no point of the object lies there"
        for index, here in _by_slice(prompt.points, axis).items()
        if _box_on(prompt, axis, index) is None and not any(p.positive for p in here)
    ]


def finest_axis(volume: Volume) -> Axis:
    """The array axis whose slices have the smallest pixels: as a rule that of the acquisition."""
    spacing = volume.spacing_mm
    return max(AXES, key=lambda axis: (spacing[axis], -axis))


def _searched(prompt: ObjectPrompt, volume: Volume) -> Window:
    """The (k, j, i) part of a volume that the object of a prompt is searched in, at most."""
    if prompt.mask is not None:
        return prompt.window.union(_around(prompt.mask, volume.shape))
    return prompt.window


def _in_window(
    slices: SliceEmbeddings,
    window: Window,
    boxes: Sequence[SliceBox],
    step: Callable[[int], None],
    *,
    tight: bool,
) -> PropagatedObject:
    """The object in a window, with boxes on slices as the seeds of tracks."""
    predictor = SlicePredictor(slices, window)
    seeds = [seed_of(predictor, box) for box in boxes]
    return segment_window(slices, window, seeds, step, tight=tight)


def _around(mask: VoxelMask, shape: tuple[int, int, int]) -> Window:
    """The window of a mask to refine with some room, inside a volume of this (k, j, i) shape."""
    start, stop = [], []
    for d, size in enumerate(shape):
        room = max(ROOM, round(ROOM_SHARE * mask.window.shape[d]))
        start.append(max(0, mask.window.start[d] - room))
        stop.append(min(size, mask.window.stop[d] + room))
    return Window(tuple(start), tuple(stop))


def _by_slice(points: Sequence[VoxelPoint], axis: Axis) -> dict[int, list[VoxelPoint]]:
    """Points by the index of their slice along an axis, ascending."""
    found: dict[int, list[VoxelPoint]] = {}
    for point in points:
        found.setdefault(point.window_kji.start[axis], []).append(point)
    return dict(sorted(found.items()))


def _box_on(prompt: ObjectPrompt, axis: Axis, index: int) -> Box | None:
    """The box of an object on a slice by the most exact part of its prompt, points aside."""
    for box in prompt.slice_boxes:
        if (box.axis, box.index) == (axis, index):
            return edges(box.window)
    if prompt.mask is not None and _crosses(prompt.mask.window, axis, index):
        window = prompt.mask.window
        mask = np.asarray(prompt.mask.mask.take(index - window.start[axis], axis))
        if (found := box_of(mask, across(window, axis))) is not None:
            return found
    if prompt.box is not None and _crosses(prompt.box, axis, index):
        return edges(across(prompt.box, axis))
    return None


def _crosses(window: Window, axis: Axis, index: int) -> bool:
    """Whether slice `index` along an axis crosses a (k, j, i) window."""
    return window.start[axis] <= index < window.stop[axis]


def _point_prompts(points: Sequence[VoxelPoint], axis: Axis, around: Box | None) -> Prompts:
    """All points of a slice, and the box around the object where there is one, as one prompt."""
    rows, cols = (d for d in AXES if d != axis)
    places = [(point.index_kji[cols], point.index_kji[rows]) for point in points]
    labels = [int(point.positive) for point in points]
    one = Prompts.from_points([places], [labels])
    return one if around is None else replace(one, boxes_xyxy=np.array([around]))

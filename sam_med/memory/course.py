"""Course: the axis and the slices along which an object is followed, and its prompts on them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import PromptError
from sam_common.prompts import BOTTOM_RIGHT, NEGATIVE, POSITIVE, TOP_LEFT
from sam_med.geometry.slice_box import AXES, AXIS_NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_common.window import Window
    from sam_med.geometry.slice_box import Axis
    from sam_med.geometry.volume import Volume
    from sam_med.prompts.object_prompt import ObjectPrompt


@dataclass(frozen=True, slots=True)
class Course:
    """The way of one object through the slices."""

    axis: Axis
    """Array axis that the slices are perpendicular to."""
    slices: range
    """Slices on which the object is looked for."""
    has_ends: bool
    """Whether a 3-D box says where the object ends."""


def course_of(prompt: ObjectPrompt, volume: Volume) -> Course:
    """The axis and the slices along which an object is followed.

    Raises:
        PromptError: The boxes on slices lie along several axes, or a mask is to be refined.
    """
    axes = sorted({box.axis for box in prompt.slice_boxes})
    if len(axes) > 1:
        raise PromptError(
            f"method memory follows an object along one axis, but label {prompt.label} has boxes "
            f"on slices of {' and '.join(AXIS_NAMES[axis] for axis in axes)} (use --method planes)"
        )
    if prompt.mask is not None:
        raise PromptError(
            f"method memory takes boxes and points, but label {prompt.label} has a mask to refine "
            "(use --method planes)"
        )
    axis: Axis = axes[0] if axes else 0
    searched = volume.window if prompt.box is None else prompt.box
    if prompt.box is not None:  # points may lie outside of it
        searched = searched.union(prompt.window)
    slices = range(searched.start[axis], searched.stop[axis])
    return Course(axis, slices, prompt.box is not None)


def memory_steps(prompts: Sequence[ObjectPrompt], volume: Volume) -> int:
    """The number of steps that `segment_by_memory` counts, at most."""
    return sum(len(course_of(prompt.clip(volume), volume).slices) for prompt in prompts)


def points_by_slice(
    prompt: ObjectPrompt, axis: Axis
) -> dict[int, tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]]:
    """Positions (P, 2) in (column, row) indices and labels (P,) of a prompt, by slice of an axis.

    A box is its first and its last voxel, as in the published script. The 3-D box counts on its
    middle slice, unless boxes on slices are more exact.
    """
    rows, cols = (d for d in AXES if d != axis)
    found: dict[int, list[tuple[float, float, int]]] = {}

    def add_box(window: Window) -> None:
        middle = (window.start[axis] + window.stop[axis] - 1) // 2
        found.setdefault(middle, []).extend(
            [
                (window.start[cols], window.start[rows], TOP_LEFT),
                (window.stop[cols] - 1, window.stop[rows] - 1, BOTTOM_RIGHT),
            ]
        )

    for box in prompt.slice_boxes:
        add_box(box.window_kji)
    if prompt.box is not None and not prompt.slice_boxes:
        add_box(prompt.box)
    for point in prompt.points:
        index = math.floor(point.index_kji[axis] + 0.5)
        label = POSITIVE if point.positive else NEGATIVE
        place = (point.index_kji[cols], point.index_kji[rows], label)
        found.setdefault(index, []).append(place)
    return {
        index: (
            np.array([place[:2] for place in places], dtype=np.float64),
            np.array([place[2] for place in places], dtype=np.int64),
        )
        for index, places in found.items()
    }

"""Joined slices: the masks of an object on the slices of one axis as one segment of the volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sam_common.metrics.agreement import dice
from sam_common.window import Window
from sam_med.geometry.slice_box import AXES
from sam_med.objects.segments import Segment, SliceConfidence

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_med.memory.course import Course
    from sam_med.prompts.object_prompt import ObjectPrompt


def joined(
    prompt: ObjectPrompt,
    course: Course,
    masks: dict[int, npt.NDArray[np.bool_]],
    scores: dict[int, tuple[float, float]],
) -> Segment:
    """The masks of the slices as one object, in the smallest window that holds them.

    Args:
        prompt: Names the object; its window is that of an object that was not found.
        course: The way along which the masks were found.
        masks: (H, W) masks that are not empty, by the number of their slice.
        scores: Probability that the slice shows the object, and stability, for each mask.
    """
    if not masks:
        window = prompt.window
        empty = np.zeros(window.shape, dtype=np.bool_)
        return Segment(prompt.label, prompt.value, window, empty, prompt.code)
    rows, cols = (d for d in AXES if d != course.axis)
    any_row = np.logical_or.reduce([mask.any(axis=1) for mask in masks.values()])
    any_col = np.logical_or.reduce([mask.any(axis=0) for mask in masks.values()])
    spans: dict[int, list[int]] = {
        course.axis: list(masks),
        rows: np.flatnonzero(any_row).tolist(),
        cols: np.flatnonzero(any_col).tolist(),
    }
    window = Window(tuple(min(spans[d]) for d in AXES), tuple(max(spans[d]) + 1 for d in AXES))
    whole = np.zeros(window.shape, dtype=np.bool_)
    part = Window(
        (window.start[rows], window.start[cols]), (window.stop[rows], window.stop[cols])
    ).slices
    for index, mask in masks.items():
        place = (slice(None),) * course.axis + (index - window.start[course.axis],)
        whole[place] = mask[part]
    found = _confidences(window, whole, course, scores)
    return Segment(prompt.label, prompt.value, window, whole, prompt.code, found)


def _confidences(
    window: Window,
    mask: npt.NDArray[np.bool_],
    course: Course,
    scores: dict[int, tuple[float, float]],
) -> tuple[SliceConfidence, ...]:
    """The confidence of each slice along the first axis that shows the object.

    The network predicts no IoU of what it follows: the probability that the slice shows the object
    stands in its place. Where it was followed along another axis, each slice has the means.
    """
    means = tuple(float(np.mean(numbers)) for numbers in zip(*scores.values(), strict=True))
    rows = []
    for n, k in enumerate(range(window.start[0], window.stop[0])):
        if not mask[n].any():
            continue
        presence, stability = scores.get(k, means) if course.axis == 0 else means
        beside = [dice(mask[n], mask[m]) for m in (n - 1, n + 1) if 0 <= m < len(mask)]
        neighbours = float(np.mean(beside)) if beside else 1.0
        least = min(presence, stability, neighbours)
        rows.append(SliceConfidence(k, least, presence, stability, neighbours, None))
    return tuple(rows)

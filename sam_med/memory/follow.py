"""Follow: an object followed slice by slice along one axis by the memory of a SAM 2.

The network remembers the slices that it has seen, prompted or not, so it follows an object whose
shape changes from slice to slice, and needs no box on any but the prompted ones (MedSAM2: Ma et al.
2025, arXiv 2504.03600). `sam_common.sam2.tracker` has the order of the slices.

```
3-D box            -> its rectangle on its middle slice; the object ends with the box
boxes on slices    -> one axis, any number of slices; both ways from the first
points             -> on their slices, together with a box where there is one
```
Where no 3-D box says where the object ends, a way is left after `ABSENT` slices without the object;
the published script goes on to the last slice of the volume.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sam_common.sam2.slices import SlicePrompt
from sam_med.memory.course import course_of, points_by_slice
from sam_med.memory.joined_slices import joined
from sam_med.slices.embedded_slices import plane_of, shown_slice

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from sam_common.sam2.slices import TrackedMask
    from sam_common.segmenter.tracking import LoadedTracker
    from sam_med.geometry.volume import Volume
    from sam_med.objects.segments import Segment
    from sam_med.prompts.object_prompt import ObjectPrompt
    from sam_med.slices.window_level import Stretch

ABSENT = 5
"""Slices in a row without the object after which it has ended."""
OFFSET = 1.0
"""Distance of the thresholds of the logits between which the stability of a mask is measured."""


def segment_by_memory(
    volume: Volume,
    stretch: Stretch,
    tracker: LoadedTracker,
    prompts: Sequence[ObjectPrompt],
    step: Callable[[int], None],
) -> tuple[list[Segment], int]:
    """A segment for each prompt, in their order; none depends on the others.

    Args:
        volume: Any grid.
        stretch: Maps its values to uint8.
        tracker: From `sam_common.segmenter.tracking.load_tracker`.
        prompts: Inside the volume.
        step: Called with 1 after each slice of each object.

    Returns:
        The segments, and the number of slices that were encoded.

    Raises:
        PromptError: A prompt is none for this method, see `course_of`.
    """
    segments = [segment_object(volume, stretch, tracker, prompt, step) for prompt in prompts]
    return [segment for segment, _ in segments], sum(count for _, count in segments)


def segment_object(
    volume: Volume,
    stretch: Stretch,
    tracker: LoadedTracker,
    prompt: ObjectPrompt,
    step: Callable[[int], None],
) -> tuple[Segment, int]:
    """The object of one prompt, and the number of slices that were encoded for it."""
    course = course_of(prompt, volume)
    plane = plane_of(volume, course.axis)
    encoded: set[int] = set()

    def image(index: int) -> npt.NDArray[np.uint8]:
        encoded.add(index)
        return shown_slice(volume, stretch, course.axis, index)

    scale = np.array(plane.scale_xy)
    asked = {
        index: SlicePrompt((points + 0.5) * scale - 0.5, labels)
        for index, (points, labels) in points_by_slice(prompt, course.axis).items()
    }
    masks: dict[int, npt.NDArray[np.bool_]] = {}
    scores: dict[int, tuple[float, float]] = {}
    for way in tracker.tracker.follow(
        image, asked, course.slices, image_hw=plane.shown_hw, mask_hw=plane.size_hw
    ):
        absent = 0
        for found in way:
            step(1)
            mask = found.logits > 0
            absent = 0 if mask.any() or found.index in asked else absent + 1
            if mask.any():
                masks[found.index] = mask
                scores[found.index] = (found.presence, _stability(found))
            if absent == ABSENT and not course.has_ends:
                break
    return joined(prompt, course, masks, scores), len(encoded)


def _stability(found: TrackedMask) -> float:
    """IoU of a mask at two thresholds, on the volume's grid; 0 where even the larger is empty."""
    outer = np.count_nonzero(found.logits > -OFFSET)
    return np.count_nonzero(found.logits > OFFSET) / outer if outer else 0.0

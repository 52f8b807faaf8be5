"""Method `litemedsam`: objects by the published loop, which is in `litemedsam_loop`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sam_common.metrics.agreement import dice
from sam_common.window import Window
from sam_med.objects.segments import Segment, SliceConfidence
from sam_med.propagate.litemedsam_loop import propagate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from sam_common.segmenter.predictor import Segmenter
    from sam_med.geometry.volume import Volume
    from sam_med.prompts.object_prompt import ObjectPrompt
    from sam_med.propagate.litemedsam_loop import SliceMask
    from sam_med.slices.window_level import Stretch


@dataclass(slots=True)
class _Slices:
    """Slices of a volume as the network sees them, and how many were asked for."""

    volume: Volume
    stretch: Stretch
    given: int = 0

    def __call__(self, k: int) -> npt.NDArray[np.uint8]:
        self.given += 1
        return self.stretch.apply(self.volume.array[k])


def run_loop(
    volume: Volume,
    stretch: Stretch,
    segmenter: Segmenter,
    prompts: Sequence[ObjectPrompt],
    progress: Callable[[int], None],
) -> tuple[list[Segment], int]:
    """Segment every object by the published loop along the first axis.

    Args:
        volume: Any grid.
        stretch: Values to uint8.
        segmenter: Takes boxes.
        prompts: Inside the volume; their 3-D boxes are used.
        progress: Called with 1 after each slice of each object.

    Returns:
        One segment a prompt, in their order, and the number of encoder calls.
    """
    slices = _Slices(volume, stretch)
    segments = [_empty(prompt, volume) for prompt in prompts]
    masks: list[list[SliceMask]] = [[] for _ in prompts]
    boxes = [prompt.window for prompt in prompts]
    for mask in propagate(slices, boxes, segmenter, size_hw=volume.shape[1:]):
        segment = segments[mask.number]
        if mask.region is not None:
            part = segment.mask[mask.k - segment.window.start[0]]
            part[mask.region.window.slices] |= mask.region.mask
        masks[mask.number].append(replace(mask, region=None))
        progress(1)
    return [
        replace(segment, slices=tuple(_confidences(segment, own)))
        for segment, own in zip(segments, masks, strict=True)
    ], slices.given


def _empty(prompt: ObjectPrompt, volume: Volume) -> Segment:
    # a mask may reach beyond its box in the slice, not beyond its slices
    window = Window((prompt.window.start[0], 0, 0), (prompt.window.stop[0], *volume.shape[1:]))
    empty = np.zeros(window.shape, dtype=np.bool_)
    return Segment(prompt.label, prompt.value, window, empty, prompt.code)


def _confidences(segment: Segment, masks: Sequence[SliceMask]) -> list[SliceConfidence]:
    """What the loop knows of each slice: the network's word, and how its neighbours agree."""
    found = []
    for mask in sorted(masks, key=lambda mask: mask.k):
        at = mask.k - segment.window.start[0]
        beside = [n for n in (at - 1, at + 1) if 0 <= n < len(segment.mask)]
        agreed = [dice(segment.mask[at], segment.mask[n]) for n in beside]
        neighbours = max(agreed, default=1.0)
        score = min(max(mask.score, 0.0), 1.0)
        found.append(
            SliceConfidence(mask.k, min(score, neighbours), score, mask.stability, neighbours, None)
        )
    return found

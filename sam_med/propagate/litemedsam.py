"""Method `litemedsam`: the published LiteMedSAM loop, a 3-D box to a mask on each of its slices.

Facts of the published script (the baseline of the CVPR 2024 challenge on laptops), kept exactly:

- The middle slice `int((k1 - k0) / 2 + k0)`, ends inclusive, gets the box itself: scaled by
  `256 / max(H, W)` and cut to whole numbers.
- Then up to the last slice, then from the middle down to the first. Each slice gets the bounding
  box of its neighbour's mask, resized to 256 px (area interpolation), plus 3 px on every side, at
  most 0 and 256; where that mask is empty, the first box again. There is no stop test.

```
slices of the box        k0  .  .  middle  .  .  k1
sweep up, ascending                  0  1  2  3         boxes follow the masks upwards
sweep down, descending    3  2  1                       and downwards from the same middle
```

What is not copied: the script encodes each slice once for every object, and its next box depends
on the label's value (a mask of 1, 2, 3 ... is resized as uint8). Here every mask is resized as 1,
and each slice is encoded once however many objects need it. All objects advance together: one
sweep up and one down through the volume. An embedding (4 MB) is kept from the first sweep to the
second only on slices where one object goes up and another goes down, which lie between the
lowest and the highest middle.

`segment_by_loop` gives segments with confidences for `sam_med.run`; `loop_masks` is the loop
itself, as the oracle of the tests runs it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np

from sam_common.metrics.agreement import dice
from sam_common.prompts import Prompts
from sam_common.window import Window
from sam_med.objects.segments import Segment, SliceConfidence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from sam_common.masks.decoded import MaskRegion
    from sam_common.segmenter.predictor import Embedding, Segmenter
    from sam_med.geometry.volume import Volume
    from sam_med.prompts.object_prompt import ObjectPrompt
    from sam_med.slices.window_level import Stretch

LoopBox: TypeAlias = tuple[float, float, float, float]
"""(x0, y0, x1, y1) in the loop's own 256-px grid, whatever the model's input size."""

SIDE = 256
"""Longest side of a slice in the grid of the boxes, in pixels; as published."""
MARGIN = 3
"""Pixels of that grid by which the next box is larger than the mask before it; as published."""
MAX_KEPT = 256
"""Embeddings kept between the sweeps (about 1 GB); slices beyond are encoded a second time."""


@dataclass(frozen=True, slots=True)
class SliceMask:
    """The mask of one object on one slice."""

    number: int
    """Index of the object's box among those of the run."""
    k: int
    """Index of the slice along the first axis."""
    region: MaskRegion | None
    """Mask in (row, column) = (j, i) of the slice; None where it is empty."""
    score: float
    """IoU as predicted by the network."""
    stability: float
    """IoU of the masks at two thresholds, see `Masks.stability`."""


@dataclass(slots=True)
class Sweep:
    """One object on its way through the slices of its box."""

    number: int
    window: Window
    first: LoopBox
    """Box for the middle slice, and for each slice beside an empty mask."""
    above: LoopBox
    """Box for the next slice of the sweep up."""
    below: LoopBox
    """Box for the next slice of the sweep down."""

    @property
    def middle(self) -> int:
        """`int((k1 - k0) / 2 + k0)` with inclusive ends, as published."""
        k0, k1 = self.window.start[0], self.window.stop[0] - 1
        return int((k1 - k0) / 2 + k0)

    @property
    def upwards(self) -> range:
        """The middle slice and all slices above it."""
        return range(self.middle, self.window.stop[0])

    @property
    def downwards(self) -> range:
        """All slices below the middle one, from there to the first."""
        return range(self.middle - 1, self.window.start[0] - 1, -1)


def segment_by_loop(
    volume: Volume,
    stretch: Stretch,
    segmenter: Segmenter,
    prompts: Sequence[ObjectPrompt],
    progress: Callable[[int], None],
) -> tuple[list[Segment], int]:
    """Segment every object by the published loop along the first axis.

    Args:
        volume: Any grid.
        stretch: Maps its values to uint8.
        segmenter: Takes boxes.
        prompts: Inside the volume; their 3-D boxes are used.
        progress: Called with 1 after each slice of each object.

    Returns:
        One segment for each prompt, in their order, and the number of encoder calls.
    """
    encoded = 0

    def pixels(k: int) -> npt.NDArray[np.uint8]:
        nonlocal encoded
        encoded += 1
        return stretch.apply(volume.array[k])

    segments = [_empty_segment(prompt, volume) for prompt in prompts]
    masks: list[list[SliceMask]] = [[] for _ in prompts]
    boxes = [prompt.window for prompt in prompts]
    for mask in loop_masks(pixels, boxes, segmenter, size_hw=volume.shape[1:]):
        segment = segments[mask.number]
        if mask.region is not None:
            part = segment.mask[mask.k - segment.window.start[0]]
            part[mask.region.window.slices] |= mask.region.mask
        masks[mask.number].append(replace(mask, region=None))
        progress(1)
    return [
        replace(segment, slices=tuple(_confidences(segment, own)))
        for segment, own in zip(segments, masks, strict=True)
    ], encoded


def loop_masks(
    slices: Callable[[int], npt.NDArray[np.uint8]],
    boxes: Sequence[Window],
    segmenter: Segmenter,
    *,
    size_hw: tuple[int, int],
) -> Iterator[SliceMask]:
    """Masks of every object on every slice of its box, as they are decoded.

    Each object is decoded by itself, so its masks do not depend on the others of the run.

    Args:
        slices: Gives slice `k` as a (H, W) uint8 image.
        boxes: (k, j, i) box of each object.
        segmenter: Any that takes boxes.
        size_hw: Rows and columns of every slice.

    Yields:
        Ascending slices first, then descending ones; on each slice in the order of `boxes`.
    """
    sweeps = [Sweep(n, box, *[first_box(box, size_hw)] * 3) for n, box in enumerate(boxes)]
    up = _by_slice(sweeps, lambda sweep: sweep.upwards)
    down = _by_slice(sweeps, lambda sweep: sweep.downwards)
    kept: dict[int, Embedding] = {}
    for k in sorted(up):
        embedding = segmenter.embed(slices(k))
        if k in down and len(kept) < MAX_KEPT:
            kept[k] = embedding
        for sweep in up[k]:
            mask = _decode(segmenter, embedding, sweep, sweep.above, k)
            sweep.above = _next_box(mask, size_hw) or sweep.first
            if k == sweep.middle:
                sweep.below = sweep.above
            yield mask
    for k in sorted(down, reverse=True):
        embedding = kept.pop(k) if k in kept else segmenter.embed(slices(k))
        for sweep in down[k]:
            mask = _decode(segmenter, embedding, sweep, sweep.below, k)
            sweep.below = _next_box(mask, size_hw) or sweep.first
            yield mask


def first_box(window: Window, size_hw: tuple[int, int]) -> LoopBox:
    """The 2-D box of a 3-D box in the 256-px grid, cut to whole numbers as published.

    >>> from sam_common.window import Window
    >>> first_box(Window((82, 21, 10), (112, 58, 44)), (101, 122))
    (20.0, 44.0, 90.0, 119.0)
    """
    scale = SIDE / max(size_hw)
    (_, y0, x0), (_, y1, x1) = window.start, window.stop
    corners = (int(v * scale) for v in (x0, y0, x1 - 1, y1 - 1))
    left, top, right, bottom = (float(v) for v in corners)
    return left, top, right, bottom


def box_around(mask: npt.NDArray[np.bool_]) -> LoopBox | None:
    """The box for the next slice: around a (H, W) mask in the 256-px grid, 3 px on every side.

    None where nothing of the mask is left after the resize. The upper limit is 256, one more
    than the last index, as published.
    """
    scale = SIDE / max(mask.shape)
    height, width = (int(n * scale + 0.5) for n in mask.shape)
    small = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_AREA)
    rows, cols = np.flatnonzero(small.any(axis=1)), np.flatnonzero(small.any(axis=0))
    if not len(rows):
        return None
    return (
        float(max(0, cols[0] - MARGIN)),
        float(max(0, rows[0] - MARGIN)),
        float(min(SIDE, cols[-1] + MARGIN)),
        float(min(SIDE, rows[-1] + MARGIN)),
    )


def _by_slice(sweeps: Sequence[Sweep], span: Callable[[Sweep], range]) -> dict[int, list[Sweep]]:
    """The objects that need each slice in one direction, by index of the slice."""
    needed: dict[int, list[Sweep]] = {}
    for sweep in sweeps:
        for k in span(sweep):
            needed.setdefault(k, []).append(sweep)
    return needed


def _decode(
    segmenter: Segmenter, embedding: Embedding, sweep: Sweep, box: LoopBox, k: int
) -> SliceMask:
    """The mask of one object on slice `k`, for a box in the 256-px grid."""
    # the segmenter scales slice indices to its own input, so undo the scale of the 256-px grid
    scale = SIDE / max(embedding.image_size_hw)
    prompts = Prompts.from_boxes([v / scale for v in box])
    masks = segmenter.decode(embedding, prompts)
    scores = float(masks.scores[0, 0]), float(masks.stability()[0, 0])
    return SliceMask(sweep.number, k, masks.region(0), *scores)


def _next_box(mask: SliceMask, size_hw: tuple[int, int]) -> LoopBox | None:
    """The box for the slice beside a mask's; None where the mask leaves none."""
    if mask.region is None:
        return None
    full = np.zeros(size_hw, dtype=np.bool_)
    full[mask.region.window.slices] = mask.region.mask
    return box_around(full)


def _empty_segment(prompt: ObjectPrompt, volume: Volume) -> Segment:
    """A segment without voxels, into whose mask the loop writes slice by slice."""
    # a mask may reach beyond its box in the slice, not beyond its slices
    window = Window((prompt.window.start[0], 0, 0), (prompt.window.stop[0], *volume.shape[1:]))
    empty = np.zeros(window.shape, dtype=np.bool_)
    return Segment(prompt.label, prompt.value, window, empty, prompt.code)


def _confidences(segment: Segment, masks: Sequence[SliceMask]) -> list[SliceConfidence]:
    """Confidence of each slice: the predicted IoU, or less where its neighbours disagree."""
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

"""A volume and boxes in, a label map out: the whole way on one page.

```
source -> window -> embed -> decode(prompts) -> propagate -> artefact
volume    slice     SAM      2-D boxes          slice to     label map
                                                slice
```
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import CapabilityError, PromptError
from sam_common.window import Window
from sam_med.labels import LabelMap, paint
from sam_med.propagate import Method, SliceMask, propagate
from sam_med.segments import Segment
from sam_med.window_level import Stretch, choose_stretch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy.typing as npt

    from sam_common.segmenter import Segmenter
    from sam_med.prompts import ObjectPrompt
    from sam_med.volume import Volume


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """A label map and what it was made with."""

    volume: Volume
    labels: LabelMap
    boxes: tuple[ObjectPrompt, ...]
    """As used, that is clipped to the volume."""
    stretch: Stretch
    segmenter: Segmenter
    method: Method
    encoder_calls: int
    seconds: float


def segment_volume(
    volume: Volume,
    boxes: Sequence[ObjectPrompt],
    segmenter: Segmenter,
    *,
    method: Method = "litemedsam",
    stretch: Stretch | None = None,
    progress: Callable[[int], None] | None = None,
) -> Segmentation:
    """Segment one object for each 3-D box, slice by slice along the first array axis.

    Args:
        volume: Any grid; it is not resampled.
        boxes: One for each object; parts outside the volume are cut off.
        segmenter: From `sam_common.segmenter.load_segmenter`, any model that takes boxes.
        method: "litemedsam", the published loop; see `propagate`.
        stretch: From `choose_stretch`; by modality where not given.
        progress: Called with 1 after each slice of each object.

    Raises:
        PromptError: No box, or one that lies outside the volume.
        CapabilityError: The model takes no boxes.
        InputError: The volume shows no contrast.
    """
    if not boxes:
        raise PromptError("nothing to segment: give at least one box")
    if not segmenter.capabilities.boxes:
        raise CapabilityError(f"model {segmenter.name} takes no boxes, and each object needs one")
    inside = tuple(box.clip(volume) for box in boxes)
    for prompt in inside:
        if prompt.box is None:
            raise PromptError(
                f"method {method} needs a 3-D box for each object, label {prompt.label} has none"
            )
    chosen = stretch or choose_stretch(volume)
    slices = _Slices(volume, chosen)
    started = time.perf_counter()
    masks = propagate(slices, [box.window for box in inside], segmenter, size_hw=volume.shape[1:])
    segments = _gather(volume, inside, _counted(masks, progress))
    labels = paint(volume.shape, segments)
    return Segmentation(
        volume=volume,
        labels=labels,
        boxes=inside,
        stretch=chosen,
        segmenter=segmenter,
        method=method,
        encoder_calls=slices.given,
        seconds=time.perf_counter() - started,
    )


def _gather(
    volume: Volume, boxes: Sequence[ObjectPrompt], masks: Iterable[SliceMask]
) -> list[Segment]:
    """The masks of all slices, in any order, as one segment an object."""
    segments = []
    for box in boxes:
        k0, k1 = box.window.start[0], box.window.stop[0]
        window = Window((k0, 0, 0), (k1, *volume.shape[1:]))
        empty = np.zeros(window.shape, dtype=np.bool_)
        segments.append(Segment(box.label, box.value, window, empty))
    for mask in masks:
        if mask.region is not None:
            segment = segments[mask.number]
            part = segment.mask[mask.k - segment.window.start[0]]
            part[mask.region.window.slices] |= mask.region.mask
    return segments


class _Slices:
    """Slices of a volume as the network sees them, and how many were asked for."""

    def __init__(self, volume: Volume, stretch: Stretch) -> None:
        self._volume = volume
        self._stretch = stretch
        self.given = 0

    def __call__(self, k: int) -> npt.NDArray[np.uint8]:
        self.given += 1
        return self._stretch.apply(self._volume.array[k])


def _counted(
    masks: Iterator[SliceMask], progress: Callable[[int], None] | None
) -> Iterator[SliceMask]:
    for mask in masks:
        if progress is not None:
            progress(1)
        yield mask

"""Segmentation of a volume: one object for each prompt, by one of three methods.

```
volume -> stretch -> slices -> embeddings -> masks of prompts -> propagate -> segments, label map
          8 bits     of axes   encoder       decoder             methods
```
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

from sam_med.memory.course import course_of, memory_steps
from sam_med.memory.follow import segment_by_memory
from sam_med.objects.calibration import assured, calibration_of
from sam_med.objects.labels import paint
from sam_med.objects.overlap import DEFAULT_OVERWRITE
from sam_med.propagate.litemedsam import segment_by_loop
from sam_med.propagate.planes import planes_steps, segment_by_planes
from sam_med.run.methods import DEFAULT_METHOD, check_model, check_prompts
from sam_med.run.segmentation import Segmentation
from sam_med.slices.embedded_slices import SliceEmbeddings
from sam_med.slices.window_level import choose_stretch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.segmenter.tracking import LoadedTracker
    from sam_med.geometry.volume import Volume
    from sam_med.objects.overlap import OverwriteLabels
    from sam_med.prompts.object_prompt import ObjectPrompt
    from sam_med.run.methods import Method
    from sam_med.slices.embedded_slices import Store
    from sam_med.slices.window_level import Stretch


def segment_volume(  # noqa: PLR0913  # five keyword-only options
    volume: Volume,
    prompts: Sequence[ObjectPrompt],
    segmenter: Segmenter | LoadedTracker,
    *,
    method: Method = DEFAULT_METHOD,
    stretch: Stretch | None = None,
    store: Store | None = None,
    overwrite_labels: OverwriteLabels = DEFAULT_OVERWRITE,
    progress: Callable[[int], None] = lambda _done: None,
) -> Segmentation:
    """Segment one object for each prompt; no voxel is resampled.

    Args:
        volume: Any grid.
        prompts: One for each object; parts outside the volume are cut off.
        segmenter: From `sam_common.segmenter.load_segmenter`, any model that takes boxes; for
            method "memory" from `sam_common.segmenter.tracking.load_tracker`.
        method: "planes" follows each object along all three axes and lets them vote; "litemedsam"
            is the published loop along the first axis and takes 3-D boxes only; "memory" follows
            each object by the memory of a SAM 2.
        stretch: From `choose_stretch`; chosen by the modality where not given.
        store: Keeps embeddings for later runs, see `sam_med.slices.embedding_cache`; only method
            "planes" has a use for it.
        overwrite_labels: Whether later objects take voxels of earlier ones in label maps: "none",
            "other" (of other structures) or "all", see `sam_med.objects.overlap`.
        progress: Called with the number of steps done, of `steps` in all.

    Raises:
        PromptError: There is no prompt, or one lies outside the volume or does not fit the method.
        CapabilityError: The model was not trained for a kind of prompt that is given.
        InputError: The volume shows no contrast.
    """
    check_prompts(prompts, method)
    check_model(prompts, segmenter, method)
    inside = tuple(prompt.clip(volume) for prompt in prompts)
    if method == "memory":
        for prompt in inside:
            course_of(prompt, volume)
    chosen = stretch or choose_stretch(volume)
    started = time.perf_counter()
    if method == "memory":
        tracker = cast("LoadedTracker", segmenter)
        segments, encoded = segment_by_memory(volume, chosen, tracker, inside, progress)
        decoded = encoded
    elif method == "litemedsam":
        segmenter = cast("Segmenter", segmenter)
        segments, encoded = segment_by_loop(volume, chosen, segmenter, inside, progress)
        decoded = sum(len(segment.slices) for segment in segments)
    else:
        segmenter = cast("Segmenter", segmenter)
        with SliceEmbeddings(volume, chosen, segmenter, store=store) as slices:
            found = segment_by_planes(slices, inside, progress)
            calibration = calibration_of(volume.modality, segmenter.name, method)
            segments = [
                assured(segment, calibration if prompt.is_boxed else None)
                for segment, prompt in zip(found, inside, strict=True)
            ]
            encoded, decoded = slices.calls, slices.decoded
    return Segmentation(
        volume=volume,
        segments=tuple(segments),
        labels=paint(volume.shape, segments, overwrite_labels),
        overwrite_labels=overwrite_labels,
        prompts=inside,
        stretch=chosen,
        segmenter=segmenter,
        method=method,
        encoder_calls=encoded,
        decoded_prompts=decoded,
        seconds=time.perf_counter() - started,
    )


def steps(prompts: Sequence[ObjectPrompt], volume: Volume, method: Method) -> int:
    """The number of steps that `segment_volume` counts, at most."""
    if method == "litemedsam":
        return sum(prompt.clip(volume).window.shape[0] for prompt in prompts)
    if method == "memory":
        return memory_steps(prompts, volume)
    return planes_steps(prompts, volume)

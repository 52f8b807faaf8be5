"""A volume and prompts in, objects and files out: the whole way on one page.

```
source -> window -> embed -> decode(prompts) -> propagate -> artefact
volume    slice     SAM      2-D boxes          slice to     segments,
                                                slice        label map
```
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from sam_common.errors import CapabilityError, InputError, PromptError
from sam_common.held_outputs import held, staged
from sam_common.weights import registry
from sam_med import manifest, sink, targets
from sam_med.labels import LabelMap, paint
from sam_med.loop import run_loop
from sam_med.planes import planes_steps, run_planes
from sam_med.slices import SliceEmbeddings
from sam_med.window_level import Stretch, choose_stretch

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Sequence

    from sam_common.segmenter import Segmenter
    from sam_med.prompts import ObjectPrompt
    from sam_med.segments import Segment
    from sam_med.slices import Store
    from sam_med.volume import Volume

Method: TypeAlias = Literal["planes", "litemedsam"]
"""How prompts become 3-D masks: see `sam_med.planes` and `sam_med.propagate`."""
METHODS: tuple[Method, ...] = get_args(Method)
DEFAULT_METHOD: Method = "planes"


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """The objects that were found, and what they were found with."""

    volume: Volume
    segments: tuple[Segment, ...]
    """In the order of the prompts; they may overlap."""
    labels: LabelMap
    """The same as a label map: the later object where they overlap."""
    prompts: tuple[ObjectPrompt, ...]
    """As used, that is clipped to the volume."""
    stretch: Stretch
    segmenter: Segmenter
    method: Method
    encoder_calls: int
    decoded_prompts: int
    seconds: float

    def save(
        self,
        output: str | os.PathLike[str],
        formats: Sequence[str] = (),
        *,
        overwrite: bool = False,
    ) -> dict[str, Any]:
        """Write the objects, and the manifest of the run beside them: all of it, or nothing.

        Args:
            output: A file, whose suffix says the format; or a folder or stem for several.
            formats: Names in `sam_med.targets.FORMATS`; none for that of the suffix.
            overwrite: Replace files that are there.

        Returns:
            The manifest, with the paths of the `outputs`.

        Raises:
            OutputError: It is there, a format cannot hold the grid, it lies in the source, another
                job writes it, or the disk does not take it.
        """
        plan = targets.check_targets(Path(output), formats, overwrite=overwrite, volume=self.volume)
        files = list(plan.values())
        with held(files):
            record = targets.manifest_path(*files)
            with staged([*files, record]) as parts:
                places = {name: parts[path] for name, path in plan.items()}
                made_by = manifest.provenance(self)
                notes = sink.write_parts(self.segments, self.volume, places, made_by)
                written = {"written": [path.name for path in files], "notes": list(notes)}
                report = manifest.describe(self) | written
                sink.write_manifest(report, parts[record])
        return {"outputs": [str(path) for path in files], **report}


def segment_volume(  # noqa: PLR0913  # four keyword-only options
    volume: Volume,
    prompts: Sequence[ObjectPrompt],
    segmenter: Segmenter,
    *,
    method: Method = DEFAULT_METHOD,
    stretch: Stretch | None = None,
    store: Store | None = None,
    progress: Callable[[int], None] = lambda _done: None,
) -> Segmentation:
    """Segment one object for each prompt.

    Args:
        volume: Any grid; it is not resampled.
        prompts: One for each object; parts outside the volume are cut off.
        segmenter: From `sam_common.segmenter.load_segmenter`, any model that takes boxes.
        method: "planes" follows each object along all three axes and lets them vote; "litemedsam"
            is the published loop along the first axis and takes 3-D boxes only.
        stretch: From `choose_stretch`; by modality where not given.
        store: Keeps embeddings for later runs, see `sam_med.embedding_cache`.
        progress: Called with the number of steps done, of `steps` in all.

    Raises:
        PromptError: No prompt, or one that lies outside the volume or does not fit the method.
        CapabilityError: The model does not take what the prompts need.
        InputError: The volume shows no contrast.
    """
    check_prompts(prompts, method)
    check_model(prompts, segmenter)
    inside = tuple(prompt.clip(volume) for prompt in prompts)
    chosen = stretch or choose_stretch(volume)
    started = time.perf_counter()
    if method == "litemedsam":
        segments, encoded = run_loop(volume, chosen, segmenter, inside, progress)
        decoded = sum(len(segment.slices) for segment in segments)
    else:
        with SliceEmbeddings(volume, chosen, segmenter, store=store) as slices:
            segments = run_planes(slices, inside, progress)
            encoded, decoded = slices.calls, slices.decoded
    return Segmentation(
        volume=volume,
        segments=tuple(segments),
        labels=paint(volume.shape, segments),
        prompts=inside,
        stretch=chosen,
        segmenter=segmenter,
        method=method,
        encoder_calls=encoded,
        decoded_prompts=decoded,
        seconds=time.perf_counter() - started,
    )


def steps(prompts: Sequence[ObjectPrompt], volume: Volume, method: Method) -> int:
    """How many steps `segment_volume` counts, at most."""
    if method == "litemedsam":
        return sum(prompt.clip(volume).window.shape[0] for prompt in prompts)
    return planes_steps(prompts, volume)


def method_of(name: str) -> Method:
    """The method of a name.

    Raises:
        InputError: There is no such method.
    """
    for method in METHODS:
        if name == method:
            return method
    raise InputError(f"unknown method: {name} (known: {', '.join(METHODS)})")


def check_prompts(prompts: Sequence[ObjectPrompt], method: Method) -> None:
    """Raise `PromptError` where there is none, or one that is wrong or not for the method."""
    if not prompts:
        raise PromptError("nothing to segment: give at least one box, point or mask")
    for prompt in prompts:
        prompt.check_parts()
        if method != "litemedsam":
            continue
        if prompt.box is None:
            raise PromptError(
                f"method {method} needs a 3-D box for each object, label {prompt.label} has none "
                "(use --method planes)"
            )
        if prompt.slice_boxes or prompt.points or prompt.mask is not None:
            raise PromptError(
                f"method {method} takes a 3-D box and nothing else, but label {prompt.label} has "
                "a box on a slice, a point or a mask too (use --method planes)"
            )


def check_model(prompts: Sequence[ObjectPrompt], segmenter: Segmenter) -> None:
    """Raise `CapabilityError` where the model was not trained for what the prompts need."""
    can = segmenter.capabilities
    kinds = {"boxes": can.boxes, "points": can.points}
    _check_kinds(prompts, segmenter.name, {kind for kind, takes in kinds.items() if takes})


def check_model_name(prompts: Sequence[ObjectPrompt], name: str) -> None:
    """`check_model` before the model is loaded, where its name is in the registry."""
    if (info := registry().get(name)) is not None:
        _check_kinds(prompts, name, info.prompts)


def _check_kinds(prompts: Sequence[ObjectPrompt], name: str, kinds: Collection[str]) -> None:
    if "boxes" not in kinds:
        raise CapabilityError(f"model {name} takes no boxes, and each object needs one")
    pointed = [prompt.label for prompt in prompts if prompt.points]
    if pointed and "points" not in kinds:
        raise CapabilityError(
            f"model {name} takes no points, but label {pointed[0]} has some: give a box "
            "on a slice instead, or --model mobile_sam"
        )

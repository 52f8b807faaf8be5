"""Finetune: from a list of volumes and label maps to a tuned model.

Volumes are read one by one, and of each only its slices stay in memory. Neither the model nor its
card names a file, a case or a patient.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sam_common.errors import InputError
from sam_common.support.files import check_input, sha256_of
from sam_common.tiled_job.progress import silent
from sam_common.training.job import TrainingJob, dry_run_job, opened, run_job
from sam_common.training.options import TrainingOptions
from sam_common.training.run import Lesson
from sam_med.files.read import read_volume
from sam_med.finetuning.example_list import read_examples
from sam_med.finetuning.slice_examples import LabelledVolume, parts_of_cases, slices_of
from sam_med.formats.suffixes import files_of
from sam_med.run.methods import DEFAULT_MODEL
from sam_med.segmentations.align import onto_grid
from sam_med.segmentations.read import read_segmentation
from sam_med.slices.window_level import choose_stretch

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from sam_common.tiled_job.progress import Progress
    from sam_common.training_data.examples import Part, TrainingImage
    from sam_med.finetuning.example_list import TaughtVolume


SLABS = "slabs of slices of the same volumes"
"""How a model card calls parts that are not of different patients."""
SEGMENTS = "the segments of one volume"
"""Where the objects of a volume in memory come from, for a model card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneRequest:
    """A network that is taught the objects of volumes."""

    examples: Path
    """CSV or JSON list, see `sam_med.finetuning.example_list`."""
    job: TrainingJob
    """The base, what is tuned, and the outputs."""
    names: tuple[str, ...] = ()
    """Names, or values, of the objects that are taught; all where empty."""


def finetune(
    examples: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    model: str = DEFAULT_MODEL,
    options: TrainingOptions | None = None,
    keep_anyway: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Teach a network the objects of volumes, and write what it learned where that is better.

    Args:
        examples: CSV or JSON list with the columns input and labels, a row for each volume.
        output: The tuned model to write, a .safetensors; its card and curve lie beside it.
        model: Name of the network to start from.
        options: What is tuned, and how long.
        keep_anyway: Whether a network that is not better is written too.
        progress: Called with a description and a total for each step.

    Returns:
        The model card, with `figures` before and after by kind of prompt, `verdict` with
        `is_better`, `history`, `judged` objects, and `output`, None where it was not better.

    Raises:
        InputError: The list, a volume or a segmentation cannot be used, or objects are too few.
        OutputError: The output cannot be written.
    """
    job = TrainingJob(
        output=Path(output),
        model=model,
        options=options or TrainingOptions(),
        keep_anyway=keep_anyway,
    )
    request = FinetuneRequest(examples=Path(examples), job=job)
    return run_finetune(request, progress=progress)


def run_finetune(request: FinetuneRequest, *, progress: Progress | None = None) -> dict[str, Any]:
    """Teach a network, judge it, and write it where it is better.

    Args:
        request: Inputs, outputs and options.
        progress: Called with a description and a total for each step.

    Returns:
        The model card with `output`, `judged` and `notes`, see `finetune`.

    Raises:
        SuiteError: The inputs, the outputs or the model do not fit the request.
    """
    volumes = _checked(request)
    with opened(request.job):
        lesson = _lesson(request, volumes, progress or silent)
        return {**run_job(request.job, lesson, progress=progress), "notes": []}


def finetune_volume(
    case: LabelledVolume,
    job: TrainingJob,
    *,
    signature: Mapping[str, Any],
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Teach a network the objects of one volume in memory, parted into slabs of its slices.

    Args:
        case: The volume and its objects.
        job: What is tuned, and the outputs.
        signature: Everything that decides volume and objects, as values for JSON.
        progress: Called with a description and a total for each step.

    Returns:
        The model card with `output`, `judged` and `notes`, see `finetune`.

    Raises:
        SuiteError: The objects or the model do not fit, or the objects are too few.
    """
    job.check_outputs(())
    with opened(job):
        images = slices_of(case, None, seed=job.options.seed)
        lesson = Lesson(images, source=SEGMENTS, split=SLABS, signature=signature)
        return {**run_job(job, lesson, progress=progress), "notes": []}


def dry_run_finetune(request: FinetuneRequest) -> dict[str, Any]:
    """What a request would cost, see `sam_common.training.job.dry_run_job`; nothing is written."""
    lesson = _lesson(request, _checked(request), silent)
    return {**dry_run_job(request.job, lesson), "notes": []}


def _checked(request: FinetuneRequest) -> list[TaughtVolume]:
    """The volumes of the list, and outputs checked against all that is read."""
    volumes = read_examples(request.examples)
    for one in volumes:
        check_input(one.input)
        check_input(one.labels)
    read = [path for one in volumes for path in (one.input, one.labels)]
    request.job.check_outputs([request.examples, *read])
    return volumes


def _lesson(request: FinetuneRequest, volumes: Sequence[TaughtVolume], told: Progress) -> Lesson:
    """Slices of all volumes, one volume in memory at a time."""
    seed = request.job.options.seed
    parts = parts_of_cases([one.name for one in volumes], [one.part for one in volumes], seed)
    images: list[TrainingImage] = []
    met: set[str] = set()
    with told("volumes", len(volumes)) as advance:
        for one, part in zip(volumes, parts, strict=True):
            case = _labelled(one, request.names)
            met.update(text for s in case.segments for text in (s.name, str(s.value)))
            images += slices_of(case, part, seed=seed)
            advance(1)
    if unknown := [name for name in request.names if name not in met]:
        raise InputError(f"no volume of the list has labels called {', '.join(unknown)}")
    by_patient = parts[0] is not None
    return Lesson(
        images,
        source=f"{len(volumes)} labelled volumes",
        split="by patient" if by_patient else SLABS,
        signature=_signature(volumes, parts, request.names),
    )


def _labelled(one: TaughtVolume, names: Sequence[str]) -> LabelledVolume:
    """A volume of the list with its objects, read from its files.

    Raises:
        InputError: It cannot be read or used; the message says which volume of the list it is.
    """
    try:
        return _read(one, names)
    except InputError as error:
        # readers name no files, and a list has many
        raise type(error)(f"{one.name} of the list: {error}") from error


def _read(one: TaughtVolume, names: Sequence[str]) -> LabelledVolume:
    """A volume of the list with those of its objects that are called by `names`, or with all."""
    how = one.reading
    volume = read_volume(
        one.input,
        modality=how.modality,
        series=how.series,
        time=how.time,
        join_series=how.join_series,
    )
    stretch = choose_stretch(volume, preset=how.preset, width=how.width, level=how.level)
    file = onto_grid(read_segmentation(one.labels, grid=volume), volume)
    segments = [segment for segment in file.segments if segment.voxels]
    if not segments:
        raise InputError("its labels are empty: every voxel is 0")
    if names:
        known = ", ".join(dict.fromkeys(segment.name for segment in segments))
        wanted = set(names)
        segments = [s for s in segments if s.name in wanted or str(s.value) in wanted]
        if not segments:
            raise InputError(f"its labels have none of {', '.join(names)} (they have {known})")
    return LabelledVolume(one.name, volume, stretch, segments)


def _signature(
    volumes: Sequence[TaughtVolume], parts: Sequence[Part | None], names: Sequence[str]
) -> dict[str, Any]:
    """Everything that decides the slices, as values for JSON, without a name of a file."""
    digest = hashlib.sha256()
    for one, part in zip(volumes, parts, strict=True):
        for path in (one.input, one.labels):
            for file in files_of(path) if path.is_file() else sorted(path.rglob("*")):
                if file.is_file():
                    digest.update(sha256_of(file).encode())
        digest.update(repr((one.reading, part)).encode())
    return {"volumes": digest.hexdigest(), "names": sorted(names)}

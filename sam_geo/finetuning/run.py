"""Finetune: from a raster and polygons to a tuned model, for the command line and for scripts.

```
opened   outputs, raster, polygons, stretch: all checked, then the network is loaded
lesson   windows and masks, parted in space          finetuning/examples
job      train, judge, write or refuse                sam_common/training/job
```
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sam_common.errors import InputError
from sam_common.network.architecture import ARCHITECTURES
from sam_common.segmenter.located import locate
from sam_common.training.job import TrainingJob, dry_run_job, opened, run_job
from sam_common.training.options import TrainingOptions
from sam_common.training.run import Lesson
from sam_common.training_data.examples import check_counts
from sam_geo.finetuning.examples import raster_examples
from sam_geo.finetuning.request import FinetuneRequest
from sam_geo.jobs.raster_info import opening_notes
from sam_geo.prompted.decode import likeliest
from sam_geo.prompts.geo_prompt import load_prompts
from sam_geo.raster.fingerprint import signature
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import Stretch, choose_stretch

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from sam_common.masks.decoded import MaskRegion, Masks
    from sam_common.tiled_job.progress import Progress
    from sam_geo.finetuning.examples import RasterExamples
    from sam_geo.prompts.geo_prompt import GeoPrompt
    from sam_geo.raster.source import RasterSource


def finetune(  # noqa: PLR0913 - one call for what is a request elsewhere
    image: str | os.PathLike[str],
    objects: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    model: str = "mobile_sam",
    options: TrainingOptions | None = None,
    keep_anyway: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Teach a network the objects of a raster, and write what it learned where that is better.

    Args:
        image: A raster of any size that GDAL opens.
        objects: A vector file of polygons, one for each object; about 20 or more.
        output: The tuned model to write, a .safetensors; its card and curve lie beside it.
        model: Name of the network to start from, or a checkpoint file.
        options: What is tuned, and how long.
        keep_anyway: Whether a network that is not better is written too.
        progress: Called with a description and a total for each step.

    Returns:
        The model card, with `figures` before and after by kind of prompt, `verdict` with
        `is_better`, `history`, `judged` objects, and `output`, None where it was not better.

    Raises:
        InputError: The raster or the polygons cannot be used, or are too few.
        OutputError: The output cannot be written.
    """
    job = TrainingJob(
        output=Path(output),
        model=model,
        options=options or TrainingOptions(),
        keep_anyway=keep_anyway,
    )
    request = FinetuneRequest(image=str(image), objects=Path(objects), job=job, model=model)
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
    with _lesson(request, writes=True) as (lesson, notes):
        record = run_job(request.job, lesson, progress=progress)
    return {**record, "notes": notes}


def dry_run_finetune(request: FinetuneRequest) -> dict[str, Any]:
    """What a request would cost, see `sam_common.training.job.dry_run_job`; nothing is written."""
    with _lesson(request, writes=False) as (lesson, notes):
        return {**dry_run_job(request.job, lesson), "notes": notes}


@contextmanager
def _lesson(request: FinetuneRequest, *, writes: bool) -> Iterator[tuple[Lesson, list[str]]]:
    """The examples of a request and notes on them; the raster is open while the block runs."""
    request.check_files()
    with (
        opened(request.job) if writes else nullcontext(),
        open_raster(
            request.image, bands=request.bands, page=request.page, crs=request.image_crs
        ) as source,
    ):
        _ = source.frame  # raises where the raster has no usable geotransform
        objects = _load(request, source, request.objects)
        judges = None if request.judge is None else _load(request, source, request.judge)
        stretch = _stretch(request, source)
        side = ARCHITECTURES[locate(request.job.model, request.job.arch).arch].preprocess.size
        examples = raster_examples(
            source, stretch, objects, judges=judges, side=side, seed=request.job.options.seed
        )
        _check_enough(examples)
        notes = [*opening_notes(source, is_given=request.stretch is not None), *examples.notes]
        split = "in space" if judges is None else "in space; others judge"
        lesson = Lesson(
            examples.images,
            source=f"{request.objects_name} on {Path(source.path).name}",
            split=split,
            signature=_signature(source, stretch, examples),
            pick=_likeliest,
        )
        yield lesson, notes


def _check_enough(examples: RasterExamples) -> None:
    """Raise `InputError` where too few objects are left; the message says why others are not."""
    try:
        check_counts(examples.images)
    except InputError as error:
        if not examples.notes:
            raise
        raise InputError(f"{error} ({'; '.join(examples.notes)})") from error


def _load(
    request: FinetuneRequest, source: RasterSource, objects: Path | Mapping[str, Any]
) -> list[GeoPrompt]:
    """Polygons in raster indices, with their outlines."""
    layer = request.objects_layer if objects == request.objects else None
    return load_prompts(objects, source, crs=request.objects_crs, layer=layer, with_masks=True)


def _stretch(request: FinetuneRequest, source: RasterSource) -> Stretch:
    if isinstance(request.stretch, Stretch):
        return request.stretch
    return choose_stretch(source, given=request.stretch)


def _signature(source: RasterSource, stretch: Stretch, examples: RasterExamples) -> dict[str, Any]:
    """Everything that decides the images and masks, as values for JSON."""
    asked = [
        (replace(one, class_name=None).identity, part)
        for one, part in zip(examples.objects, examples.parts, strict=True)
    ]
    return {
        "source": signature(source.identity),
        "bands": list(source.bands),
        "stretch": None if stretch.limits is None else [list(pair) for pair in stretch.limits],
        "objects": hashlib.sha256(repr(asked).encode()).hexdigest(),
    }


def _likeliest(masks: Masks, n: int) -> MaskRegion | None:
    """The mask that `sam-geo prompt` would take."""
    return likeliest(masks, n).region

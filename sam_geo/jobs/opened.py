"""Opened jobs: all that can be checked, checked in one order, then the network.

```
outputs -> inputs -> raster and its place -> finish -> prompts -> model's kinds -> stretch -> model
```
What is quick to see comes first, what reads pixels late, the network last. Every job goes through
here, dry runs too, so that the same mistake has the same message, and none is found after the work.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sam_common.errors import InputError, ModelError, OutputError, one_line
from sam_common.network.architecture import ARCHITECTURES
from sam_common.published.checkpoints import model_info, registry
from sam_common.segmenter.capabilities import check_kinds
from sam_common.segmenter.embedding_store import SIGNATURE
from sam_common.support.files import check_input, check_no_address
from sam_common.support.held_outputs import held as held_outputs
from sam_common.tiled_job.parts import check_unfinished, held
from sam_common.tiled_job.progress import silent
from sam_geo.jobs.raster_info import opening_notes
from sam_geo.jobs.request import AutoRequest, EncodeRequest, PromptRequest, Request
from sam_geo.prompted.decode import kinds_of
from sam_geo.prompted.embedding import check_identity, open_store
from sam_geo.prompted.segment import RunOptions
from sam_geo.prompts.geo_prompt import load_prompts
from sam_geo.prompts.proposals import load_proposals
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import Stretch, choose_stretch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from sam_common.prompts import PromptKind
    from sam_common.published.checkpoints import ModelInfo
    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.progress import Progress
    from sam_geo.jobs.request import RasterRequest
    from sam_geo.prompts.geo_prompt import GeoPrompt
    from sam_geo.raster.read_window import Box
    from sam_geo.raster.source import RasterSource


@dataclass(frozen=True, slots=True, eq=False)
class OpenedJob:
    """A job that can begin."""

    source: RasterSource
    stretch: Stretch
    segmenter: Segmenter
    prompts: Sequence[GeoPrompt] = ()
    """Of a prompted job, in raster indices."""
    boxes: Sequence[Box] | None = None
    """Proposals of an automatic job in raster indices, None where it has a grid of points."""
    notes: Sequence[str] = ()
    """What is told of the raster, as it may not be what was meant."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall time of the steps so far; later ones are added."""
    _start: float = field(default_factory=time.perf_counter)

    def elapsed(self) -> float:
        """Wall time since the job began, its checks included."""
        return time.perf_counter() - self._start

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Add the wall time of the block to a step."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - start


@contextmanager
def opened_job(
    request: RasterRequest,
    load: Callable[[], Segmenter],
    *,
    progress: Progress | None = None,
    writes: bool = True,
) -> Iterator[OpenedJob]:
    """A job whose inputs, outputs and options are known to be right, with its network.

    Args:
        request: What to do. Of a job that is only estimated, too: it says what the job would say.
        load: Makes the segmenter; called after everything that does not need it.
        progress: Shows which of the long steps is at work, and may end the job in it.
        writes: Whether it writes: then no other job may work on the same output in the block.

    Yields:
        The open job; its raster is closed with the block.

    Raises:
        SuiteError: The inputs, the outputs or the model do not fit the request.
    """
    start = time.perf_counter()
    _check_files(request)
    with (
        _alone(request) if writes and isinstance(request, Request) else nullcontext(),
        open_raster(
            request.image, bands=request.bands, page=request.page, crs=request.image_crs
        ) as source,
    ):
        if isinstance(request, Request):
            # behind the lock: parts of a job that runs are not to be deleted
            check_unfinished(request.parts, resume=request.resume)
        prompts, boxes = _asked(request, source)
        wanted = _kinds(request, prompts, boxes)
        if request.model is not None and request.model in registry():
            _check_model(request, model_info(request.model), wanted)
        stretch, notes = _stretch(request, source, progress)
        begun = time.perf_counter()
        with one_step(progress, "model"):
            segmenter = _loaded(load)
        seconds = {"load": time.perf_counter() - begun}
        check_kinds(segmenter.name, segmenter.capabilities.kinds, wanted)
        if isinstance(request, AutoRequest):  # of a model that no registry knows
            request.options.check_side(segmenter.model_size)
        yield OpenedJob(source, stretch, segmenter, prompts, boxes, notes, seconds, start)


@contextmanager
def one_step(progress: Progress | None, what: str) -> Iterator[None]:
    """A step that cannot say how far it is."""
    with (progress or silent)(what, 1) as advance:
        yield
        advance(1)


def run_options(request: Request, job: OpenedJob, *, writes: bool = True) -> RunOptions:
    """How to run a request, with the store of embeddings opened.

    Args:
        request: What to do.
        job: The same, opened.
        writes: Whether a store may be made; else one that is not there is left out.
    """
    store = None
    if request.embeddings is not None and (writes or (request.embeddings / SIGNATURE).exists()):
        store = open_store(request.embeddings, job.source, job.segmenter, job.stretch)
    return RunOptions(
        job.stretch, request.finish, request.workers, request.parts, request.resume, store
    )


def _check_files(request: RasterRequest) -> None:
    """Outputs, then inputs beside the raster."""
    if isinstance(request, Request):
        request.check_outputs()
    _check_store(request)
    if isinstance(request, PromptRequest):
        check_input(request.prompts)
    if isinstance(request, AutoRequest):
        _check_proposals(request)


def _check_proposals(request: AutoRequest) -> None:
    if request.proposals is None:
        about = {"crs": request.proposals_crs, "layer": request.proposals_layer}
        for name, value in about.items():
            if value is not None:
                raise InputError(f"--proposals-{name} {value} is about --proposals: give that too")
        return
    check_input(request.proposals)
    if request.options.superpixels:
        raise InputError("give --proposals or --superpixels, not both")


@contextmanager
def _alone(request: Request) -> Iterator[None]:
    """Keep other jobs from the parts and from every file that somebody may name for another job."""
    with held(request.parts), held_outputs(request.named_outputs):
        yield


def _store_of(request: RasterRequest) -> Path | None:
    """Folder of embeddings that a request names."""
    if isinstance(request, EncodeRequest):
        return request.output
    return request.embeddings if isinstance(request, Request) else None


def _check_store(request: RasterRequest) -> None:
    folder = _store_of(request)
    if folder is not None:
        check_no_address(folder)
    if folder is not None and folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file: embeddings need a folder")


def _asked(
    request: RasterRequest, source: RasterSource
) -> tuple[Sequence[GeoPrompt], Sequence[Box] | None]:
    """Prompts or proposals in the indices of a raster that has a place."""
    _ = source.frame  # a raster without a usable one fails here
    if _store_of(request) is not None:
        check_identity(source)
    if isinstance(request, PromptRequest):
        prompts = load_prompts(
            request.prompts,
            source,
            crs=request.prompts_crs,
            layer=request.prompts_layer,
            with_masks=request.polygon_masks,
        )
        request.check_source(source, prompts)
        return prompts, None
    if isinstance(request, Request):
        request.check_source(source)
    if isinstance(request, AutoRequest) and request.proposals is not None:
        return (), load_proposals(
            request.proposals, source, crs=request.proposals_crs, layer=request.proposals_layer
        )
    return (), None


def _kinds(
    request: RasterRequest, prompts: Sequence[GeoPrompt], boxes: Sequence[Box] | None
) -> frozenset[PromptKind]:
    """Kinds of prompts that the network will be given."""
    if isinstance(request, AutoRequest):
        return request.options.kinds(has_proposals=boxes is not None)
    return kinds_of(prompts)


def _check_model(request: RasterRequest, model: ModelInfo, wanted: frozenset[PromptKind]) -> None:
    """What the registry knows of a model before it is loaded."""
    check_kinds(model.name, model.prompts, wanted)
    if isinstance(request, AutoRequest):
        size = ARCHITECTURES[model.arch].preprocess.size
        request.options.check_side(size)
        request.options.overlap_of(request.options.tile_size or size)


def _stretch(
    request: RasterRequest, source: RasterSource, progress: Progress | None
) -> tuple[Stretch, tuple[str, ...]]:
    """The stretch, and what there is to say of the raster; both read a sample of it."""
    if isinstance(request.stretch, Stretch):
        return request.stretch, tuple(opening_notes(source, is_given=True))
    with one_step(progress, "stretch"):
        stretch = choose_stretch(source, given=request.stretch)
        return stretch, tuple(opening_notes(source, is_given=request.stretch is not None))


def _loaded(load: Callable[[], Segmenter]) -> Segmenter:
    """The segmenter; what an engine or the loader of its library says becomes an error of ours.

    Too little memory has many names there: a `MemoryError`, a `RuntimeError` of an engine, or an
    `ImportError` or `OSError` of a library that cannot be mapped.
    """
    try:
        return load()
    except (MemoryError, RuntimeError, ImportError, OSError) as error:
        raise ModelError(
            f"the model cannot be loaded ({one_line(error)}): if memory is short, give the job "
            f"more, or take a smaller model"
        ) from error

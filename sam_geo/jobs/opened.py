"""Opened jobs: everything that can be wrong with a request, checked before the network is loaded.

```
outputs -> inputs -> raster and its place -> prompts -> finish -> kinds of prompts of the model
  -> stretch -> network
```
What is quick to check comes first, what reads pixels late, the network last. Every job goes through
`opened_job`, dry runs too, so that one mistake has one message and is found before the work.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from sam_common.detectors.load import check_installed, load_detector
from sam_common.errors import InputError, ModelError, one_line
from sam_common.executors.figures import recorded
from sam_common.network.architecture import ARCHITECTURES
from sam_common.published.checkpoints import model_info, registry
from sam_common.segmenter.capabilities import check_kinds
from sam_common.segmenter.embedding_store import SIGNATURE
from sam_common.support.files import check_input
from sam_common.support.held_outputs import held as held_outputs
from sam_common.tiled_job.folder import check_unfinished, held
from sam_common.tiled_job.progress import silent
from sam_geo.jobs.output_checks import check_store_folder
from sam_geo.jobs.raster_info import opening_notes
from sam_geo.jobs.request import AutoRequest, EncodeRequest, PromptRequest, Request
from sam_geo.prompted.decode import is_points_only, kinds_of
from sam_geo.prompted.embedding import check_identity, open_store
from sam_geo.prompted.segment import RunOptions
from sam_geo.prompts.geo_prompt import GeoPrompt, load_prompts
from sam_geo.prompts.proposals import load_proposals
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import Stretch, choose_stretch
from sam_geo.results.record import StepTimes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from sam_common.detectors.detector import Detector
    from sam_common.prompts import PromptKind
    from sam_common.published.checkpoints import ModelInfo
    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.progress import Progress
    from sam_geo.jobs.request import RasterRequest
    from sam_geo.raster.read_window import Box
    from sam_geo.raster.source import RasterSource
    from sam_geo.words.options import WordOptions

T = TypeVar("T")
_EXECUTED = (EncodeRequest, Request)
"""Requests of which windows can be worked on by an executor."""


@dataclass(frozen=True, slots=True, eq=False)
class OpenedJob:
    """A job whose request is right: its open raster, its prompts and its network."""

    source: RasterSource
    stretch: Stretch
    segmenter: Segmenter
    prompts: Sequence[GeoPrompt] = ()
    """Prompts of a prompted job in raster indices; none of another job."""
    boxes: Sequence[Box] | None = None
    """Proposals of an automatic job in raster indices; None where there is a grid of points."""
    notes: Sequence[str] = ()
    """Sentences about the raster that may surprise, such as pixels of an undeclared fill value."""
    times: StepTimes = field(default_factory=StepTimes)
    """Wall time of each step so far; later steps are added."""
    _start: float = field(default_factory=time.perf_counter)
    executor_facts: Callable[[], dict[str, Any]] = dict
    """Gives the entry `executor` of the record, see `sam_common.executors.figures.recorded`."""

    def elapsed(self) -> float:
        """Seconds since the job began, its checks included."""
        return time.perf_counter() - self._start


@contextmanager
def opened_job(
    request: RasterRequest,
    load: Callable[[], Segmenter],
    *,
    progress: Progress | None = None,
    writes: bool = True,
) -> Iterator[OpenedJob]:
    """Check a request as far as it goes without the network, then load the network.

    Args:
        request: Inputs, outputs and options.
        load: Makes the segmenter; called after every check that does not need it.
        progress: Called with a description and a total for each long step; what its counter raises
            ends the job.
        writes: Whether outputs are written: then no other job may work on them within the block.

    Yields:
        The opened job; its raster is closed with the block.

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
            check_unfinished(request.parts, request.storage, resume=request.resume)
        prompts, boxes = _asked(request, source)
        wanted = _kinds(request, prompts, boxes)
        if request.model is not None and request.model in registry():
            _check_model(request, model_info(request.model), wanted)
        stretch, notes = _stretch(request, source, progress)
        times = StepTimes()
        with times.timed("load"), one_step(progress, "model"):
            segmenter = _loaded(load)
        check_kinds(segmenter.name, segmenter.capabilities.kinds, wanted)
        if isinstance(request, AutoRequest):  # of a model that no registry knows
            request.options.check_side(segmenter.model_size)
        facts = recorded(request.executor if isinstance(request, _EXECUTED) else None)
        yield OpenedJob(source, stretch, segmenter, prompts, boxes, notes, times, start, facts)


@contextmanager
def one_step(progress: Progress | None, what: str) -> Iterator[None]:
    """Show a step of which only the beginning and the end are known."""
    with (progress or silent)(what, 1) as advance:
        yield
        advance(1)


def run_options(request: Request, opened: OpenedJob, *, writes: bool = True) -> RunOptions:
    """How a request is run, with the store of its embeddings opened.

    Args:
        request: Inputs, outputs and options.
        opened: The request after its checks.
        writes: Whether a store of embeddings may be made; else only one that is there is used.

    Raises:
        InputError: The store holds embeddings of another raster, stretch or model.
    """
    store = None
    if request.embeddings is not None and (writes or (request.embeddings / SIGNATURE).exists()):
        store = open_store(request.embeddings, opened.source, opened.segmenter, opened.stretch)
    return RunOptions(
        opened.stretch,
        request.finish,
        request.workers,
        request.parts,
        request.resume,
        store,
        isinstance(request, PromptRequest) and request.one_class,
        request.executor,
        request.storage,
    )


def _check_files(request: RasterRequest) -> None:
    """Check the outputs, then the inputs beside the raster, as far as their files tell."""
    if isinstance(request, Request):
        request.check_outputs()
    _check_store(request)
    if isinstance(request, PromptRequest):
        _check_prompts(request)
    if isinstance(request, AutoRequest):
        _check_proposals(request)


def _check_prompts(request: PromptRequest) -> None:
    """Raise where neither prompts nor words are given, or both, or words cannot be looked for."""
    if request.words is None:
        if request.prompts is None:
            raise InputError(
                "nothing to segment: give a file of prompts, or words such as --text 'solar panel'"
            )
        check_input(request.prompts)
        return
    about = {
        f"the prompts {request.prompts}": request.prompts is not None,
        f"--prompts-crs {request.prompts_crs}": request.prompts_crs is not None,
        f"--prompts-layer {request.prompts_layer}": request.prompts_layer is not None,
        "--polygon-masks": request.polygon_masks,
        "--one-class": request.one_class,
    }
    for what, is_given in about.items():
        if is_given:
            raise InputError(
                f"give {what} or --text {request.words.phrases[0]!r}, not both: words find the "
                f"boxes themselves"
            )
    check_installed(request.words.detector)


def _check_proposals(request: AutoRequest) -> None:
    """Raise `InputError` where the options of proposals are incomplete or exclude each other."""
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
    """Keep other jobs from the parts, and from every output that another job could be given."""
    with held(request.parts, request.storage), held_outputs(request.named_outputs):
        yield


def _store_of(request: RasterRequest) -> Path | None:
    """Folder of embeddings that a request reads or fills; None where there is none."""
    if isinstance(request, EncodeRequest):
        return request.output
    return request.embeddings if isinstance(request, Request) else None


def _check_store(request: RasterRequest) -> None:
    """Raise `OutputError` where embeddings could not be kept in the folder that a request names."""
    folder = _store_of(request)
    if folder is None:
        return
    check_store_folder(folder, is_filled=isinstance(request, EncodeRequest))


def _asked(
    request: RasterRequest, source: RasterSource
) -> tuple[Sequence[GeoPrompt], Sequence[Box] | None]:
    """The prompts or the proposals of a request in raster indices, and outputs checked with them.

    Raises:
        GeometryError: The raster has no usable geotransform.
        InputError: The prompts cannot be read, or are none for this raster.
        OutputError: A result of this raster could not be written.
    """
    _ = source.frame  # raises where the raster has no usable geotransform
    if _store_of(request) is not None:
        check_identity(source)
    if isinstance(request, PromptRequest) and request.words is not None:
        # the classes that a table has to hold
        classes = [GeoPrompt(n, phrase) for n, phrase in enumerate(request.words.phrases)]
        request.check_source(source, classes)
        return (), None
    if isinstance(request, PromptRequest) and request.prompts is not None:
        prompts = load_prompts(
            request.prompts,
            source,
            crs=request.prompts_crs,
            layer=request.prompts_layer,
            with_masks=request.polygon_masks,
        )
        request.check_source(source, prompts)
        if request.one_class and not any(is_points_only(prompt) for prompt in prompts):
            raise InputError(
                f"--one-class chooses among the masks of points, but {request.prompts} has boxes "
                f"or polygons alone"
            )
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
    """The kinds of prompts that the network will be given."""
    if isinstance(request, AutoRequest):
        return request.options.kinds(has_proposals=boxes is not None)
    if isinstance(request, PromptRequest) and request.words is not None:
        return frozenset({"boxes"})
    return kinds_of(prompts)


def _check_model(request: RasterRequest, model: ModelInfo, wanted: frozenset[PromptKind]) -> None:
    """Raise where a model of the registry, not loaded yet, does not fit the request."""
    check_kinds(model.name, model.prompts, wanted)
    if isinstance(request, AutoRequest):
        size = ARCHITECTURES[model.arch].preprocess.size
        request.options.check_side(size)
        request.options.overlap_of(request.options.tile_size or size)


def _stretch(
    request: RasterRequest, source: RasterSource, progress: Progress | None
) -> tuple[Stretch, tuple[str, ...]]:
    """The stretch, and notes on the raster; both are taken from one sample of its values."""
    if isinstance(request.stretch, Stretch):
        return request.stretch, tuple(opening_notes(source, is_given=True))
    with one_step(progress, "stretch"):
        stretch = choose_stretch(source, given=request.stretch)
        return stretch, tuple(opening_notes(source, is_given=request.stretch is not None))


def loaded_detector(
    opened: OpenedJob,
    words: WordOptions,
    find: Callable[[], Detector] | None,
    progress: Progress | None = None,
) -> Detector:
    """Load the detector of a job with words.

    Args:
        opened: The job, whose times get those of loading.
        words: What is looked for, and the name of the detector.
        find: Makes the detector; None for the one that is named.
        progress: Called with a description and a total.

    Raises:
        SuiteError: The detector cannot be had.
    """
    with opened.times.timed("load"), one_step(progress, "detector"):
        return _loaded(find or (lambda: load_detector(words.detector)))


def _loaded(load: Callable[[], T]) -> T:
    """Load a network; errors of an engine or of its shared library become a `ModelError`.

    Too little memory shows as a `MemoryError`, as a `RuntimeError` of an engine, or as an
    `ImportError` or `OSError` of a library that cannot be mapped.
    """
    try:
        return load()
    except (MemoryError, RuntimeError, ImportError, OSError) as error:
        raise ModelError(
            f"the model cannot be loaded ({one_line(error)}): if memory is short, give the job "
            f"more, or take a smaller model"
        ) from error

"""Candidates: the objects among which a user's kind is looked for, with their features.

```
kept file, if it is there                                    nothing is encoded
else  everything in the raster, or a layer of polygons  ->  outlines
      outlines -> bands, form, the network's embedding  ->  features  ->  kept file
```
An automatic job and the features of its objects share their windows, so each is encoded once.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.errors import InputError, PromptError
from sam_common.tiled_job.plan import tile_grid
from sam_geo.learning.similarity import POSITIVE
from sam_geo.mapping.found_objects import find_everything
from sam_geo.object_classes.elsewhere import elsewhere
from sam_geo.object_features.kept import MeasuredObjects, load_objects, save_objects
from sam_geo.object_features.measure import ObjectFeatures, blocks_with, measure_objects
from sam_geo.object_features.placed import read_placed
from sam_geo.prompt_files.table import Wanted
from sam_geo.raster.fingerprint import signature
from sam_geo.results.record import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import numpy.typing as npt

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.progress import Progress
    from sam_common.window import Window
    from sam_geo.bands.embedding_axes import EmbeddingAxes
    from sam_geo.bands.stack import RasterStack
    from sam_geo.mapping.network import JobNetwork
    from sam_geo.object_classes.examples import Said
    from sam_geo.object_classes.request import SimilarRequest
    from sam_geo.raster.source import RasterSource

    Shapes = npt.NDArray[np.object_]

KEPT_EMBEDDINGS = "kept"
"""Folder among the parts of a job for its embeddings, where the user names none."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The outlines to choose from."""

    shapes: Shapes
    """(N,) polygons in raster indices."""
    measured: MeasuredObjects | None
    """The same with their features, where an earlier job kept them."""
    figures: Mapping[str, Any]
    """Figures of the automatic job that found them; empty where there was none."""


def origin_of(request: SimilarRequest, stack: RasterStack) -> dict[str, Any]:
    """Everything that decides the candidates of a job and their features, as values for JSON."""
    layer = request.candidates
    return {
        "image": signature(stack.grid.identity),
        "bands": list(stack.band_names),
        "embedding": request.with_embedding,
        "network": request.network if request.with_embedding or layer is None else None,
        "candidates": asdict(request.auto) if layer is None else fingerprint(layer),
    }


def windows_of(request: SimilarRequest) -> Callable[[RasterSource, Segmenter], Iterable[Window]]:
    """The windows in which the network sees the raster: those of the automatic job."""

    def grid(source: RasterSource, segmenter: Segmenter) -> Iterable[Window]:
        side = request.auto.tile_size or segmenter.model_size
        return tile_grid(source.size_hw, side=side, overlap=request.auto.overlap_of(side))

    return grid


def with_store(request: SimilarRequest, stack: RasterStack) -> SimilarRequest:
    """The request with a folder for embeddings, where the raster allows to keep any."""
    if request.embeddings is not None or "unknown" in stack.grid.identity:
        return request
    return replace(request, embeddings=request.parts / KEPT_EMBEDDINGS)


def find_candidates(
    request: SimilarRequest,
    stack: RasterStack,
    load: Callable[[], Segmenter] | None,
    progress: Progress,
) -> Candidates:
    """Take the candidates of an earlier job, read them from a layer, or let the network find them.

    Raises:
        InputError: The kept file is of another job, or there is no network.
        PromptError: There is no candidate.
    """
    if request.kept.exists():
        measured = load_objects(request.kept, stack.grid, origin_of(request, stack))
        return Candidates(measured.shapes[measured.is_object], measured, {})
    if request.candidates is not None:
        placed = read_placed(request.candidates, stack.grid, Wanted("candidates"))
        if not len(placed):
            raise PromptError(
                f"no candidate: none of the {placed.read} rows of {request.candidates} is a "
                f"polygon on {stack.grid.path}"
            )
        return Candidates(placed.shapes, None, {})
    if load is None:
        raise InputError("candidates that a network finds need a network: say how to load one")
    files = find_everything(request, load, progress, options=request.auto)
    if not sum(files.figures["counts"].values()):
        raise PromptError(
            f"no candidate: the network finds nothing in {stack.grid.path}; try more points by "
            f"--points-per-side, smaller windows by --tile-size, or polygons by --candidates"
        )
    placed = read_placed(files.table, stack.grid, Wanted("candidates"))
    return Candidates(placed.shapes, None, files.figures)


def measured_candidates(  # what a job is made of
    found: Candidates,
    said: Said,
    request: SimilarRequest,
    stack: RasterStack,
    network: JobNetwork,
    progress: Progress,
) -> MeasuredObjects:
    """The features of candidates, outlines that are candidates by themselves, and of no objects.

    Args:
        found: The candidates.
        said: What the user said of them, and outlines that no candidate shows.
        request: The job.
        stack: Its raster.
        network: Gives the embedding of what is not measured yet.
        progress: Called with a description and a total for each step.

    Returns:
        The candidates, and the outlines after them, in their order; outlines of examples in other
        places lie anywhere among them (`elsewhere`).

    Raises:
        InputError: A window could not be read or embedded.
        OutputError: The candidates cannot be kept.
    """
    known = found.measured
    outlines = said.outlines
    if known is not None and not len(outlines):
        return known
    if known is not None:
        every = known.with_more(
            measured_shapes(outlines, stack, network, progress, axes=known.axes)
        )
    else:
        shown = [found.shapes[said.of_candidates == POSITIVE]]
        shown.append(outlines[said.of_outlines == POSITIVE])
        objects = np.concatenate([found.shapes, outlines])
        moved = elsewhere(np.concatenate(shown), objects, stack.size_hw)
        every = measured_shapes(
            np.concatenate([objects, moved]),
            stack,
            network,
            progress,
            with_embedding=request.with_embedding,
        )
        is_moved = np.arange(len(every.shapes)) >= len(objects)
        every = replace(every, elsewhere=is_moved)
    save_objects(every, request.kept, stack.grid, origin_of(request, stack))
    return every


def measured_shapes(  # what features are made of
    shapes: Shapes,
    stack: RasterStack,
    network: JobNetwork,
    progress: Progress,
    *,
    axes: EmbeddingAxes | None = None,
    with_embedding: bool = False,
) -> MeasuredObjects:
    """Measure outlines, with the axes of an embedding that are known or are found in it.

    Args:
        shapes: (N,) polygons in raster indices.
        stack: The rasters.
        network: Gives the embedding.
        progress: Called with a description and a total for each step.
        axes: Axes that were found before.
        with_embedding: Whether to find some, where there are none.
    """
    embedded = None
    windows = blocks_with(shapes, stack.size_hw)
    if axes is not None:
        seen = network.view.segmenter
        if axes.sha256 != seen.sha256:
            raise InputError(
                f"the candidates were measured with the network {axes.network} (sha256 "
                f"{axes.sha256[:12]}), and {seen.name} is another one ({seen.sha256[:12]}): give "
                f"that network by --model"
            )
        embedded = network.embed_on(axes, windows)
    elif with_embedding:
        axes, embedded = network.survey(windows)
    features = ObjectFeatures(stack.band_names, 0 if axes is None else axes.count)
    read = None if embedded is None else embedded.read
    table = measure_objects(stack, shapes, features, read, progress=progress)
    return MeasuredObjects(shapes, table, features, axes)

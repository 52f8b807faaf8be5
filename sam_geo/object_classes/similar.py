"""Similar: from a few examples to all objects of their kind, for the command line and for scripts.

```
read_examples        examples, refusals, corrections             object_classes/examples
find_candidates      kept file, or a layer, or the network       object_classes/candidates
laid_on              which candidates the examples mean          object_classes/examples
measured_candidates  bands, form, embedding of each -> kept      object_features/measure, kept
find_similar         a probability of each                       learning/similarity
covered_by           of those on each other the most probable    object_classes/overlaps
judge                precision and recall by true outlines       object_classes/judgement
```
A second job with other examples or corrections starts from the kept file: only the last steps run.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sam_common.errors import PromptError
from sam_common.executors.figures import recorded
from sam_common.tiled_job.folder import remove_parts
from sam_common.tiled_job.progress import silent
from sam_geo.learning.similarity import (
    IGNORED,
    NEGATIVE,
    POSITIVE,
    UNLABELLED,
    find_similar,
)
from sam_geo.mapping.network import opened_network
from sam_geo.object_classes.candidates import (
    find_candidates,
    measured_candidates,
    origin_of,
    windows_of,
    with_store,
)
from sam_geo.object_classes.examples import ACCEPTED, LEAST_EXAMPLES, laid_on, read_examples
from sam_geo.object_classes.judgement import judge
from sam_geo.object_classes.object_table import object_table
from sam_geo.object_classes.opened import begin_parts, opened_objects_job
from sam_geo.object_classes.overlaps import covered_by
from sam_geo.object_classes.record import similar_record
from sam_geo.object_classes.request import FEW, LEAST_PROBABILITY, SimilarRequest
from sam_geo.object_features.placed import read_placed
from sam_geo.prompt_files.table import Wanted
from sam_geo.results.qgis_style import style_path, write_style
from sam_geo.results.record import manifest_path, write_manifest
from sam_geo.tables.write import write_table

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    import geopandas
    import numpy.typing as npt

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.progress import Progress
    from sam_geo.bands.stack import RasterStack
    from sam_geo.object_classes.examples import Examples, Said
    from sam_geo.object_classes.judgement import Judgement
    from sam_geo.object_features.kept import MeasuredObjects

    Chances = npt.NDArray[np.float64]
    IntArray = npt.NDArray[np.int64]

WORDS = {POSITIVE: "example", NEGATIVE: "refused"}
"""Values of the column `said`."""


def find_more(  # noqa: PLR0913  # one call for what is a request elsewhere
    image: str | os.PathLike[str],
    examples: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    least_probability: float = LEAST_PROBABILITY,
    options: SimilarRequest | None = None,
    load: Callable[[], Segmenter] | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Find all objects of a raster that are like a few examples.

    Args:
        image: A raster of any size that GDAL opens.
        examples: Two or more polygons or points on objects, in any vector format.
        output: The table to write. Beside it lie candidates and features, from which the next call
            goes on.
        least_probability: Probability from which an object is written.
        options: Everything else, such as corrections and candidates; its image, examples, output
            and probability are those above.
        load: Makes the network; needed where candidates or their embedding are not kept yet.
        progress: Called with a description and a total for each step.

    Returns:
        The record that is written beside the table, with `counts`, `judgement` and `notes`.

    Raises:
        SuiteError: The inputs, the outputs or the options do not fit together.
    """
    given = {
        "image": str(image),
        "examples": Path(examples),
        "output": Path(output),
        "least_probability": least_probability,
    }
    request = SimilarRequest(**given) if options is None else replace(options, **given)  # type: ignore[arg-type]  # a mapping of mixed values
    return run_similar(request, load, progress=progress)


def run_similar(
    request: SimilarRequest,
    load: Callable[[], Segmenter] | None = None,
    *,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Find objects like a few examples, and write table, style, record and kept candidates.

    Memory is bounded by a window of the network, a row of blocks, and by outlines and features of
    the candidates.

    Args:
        request: Inputs, outputs and options.
        load: Makes the network; needed where candidates or their embedding are not kept yet.
        progress: Called with a description and a total for each step, from the first one on.

    Returns:
        The record, as written beside the table.

    Raises:
        SuiteError: The inputs, the outputs or the options do not fit together.
    """
    executor_facts = recorded(request.executor)
    with opened_objects_job(request) as opened:
        stack, times = opened.stack, opened.times
        examples = read_examples(request, stack.grid)
        truth = _truth(request, stack)
        is_kept = request.kept.exists()
        # what is kept leaves a window or two to embed: no store for these
        job = request if is_kept else with_store(request, stack)
        origin = origin_of(request, stack)
        # what is wrong with the examples leaves nothing behind that would have to be resumed
        searches = request.candidates is None and not is_kept
        if searches:
            begin_parts(request, stack, origin)
        with times.timed("candidates"):
            found = find_candidates(job, stack, load, progress)
        said = laid_on(found.shapes, examples)
        _check_enough(said, request)
        if not searches:
            begin_parts(request, stack, origin)
        with (
            times.timed("features"),
            opened_network(job, load, progress, grid=windows_of(job)) as network,
        ):
            measured = measured_candidates(found, said, job, stack, network, progress)
        objects = measured.only(measured.is_object)
        every = np.concatenate([said.of_candidates, said.of_outlines])
        with times.timed("similarity"), progress("similarity", 1) as advance:
            chances = _chances(measured, every, request)
            advance(1)
        cover = covered_by(objects.shapes, np.where(every == POSITIVE, 2.0, chances))
        judgement = None
        if truth is not None:
            judgement = judge(objects.shapes, chances, cover < 0, every != UNLABELLED, truth)
        table = _table(request, stack, objects, every, chances, cover)
        with times.timed("write"):
            write_table(table, request.output, overwrite=request.replaces, layer=request.layer)
        write_style([], style_path(request.output), table=request.output.name)
        record = similar_record(
            request,
            opened,
            objects,
            every,
            written=table,
            judgement=judgement,
            results={
                "candidates": {"count": len(objects.shapes), "kept": is_kept, **found.figures},
                "notes": _notes(examples, said, objects, judgement),
                **executor_facts(),
            },
        )
        write_manifest(record, manifest_path(request.output))
        remove_parts(request.parts, request.storage)
    return record


def _truth(request: SimilarRequest, stack: RasterStack) -> npt.NDArray[np.object_] | None:
    """True outlines that judge, in raster indices."""
    if request.judge is None:
        return None
    placed = read_placed(request.judge, stack.grid, Wanted("examples"), crs=request.examples_crs)
    if not len(placed):
        raise PromptError(
            f"none of the {placed.read} rows of {request.judge} is a polygon on {stack.grid.path}"
        )
    return placed.shapes


def _check_enough(said: Said, request: SimilarRequest) -> None:
    """Raise `PromptError` where examples mean fewer than two objects."""
    both = np.concatenate([said.of_candidates, said.of_outlines])
    count = int((both == POSITIVE).sum())
    if count < LEAST_EXAMPLES:
        raise PromptError(
            f"the examples of {request.examples} mean {count} object{'' if count == 1 else 's'}: "
            f"{said.without} of them are points that no candidate holds, and others may mean the "
            f"same one; draw outlines, which are candidates by themselves"
        )
    if (both != POSITIVE).sum() == 0:
        raise PromptError(
            "no candidate: beside the examples there is none; give more by --candidates, or let "
            "the network find them with more --points-per-side"
        )


def _chances(measured: MeasuredObjects, said: IntArray, request: SimilarRequest) -> Chances:
    """(N,) probabilities of the candidates, those without data 0."""
    known = np.full(len(measured.shapes), NEGATIVE, dtype=np.int64)
    known[measured.is_object] = said
    known[~measured.has_data] = IGNORED
    found = find_similar(measured.table, known, kind=request.classifier or FEW, seed=request.seed)
    chances: Chances = np.where(measured.has_data, found, 0.0)[measured.is_object]
    return chances


def _table(  # the columns
    request: SimilarRequest,
    stack: RasterStack,
    objects: MeasuredObjects,
    said: IntArray,
    chances: Chances,
    cover: IntArray,
) -> geopandas.GeoDataFrame:
    """The objects to write; `id` counts all candidates from 1, and is the same in later jobs."""
    if request.every:
        rows = np.arange(len(said))
    else:
        is_one = (chances >= request.least_probability) & (said != NEGATIVE)
        rows = np.flatnonzero((is_one & (cover < 0)) | (said == POSITIVE))
    above = pd.array([None if n < 0 else n + 1 for n in cover[rows].tolist()], dtype="Int64")
    return object_table(
        {
            "id": rows + 1,
            "probability": np.round(chances[rows], 4),
            "said": pd.Series([WORDS.get(n) for n in said[rows].tolist()], dtype=object),
            ACCEPTED: pd.array([None] * len(rows), dtype="boolean"),
            "covered_by": above,
        },
        objects.shapes[rows],
        stack.grid,
    )


def _notes(
    examples: Examples, said: Said, objects: MeasuredObjects, judgement: Judgement | None
) -> list[str]:
    """What users should know, one sentence each."""
    notes = list(examples.notes)
    if len(said.outlines):
        notes.append(
            f"{len(said.outlines)} examples meet no candidate: their own outlines are candidates; "
            f"objects of that kind may be missing, as the candidates do not show them"
        )
    if said.without:
        notes.append(f"{said.without} points lie on no candidate and say nothing")
    if blind := int((~objects.has_data).sum()):
        notes.append(f"{blind} candidates lie on pixels without data and have the probability 0")
    if judgement is not None and judgement.reachable < 1:
        notes.append(
            f"the candidates show {judgement.reachable:.0%} of the true objects: no examples can "
            f"find the others"
        )
    return notes

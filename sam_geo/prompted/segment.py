"""From an open raster and prompts to one row per prompt.

```
prompts -> windows -> read -> stretch -> embed -> decode -> refine -> parts on disk
parts -> polygons -> simplify or regularise -> measure -> rows
```
Memory is bounded by the windows at work, whatever the size of the raster.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sam_common.segmenter.capabilities import check_kinds
from sam_common.tiled_job.progress import parts_of, silent
from sam_common.tiled_job.run import run_job
from sam_geo.prompted.candidates import offered_of
from sam_geo.prompted.decode import kinds_of
from sam_geo.prompted.one_class import Choice, choose
from sam_geo.prompted.windows import plan_windows
from sam_geo.prompted.windows_to_rows import STEPS, PromptWork, row_of, rows_of_window
from sam_geo.prompts.geo_prompt import GeoPrompt, load_prompts
from sam_geo.raster.source import RasterSource, open_raster
from sam_geo.raster.stretch import Stretch, choose_stretch
from sam_geo.results.finish import Finish, finish_prompts

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    import geopandas

    from sam_common.executors.executor import Executor
    from sam_common.segmenter.embedding_store import EmbeddingStore
    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.progress import Progress
    from sam_common.tiled_job.storage import Storage
    from sam_common.tiled_job.work import JobReport
    from sam_geo.prompt_files.python_objects import PromptsLike
    from sam_geo.raster.read_window import ReadWindow


@dataclass(frozen=True, slots=True, eq=False)
class PromptJob:
    """The result of a prompted job: its table, and how the table came about."""

    table: geopandas.GeoDataFrame
    """One row per prompt in the order of the prompts, with the columns
    `sam_geo.results.rows.COLUMNS`."""
    prompts: Sequence[GeoPrompt]
    """The prompts in raster indices."""
    stretch: Stretch
    """How raster values became the bytes that the network was fed."""
    windows: Sequence[ReadWindow]
    """The windows that were read, each with the numbers of its prompts."""
    embeddings: int
    """Number of windows that the image encoder has seen; those of a store are not counted."""
    seconds: dict[str, float]
    """Seconds of the steps read, embed, decode and polygonize, added up over all threads."""
    report: JobReport
    """Windows that were reused from an unfinished job, and windows that failed."""
    choice: Choice | None = None
    """What was chosen for points of one class; None where that was not asked for."""

    @property
    def counts(self) -> dict[str, int]:
        """Number of prompts per status, most frequent first."""
        return dict(Counter(self.table["status"].tolist()).most_common())

    @property
    def failures(self) -> list[str]:
        """One message for each window that failed."""
        return self.report.messages


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How windows are segmented; `stretch`, `finish` and `one_class` alone change the result."""

    stretch: Stretch | None = None
    """Raster values to bytes; chosen from the raster where None."""
    finish: Finish = field(default_factory=Finish)
    """Simplification and reference system of the polygons."""
    workers: int = 1
    """Windows that are segmented at the same time."""
    parts: Path | None = None
    """Folder in which finished windows are kept, so that the job can be resumed; a temporary
    folder where None."""
    resume: bool = False
    """Whether to go on with the parts that lie in that folder, or in the storage."""
    store: EmbeddingStore | None = None
    """Embeddings that earlier jobs kept, and where new ones are kept for later jobs."""
    one_class: bool = False
    """Whether points are of one class (or of the classes that they name), so that for each the
    candidate mask is chosen that agrees in size and looks with those of the others."""
    executor: Executor | None = None
    """Segments windows in other processes; threads of this one do where None."""
    storage: Storage | None = None
    """Where finished windows are kept in place of the folder, which then holds copies."""


def segment_prompts(  # noqa: PLR0913  # five keyword-only options
    image: str | os.PathLike[str],
    prompts: PromptsLike,
    *,
    segmenter: Segmenter,
    bands: Sequence[int] | None = None,
    prompts_crs: str | None = None,
    polygon_masks: bool = False,
    executor: Executor | None = None,
) -> geopandas.GeoDataFrame:
    """Segment the object of each prompt in a raster.

    Args:
        image: A raster of any size that GDAL opens.
        prompts: Boxes, polygons or points: a vector file in any reference system, Pascal VOC XML,
            CSV in pixels, a GeoDataFrame, a GeoJSON mapping, or a list of boxes, points and shapely
            geometries in the raster's own system.
        segmenter: From `sam_common.segmenter.load_segmenter`.
        bands: One or three 1-based bands to look at; red, green, blue where not given.
        prompts_crs: Reference system of the prompts, over what their file says.
        polygon_masks: Whether the network is given a polygon as a mask too, not only its box.
        executor: Segments windows in other processes, such as
            `sam_common.executors.DaskExecutor`; this one does where None.

    Returns:
        One row per prompt with the columns `sam_geo.results.rows.COLUMNS`, in the raster's
        reference system. Prompts outside the raster or on nodata have their row too, with a status
        and no geometry.

    Raises:
        InputError: The raster or the prompts cannot be used.
        CapabilityError: The segmenter was not trained for this kind of prompt.
    """
    with open_raster(image, bands=bands) as source:
        found = load_prompts(prompts, source, crs=prompts_crs, with_masks=polygon_masks)
        how = RunOptions(executor=executor)
        return run_prompts(source, found, segmenter, options=how).table


def run_prompts(
    source: RasterSource,
    prompts: Sequence[GeoPrompt],
    segmenter: Segmenter,
    *,
    progress: Progress | None = None,
    options: RunOptions | None = None,
) -> PromptJob:
    """Segment prompts in an open raster.

    A window that fails raises no error: its prompts have the status `failed`, and its message
    stands in `failures` of the result.

    Args:
        source: The raster.
        prompts: Prompts in raster indices, from `load_prompts`.
        segmenter: A segmenter that takes these kinds of prompts.
        progress: Called with a description and a total: how many windows are segmented, then how
            many have their polygons.
        options: Stretch, polygons, workers and where parts and embeddings are kept.

    Returns:
        The table with one row per prompt, and how it came about.

    Raises:
        CapabilityError: The segmenter was not trained for this kind of prompt.
        GeometryError: The raster has no usable geotransform.
        InputError: The sample for the stretch cannot be read.
    """
    how = options or RunOptions()
    frame = source.frame  # raises before any work where the raster has no usable geotransform
    work = prompt_work(source, prompts, segmenter, how)
    windows = work.windows
    told = progress or silent
    rows = {n: row_of(prompt, prompt.status) for n, prompt in enumerate(prompts)}
    kept = parts_of(work.plan(), how.parts, resume=how.resume, storage=how.storage)
    with kept as parts:
        with told("windows", len(windows)) as advance:
            report = run_job(
                work.work(how.store),
                parts,
                workers=how.workers,
                executor=how.executor,
                advance=advance,
            )
        choice = choose(offered_of(parts), prompts) if how.one_class else None
        picks = None if choice is None else choice.picks
        with told("polygons", len(windows)) as advance:
            for n, read in enumerate(windows):
                with work.tally.timed("polygonize"):
                    part = parts.read(n)
                    rows |= rows_of_window(read, part, prompts, source.size_hw, frame, picks)
                advance(1)
    table = finish_prompts(
        [rows[n] for n in range(len(prompts))], how.finish, crs=source.crs, model=segmenter.name
    )
    return PromptJob(
        table,
        prompts,
        work.stretch,
        windows,
        int(work.tally["encoded"]),
        {step: work.tally[step] for step in STEPS},
        report,
        choice,
    )


def prompt_work(
    source: RasterSource, prompts: Sequence[GeoPrompt], segmenter: Segmenter, options: RunOptions
) -> PromptWork:
    """Plan the windows of some prompts and choose the stretch.

    Args:
        source: The raster.
        prompts: Prompts in raster indices.
        segmenter: A segmenter that takes these kinds of prompts.
        options: The stretch, where it is given.

    Raises:
        CapabilityError: The segmenter was not trained for this kind of prompt.
        InputError: The sample for the stretch cannot be read.
    """
    check_kinds(segmenter.name, segmenter.capabilities.kinds, kinds_of(prompts))
    windows = plan_windows(prompts, source.size_hw, side=segmenter.model_size)
    stretch = options.stretch or choose_stretch(source)
    return PromptWork(source, segmenter, stretch, prompts, windows, options.one_class)

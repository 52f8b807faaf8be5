"""From a raster and prompts to one row per prompt: the whole way.

```
source -> stretch -> prompts -> windows -> embed -> decode -> parts on disk -> polygons -> rows
```
Memory is bounded by the windows at work, whatever the size of the raster.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sam_common.masks.instance import Instance
from sam_common.segmenter.capabilities import check_kinds
from sam_common.tiled_job.parts import Part
from sam_common.tiled_job.plan import Plan
from sam_common.tiled_job.progress import parts_of, silent
from sam_common.tiled_job.run import JobReport, Work, run_job
from sam_geo.prompted.decode import Answer, answers, is_on_data, kinds_of
from sam_geo.prompted.embedding import EmbeddingSource, signature_of
from sam_geo.prompted.refine import Refinement
from sam_geo.prompted.windows import plan_windows
from sam_geo.prompts.geo_prompt import GeoPrompt, load_prompts
from sam_geo.raster.source import RasterSource, open_raster
from sam_geo.raster.stretch import Stretch, choose_stretch
from sam_geo.results.finish import Finish, finish_prompts
from sam_geo.results.object_rows import touches_edge, world_outline
from sam_geo.results.rows import Row

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import geopandas

    from sam_common.frame import Frame
    from sam_common.segmenter.embedding_store import EmbeddingStore
    from sam_common.segmenter.predictor import Embedding, Segmenter
    from sam_common.tiled_job.progress import Progress
    from sam_common.window import Window
    from sam_geo.prompt_files.python_objects import PromptsLike
    from sam_geo.raster.pixels import Pixels
    from sam_geo.raster.read_window import ReadWindow

STEPS = ("read", "embed", "decode", "polygonize")


@dataclass(frozen=True, slots=True, eq=False)
class PromptJob:
    """A finished job: the table, and how it came about."""

    table: geopandas.GeoDataFrame
    """One row per prompt, in their order; columns as in `sam_geo.results.rows.COLUMNS`."""
    prompts: Sequence[GeoPrompt]
    stretch: Stretch
    windows: Sequence[ReadWindow]
    embeddings: int
    """Windows that the image encoder has seen in this run."""
    seconds: dict[str, float]
    """Time of the steps, over all threads: read, embed, decode, polygonize."""
    report: JobReport

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
    """How a job is run; apart from the first two, nothing here changes the result."""

    stretch: Stretch | None = None
    """Values to bytes; chosen from the raster where None."""
    finish: Finish = field(default_factory=Finish)
    """What is done to the outlines."""
    workers: int = 1
    """Windows that are segmented at the same time."""
    parts: Path | None = None
    """Folder of the unfinished job; a temporary one where None."""
    resume: bool = False
    """Whether to go on with what lies in that folder."""
    store: EmbeddingStore | None = None
    """Embeddings that earlier jobs kept, and where new ones go."""


def segment_prompts(
    image: str | os.PathLike[str],
    prompts: PromptsLike,
    *,
    segmenter: Segmenter,
    bands: Sequence[int] | None = None,
    prompts_crs: str | None = None,
    polygon_masks: bool = False,
) -> geopandas.GeoDataFrame:
    """Segment the object of each prompt.

    Args:
        image: A raster of any size that GDAL opens.
        prompts: Boxes, polygons or points: a vector file in any reference system, Pascal VOC XML,
            CSV in pixels, a GeoDataFrame, a GeoJSON mapping, or a list of boxes, points and shapely
            geometries in the raster's own system.
        segmenter: From `sam_common.segmenter.load_segmenter`.
        bands: One or three 1-based bands to look at; red, green, blue where not given.
        prompts_crs: Reference system of the prompts, over what their file says.
        polygon_masks: Whether polygons are given to the network as masks too, not only as boxes.

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
        return run_prompts(source, found, segmenter).table


def run_prompts(
    source: RasterSource,
    prompts: Sequence[GeoPrompt],
    segmenter: Segmenter,
    *,
    progress: Progress | None = None,
    options: RunOptions | None = None,
) -> PromptJob:
    """Run a job on an open raster; a window that fails is reported in its rows, not raised.

    Args:
        source: The raster.
        prompts: In its indices.
        segmenter: Any that takes these kinds of prompts.
        progress: Shows how many windows are done, then how many have their polygons.
        options: How to run it.

    Raises:
        CapabilityError: The segmenter was not trained for this kind of prompt.
        GeometryError: The raster has no usable geotransform.
        InputError: The sample for the stretch cannot be read.
    """
    how = options or RunOptions()
    frame = source.frame  # a raster without a usable one fails here, before any work
    work = prompt_work(source, prompts, segmenter, how)
    windows = work.windows
    told = progress or silent
    rows = {n: _row(prompt, prompt.status) for n, prompt in enumerate(prompts)}
    with parts_of(work.plan(), how.parts, resume=how.resume) as parts:
        with told("windows", len(windows)) as advance:
            report = run_job(work.work(how.store), parts, workers=how.workers, advance=advance)
        with told("polygons", len(windows)) as advance:
            for n, read in enumerate(windows):
                with work.timed("polygonize"):
                    rows |= _polygons(read, parts.read(n), prompts, source.size_hw, frame)
                advance(1)
    table = finish_prompts(
        [rows[n] for n in range(len(prompts))], how.finish, crs=source.crs, model=segmenter.name
    )
    return PromptJob(table, prompts, work.stretch, windows, work.embedded, work.seconds, report)


def prompt_work(
    source: RasterSource, prompts: Sequence[GeoPrompt], segmenter: Segmenter, options: RunOptions
) -> PromptWork:
    """Windows around prompts, ready to run.

    Raises:
        CapabilityError: The segmenter was not trained for this kind of prompt.
        InputError: The sample for the stretch cannot be read.
    """
    check_kinds(segmenter.name, segmenter.capabilities.kinds, kinds_of(prompts))
    windows = plan_windows(prompts, source.size_hw, side=segmenter.model_size)
    stretch = options.stretch or choose_stretch(source)
    return PromptWork(source, segmenter, stretch, prompts, windows)


@dataclass(slots=True, eq=False)
class PromptWork:
    """What is done with each window of a prompted job, and its running figures."""

    source: RasterSource
    segmenter: Segmenter
    stretch: Stretch
    prompts: Sequence[GeoPrompt]
    windows: Sequence[ReadWindow]
    embedded: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STEPS, 0.0))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def plan(self) -> Plan:
        """The windows and all that decides their results."""
        asked = ([prompt.identity for prompt in self.prompts], self.windows)
        digest = hashlib.sha256(repr(asked).encode()).hexdigest()
        signature = signature_of(self.source, self.segmenter, self.stretch)
        windows = tuple(read.window for read in self.windows)
        return Plan(self.source.size_hw, windows, {**signature, "prompts": digest})

    def work(self, store: EmbeddingStore | None) -> Work[Pixels]:
        """What a job runs."""
        embeddings = EmbeddingSource(self.segmenter, self.stretch, store)
        return Work(self._read, lambda n, pixels: self._segment(n, pixels, embeddings))

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Add the time of the block to a step."""
        start = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self.seconds[step] += time.perf_counter() - start

    def _read(self, n: int) -> Pixels:
        with self.timed("read"):
            return self.source.read(self.windows[n].window, out_hw=self.windows[n].size_hw)

    def _look(self, window: Window) -> Embedding | None:
        """The embedding of a window at full resolution, for the outline of a large object."""
        with self.timed("read"):
            pixels = self.source.read_data(window)
        if pixels is None:
            return None
        with self.timed("embed"):
            embedding = self.segmenter.embed(self.stretch.apply(pixels))
        with self._lock:
            self.embedded += 1
        return embedding

    def _segment(self, n: int, pixels: Pixels, embeddings: EmbeddingSource) -> Part:
        read = self.windows[n]
        seen = [p for p in read.prompts if is_on_data(self.prompts[p], read, pixels)]
        if not seen:
            return Part(notes={"rows": [[p, "nodata", None, None] for p in read.prompts]})
        with self.timed("embed"):
            _, embedding, was_stored = embeddings.embed(read.window, pixels)
        with self._lock:
            self.embedded += not was_stored
        with self.timed("decode"):
            found = dict(answers(self.segmenter, embedding, read, seen, self.prompts))
        return _part(read, found, Refinement(self.segmenter, self.source.size_hw, self._look))


def _part(read: ReadWindow, found: dict[int, Answer], refinement: Refinement) -> Part:
    """Masks in raster indices, and for each prompt its status and which masks are its own."""
    instances: list[Instance] = []
    rows: list[list[Any]] = []
    for p in read.prompts:
        if (answer := found.get(p)) is None:
            rows.append([p, "nodata", None, None])
            continue
        pieces = answer.pieces(read, refinement)
        first = len(instances)
        instances += [Instance(piece, answer.score, answer.stability) for piece in pieces]
        rows.append([p, "ok", first, len(instances)] if pieces else [p, "empty", None, None])
    return Part(instances, {"rows": rows})


def _polygons(
    read: ReadWindow,
    part: Part | None,
    prompts: Sequence[GeoPrompt],
    size_hw: tuple[int, int],
    frame: Frame,
) -> dict[int, Row]:
    """The rows of one window by the numbers of their prompts."""
    rows = {}
    for number, row in _rows_of(read, part, size_hw, frame):
        prompt = prompts[number]
        status = prompt.status if row.status == "ok" else row.status
        rows[number] = replace(row, status=status, **_identity(prompt))
    return rows


def _rows_of(
    read: ReadWindow, part: Part | None, size_hw: tuple[int, int], frame: Frame
) -> Iterator[tuple[int, Row]]:
    if part is None:
        yield from ((p, Row("failed")) for p in read.prompts)
        return
    for p, status, first, last in part.notes["rows"]:
        if first is None:
            yield p, Row(status)
            continue
        found = part.instances[first:last]
        pieces = [instance.region for instance in found]
        yield (
            p,
            Row(
                "ok",
                score=found[0].score,
                stability=found[0].stability,
                area_px=float(sum(piece.area_px for piece in pieces)),
                touches_edge=touches_edge(pieces, size_hw),
                seam_merged=len(pieces) > 1,
                geometry=world_outline(pieces, frame),
            ),
        )


def _row(prompt: GeoPrompt, status: Any) -> Row:
    return Row(status, **_identity(prompt))


def _identity(prompt: GeoPrompt) -> dict[str, Any]:
    return {"prompt_id": prompt.prompt_id, "class_name": prompt.class_name}

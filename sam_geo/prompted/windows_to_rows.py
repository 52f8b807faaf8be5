"""From the windows of prompts to rows: the work of a prompted job on each window, and its rows.

```
plan   windows around the prompts, each with the numbers of its prompts
parts  read -> stretch -> embed -> decode -> refine what was read coarse -> masks on disk
rows   masks -> polygons -> one row for each prompt
```
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sam_common.masks.instance import Instance
from sam_common.tiled_job.parts import Part
from sam_common.tiled_job.plan import Plan
from sam_common.tiled_job.tally import Tally
from sam_common.tiled_job.work import Work
from sam_geo.prompted.candidates import points_of, with_candidates
from sam_geo.prompted.decode import Answer, all_answers, answers, is_on_data
from sam_geo.prompted.embedding import EmbeddingSource, signature_of
from sam_geo.prompted.refine import Refinement
from sam_geo.results.object_rows import touches_edge, world_outline
from sam_geo.results.rows import Row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from sam_common.frame import Frame
    from sam_common.segmenter.embedding_store import EmbeddingStore
    from sam_common.segmenter.predictor import Embedding, Segmenter
    from sam_common.window import Window
    from sam_geo.prompts.geo_prompt import GeoPrompt
    from sam_geo.raster.pixels import Pixels
    from sam_geo.raster.read_window import ReadWindow
    from sam_geo.raster.source import RasterSource
    from sam_geo.raster.stretch import Stretch

STEPS = ("read", "embed", "decode", "polygonize")
"""Steps whose time is measured, in the order of the record."""


@dataclass(frozen=True, slots=True, eq=False)
class AskedWindow:
    """A window with its prompts: all that the work on it has to know."""

    read: ReadWindow
    prompts: Mapping[int, GeoPrompt]
    """The prompts of the window by their number in the job."""


@dataclass(slots=True, eq=False)
class PromptWork:
    """What a prompted job does with each window, the encoder runs so far, and their times."""

    source: RasterSource
    segmenter: Segmenter
    stretch: Stretch
    prompts: Sequence[GeoPrompt]
    windows: Sequence[ReadWindow]
    one_class: bool = False
    """Whether every candidate of points is kept, for a choice when all windows are done."""
    tally: Tally = field(default_factory=Tally)
    """Seconds of `STEPS`, and the number of windows that the encoder has seen (`encoded`)."""

    def plan(self) -> Plan:
        """The windows, and everything that decides what is found in them."""
        asked = ([prompt.identity for prompt in self.prompts], self.windows)
        digest = hashlib.sha256(repr(asked).encode()).hexdigest()
        signature = signature_of(self.source, self.segmenter, self.stretch)
        windows = tuple(read.window for read in self.windows)
        # left out where it is not asked for: parts of earlier versions have no such entry
        kept = {"one_class": True} if self.one_class else {}
        return Plan(self.source.size_hw, windows, {**signature, "prompts": digest, **kept})

    def work(self, store: EmbeddingStore | None) -> Work[AskedWindow, Pixels]:
        """Reading and segmenting a window by its number, with a store of embeddings or without."""
        embeddings = EmbeddingSource(self.segmenter, self.stretch, store)
        points = points_of(self.prompts) if self.one_class else None
        steps = PromptSteps(self.source, embeddings, points, self.tally)

        def ask(n: int) -> AskedWindow:
            read = self.windows[n]
            return AskedWindow(read, {p: self.prompts[p] for p in read.prompts})

        return Work(steps.read, steps.segment, ask, self.tally)


@dataclass(frozen=True, slots=True, eq=False)
class PromptSteps:
    """Reads and segments the windows of a prompted job, in this or another process."""

    source: RasterSource
    embeddings: EmbeddingSource
    points: npt.NDArray[np.float64] | None
    """All points of a job that keeps every candidate, see `points_of`; None in any other job."""
    tally: Tally

    def read(self, asked: AskedWindow) -> Pixels:
        """The pixels of a window, at the resolution of its plan."""
        with self.tally.timed("read"):
            return self.source.read(asked.read.window, out_hw=asked.read.size_hw)

    def segment(self, asked: AskedWindow, pixels: Pixels) -> Part:
        """The masks of the prompts of a window; the encoder runs only where one lies on data."""
        read, prompts = asked.read, asked.prompts
        seen = [p for p in read.prompts if is_on_data(prompts[p], read, pixels)]
        if not seen:
            return Part(notes={"rows": [[p, "nodata", None, None] for p in read.prompts]})
        with self.tally.timed("embed"):
            image, embedding, was_stored = self.embeddings.embed(read.window, pixels)
        self.tally.add("encoded", not was_stored)
        segmenter = self.embeddings.segmenter
        with self.tally.timed("decode"):
            given = (segmenter, embedding, read, seen, prompts)
            found: dict[int, tuple[list[Answer], int]]
            if self.points is not None:
                found = {n: (each, usual) for n, each, usual in all_answers(*given)}
            else:
                found = {n: ([answer], 0) for n, answer in answers(*given)}
        refinement = Refinement(segmenter, self.source.size_hw, self._embed_native)
        part = _part(read, {n: each[usual] for n, (each, usual) in found.items()}, refinement)
        if self.points is None:
            return part
        return with_candidates(part, found, (read, image), self.points, refinement)

    def _embed_native(self, window: Window) -> Embedding | None:
        """The embedding of a window at full resolution; None where no pixel of it is valid."""
        with self.tally.timed("read"):
            pixels = self.source.read_data(window)
        if pixels is None:
            return None
        with self.tally.timed("embed"):
            embedding = self.embeddings.segmenter.embed(self.embeddings.stretch.apply(pixels))
        self.tally.add("encoded")
        return embedding


def _part(read: ReadWindow, found: dict[int, Answer], refinement: Refinement) -> Part:
    """The masks of a window in raster indices, and notes on its prompts.

    Returns:
        A part whose notes have a row for each prompt: its number, its status, and the half-open
        range of masks that are its pieces, None and None where it has no mask.
    """
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


def rows_of_window(
    read: ReadWindow,
    part: Part | None,
    prompts: Sequence[GeoPrompt],
    size_hw: tuple[int, int],
    frame: Frame,
    picks: Mapping[int, int] | None = None,
) -> dict[int, Row]:
    """The rows of one window by the number of their prompt.

    Args:
        read: The window with the numbers of its prompts.
        part: Its masks and the statuses of its prompts; None where the window failed.
        prompts: All prompts of the job.
        size_hw: Rows and columns of the raster.
        frame: Raster indices to world coordinates.
        picks: Candidates that were chosen instead of the likeliest, by the number of the prompt.
    """
    if part is None:
        return {p: row_of(prompts[p], "failed") for p in read.prompts}
    rows = {}
    for p, status, first, last in _chosen_rows(part, picks or {}):
        rows[p] = row_of(prompts[p], status)
        if first is not None:
            found = part.instances[first:last]
            pieces = [instance.region for instance in found]
            rows[p] = replace(
                rows[p],
                status=prompts[p].status,
                score=found[0].score,
                stability=found[0].stability,
                area_px=float(sum(piece.area_px for piece in pieces)),
                touches_edge=touches_edge(pieces, size_hw),
                seam_merged=len(pieces) > 1,
                geometry=world_outline(pieces, frame),
            )
    return rows


def _chosen_rows(part: Part, picks: Mapping[int, int]) -> list[Any]:
    """The rows of a part, each with the instances of the candidate that was chosen for it."""
    offered = {n: each for n, _, each in part.notes.get("candidates", []) if n in picks}
    return [
        [p, "ok", *offered[p][picks[p]][:2]] if p in offered else [p, *others]
        for p, *others in part.notes["rows"]
    ]


def row_of(prompt: GeoPrompt, status: Any) -> Row:
    """The row of a prompt without a mask."""
    return Row(status, prompt_id=prompt.prompt_id, class_name=prompt.class_name)

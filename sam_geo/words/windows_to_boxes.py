"""From the windows of a raster to the boxes of what some phrases describe.

```
plan    a grid of overlapping windows over the whole raster
parts   each window by itself: read -> stretch -> detect -> boxes on disk
boxes   link, phrase by phrase: boxes that agree in the overlap of windows are one object
        of boxes of several phrases that lie on each other, the one with the highest score stays
```
Boxes are linked as masks are (`sam_common.stitching.link`): they are masks that fill their box.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sam_common.automatic.nms import batched_nms
from sam_common.detectors.detector import SAME_OBJECT
from sam_common.masks.decoded import MaskRegion
from sam_common.masks.instance import Instance
from sam_common.stitching.link import link
from sam_common.tiled_job.parts import Part
from sam_common.tiled_job.plan import Plan, tile_grid
from sam_common.tiled_job.progress import parts_of, silent
from sam_common.tiled_job.run import run_job
from sam_common.tiled_job.work import Work
from sam_common.window import Window
from sam_geo.prompts.geo_prompt import GeoPrompt
from sam_geo.raster.fingerprint import signature
from sam_geo.words.options import OVERLAP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_common.detectors.detector import Detections, Detector
    from sam_common.tiled_job.parts import PartStore
    from sam_common.tiled_job.progress import Progress
    from sam_common.tiled_job.work import JobReport
    from sam_geo.prompted.segment import RunOptions
    from sam_geo.raster.pixels import Pixels
    from sam_geo.raster.source import RasterSource
    from sam_geo.raster.stretch import Stretch
    from sam_geo.words.options import WordOptions


@dataclass(frozen=True, slots=True, eq=False)
class FoundWords:
    """The objects that phrases describe, as prompts, and how the windows fared."""

    prompts: Sequence[GeoPrompt]
    """A box for each object, with its phrase as class, from top to bottom and left to right."""
    scores: Sequence[float]
    """How well each box goes with its phrase, 0 to 1."""
    detector: Detector
    """What found them."""
    plan: Plan
    """The windows that were looked at."""
    report: JobReport
    """Windows that were reused or that failed."""

    def counts(self, phrases: Sequence[str]) -> dict[str, int]:
        """Number of objects of each phrase, of those that were not found too."""
        found = Counter(prompt.class_name for prompt in self.prompts)
        return {phrase: found[phrase] for phrase in phrases}


@dataclass(frozen=True, slots=True, eq=False)
class WordWork:
    """What a text job does with each window of a raster, in this or another process."""

    source: RasterSource
    detector: Detector
    stretch: Stretch
    options: WordOptions

    def plan(self) -> Plan:
        """The windows of the grid, and everything that decides what is found in them."""
        side = self.options.window or self.detector.side
        size_hw = self.source.size_hw
        limits = self.stretch.limits
        return Plan(
            size_hw,
            tuple(tile_grid(size_hw, side=side, overlap=side // OVERLAP)),
            {
                "source": signature(self.source.identity),
                "bands": list(self.source.bands),
                "stretch": None if limits is None else [list(pair) for pair in limits],
                "detector": self.detector.sha256,
                "text": list(self.options.phrases),
                "threshold": self.options.threshold,
            },
        )

    def work(self, plan: Plan) -> Work[Window, Pixels | None]:
        """Reading a window of the plan and looking for the phrases in it."""
        return Work(self.read, self.detect, plan.windows.__getitem__)

    def read(self, window: Window) -> Pixels | None:
        """The pixels of a window; None where none is valid."""
        return self.source.read_data(window)

    def detect(self, window: Window, pixels: Pixels | None) -> Part:
        """The boxes of the phrases in a window, with the numbers of the phrases in its notes."""
        if pixels is None:
            return Part(notes={"phrases": []})
        found = self.detector.boxes_of(
            self.stretch.apply(pixels), self.options.phrases, threshold=self.options.threshold
        )
        return _part(found, window)


def find_words(work: WordWork, how: RunOptions, *, progress: Progress = silent) -> FoundWords:
    """Look for phrases in every window of a raster, and link the boxes across the windows.

    Args:
        work: What is done with each window.
        how: Number of workers or the executor, and where the parts are kept; a temporary folder
            where that is None.
        progress: Shows how many windows are done.

    Raises:
        SuiteError: The parts are those of another job or cannot be written.
    """
    plan = work.plan()
    with parts_of(plan, how.parts, resume=how.resume, storage=how.storage) as parts:
        with progress("text windows", len(plan)) as advance:
            report = run_job(
                work.work(plan),
                parts,
                workers=how.workers,
                executor=how.executor,
                advance=advance,
            )
        prompts, scores = linked(plan, parts, work.options.phrases)
    return FoundWords(prompts, scores, work.detector, plan, report)


def linked(
    plan: Plan, parts: PartStore, phrases: Sequence[str]
) -> tuple[list[GeoPrompt], list[float]]:
    """The boxes of a whole raster from those of its windows, as prompts with their scores.

    Args:
        plan: The windows.
        parts: What was found in each.
        phrases: All phrases, in the order of their numbers.
    """
    boxes: list[tuple[int, int, int, int]] = []
    scores: list[float] = []
    owners: list[int] = []
    for number in range(len(phrases)):

        def of_phrase(n: int, number: int = number) -> Sequence[Instance]:
            part = parts.read(n)
            if part is None:
                return ()
            each = zip(part.instances, part.notes["phrases"], strict=True)
            return [instance for instance, phrase in each if phrase == number]

        for found in link(plan.windows, of_phrase, image_hw=plan.image_hw):
            starts = np.array([piece.window.start for piece in found.pieces])
            stops = np.array([piece.window.stop for piece in found.pieces])
            (top, left), (bottom, right) = starts.min(axis=0).tolist(), stops.max(axis=0).tolist()
            boxes.append((left, top, right, bottom))
            scores.append(found.score)
            owners.append(number)
    if not boxes:
        return [], []
    best = batched_nms(boxes, scores, np.zeros(len(boxes), np.int64), SAME_OBJECT).tolist()
    order = sorted(best, key=lambda k: (boxes[k][1], boxes[k][0], owners[k], boxes[k]))
    prompts = [
        GeoPrompt(
            n,
            phrases[owners[k]],
            # pixels to indices, where outer edges are at .5
            (boxes[k][0] - 0.5, boxes[k][1] - 0.5, boxes[k][2] - 0.5, boxes[k][3] - 0.5),
        )
        for n, k in enumerate(order)
    ]
    return prompts, [scores[k] for k in order]


def _part(found: Detections, window: Window) -> Part:
    """The boxes of a window as full masks in raster indices, with the numbers of their phrases."""
    instances = [
        Instance(_filled(box, window), score, 1.0)
        for box, score in zip(found.boxes_xyxy.tolist(), found.scores.tolist(), strict=True)
    ]
    return Part(instances, {"phrases": found.phrases.tolist()})


def _filled(box_xyxy: Sequence[float], window: Window) -> MaskRegion:
    """A box in the indices of a window as a region of whole pixels in raster indices."""
    x0, y0, x1, y1 = (edge + 0.5 for edge in box_xyxy)
    start, stop = [], []
    for low, high, length in zip((y0, x0), (y1, x1), window.shape, strict=True):
        first = min(max(0, round(low)), length - 1)
        start.append(first)
        stop.append(min(max(first + 1, round(high)), length))
    place = Window(tuple(start), tuple(stop)).shift(window.start)
    return MaskRegion(place, np.broadcast_to(np.True_, place.shape))

"""The automatic job: windows of a grid, each by itself, and objects linked across them.

```
source -> stretch -> tile -> embed -> decode a grid of points -> parts on disk
parts -> continue what ends at a window's edge -> more parts
parts -> link across the overlaps -> objects -> windows moved over their cuts -> more parts
objects -> polygons -> measures and filters -> rows
```
Memory is bounded by the windows at work and by what can still be linked, never by the raster.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from sam_common.automatic.mask_generator import generate_masks
from sam_common.automatic.options import EverythingOptions
from sam_common.errors import GeometryError
from sam_common.stitching.continuation import Ends, continuations, open_ends
from sam_common.stitching.layout import Layout
from sam_common.stitching.link import Load, find_groups
from sam_common.tiled_job.parts import Part, PartStore
from sam_common.tiled_job.plan import Plan, tile_grid
from sam_common.tiled_job.progress import silent
from sam_common.tiled_job.run import JobReport, Work, run_job
from sam_geo.automatic.scene import Scene
from sam_geo.automatic.seams import Mender
from sam_geo.prompted.embedding import EmbeddingSource, signature_of
from sam_geo.prompts.box_index import BoxIndex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_common.masks.instance import Instance
    from sam_common.prompts import PromptKind
    from sam_common.segmenter.embedding_store import EmbeddingStore
    from sam_common.segmenter.predictor import Embedding, Segmenter
    from sam_common.stitching.groups import Groups
    from sam_common.tiled_job.progress import Progress
    from sam_common.window import Window
    from sam_geo.raster.pixels import Pixels
    from sam_geo.raster.read_window import Box
    from sam_geo.raster.source import RasterSource
    from sam_geo.raster.stretch import Stretch

OVERLAP = 128
"""Pixels that neighbouring windows share; objects up to that size are whole in one of them."""
MOST_OVERLAP = 2
"""The overlap is at most the side divided by this: no pixel is in more than four windows, but for
the last ones, which are moved inside."""
MOST_CROP_LAYERS = 2
"""A window is encoded 1, 5, 21, 85 times with 0, 1, 2, 3 layers of crops."""
MOST_ENLARGED = 16
"""Side of a patch of the networks: enlarged more than this, a pixel of the raster is more than a
patch, and the raster is encoded more than 256 times as large as it is."""
LEAST_SIDE = 16
"""Of a window in pixels."""
MOST_ROUNDS = 4
"""Windows that an object can be followed through from the one that first saw it."""


@dataclass(frozen=True, slots=True)
class AutoOptions:
    """What an automatic job looks for."""

    tile_size: int | None = None
    """Side of a window in pixels; the model's own input where None."""
    overlap: int | None = None
    """Pixels that neighbouring windows share, at most half of their side; 128, or that half where
    it is less, if None."""
    everything: EverythingOptions = field(default_factory=EverythingOptions)
    """Prompt grid and filters."""
    superpixels: bool = False
    """Whether the boxes of superpixels are tried in place of the grid of points."""
    join: bool = True
    """Whether the rest of objects that end at a window's edge is looked for beyond it."""

    def __post_init__(self) -> None:
        if self.overlap is not None and self.overlap < 0:
            raise GeometryError(f"--overlap must be 0 or more, got {self.overlap}")
        if (layers := self.everything.crop_n_layers) > MOST_CROP_LAYERS:
            calls, most = (sum(4**n for n in range(k + 1)) for k in (layers, MOST_CROP_LAYERS))
            raise GeometryError(
                f"--crop-n-layers {layers} would run the encoder {calls} times for each window: "
                f"give {MOST_CROP_LAYERS} ({most} times) or less, or a smaller --tile-size"
            )
        if self.tile_size is None:
            return
        if self.tile_size < LEAST_SIDE:
            raise GeometryError(f"--tile-size must be at least {LEAST_SIDE}, got {self.tile_size}")
        self.overlap_of(self.tile_size)

    def kinds(self, *, has_proposals: bool = False) -> frozenset[PromptKind]:
        """Kinds of prompts that the network is given.

        Args:
            has_proposals: Whether boxes of a file are tried in place of the grid of points.
        """
        return frozenset({"boxes"} if has_proposals or self.superpixels else {"points"})

    def check_side(self, model_size: int) -> None:
        """Raise `GeometryError` where windows are too small for a network's input of that side."""
        side = self.tile_size or model_size
        if side * MOST_ENLARGED < model_size:
            raise GeometryError(
                f"windows of {side} x {side} pixels would be enlarged {model_size // side} times "
                f"to the network's {model_size} x {model_size}, one encoder run for each: give "
                f"--tile-size {-(-model_size // MOST_ENLARGED)} or more"
            )

    def overlap_of(self, side: int) -> int:
        """Pixels that neighbouring windows of a side share.

        Raises:
            GeometryError: More than half of the side is asked for.

        >>> AutoOptions().overlap_of(1024), AutoOptions().overlap_of(100)
        (128, 50)
        """
        most = side // MOST_OVERLAP
        if self.overlap is None:
            return min(OVERLAP, most)
        if self.overlap > most:
            raise GeometryError(
                f"an overlap of {self.overlap} is too much for windows of {side} x {side} pixels: "
                f"give --overlap {most} or less, or a larger --tile-size"
            )
        return self.overlap


@dataclass(frozen=True, slots=True, eq=False)
class AutoJob:
    """The two halves of an automatic job: what is done with a window, and with all of them."""

    source: RasterSource
    segmenter: Segmenter
    stretch: Stretch
    options: AutoOptions
    proposals_xyxy: Sequence[Box] | None = None
    """Boxes in raster indices, tried in place of the grid of points."""
    store: EmbeddingStore | None = None
    """Where embeddings are kept for other jobs."""
    embedded: Counter[str] = field(default_factory=Counter)
    """Windows by what became of them: `encoded`, `stored` or `nodata`."""
    _counting: threading.Lock = field(default_factory=threading.Lock)

    @property
    def side(self) -> int:
        """Of a window in pixels."""
        return self.options.tile_size or self.segmenter.model_size

    @property
    def proposals(self) -> BoxIndex | None:
        """The boxes that are tried, by window; None where there is a grid of points."""
        if self.proposals_xyxy is None:
            return None
        return BoxIndex(self.proposals_xyxy, self.side)

    def plan(self) -> Plan:
        """Windows and all that decides their results.

        Raises:
            GeometryError: Tile size and overlap do not go together.
        """
        side = self.side
        overlap = self.options.overlap_of(side)
        size_hw = self.source.size_hw
        return Plan(
            size_hw,
            tuple(tile_grid(size_hw, side=side, overlap=overlap)),
            {
                **signature_of(self.source, self.segmenter, self.stretch),
                "options": asdict(self.options),
                "proposals": self.proposals_xyxy,
            },
        )

    def work(self, plan: Plan) -> Work[Pixels | None]:
        """What is done with one window of the plan."""
        embeddings = EmbeddingSource(self.segmenter, self.stretch, self.store)
        proposed = self.proposals

        def read(n: int) -> Pixels | None:
            return self.source.read_data(plan.windows[n])

        def segment(n: int, pixels: Pixels | None) -> Part:
            if pixels is None:
                self._count("nodata")
                return Part(notes={"status": "nodata"})
            window = plan.windows[n]
            image, embedding, was_stored = embeddings.embed(window, pixels)
            self._count("stored" if was_stored else "encoded")
            boxes = None
            if proposed is not None:
                boxes = proposed.inside(window)
            elif self.options.superpixels:
                # imported where it is asked for: it brings scikit-image
                from sam_geo.automatic.superpixels import superpixel_boxes  # noqa: PLC0415

                boxes = superpixel_boxes(image, pixels.valid)
            found = generate_masks(
                self.segmenter,
                image,
                options=self.options.everything,
                valid=pixels.valid,
                embedding=embedding,
                boxes_xyxy=boxes,
            )
            return Part([instance.shift(window.start) for instance in found])

        return Work(read, segment)

    def scene(
        self, plan: Plan, parts: PartStore, *, workers: int = 1, progress: Progress | None = None
    ) -> Scene:
        """The objects of all windows, once the parts are there.

        Args:
            plan: Of the job.
            parts: Of the plan. Windows that have none have failed, and are not tried once more.
            workers: Windows that are looked at again at the same time.
            progress: Shows how many of them are done, and how far the passes between are.
        """
        told = progress or silent
        joined, groups = self._join(plan, parts, workers, told)
        scene = Scene(plan, joined.load, groups, joined.windows, list(joined.failures))
        if self._looks_again:
            mender = Mender(
                self.segmenter,
                self.source.read_data,
                self._embed,
                self.options.everything,
                self.side,
                parts.folder,
            )
            mender.mend(scene, workers=workers, progress=told)
        return scene

    @property
    def _looks_again(self) -> bool:
        can_ask = self.segmenter.capabilities.points and self.proposals_xyxy is None
        return self.options.join and can_ask and not self.options.superpixels

    def _embed(self, window: Window, pixels: Pixels) -> Embedding:
        embeddings = EmbeddingSource(self.segmenter, self.stretch, self.store)
        _, embedding, was_stored = embeddings.embed(window, pixels)
        self._count("stored" if was_stored else "encoded")
        return embedding

    def _join(
        self, plan: Plan, parts: PartStore, workers: int, progress: Progress
    ) -> tuple[Joined, Groups]:
        """Look for the rest of objects that end at a window's edge, until nothing is added."""
        joined = Joined(parts.load)
        tried: set[tuple[int, int, int]] = set()
        layout = Layout(plan.windows, plan.image_hw)
        for number in range(MOST_ROUNDS + 1):
            with progress("links", len(plan)) as advance:
                groups = find_groups(layout, joined.load, advance=advance)
            if number == MOST_ROUNDS or not self._looks_again:
                break
            ends = _new(open_ends(groups), tried)
            ends = {m: found for m, found in ends.items() if parts.read(m) is not None}
            if not ends:
                break
            windows = list(ends)
            more = Plan(
                plan.image_hw,
                tuple(plan.windows[m] for m in windows),
                {"plan": plan.digest, "ends": [[m, *ends[m]] for m in windows]},
            )
            folder = parts.folder / f"join-{more.digest[:16]}"
            store = PartStore(folder, more, resume=True)
            work = self._join_work(plan, windows, ends, joined.load)
            with progress("seams", len(more)) as advance:
                report = run_job(work, store, workers=workers, advance=advance)
            joined = joined.with_more(windows, store, report)
        return joined, groups

    def _join_work(
        self, plan: Plan, windows: Sequence[int], ends: Ends, load: Load
    ) -> Work[Pixels | None]:
        def read(k: int) -> Pixels | None:
            return self.source.read_data(plan.windows[windows[k]])

        def segment(k: int, pixels: Pixels | None) -> Part:
            if pixels is None:
                return Part()
            m = windows[k]
            embedding = self._embed(plan.windows[m], pixels)
            seen = {n: load(n) for n in {n for n, _ in ends[m]}}
            asked = [(plan.windows[n], seen[n][i]) for n, i in ends[m]]
            place, grid = plan.windows[m], self.options.everything
            return Part(
                continuations(self.segmenter, embedding, place, load(m), asked, options=grid)
            )

        return Work(read, segment)

    def _count(self, what: str) -> None:
        with self._counting:
            self.embedded[what] += 1


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """The instances of all windows, with what was found beyond the edges of their neighbours."""

    load: Load
    """Gives the instances of a window in raster indices."""
    windows: int = 0
    """Windows that were looked at again, over all rounds."""
    failures: tuple[str, ...] = ()

    def with_more(self, windows: Sequence[int], store: PartStore, report: JobReport) -> Joined:
        """The same with the instances of another round, numbered after the earlier ones."""
        at = {m: k for k, m in enumerate(windows)}

        def load(n: int) -> Sequence[Instance]:
            known = self.load(n)
            return [*known, *store.load(at[n])] if n in at else known

        failures = tuple(report.failures[k] for k in sorted(report.failures))
        return Joined(load, self.windows + len(windows), self.failures + failures)


def _new(ends: Ends, tried: set[tuple[int, int, int]]) -> Ends:
    """Those that were not tried in an earlier round; they are tried from now on."""
    new = {m: [end for end in ends[m] if (m, *end) not in tried] for m in ends}
    tried.update((m, *end) for m in new for end in new[m])
    return {m: found for m, found in new.items() if found}

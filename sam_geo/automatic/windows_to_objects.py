"""From the windows of a raster to its objects: the one way of every automatic job.

```
plan    a grid of overlapping windows over the whole raster
parts   each window by itself: read -> stretch -> embed -> decode points or boxes -> masks on disk
run     continue: objects that end at a window's edge are asked for in the window beyond it
scene   link: masks that overlap in neighbouring windows are one object
        mend: windows moved over the straight cuts that are left (sam_geo/automatic/seams.py)
```
Memory is bounded by the windows at work and by what can still be linked, never by the raster.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from sam_common.stitching.continuation import Ends as OpenEnds
from sam_common.stitching.continuation import open_ends
from sam_common.stitching.layout import Layout
from sam_common.tiled_job.plan import Plan, tile_grid
from sam_common.tiled_job.progress import parts_of, silent
from sam_common.tiled_job.run import run_job
from sam_common.tiled_job.tally import Tally
from sam_common.tiled_job.work import JobReport, Work
from sam_geo.automatic.linked_windows import Joined, linked_windows
from sam_geo.automatic.scene import Scene
from sam_geo.automatic.seams import Mender
from sam_geo.automatic.window_steps import Ends, Grid, WindowSteps
from sam_geo.prompted.embedding import EmbeddingSource, signature_of
from sam_geo.prompts.proposals import BoxIndex
from sam_geo.results.record import StepTimes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sam_common.executors.executor import Executor
    from sam_common.segmenter.embedding_store import EmbeddingStore
    from sam_common.segmenter.predictor import Segmenter
    from sam_common.stitching.groups import Groups
    from sam_common.stitching.neighbourhood import Load
    from sam_common.tiled_job.parts import PartStore
    from sam_common.tiled_job.progress import Progress
    from sam_geo.automatic.options import AutoOptions
    from sam_geo.prompted.segment import RunOptions
    from sam_geo.raster.pixels import Pixels
    from sam_geo.raster.read_window import Box
    from sam_geo.raster.source import RasterSource
    from sam_geo.raster.stretch import Stretch

MOST_ROUNDS = 4
"""Rounds of continuation: an object is followed through so many windows beyond the first one."""


@dataclass(frozen=True, slots=True, eq=False)
class FoundObjects:
    """The objects of a raster, and how its windows fared."""

    plan: Plan
    """The windows of the grid."""
    report: JobReport
    """Windows of the grid that were reused or that failed."""
    scene: Scene
    """The linked and mended objects, each made when it is asked for."""

    @property
    def failures(self) -> list[str]:
        """One message for each window that failed, those that were looked at again included."""
        return [*self.report.messages, *self.scene.failures]


@contextmanager
def found_objects(
    work: AutoWork,
    how: RunOptions,
    *,
    progress: Progress = silent,
    times: StepTimes | None = None,
) -> Iterator[FoundObjects]:
    """Segment every window of a raster, then link and mend the objects across the windows.

    Args:
        work: What is done with each window.
        how: Number of workers or the executor, and where the parts are kept; a temporary folder
            where that is None.
        progress: Shows how far each step is.
        times: Takes the wall time of the steps `windows` and `seams`.

    Yields:
        The objects; their masks are read from the parts, which have to be there in the block.

    Raises:
        SuiteError: The parts are those of another job or cannot be written.
    """
    clock = times or StepTimes()
    plan = work.plan()
    with parts_of(plan, how.parts, resume=how.resume, storage=how.storage) as parts:
        with clock.timed("windows"), progress("windows", len(plan)) as advance:
            report = run_job(
                work.work(plan),
                parts,
                workers=how.workers,
                executor=how.executor,
                advance=advance,
            )
        with clock.timed("seams"):
            scene = work.scene(
                plan, parts, workers=how.workers, executor=how.executor, progress=progress
            )
        yield FoundObjects(plan, report, scene)


@dataclass(frozen=True, slots=True, eq=False)
class AutoWork:
    """What an automatic job does with each window of a raster, and with the masks of them all."""

    source: RasterSource
    segmenter: Segmenter
    stretch: Stretch
    options: AutoOptions
    proposals_xyxy: Sequence[Box] | None = None
    """Boxes in raster indices that are tried in place of the grid of points."""
    store: EmbeddingStore | None = None
    """Embeddings that earlier jobs kept, and where new ones are kept for later jobs."""
    embedded: Tally = field(default_factory=Tally)
    """Number of windows that were `encoded`, `stored` (embedded by an earlier job) or `nodata`."""

    @property
    def side(self) -> int:
        """Side of a window in pixels of the raster."""
        return self.options.tile_size or self.segmenter.model_size

    @property
    def proposals(self) -> BoxIndex | None:
        """The boxes that are tried, by window; None where there is a grid of points."""
        if self.proposals_xyxy is None:
            return None
        return BoxIndex(self.proposals_xyxy, self.side)

    def plan(self) -> Plan:
        """The windows of the grid, and everything that decides what is found in them.

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

    @property
    def steps(self) -> WindowSteps:
        """What is done with one window, in this or another process."""
        embeddings = EmbeddingSource(self.segmenter, self.stretch, self.store)
        return WindowSteps(self.source, embeddings, self.options, self.embedded)

    def work(self, plan: Plan) -> Work[Grid, Pixels | None]:
        """Reading and segmenting one window of the plan, by its number."""
        proposed, steps = self.proposals, self.steps

        def ask(n: int) -> Grid:
            window = plan.windows[n]
            return Grid(window, None if proposed is None else proposed.inside(window))

        return Work(steps.read, steps.find, ask, self.embedded)

    def scene(
        self,
        plan: Plan,
        parts: PartStore,
        *,
        workers: int = 1,
        executor: Executor | None = None,
        progress: Progress = silent,
    ) -> Scene:
        """The objects of all windows, linked and mended, once the parts are there.

        Args:
            plan: The windows of the grid.
            parts: What was found in each window. A window without a part has failed, and is not
                tried again here.
            workers: Windows that are segmented at the same time by this process.
            executor: Segments them in other processes; this one does where None.
            progress: Shows how many of the windows that are looked at again are done, and how far
                the passes over the objects are.
        """
        run = partial(run_job, workers=workers, executor=executor)
        joined, groups = self._join(plan, parts, run, executor, progress)
        scene = Scene(
            plan,
            joined.load,
            groups,
            joined.windows,
            list(joined.failures),
            packed=joined.packed,
        )
        if self._looks_again:
            mender = Mender(self.steps, self.side, parts)
            mender.mend(scene, workers=workers, executor=executor, progress=progress)
        return scene

    @property
    def _looks_again(self) -> bool:
        """Whether objects that end at a window's edge can be asked for in other windows."""
        can_ask = self.segmenter.capabilities.points and self.proposals_xyxy is None
        return self.options.join and can_ask and not self.options.superpixels

    def _join(
        self,
        plan: Plan,
        parts: PartStore,
        run: Callable[..., JobReport],
        executor: Executor | None,
        progress: Progress,
    ) -> tuple[Joined, Groups]:
        """Look for the rest of objects that end at a window's edge, until nothing is added."""
        joined = Joined(((parts, None),))
        tried: set[tuple[int, int, int]] = set()
        layout = Layout(plan.windows, plan.image_hw)
        for number in range(MOST_ROUNDS + 1):
            with progress("links", len(plan)) as advance:
                groups = linked_windows(layout, joined, executor, advance=advance)
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
            store = parts.within(f"join-{more.digest[:16]}", more)
            work = self._join_work(plan, windows, ends, joined.load)
            with progress("seams", len(more)) as advance:
                report = run(work, store, advance=advance)
            joined = joined.with_more(windows, store, report)
        return joined, groups

    def _join_work(
        self, plan: Plan, windows: Sequence[int], ends: OpenEnds, load: Load
    ) -> Work[Ends, Pixels | None]:
        """Reading a window again and segmenting what ends at the edges of its neighbours."""

        def ask(k: int) -> Ends:
            m = windows[k]
            seen = {n: load(n) for n in {n for n, _ in ends[m]}}
            asked = [(plan.windows[n], seen[n][i]) for n, i in ends[m]]
            return Ends(plan.windows[m], load(m), asked)

        steps = self.steps
        return Work(steps.read, steps.follow, ask, self.embedded)


def _new(ends: OpenEnds, tried: set[tuple[int, int, int]]) -> OpenEnds:
    """The ends that no earlier round has tried; from now on they count as tried."""
    new = {m: [end for end in ends[m] if (m, *end) not in tried] for m in ends}
    tried.update((m, *end) for m in new for end in new[m])
    return {m: found for m, found in new.items() if found}

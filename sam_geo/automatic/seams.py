"""Seams: objects that a window's edge cuts straight, asked for in a window moved over the seam.

```
linked objects -> straight cuts -> windows around them -> what these see -> mended objects
       ^                                                                          |
       +------------------ until no cut is left, a few times ---------------------+
```
The masks of moved windows are kept on disk, so memory is bounded by the windows at work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sam_common.stitching.mend import View
from sam_common.tiled_job.plan import Plan
from sam_common.tiled_job.progress import silent
from sam_common.tiled_job.run import run_job
from sam_common.tiled_job.work import Work
from sam_geo.automatic.scene import Answer, box_of
from sam_geo.automatic.window_steps import Moved
from sam_geo.prompted.windows import square_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sam_common.executors.executor import Executor
    from sam_common.stitching.straight_cuts import Cut
    from sam_common.tiled_job.parts import PartStore
    from sam_common.tiled_job.progress import Progress
    from sam_common.window import Window
    from sam_geo.automatic.scene import Key, Scene
    from sam_geo.automatic.window_steps import WindowSteps
    from sam_geo.raster.pixels import Pixels

MOST_ROUNDS = 6
"""Rounds of moved windows: so many are moved over the seams of one object, one after the other."""
SIDES = (1, 2)
"""Sides of moved windows, in sides of the grid's windows: where the smaller one does not find an
object, the larger one is asked."""
SNAP = 4
"""The middle of a moved window is rounded to a quarter of its side, so that near cuts share it."""


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """A cut object that a moved window is asked for."""

    key: Key
    window: Window
    """The moved window, (row, col) in the raster."""
    known: Key | Answer
    """The mask that ends at the cut: one of a window of the grid, or one of an earlier answer."""

    @property
    def name(self) -> list[int | str]:
        """What tells this question from others in the plan of its round, as values for JSON."""
        known = self.known
        if isinstance(known, Answer):
            return [*self.key, known.digest, known.part, known.number]
        return [*self.key, *known]


@dataclass(frozen=True, slots=True, eq=False)
class Mender:
    """Moves windows over the seams of cut objects and takes what they find into a scene."""

    steps: WindowSteps
    """Reads and segments windows."""
    side: int
    """Side of the grid's windows in pixels."""
    parts: PartStore
    """The parts of the grid's windows, among which each round keeps its own."""

    def mend(
        self,
        scene: Scene,
        *,
        workers: int = 1,
        executor: Executor | None = None,
        progress: Progress = silent,
    ) -> None:
        """Ask moved windows for cut objects, until no cut is left or every side was tried.

        Args:
            scene: The linked objects; takes the answers and the verdicts.
            workers: Windows that are segmented at the same time by this process.
            executor: Segments them in other processes; this one does where None.
            progress: Shows how far each round and each pass over the objects is.
        """
        for _ in range(MOST_ROUNDS):
            by_place: dict[Window, list[Ask]] = {}
            with progress("cuts", scene.passes) as advance:
                for ask in self._asks(scene, advance):
                    by_place.setdefault(ask.window, []).append(ask)
            if not by_place:
                break
            windows = sorted(by_place, key=lambda w: (w.start, w.stop))
            by_window = [by_place[window] for window in windows]
            plan = Plan(
                scene.plan.image_hw,
                tuple(windows),
                {"plan": scene.plan.digest, "asks": [[a.name for a in some] for some in by_window]},
            )
            store = self.parts.within(f"mend-{plan.digest[:16]}", plan)
            work = self._work(scene, by_window)
            with progress("moved windows", len(plan)) as advance:
                done = run_job(work, store, workers=workers, executor=executor, advance=advance)
            scene.windows += len(plan)
            scene.failures += done.messages
            _take(scene, by_window, store)
        with progress("cuts", 3 * scene.passes) as advance:
            self._judge(scene, advance)

    def _judge(self, scene: Scene, advance: Callable[[int], None]) -> None:
        """Decide what becomes of objects that are still cut.

        A moved window that could hold an object and does not find it speaks against it: the object
        is left out. An object that is too large for every window is kept, as one missed end says
        nothing of the rest.
        """
        for found, cuts in scene.cut_objects(advance):
            key = found.members[0]
            if not cuts:
                continue
            unread = scene.seam(key).failed
            held = max(box_of(found).shape) <= SIDES[-1] * self.side
            (scene.left_out if held and not unread else scene.cut).add(key)
        scene.known |= scene.twins(advance)

    def _asks(self, scene: Scene, advance: Callable[[int], None]) -> Iterator[Ask]:
        """The next question for each cut object: its longest cut, in a window of the next side."""
        for found, cuts in scene.cut_objects(advance):
            key = found.members[0]
            seam = scene.seam(key)
            if not cuts or seam.failed or seam.misses == len(SIDES):
                continue
            cut = max(cuts, key=lambda cut: cut.length)
            window = moved_window(cut, SIDES[seam.misses] * self.side, scene.plan.image_hw)
            views: list[Key | Answer] = [*found.members, *seam.answers]
            yield Ask(key, window, views[cut.line.view])

    def _work(self, scene: Scene, asks: Sequence[Sequence[Ask]]) -> Work[Moved, Pixels | None]:
        """Reading each moved window and segmenting the objects that it is asked for."""

        def ask(k: int) -> Moved:
            return Moved(asks[k][0].window, [_view(scene, one.known) for one in asks[k]])

        return Work(self.steps.read, self.steps.find_again, ask, self.steps.embedded)


def _view(scene: Scene, known: Key | Answer) -> View:
    """The window and the mask that end at a cut."""
    if isinstance(known, Answer):
        return known.view()
    n, i = known
    return View(scene.plan.windows[n], scene.load(n)[i])


def _take(scene: Scene, asks: Sequence[Sequence[Ask]], store: PartStore) -> None:
    """Note in a scene which moved windows found their object, missed it, or failed."""
    digest = store.plan.digest
    for k, some in enumerate(asks):
        part = store.read(k)
        for at, ask in enumerate(some):
            seam = scene.seam(ask.key)
            if part is None:
                seam.failed = True
            elif (number := part.notes["answers"][at]) is None:
                seam.misses += 1
            else:
                seam.misses = 0
                seam.answers.append(Answer(ask.window, store, digest, k, number))


def moved_window(cut: Cut, side: int, image_hw: Sequence[int]) -> Window:
    """A square window with a cut near its middle, moved into the raster.

    Args:
        cut: The straight cut of an object.
        side: Side of the window in pixels.
        image_hw: Rows and columns of the raster.
    """
    step = max(1, side // SNAP)
    snapped = ((middle + step // 2) // step * step for middle in cut.middle)
    return square_at((middle - side // 2 for middle in snapped), side, image_hw)

"""Seams: objects that end straight at a window's edge, looked at in a window moved over the seam.

```
linked objects -> straight cuts -> windows around them -> what these see -> mended objects
       ^                                                                          |
       +------------------ until no cut is left, a few times ---------------------+
```
What a moved window sees is kept on disk, so memory is bounded by the windows at work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sam_common.stitching.mend import View, look_again
from sam_common.tiled_job.parts import Part, PartStore
from sam_common.tiled_job.plan import Plan
from sam_common.tiled_job.progress import silent
from sam_common.tiled_job.run import Work, run_job
from sam_common.window import Window
from sam_geo.automatic.scene import Answer, box_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from sam_common.automatic.options import EverythingOptions
    from sam_common.segmenter.predictor import Embedding, Segmenter
    from sam_common.stitching.straight_cuts import Cut
    from sam_common.tiled_job.progress import Progress
    from sam_geo.automatic.scene import Key, Scene
    from sam_geo.raster.pixels import Pixels

MOST_ROUNDS = 6
"""Windows that are moved over the seams of one object, one after the other."""
SIDES = (1, 2)
"""Sides of moved windows in sides of the grid's: where the smaller one does not know an object,
the larger one is asked."""
SNAP = 4
"""Middles of moved windows lie on a grid of this part of their side: near cuts share a window."""


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """An object that a window is asked for."""

    key: Key
    window: Window
    """(row, col) in the raster."""
    known: Key | Answer
    """What ends at the cut: an instance of the grid, or an earlier answer."""

    @property
    def name(self) -> list[int | str]:
        """What it is, for the plan of its round (JSON)."""
        known = self.known
        if isinstance(known, Answer):
            return [*self.key, known.digest, known.part, known.number]
        return [*self.key, *known]


@dataclass(frozen=True, slots=True, eq=False)
class Mender:
    """How windows are moved over seams."""

    segmenter: Segmenter
    read: Callable[[Window], Pixels | None]
    embed: Callable[[Window, Pixels], Embedding]
    options: EverythingOptions
    """Whose filters hold in moved windows too."""
    side: int
    """Of the grid's windows."""
    folder: Path
    """Where the parts of the rounds go."""

    def mend(self, scene: Scene, *, workers: int = 1, progress: Progress = silent) -> None:
        """Look at the cuts of a scene until none is left or nothing more is to be known.

        Args:
            scene: The objects so far.
            workers: Windows that are looked at at the same time.
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
            store = PartStore(self.folder / f"mend-{plan.digest[:16]}", plan, resume=True)
            work = self._work(scene, by_window)
            with progress("moved windows", len(plan)) as advance:
                done = run_job(work, store, workers=workers, advance=advance)
            scene.windows += len(plan)
            scene.failures += [done.failures[k] for k in sorted(done.failures)]
            _take(scene, by_window, store)
        with progress("cuts", 3 * scene.passes) as advance:
            self._judge(scene, advance)

    def _judge(self, scene: Scene, advance: Callable[[int], None]) -> None:
        """What becomes of objects that are still cut.

        A window that holds an object and does not know it speaks against it. An object that no
        window can hold is kept: one missed end is not the whole.
        """
        for found, cuts in scene.cut_objects(advance):
            key = found.members[0]
            if not cuts:
                continue
            unread = scene.seam(key).failed
            held = max(box_of(found).shape) <= SIDES[-1] * self.side
            (scene.left_out if held and not unread else scene.cut).add(key)
        scene.again |= scene.twins(advance)

    def _asks(self, scene: Scene, advance: Callable[[int], None]) -> Iterator[Ask]:
        for found, cuts in scene.cut_objects(advance):
            key = found.members[0]
            seam = scene.seam(key)
            if not cuts or seam.failed or seam.misses == len(SIDES):
                continue
            cut = max(cuts, key=lambda cut: cut.length)
            window = moved_window(cut, SIDES[seam.misses] * self.side, scene.plan.image_hw)
            views: list[Key | Answer] = [*found.members, *seam.answers]
            yield Ask(key, window, views[cut.line.view])

    def _work(self, scene: Scene, asks: Sequence[Sequence[Ask]]) -> Work[Pixels | None]:
        def read(k: int) -> Pixels | None:
            return self.read(asks[k][0].window)

        def segment(k: int, pixels: Pixels | None) -> Part:
            window = asks[k][0].window
            if pixels is None:
                return Part(notes={"answers": [None] * len(asks[k])})
            embedding = self.embed(window, pixels)
            views = [_view(scene, ask.known) for ask in asks[k]]
            found = look_again(self.segmenter, embedding, window, views, options=self.options)
            kept = [instance for instance in found if instance is not None]
            numbers = iter(range(len(kept)))
            notes = [None if instance is None else next(numbers) for instance in found]
            return Part(kept, {"answers": notes})

        return Work(read, segment)


def _view(scene: Scene, known: Key | Answer) -> View:
    if isinstance(known, Answer):
        return known.view()
    n, i = known
    return View(scene.plan.windows[n], scene.load(n)[i])


def _take(scene: Scene, asks: Sequence[Sequence[Ask]], store: PartStore) -> None:
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
    """A window with a cut near its middle, inside the image."""
    step = max(1, side // SNAP)
    start, stop = [], []
    for middle, size in zip(cut.middle, image_hw, strict=True):
        snapped = (middle + step // 2) // step * step
        first = min(max(0, snapped - side // 2), max(0, size - side))
        start.append(first)
        stop.append(min(size, first + side))
    return Window(tuple(start), tuple(stop))

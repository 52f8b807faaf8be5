"""Scene: the linked and mended objects of a raster, each put together when it is asked for."""

from __future__ import annotations

import math
from dataclasses import InitVar, dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from sam_common.stitching.bins import Bins, nearby
from sam_common.stitching.evidence import TWIN_IOU
from sam_common.stitching.layout import Layout
from sam_common.stitching.link import ignored, objects_of
from sam_common.stitching.mend import View, mend
from sam_common.stitching.straight_cuts import (
    inner_lines,
    parts_not_in_mask,
    straight_cuts,
    unseen_cuts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sam_common.masks.decoded import MaskRegion
    from sam_common.stitching.groups import Groups
    from sam_common.stitching.link import LinkedObject
    from sam_common.stitching.neighbourhood import Load
    from sam_common.stitching.straight_cuts import Cut, Line
    from sam_common.tiled_job.parts import PartStore
    from sam_common.tiled_job.plan import Plan
    from sam_common.window import Window

Key: TypeAlias = tuple[int, int]
"""The name of an object: (window, number in that window) of its first mask."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The mask that a moved window found of an object, and where it is kept."""

    window: Window
    """The moved window, (row, col) in the raster."""
    store: PartStore
    """The parts of the round."""
    digest: str
    """Digest of the round's plan."""
    part: int
    """Number of the part in the store."""
    number: int
    """Number of the mask in the part."""

    def view(self) -> View:
        """The moved window and its mask, read from disk."""
        return View(self.window, self.store.load(self.part)[self.number])


@dataclass(slots=True, eq=False)
class Seam:
    """What moved windows found of one cut object."""

    answers: list[Answer] = field(default_factory=list)
    """Masks of moved windows, in the order in which they were found."""
    misses: int = 0
    """Moved windows in a row that did not find the object."""
    failed: bool = False
    """Whether a moved window could not be read or segmented."""


@dataclass(slots=True, eq=False)
class Scene:
    """The objects of a raster; masks are loaded, linked and mended as the objects are made."""

    plan: Plan
    """The windows of the grid."""
    load: Load
    """Gives the masks of a window of the grid in raster indices."""
    groups: Groups
    """Which masks of neighbouring windows are one object."""
    windows: int = 0
    """Number of windows that were looked at again, over all rounds."""
    failures: list[str] = field(default_factory=list)
    """One message for each window that was looked at again and failed."""
    left_out: set[Key] = field(default_factory=set)
    """Cut objects that no moved window has found beyond their cut: they are no objects."""
    known: set[Key] = field(default_factory=set)
    """Mended objects that another window had whole: they would come twice."""
    cut: set[Key] = field(default_factory=set)
    """Cut objects that stay, as they are too large for any window, or a moved window failed."""
    layout: InitVar[Layout | None] = None
    packed: Callable[[int], Sequence[bytes]] | None = None
    """Gives the same as `load` as packed parts, with which objects can be made elsewhere."""
    views: Mapping[Key, Sequence[View]] = field(default_factory=dict)
    """What moved windows saw of objects that are made here and were mended elsewhere."""
    _seams: dict[Key, Seam] = field(init=False, default_factory=dict)
    grid: Layout = field(init=False)
    """The windows with their cores: `layout`, or that of the plan."""

    def __post_init__(self, layout: Layout | None) -> None:
        self.grid = layout or Layout(self.plan.windows, self.plan.image_hw)

    def seam(self, key: Key) -> Seam:
        """What moved windows found of an object so far; the caller may add to it."""
        return self._seams.setdefault(key, Seam())

    def objects(self, advance: Callable[[int], None] = ignored) -> Iterator[LinkedObject]:
        """Make the objects, each once, in the order in which the windows complete them.

        Args:
            advance: Called with the number of windows of the grid that are done.
        """
        gone = self.left_out | self.known
        for found in objects_of(self.groups, self.grid, self.load, advance=advance):
            if (key := found.members[0]) not in gone:
                again = key in self._seams or key in self.views
                whole = self._mended(found)[0] if again else found
                yield replace(whole, is_cut=True) if key in self.cut else whole

    def object(self, key: Key) -> LinkedObject:
        """Make one of the objects of `cut_objects`; only the windows that it lies in are loaded."""
        group = self.groups.group_using(self.groups.offsets[key[0]] + key[1])
        only = [] if group is None else [group]
        (found,) = objects_of(self.groups, self.grid, self.load, only=only)
        return self._mended(found)[0]

    def twins(self, advance: Callable[[int], None] = ignored) -> set[Key]:
        """Mended objects that another window had whole, so that they would come twice.

        Args:
            advance: Called with the number of windows of the grid that are done, in two passes.
        """
        mended, bins = self._by_place(advance)
        keys = list(mended)
        again: set[Key] = set()
        for other in self.objects(advance):
            box, name = box_of(other), other.members[0]
            near = {n for piece in other.pieces for n in bins.near(piece.window)}
            for key in (keys[n] for n in sorted(near)):
                # of two mended ones that are alike, the later one goes
                stays = name in mended and (name > key or name in again)
                if key == name or stays or key in again or not _alike(mended[key], box):
                    continue
                if overlap(self.object(key), other) >= TWIN_IOU:
                    again.add(key)
        return again

    def _by_place(self, advance: Callable[[int], None]) -> tuple[dict[Key, Window], Bins]:
        """Boxes around mended objects, and bins of their pieces by the number of the object."""
        candidates = self._answered() - self.left_out
        boxes: dict[Key, Window] = {}
        # by their pieces, not by the box around them: a long road is near to what lies along it
        bins = Bins(max(max(window.shape) for window in self.plan.windows))
        for found, _ in self.cut_objects(advance):
            if (key := found.members[0]) in candidates:
                for piece in found.pieces:
                    bins.add(len(boxes), piece.window)
                boxes[key] = box_of(found)
        return boxes, bins

    def cut_objects(
        self, advance: Callable[[int], None] = ignored
    ) -> Iterator[tuple[LinkedObject, Sequence[Cut]]]:
        """Make the objects that no window of the grid saw whole, with the cuts left in them.

        Args:
            advance: Called with the number of windows of the grid that are done.
        """
        groups = list(self.groups.cut_groups())
        for found in objects_of(self.groups, self.grid, self.load, only=groups, advance=advance):
            yield self._mended(found)

    @property
    def passes(self) -> int:
        """Number of windows of the grid, which one pass over all objects goes through."""
        return len(self.plan)

    @property
    def counts(self) -> dict[str, int]:
        """Number of objects that a window's edge had cut, by what became of them.

        `mended`: put together from moved windows; `known`: another window had them whole;
        `left_out`: no moved window found them; `cut`: too large for any window.
        """
        mended = self._answered() - self.left_out - self.known - self.cut
        return {
            "mended": len(mended),
            "known": len(self.known),
            "left_out": len(self.left_out),
            "cut": len(self.cut),
        }

    def moved_windows(self) -> list[Window]:
        """Windows that were moved over seams and whose masks are part of an object, in order."""
        windows = {answer.window for seam in self._seams.values() for answer in seam.answers}
        return sorted(windows, key=lambda window: (window.start, window.stop))

    def seen_again(self, key: Key) -> Sequence[View]:
        """What moved windows saw of an object, in the order in which they were asked."""
        if key in self.views:
            return self.views[key]
        seam = self._seams.get(key)
        return [] if seam is None else [answer.view() for answer in seam.answers]

    def _answered(self) -> set[Key]:
        """Objects of which a moved window has found a mask."""
        return {key for key, seam in self._seams.items() if seam.answers}

    def _mended(self, found: LinkedObject) -> tuple[LinkedObject, list[Cut]]:
        """An object with the masks of its moved windows taken in, and the cuts left in it."""
        hw = self.plan.image_hw
        lines, own = self._lines(found), len(found.members)
        # the core of a window lies away from its edges: there it saw both sides of a line
        cores = [self.grid.cores[n] for n, _ in found.members]
        cuts = list(
            self._without_own(found, unseen_cuts(straight_cuts(found.pieces, lines), cores, hw))
        )
        answers = self.seen_again(found.members[0])
        for view, answer in enumerate(answers, own):
            found = mend(found, cuts, answer, hw)
            lines += inner_lines(answer.window, hw, view)
            windows = [a.window for a in answers[: view - own + 1]]
            every = straight_cuts(found.pieces, lines)
            cuts = unseen_cuts([cut for cut in every if cut.line.view < own], cores + windows, hw)
            # a cut at the edge of a moved window is covered by later moved windows only
            for j in range(len(windows)):
                ended = [cut for cut in every if cut.line.view == own + j]
                cuts += unseen_cuts(ended, windows[j + 1 :], hw)
        return found, cuts

    def _without_own(self, found: LinkedObject, cuts: Sequence[Cut]) -> Iterator[Cut]:
        """Cuts without the parts along a seam where the mask of the cut's own window ends too."""
        for cut in cuts:
            n, i = found.members[cut.line.view]
            window, axis = self.plan.windows[n], cut.line.axis
            if cut.line.at in {window.start[axis], window.stop[axis]}:
                yield cut
            else:
                yield from parts_not_in_mask(cut, self.load(n)[i].region)

    def _lines(self, found: LinkedObject) -> list[Line]:
        """The lines at which an object may be cut: edges of its windows and of their cores."""
        members, hw = [n for n, _ in found.members], self.plan.image_hw
        places = [*enumerate(self.plan.windows[n] for n in members)]
        if len(members) > 1:
            places += enumerate(self.grid.cores[n] for n in members)
        return [line for view, place in places for line in inner_lines(place, hw, view)]


def box_of(found: LinkedObject) -> Window:
    """The bounding box of all pieces of an object."""
    box = found.pieces[0].window
    for piece in found.pieces[1:]:
        box = box.union(piece.window)
    return box


def overlap(one: LinkedObject, two: LinkedObject) -> float:
    """IoU of two objects, each a set of disjoint pieces."""
    near = nearby([piece.window for piece in two.pieces])
    both = sum(_shared_px(a, two.pieces[k]) for a in one.pieces for k in near(a.window))
    areas = sum(piece.area_px for found in (one, two) for piece in found.pieces)
    return both / (areas - both)


def _alike(a: Window, b: Window) -> bool:
    """Whether masks in these boxes may be twins: the boxes share more than half of the larger."""
    shared = a.intersect(b)
    both = 0 if shared is None else math.prod(shared.shape)
    return 2 * both > min(math.prod(a.shape), math.prod(b.shape))


def _shared_px(a: MaskRegion, b: MaskRegion) -> int:
    """Number of pixels that lie in both masks."""
    if (shared := a.window.intersect(b.window)) is None:
        return 0
    one, two = (r.mask[shared.within(r.window).slices] for r in (a, b))
    return int((one & two).sum())

"""Scene: the objects of a raster, linked and mended, each made as it comes by."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from sam_common.cuts import inner_lines, straight_cuts, uncovered, unlike
from sam_common.evidence import TWIN_IOU
from sam_common.link import core_windows, objects_of
from sam_common.mending import View, mend

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sam_common.cuts import Cut, Line
    from sam_common.groups import Groups
    from sam_common.link import LinkedObject, Load
    from sam_common.masks import MaskRegion
    from sam_common.parts import PartStore
    from sam_common.plan import Plan
    from sam_common.window import Window

Key: TypeAlias = tuple[int, int]
"""An object by its first member: (window, number in that window)."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a moved window saw of an object, and where that is kept."""

    window: Window
    """(row, col) in the raster."""
    store: PartStore
    """The parts of its round."""
    part: int
    """Which of these."""
    number: int
    """Which instance of the part."""

    def view(self) -> View:
        """The window and its mask, from disk."""
        return View(self.window, self.store.load(self.part)[self.number])


@dataclass(slots=True, eq=False)
class Seam:
    """What was done about the cuts of one object."""

    answers: list[Answer] = field(default_factory=list)
    misses: int = 0
    """Windows in a row that did not know the object."""
    failed: bool = False
    """Whether a window could not be read."""


@dataclass(slots=True, eq=False)
class Scene:
    """The objects of a raster; their seams are mended as they come by."""

    plan: Plan
    load: Load
    """Gives the instances of a window in raster indices."""
    groups: Groups
    """Which of them are one object."""
    windows: int = 0
    """Windows that were looked at again, over all rounds."""
    failures: list[str] = field(default_factory=list)
    """What was wrong with those of them that failed."""
    left_out: set[Key] = field(default_factory=set)
    """Objects with a cut behind which no window knows them."""
    again: set[Key] = field(default_factory=set)
    """Objects that are others, once they are mended."""
    cut: set[Key] = field(default_factory=set)
    """The same, but too large for any window, or a window could not be read: they stay."""
    _seams: dict[Key, Seam] = field(init=False, default_factory=dict)
    _cores: Sequence[Window] = field(init=False)

    def __post_init__(self) -> None:
        self._cores = core_windows(self.plan.windows, self.plan.image_hw)

    def seam(self, key: Key) -> Seam:
        """What was done about the cuts of an object; to be added to."""
        return self._seams.setdefault(key, Seam())

    def objects(self) -> Iterator[LinkedObject]:
        """The objects, each once, in the order in which windows complete them."""
        image_hw = self.plan.image_hw
        for found in objects_of(self.groups, self.plan.windows, self.load, image_hw=image_hw):
            if (key := found.members[0]) not in self.left_out | self.again:
                whole = self._mended(found)[0] if key in self._seams else found
                yield replace(whole, is_cut=True) if key in self.cut else whole

    def object(self, key: Key) -> LinkedObject:
        """One of them, with all that is known of it."""
        image_hw, windows = self.plan.image_hw, self.plan.windows
        group = self.groups.needing(self.groups.offsets[key[0]] + key[1])
        only = [] if group is None else [group]
        (found,) = objects_of(self.groups, windows, self.load, image_hw=image_hw, only=only)
        return self._mended(found)[0]

    def twins(self) -> set[Key]:
        """Mended objects that there are already: another window had them whole."""
        boxes = {
            found.members[0]: box_of(self._mended(found)[0])
            for found, _ in self.cut_objects()
            if found.members[0] in self._answered() - self.left_out
        }
        again: set[Key] = set()
        if not boxes:
            return again
        keys = list(boxes)
        starts, stops = (
            np.array([getattr(b, e) for b in boxes.values()]) for e in ("start", "stop")
        )
        for other in self.objects():
            box = box_of(other)
            low, high = np.maximum(starts, box.start), np.minimum(stops, box.stop)
            both = (high - low).clip(min=0).prod(axis=1)
            sizes = (stops - starts).prod(axis=1)
            # a mask is at most its box: twins have a good part of both boxes in common
            for at in np.flatnonzero(2 * both > np.minimum(sizes, np.prod(box.shape))).tolist():
                key, name = keys[at], other.members[0]
                if key == name or (name in boxes and (name > key or name in again)):
                    continue
                if key not in again and overlap(self.object(key), other) >= TWIN_IOU:
                    again.add(key)
        return again

    def cut_objects(self) -> Iterator[tuple[LinkedObject, Sequence[Cut]]]:
        """Objects that no window of the grid saw whole, with the cuts that are left in them."""
        groups = list(self.groups.cut_groups())
        image_hw, windows = self.plan.image_hw, self.plan.windows
        for found in objects_of(self.groups, windows, self.load, image_hw=image_hw, only=groups):
            yield self._mended(found)

    @property
    def counts(self) -> dict[str, int]:
        """What became of objects that ended straight at a window's edge, for the record."""
        mended = self._answered() - self.left_out - self.again - self.cut
        return {
            "mended": len(mended),
            "known": len(self.again),
            "left_out": len(self.left_out),
            "cut": len(self.cut),
        }

    def moved_windows(self) -> list[Window]:
        """Windows that were moved over seams and whose answers are taken."""
        windows = {answer.window for seam in self._seams.values() for answer in seam.answers}
        return sorted(windows, key=lambda window: (window.start, window.stop))

    def _answered(self) -> set[Key]:
        return {key for key, seam in self._seams.items() if seam.answers}

    def _mended(self, found: LinkedObject) -> tuple[LinkedObject, list[Cut]]:
        """The object with what its answers say, and the cuts that are left in it."""
        hw = self.plan.image_hw
        lines, own = self._lines(found), len(found.members)
        # what a member's window decides in its own core, it saw from both sides
        cores = [self._cores[n] for n, _ in found.members]
        cuts = list(
            self._without_own(found, _unseen(straight_cuts(found.pieces, lines), cores, hw))
        )
        seam = self._seams.get(found.members[0])
        answers = [] if seam is None else [answer.view() for answer in seam.answers]
        for view, answer in enumerate(answers, own):
            found = mend(found, cuts, answer, hw)
            lines += inner_lines(answer.window, hw, view)
            windows = [a.window for a in answers[: view - own + 1]]
            every = straight_cuts(found.pieces, lines)
            cuts = _unseen([cut for cut in every if cut.line.view < own], cores + windows, hw)
            # at the edge of an answer the grid has nothing to say any more: later answers have
            for j in range(len(windows)):
                ended = [cut for cut in every if cut.line.view == own + j]
                cuts += _unseen(ended, windows[j + 1 :], hw)
        return found, cuts

    def _without_own(self, found: LinkedObject, cuts: Sequence[Cut]) -> Iterator[Cut]:
        """Cuts along seams that are no edge of the mask beside them: there two masks disagree."""
        for cut in cuts:
            n, i = found.members[cut.line.view]
            window, axis = self.plan.windows[n], cut.line.axis
            if cut.line.at in {window.start[axis], window.stop[axis]}:
                yield cut
            else:
                yield from unlike(cut, self.load(n)[i].region)

    def _lines(self, found: LinkedObject) -> list[Line]:
        """Where the outline of an object may be cut: edges of its windows, seams between them."""
        members, hw = [n for n, _ in found.members], self.plan.image_hw
        places = [*enumerate(self.plan.windows[n] for n in members)]
        if len(members) > 1:
            places += enumerate(self._cores[n] for n in members)
        return [line for view, place in places for line in inner_lines(place, hw, view)]


def _unseen(cuts: Sequence[Cut], looked: Sequence[Window], image_hw: Sequence[int]) -> list[Cut]:
    return [part for cut in cuts for part in uncovered(cut, looked, image_hw)]


def box_of(found: LinkedObject) -> Window:
    """The box around all pieces of an object."""
    box = found.pieces[0].window
    for piece in found.pieces[1:]:
        box = box.union(piece.window)
    return box


def overlap(one: LinkedObject, two: LinkedObject) -> float:
    """IoU of two objects."""
    both = sum(_shared_px(a, b) for a, b in itertools.product(one.pieces, two.pieces))
    areas = sum(piece.area_px for found in (one, two) for piece in found.pieces)
    return both / (areas - both)


def _shared_px(a: MaskRegion, b: MaskRegion) -> int:
    if (shared := a.window.intersect(b.window)) is None:
        return 0
    one, two = (r.mask[shared.shift([-s for s in r.window.start]).slices] for r in (a, b))
    return int((one & two).sum())

"""Evidence: what all overlaps say about which instances are one object, and the decision.

Windows are added one by one, then everything is decided at once, the surest links first. What is
kept until then is a few bytes for each link, doubt and open end.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from sam_common.stitching.overlap import EDGE_PX, Comparison, mutual_best
from sam_common.stitching.regions import boxes_of, mask_iou

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from sam_common.masks.instance import Instance
    from sam_common.stitching.groups import Groups
    from sam_common.stitching.overlap import Side
    from sam_common.window import Window

    Renumber = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.int64]]

TWIN_IOU = 0.8
"""Masks of one window with at least this IoU are two predictions of one object."""
LEAST_OPEN_PX = 100
"""Least area inside the overlap, in pixels, of a mask that is continued in the next window."""
COVERED = 0.5
"""Least part of a cut piece that lies in other objects of the neighbour, for it to be left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """What overlaps and windows say of instances, as arrays: all of it, or that of some of them."""

    links: npt.NDArray[np.int64]
    """(N, 2) instances that may be one object, that of the window with the smaller number first."""
    steps: npt.NDArray[np.float64]
    """(N,) how well they agree, in multiples of `IOU_STEP`."""
    areas: npt.NDArray[np.float64]
    """(N,) pixels of both together."""
    doubts: npt.NDArray[np.int64]
    """(N, 2) a cut piece, and the window that has it otherwise."""
    ends: npt.NDArray[np.int64]
    """(N, 2) an instance that ends at its window's edge, and the window that goes on there."""
    twins: npt.NDArray[np.int64]
    """(N, 2) two predictions of one object in one window."""
    spanning: npt.NDArray[np.int64]
    """(N,) instances that reach from edge to edge of their window."""

    def of_instances(self, chosen: npt.NDArray[np.bool_]) -> Findings:
        """What is said of some instances; links and twins have both or none of theirs among them.

        Args:
            chosen: Whether each instance, by its number, is one of them.
        """
        kept = chosen[self.links[:, 0]]
        doubts, ends, twins = (
            each[chosen[each[:, 0]]] for each in (self.doubts, self.ends, self.twins)
        )
        return Findings(
            self.links[kept],
            self.steps[kept],
            self.areas[kept],
            doubts,
            ends,
            twins,
            self.spanning[chosen[self.spanning]],
        )

    def renumbered(self, instance: Renumber, window: Renumber) -> Findings:
        """The same with other numbers of instances and windows."""
        doubts, ends = (
            np.stack([instance(each[:, 0]), window(each[:, 1])], axis=1)
            for each in (self.doubts, self.ends)
        )
        return replace(
            self,
            links=instance(self.links),
            doubts=doubts,
            ends=ends,
            twins=instance(self.twins),
            spanning=instance(self.spanning),
        )

    @classmethod
    def joined(cls, several: Sequence[Findings], window_of: Renumber) -> Findings:
        """Findings of several places together, each link in one of them, whatever their order.

        Args:
            several: The findings, with numbers that mean the same in all of them.
            window_of: Gives the windows of instances.
        """
        names = [each.name for each in fields(cls)]
        whole = cls(*(np.concatenate([getattr(f, name) for f in several]) for name in names))
        # as if windows had come in their order: of equal links the first one counts
        order = np.lexsort((whole.links[:, 0], window_of(whole.links[:, 1])))
        return replace(
            whole, links=whole.links[order], steps=whole.steps[order], areas=whole.areas[order]
        )


class Evidence:
    """Links, doubts and open ends of all overlaps, collected before anything is decided."""

    def __init__(self) -> None:
        self._steps, self._areas = array("d"), array("d")
        self._firsts, self._seconds = array("q"), array("q")
        self._doubts, self._ends, self._twins = array("q"), array("q"), array("q")
        self._spanning: set[int] = set()

    def add_window(
        self,
        window: Window,
        instances: Sequence[Instance],
        first: int,
        image_hw: Sequence[int],
    ) -> None:
        """Note the twins of one window, and the masks that span it from edge to edge.

        Args:
            window: The window in image indices.
            instances: Its instances in image indices.
            first: Number of the first of them.
            image_hw: Rows and columns of the image.
        """
        boxes = boxes_of(instances)
        # along an axis on which the window is the whole image, every mask may span a narrow image
        is_part = np.array(window.shape) < np.array(image_hw)
        spans = (
            is_part
            & (boxes[:, :2] <= np.array(window.start) + EDGE_PX)
            & (boxes[:, 2:] >= np.array(window.stop) - EDGE_PX)
        )
        self._spanning.update((np.flatnonzero(spans.any(axis=1)) + first).tolist())
        low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
        high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
        both = (high - low).clip(min=0).prod(axis=2)
        sizes = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        # a mask is at most its box: twins have a good part of both boxes in common
        near = 2 * both > np.minimum(sizes[:, None], sizes[None])
        for i, j in zip(*np.nonzero(np.triu(near, 1)), strict=True):
            if mask_iou(instances[i].region, instances[j].region) >= TWIN_IOU:
                self._twins.extend((first + int(i), first + int(j)))

    def add_overlap(self, one: Side, two: Side, threshold: float) -> None:
        """Note what one overlap says: links, cut pieces that the neighbour has, and open ends.

        Args:
            one: The window with the smaller number.
            two: The other window.
            threshold: Least IoU inside the overlap.
        """
        a, b = one.strip, two.strip
        pairs = Comparison.of(a, b)
        for i, j, step in mutual_best(pairs.iou, pairs.agreeing(threshold), a.areas, b.areas):
            self._steps.append(step)
            self._areas.append(float(a.areas[i] + b.areas[j]))
            self._firsts.append(int(a.numbers[i]))
            self._seconds.append(int(b.numbers[j]))
        for side, other, covered, areas in (
            (one, two, pairs.shared.sum(axis=1), pairs.areas_a),
            (two, one, pairs.shared.sum(axis=0), pairs.areas_b),
        ):
            strip = side.strip
            doubtful = strip.is_cut_inside & (strip.slivers() | (covered >= COVERED * areas))
            at_edge = side.reaching_edge(other.window)
            ending = at_edge & ~strip.slivers() & (areas >= LEAST_OPEN_PX)
            for flat, chosen in ((self._doubts, doubtful), (self._ends, ending)):
                for number in strip.numbers[chosen].tolist():
                    flat.extend((number, other.n))

    def findings(self) -> Findings:
        """All that was noted, as arrays."""
        doubts, ends, twins = (
            _array(flat).reshape(-1, 2) for flat in (self._doubts, self._ends, self._twins)
        )
        return Findings(
            np.stack([_array(self._firsts), _array(self._seconds)], axis=1),
            np.array(self._steps, dtype=np.float64),
            np.array(self._areas, dtype=np.float64),
            doubts,
            ends,
            twins,
            np.array(sorted(self._spanning), dtype=np.int64),
        )

    @classmethod
    def of(cls, findings: Findings) -> Evidence:
        """Evidence that has been collected before."""
        found = cls()
        found._firsts, found._seconds = (_flat(findings.links[:, k]) for k in (0, 1))
        found._steps = array("d", findings.steps.tobytes())
        found._areas = array("d", findings.areas.tobytes())
        found._doubts, found._ends = _flat(findings.doubts), _flat(findings.ends)
        found._twins = _flat(findings.twins)
        found._spanning = set(findings.spanning.tolist())
        return found

    def decide(self, groups: Groups) -> None:
        """Link instances to groups, and decide which instances are left out of all objects."""
        self._link_best_first(groups)
        self._leave_known_pieces_out(groups)
        self._note_open_ends(groups)
        self._leave_unconfirmed_out(groups)
        groups.choose_views()

    def _link_best_first(self, groups: Groups) -> None:
        """Join the pairs with the best agreement first: a wrong link may exclude a right one."""
        for k in np.lexsort((np.asarray(self._areas), -np.asarray(self._steps))).tolist():
            groups.join(self._firsts[k], self._seconds[k])

    def _leave_known_pieces_out(self, groups: Groups) -> None:
        """Leave out cut pieces that the neighbour, who saw the place whole, has otherwise."""
        for number, other in _pairs(self._doubts):
            if not groups.holds(number, other):
                groups.left_out.add(number)

    def _note_open_ends(self, groups: Groups) -> None:
        """Note instances that end at their window's edge without a partner beyond it."""
        for number, other in _pairs(self._ends):
            if number not in groups.left_out and not groups.holds(number, other):
                groups.open_ends.append((number, other))

    def _leave_unconfirmed_out(self, groups: Groups) -> None:
        """Leave out masks with an open end that are the scene around objects, or a worse twin."""
        # a window without any instance, failed or plain, denies nothing
        filled = np.diff(groups.offsets) > 0
        open_ended = {number for number, other in groups.open_ends if filled[other]}
        groups.left_out.update(n for n in open_ended if n in self._spanning and groups.is_alone(n))
        for i, j in _pairs(self._twins):
            for worse, better in ((i, j), (j, i)):
                if worse in open_ended and better not in open_ended:
                    groups.left_out.add(worse)


def _pairs(flat: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Pairs of numbers that were appended one after the other."""
    return zip(flat[::2], flat[1::2], strict=True)


def _array(flat: array[int]) -> npt.NDArray[np.int64]:
    """Numbers as an array of their own."""
    return np.array(flat, dtype=np.int64)


def _flat(numbers: npt.NDArray[np.int64]) -> array[int]:
    """The numbers of an array, one after the other."""
    return array("q", np.ascontiguousarray(numbers, dtype=np.int64).tobytes())

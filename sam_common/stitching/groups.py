"""Groups: which instances of all windows are one object, in a few bytes an instance."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, MutableSequence, Sequence

    import numpy.typing as npt

LEAST = 2
"""Instances of a group that is more than an instance by itself."""
MANY = 8
"""Instances of a group that is not made anew each time it is asked for: of a road through a
thousand windows each of them asks."""


@dataclass(frozen=True, slots=True)
class Group:
    """The instances of one object."""

    members: tuple[int, ...]
    """Numbers of the instances, ascending, without those that are left out."""
    chosen: int
    """The instance that is the whole object; -1 where the object is stitched from all members."""

    @property
    def last(self) -> int:
        """Number of the last instance that the object needs."""
        return self.chosen if self.chosen >= 0 else self.members[-1]


@dataclass(slots=True)
class Groups:
    """Union-find over the instances of some windows, which are numbered through.

    Most instances lie in one window and stay by themselves. Once the last link is made, they take
    one byte each, and those of groups of several about 40 bytes.
    """

    offsets: MutableSequence[int] = field(init=False, default_factory=lambda: array("q", [0]))
    """Number of the first instance of each window, then the number of all instances."""
    is_cut: bytearray = field(init=False, default_factory=bytearray)
    """Whether each instance ends at an edge of its window that is not the image's edge."""
    left_out: set[int] = field(init=False, default_factory=set)
    """Instances that are no part of any object."""
    open_ends: list[tuple[int, int]] = field(init=False, default_factory=list)
    """(instance, window) where an instance ends at its window's edge and has no partner in the
    window beyond that edge."""
    views: MutableSequence[int] = field(init=False, default_factory=lambda: array("q"))
    """For each group of several instances the one that is the whole object, -1 where the object is
    stitched from all; once `choose_views` has been called."""
    members: MutableSequence[int] = field(init=False, default_factory=lambda: array("q"))
    """The instances of these groups, one group after the other, ascending in each."""
    sizes: MutableSequence[int] = field(init=False, default_factory=lambda: array("q"))
    """The number of instances of each of these groups."""
    _scores: MutableSequence[float] = field(init=False, default_factory=lambda: array("d"))
    _parents: dict[int, int] = field(init=False, default_factory=dict)
    """The parent of each instance that is not its own; for links only."""
    _held: dict[int, dict[int, int]] = field(init=False, default_factory=dict)
    """Window to instance, for each group of several instances by its root; for links only."""
    _starts: Sequence[int] = field(init=False, default=())
    _linked: Sequence[int] = field(init=False, default=())
    """The instances of `members`, ascending."""
    _group_of: Sequence[int] = field(init=False, default=())
    """For each of `_linked` the number of its group."""
    _known: dict[int, Group] = field(init=False, default_factory=dict)
    """Large groups that were asked for, by their numbers."""

    def add_window(self, instances: Iterable[tuple[bool, float]]) -> None:
        """Number the instances of the next window.

        Args:
            instances: Whether each one is cut by its window's edge, and its score.
        """
        for is_cut, score in instances:
            self.is_cut.append(is_cut)
            self._scores.append(score)
        self.offsets.append(len(self.is_cut))

    @classmethod
    def numbered(
        cls,
        offsets: npt.NDArray[np.int64],
        is_cut: npt.NDArray[np.uint8],
        scores: npt.NDArray[np.float64],
    ) -> Groups:
        """Groups of instances that are numbered already, each by itself.

        Args:
            offsets: Number of the first instance of each window, then the number of all.
            is_cut: Whether each instance is cut by its window's edge.
            scores: The score of each instance.
        """
        groups = cls()
        groups.offsets = array("q", offsets.astype(np.int64).tobytes())
        groups.is_cut = bytearray(is_cut.astype(np.uint8).tobytes())
        groups._scores = array("d", scores.astype(np.float64).tobytes())
        return groups

    def score_of(self, number: int) -> float:
        """The score of an instance; before `choose_views` only."""
        return self._scores[number]

    def window_of(self, number: int) -> int:
        """Number of the window of an instance."""
        return bisect_right(self.offsets, number) - 1

    def join(self, a: int, b: int) -> None:
        """Make one group of two, unless it would hold two instances of one window."""
        a, b = sorted((self._root_of(a), self._root_of(b)))
        if a == b:
            return
        mine = self._held.get(a) or {self.window_of(a): a}
        other = self._held.get(b) or {self.window_of(b): b}
        if not mine.keys().isdisjoint(other.keys()):
            return
        # the smaller into the larger: a road through many windows grows by one window at a time
        large, small = (mine, other) if len(mine) >= len(other) else (other, mine)
        large.update(small)
        self._parents[b] = a
        self._held.pop(b, None)
        self._held[a] = large

    def holds(self, number: int, window: int) -> bool:
        """Whether the group of an instance has a member in a window; before `choose_views` only."""
        root = self._root_of(number)
        return window in (self._held.get(root) or {self.window_of(root): root})

    def is_alone(self, number: int) -> bool:
        """Whether an instance is linked with no other; before `choose_views` only."""
        return self._root_of(number) not in self._held

    def choose_views(self) -> None:
        """After the last link: choose the instances that each object is taken from.

        An object that a window saw whole is that window's instance, the one with the best score;
        any other object is stitched from all its instances.
        """
        for by_window in self._held.values():
            kept = sorted(m for m in by_window.values() if m not in self.left_out)
            if len(kept) < LEAST:
                continue
            whole = [m for m in kept if not self.is_cut[m]]
            self.members.extend(kept)
            self.sizes.append(len(kept))
            # the best score; of equal ones the first
            best = max(whole, key=lambda m: (self._scores[m], -m)) if whole else -1
            self.views.append(best)
        self._held.clear()
        self._parents.clear()
        self._scores = array("d")
        self._index()

    def take_groups(
        self,
        members: npt.NDArray[np.int64],
        sizes: npt.NDArray[np.int64],
        views: npt.NDArray[np.int64],
    ) -> None:
        """Add groups of several instances that were decided elsewhere; after `choose_views`.

        Args:
            members: Numbers of the instances, one group after the other, ascending in each.
            sizes: Number of instances of each group.
            views: For each group the instance that is the whole object, or -1.
        """
        for flat, more in ((self.members, members), (self.sizes, sizes), (self.views, views)):
            flat.extend(array("q", more.astype(np.int64).tobytes()))
        self._index()

    def completed_in(self, first: int, stop: int) -> Iterator[Group]:
        """The groups whose objects are complete in the windows `first` to `stop`, ascending."""
        for number in range(self.offsets[first], self.offsets[stop]):
            group = self.group_using(number)
            if group is not None and group.last == number:
                yield group

    def part(self, windows: Sequence[int], kept: Sequence[Group]) -> Groups:
        """Some groups over some windows, which are numbered anew, and so are their instances.

        Args:
            windows: Numbers of the windows, ascending; every instance of `kept` lies in one.
            kept: The groups; all other instances are left out.
        """
        offsets, numbers = np.asarray(self.offsets), np.array(windows, dtype=np.int64)
        starts = offsets[numbers]
        counts = offsets[numbers + 1] - starts
        own = np.concatenate([[0], np.cumsum(counts)])
        # where the instances of each window begin here, seen from their numbers there
        moved = own[:-1] - starts

        def numbered(members: Sequence[int]) -> npt.NDArray[np.int64]:
            there = np.array(members, dtype=np.int64)
            return np.asarray(there + moved[np.searchsorted(starts, there, side="right") - 1])

        is_cut = np.asarray(self.is_cut)
        each = [is_cut[start : start + count] for start, count in zip(starts, counts, strict=True)]
        none = np.zeros(0, dtype=np.uint8)
        some = Groups.numbered(own, np.concatenate([none, *each]), np.zeros(0))
        several = [group for group in kept if len(group.members) >= LEAST]
        members = [number for group in several for number in group.members]
        chosen = [group.chosen if group.chosen >= 0 else group.members[0] for group in several]
        views = np.where([group.chosen >= 0 for group in several], numbered(chosen), -1)
        sizes = np.array([len(group.members) for group in several], dtype=np.int64)
        some.take_groups(numbered(members), sizes, views)
        taken = numbered([number for group in kept for number in group.members])
        some.left_out = set(range(int(own[-1]))) - set(taken.tolist())
        return some

    def _index(self) -> None:
        """Make the index from an instance to its group."""
        sizes, flat = np.asarray(self.sizes), np.asarray(self.members)
        order = np.argsort(flat)
        owner = np.repeat(np.arange(len(sizes)), sizes)
        self._starts, self._linked, self._group_of = (
            array("q", np.asarray(found, dtype=np.int64).tobytes())
            for found in (np.concatenate([[0], np.cumsum(sizes)]), flat[order], owner[order])
        )

    def group_using(self, number: int) -> Group | None:
        """The group whose object has pixels of an instance, None where no object has."""
        if number in self.left_out:
            return None
        at = bisect_left(self._linked, number)
        if at == len(self._linked) or self._linked[at] != number:
            return Group((number,), number)
        n = self._group_of[at]
        if self.views[n] not in {-1, number}:
            return None
        return self._known.get(n) or self._made(n)

    def _made(self, n: int) -> Group:
        """One of the groups of several instances; a large one is made once."""
        group = Group(tuple(self.members[self._starts[n] : self._starts[n + 1]]), self.views[n])
        if len(group.members) >= MANY:
            self._known[n] = group
        return group

    def cut_groups(self) -> Iterator[Group]:
        """Objects that no window saw whole, in the order of the last instance that they need."""
        for number, is_cut in enumerate(self.is_cut):
            # of an object that is stitched together, all members are cut
            group = self.group_using(number) if is_cut else None
            if group is not None and group.last == number:
                yield group

    def members_of(self, group: Group) -> tuple[tuple[int, int], ...]:
        """The members of a group as (window, number within that window)."""
        windows = [self.window_of(member) for member in group.members]
        return tuple(
            (n, member - self.offsets[n]) for n, member in zip(windows, group.members, strict=True)
        )

    def _root_of(self, number: int) -> int:
        """Number that stands for the whole group of an instance: that of its first member."""
        parents, root = self._parents, number
        while root in parents:
            root = parents[root]
        while number != root:
            parents[number], number = root, parents[number]
        return root

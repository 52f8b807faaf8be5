"""Groups: which instances of all windows are one object, in a few bytes an instance."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, MutableSequence


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
    """Union-find over the instances of all windows, which are numbered through.

    Most instances lie in one window and stay by themselves: they take 17 bytes each, so that a
    raster of millions of objects is linked in memory. Only groups of several instances have more.
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
    _parents: MutableSequence[int] = field(init=False, default_factory=lambda: array("q"))
    _scores: MutableSequence[float] = field(init=False, default_factory=lambda: array("d"))
    _held: dict[int, dict[int, int]] = field(init=False, default_factory=dict)
    """Window to instance, for each group of several instances by its root."""
    _chosen: dict[int, Group] = field(init=False, default_factory=dict)
    """Groups of several instances by their roots, once `choose_views` has been called."""

    def add_window(self, instances: Iterable[tuple[bool, float]]) -> None:
        """Number the instances of the next window.

        Args:
            instances: Whether each one is cut by its window's edge, and its score.
        """
        for is_cut, score in instances:
            self._parents.append(len(self._parents))
            self.is_cut.append(is_cut)
            self._scores.append(score)
        self.offsets.append(len(self._parents))

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
        for root, by_window in self._held.items():
            kept = tuple(sorted(m for m in by_window.values() if m not in self.left_out))
            whole = [m for m in kept if not self.is_cut[m]]
            # the best score; of equal ones the first
            best = max(whole, key=lambda m: (self._scores[m], -m)) if whole else -1
            self._chosen[root] = Group(kept, kept[0] if len(kept) == 1 else best)
        self._held.clear()

    def group_using(self, number: int) -> Group | None:
        """The group whose object has pixels of an instance, None where no object has."""
        if number in self.left_out:
            return None
        group = self._chosen.get(self._root_of(number))
        if group is None:
            return Group((number,), number)
        return group if group.chosen in {-1, number} else None

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
        parents = self._parents
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

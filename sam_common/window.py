"""Window: an n-dimensional half-open box of array indices.

A tile of a raster (row, col) and a block of a volume (k, j, i) are the same class.

```
index   0  1  2  3  4  5  6  7  8  9
              [--------)              Window((2,), (5,)): indices 2, 3 and 4
```
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sam_common.errors import GeometryError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open index box `start <= index < stop` in array axis order.

    Laws:
        `a.intersect(b) == b.intersect(a)`
        `a.shift(offset).shift([-o for o in offset]) == a`
        `a.within(b).shift(b.start) == a`
        `a.union(b).contains(a) and a.union(b).contains(b)`
    """

    start: tuple[int, ...]
    """First index of each axis, e.g. (row, col) or (k, j, i)."""
    stop: tuple[int, ...]
    """One past the last index of each axis."""

    def __post_init__(self) -> None:
        if len(self.start) != len(self.stop) or not self.start:
            raise GeometryError(
                f"start and stop must have the same length of at least 1, "
                f"got {self.start} and {self.stop}"
            )
        # integers of numpy would print and serialise differently from those of Python
        object.__setattr__(self, "start", tuple(int(v) for v in self.start))
        object.__setattr__(self, "stop", tuple(int(v) for v in self.stop))
        if any(e <= s for s, e in zip(self.start, self.stop, strict=True)):
            raise GeometryError(f"shape must be positive, got start {self.start} stop {self.stop}")

    @classmethod
    def full(cls, shape: Sequence[int]) -> Window:
        """The window of a whole array of this shape."""
        return cls((0,) * len(shape), tuple(shape))

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of samples along each axis."""
        return tuple(e - s for s, e in zip(self.start, self.stop, strict=True))

    @property
    def slices(self) -> tuple[slice, ...]:
        """The window as slices, to index an array: `array[window.slices]`."""
        return tuple(slice(s, e) for s, e in zip(self.start, self.stop, strict=True))

    def shift(self, offset: Sequence[int]) -> Window:
        """The window moved by `offset` samples along each axis."""
        return Window(
            tuple(s + o for s, o in zip(self.start, offset, strict=True)),
            tuple(e + o for e, o in zip(self.stop, offset, strict=True)),
        )

    def within(self, outer: Window) -> Window:
        """This window in the indices of an array that covers `outer`, as a crop of an image does.

        >>> Window((5, 6), (7, 9)).within(Window((4, 4), (9, 9)))
        Window(start=(1, 2), stop=(3, 5))
        """
        return self.shift([-s for s in outer.start])

    def expand(self, margin: int) -> Window:
        """The window with `margin` samples more on every side; its start may be negative."""
        return Window(
            tuple(s - margin for s in self.start),
            tuple(e + margin for e in self.stop),
        )

    def intersect(self, other: Window) -> Window | None:
        """The intersection with another window, or None where the two are disjoint.

        >>> Window((0, 0), (4, 4)).intersect(Window((2, 3), (9, 9)))
        Window(start=(2, 3), stop=(4, 4))
        >>> Window((0,), (4,)).intersect(Window((4,), (8,))) is None
        True
        """
        start = tuple(max(a, b) for a, b in zip(self.start, other.start, strict=True))
        stop = tuple(min(a, b) for a, b in zip(self.stop, other.stop, strict=True))
        if any(e <= s for s, e in zip(start, stop, strict=True)):
            return None
        return Window(start, stop)

    def union(self, other: Window) -> Window:
        """The smallest window that contains this and another window."""
        return Window(
            tuple(min(a, b) for a, b in zip(self.start, other.start, strict=True)),
            tuple(max(a, b) for a, b in zip(self.stop, other.stop, strict=True)),
        )

    def contains(self, other: Window) -> bool:
        """Whether every index of another window lies in this window."""
        return all(a <= b for a, b in zip(self.start, other.start, strict=True)) and all(
            a >= b for a, b in zip(self.stop, other.stop, strict=True)
        )

"""Misregistration: how much of a change could come from maps that lie a little beside each other.

Two maps of one unchanged place disagree along the borders of their classes where one of them lies
beside the other. What a map says when it is moved by a vector `s = (rows, cols)` follows from the
map itself, whose pixels are squares: of a pixel x, the share

```
w_k(s) = (1 - |s_row - k_row|) (1 - |s_col - k_col|)
```

comes to lie on the pixel `x + k`, for the four whole-pixel steps k around s. So half a pixel to the
right gives class j to one half of a pixel of class i that has j at its right; half a pixel down and
to the right, to a quarter for each of its right, lower and diagonal neighbours that is j. With
`a(x)` the area of a pixel,

```
M_ij(s) = sum over { x : class(x) = i }  a(x)  sum over { k : class(x + k) = j }  w_k(s)
```

is exactly the area of class i that lies on class j of the moved map: half of what a whole pixel
gives along upright borders, for half a pixel to the right. A map that is sampled at nearest pixels
shows a border moved by a whole pixel or not at all, depending on where the grid lies; `M` is the
mean over all places of the grid.

Not every change can be such a one. If nothing changed, and the second map is the first one moved
by k, then `after(x) = before(x + k)` and `before(x) = after(x - k)` for every pixel. Of the pixels
that changed from i to j only those fit s for which both hold with one of the k around s; `O_ij(s)`
is their area. A clearing in the middle of a forest does not fit: it has no field beside it before.
Nor does a pond that vanished: it has no water beside it after. Nor does a strip that is wider than
the move. What a move could explain is what fits, but no more than it would change,

```
explained_ij(s) = sum over G of  min( O_ij(s, G), M_ij(s, G) )
```

where G are upright, level and slanting borders (j at the step across but not at the one down, the
other way round, all else): changes along one kind are not explained by borders of another. `M` and
G are taken from the first map, and from the second one moved back; the lesser sum counts. Then

```
explained_ij = greatest explained_ij(s) over all s that are possible
explained    = greatest sum over i, j of explained_ij(s)
```

The last is of all changes together: one vector for the whole map, so it may be less than the sum
over the pairs.

Possible are vectors of up to R pixels along each axis (`misregistration`, half a pixel where
nothing better is known), beside the distance that the centres of compared pixels have anyway
(`CommonGrid.offset`): with its mean m and mean deviation d along an axis, from `m - d - R` to
`m + d + R`. `M` is linear between whole pixels, so the ends and the whole pixels between them are
looked at, in all combinations of both axes: on one grid, the four moves along the axes and the four
diagonal ones.

Laws:
    Both maps exchanged: `explained_ij` becomes `explained_ji`.
    A map and itself moved by d pixels along an axis: `explained / changed` is 1 where `R >= d`, but
    for the margin of the map and for what is thinner than a pixel; about `R / d` for d up to 1.
    No pair has more explained than changed, and none has any where R and the offset are 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from sam_geo.comparison.moves import back, margin_of, seen, steps_of, weights_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_geo.comparison.moves import Shift, Step

    FloatArray: TypeAlias = npt.NDArray[np.float64]
    IntArray: TypeAlias = npt.NDArray[np.int64]
    Codes: TypeAlias = npt.NDArray[np.int16]

KINDS = 3
"""Kinds of borders: level ones, those that run slantwise, upright ones."""


@dataclass(slots=True, eq=False)
class _Sums:
    """Areas by the kind of border, the class i and the class j; they grow with the classes."""

    areas: FloatArray = field(default_factory=lambda: np.zeros((KINDS, 0, 0)))
    """(KINDS, K, K)."""

    def add(self, kinds: IntArray, pairs: tuple[Codes, Codes], area: FloatArray) -> None:
        """Add the areas (N,) of pixels, each with its kind and its classes i and j."""
        if not len(area):
            return
        more = max(0, int(max(part.max() for part in pairs)) + 1 - self.areas.shape[1])
        if more:
            self.areas = np.pad(self.areas, ((0, 0), (0, more), (0, more)))
        place = np.ravel_multi_index((kinds, *pairs), self.areas.shape)
        sums = np.bincount(place, area, minlength=self.areas.size)
        self.areas += sums.reshape(self.areas.shape)

    def of(self, classes: int) -> FloatArray:
        """(KINDS, classes, classes) areas."""
        more = classes - self.areas.shape[1]
        return np.pad(self.areas, ((0, 0), (0, more), (0, more)))


@dataclass(slots=True, eq=False)
class _Move:
    """The sums of one vector: `M` and `o` of the first map, and of the second one moved back."""

    shift: Shift
    weights: dict[Step, float] = field(init=False)
    """The whole-pixel steps around the vector, but for none at all."""
    across: int | None = None
    """Which of the steps goes across only, where the vector goes both down and across."""
    down: int | None = None
    """Which of the steps goes down only."""
    moved: tuple[_Sums, _Sums] = field(default_factory=lambda: (_Sums(), _Sums()))
    """`M_ij(s, G)` of both maps."""
    fitting: tuple[_Sums, _Sums] = field(default_factory=lambda: (_Sums(), _Sums()))
    """`o_ij(s, G)` of both maps."""

    def __post_init__(self) -> None:
        weights = weights_of(self.shift)
        rows, cols = (sorted({step[n] for step in weights}, key=abs) for n in (0, 1))
        weights.pop((0, 0), None)
        self.weights = weights
        if len(rows) == len(cols) == 2:  # noqa: PLR2004
            steps = list(weights)
            self.across = steps.index((rows[0], cols[1]))
            self.down = steps.index((rows[1], cols[0]))

    def add(self, n: int, own: Codes, others: list[Codes], where: _Where) -> None:
        """Add the pixels of a window that have another class beside them.

        Args:
            n: 0 for the first map, 1 for the second.
            own: (N,) classes of the map.
            others: (N,) classes of the map at each step; -1 is none.
            where: Areas, what fits, and the classes of the other map.
        """
        steps = list(self.weights.values())
        for first, other in enumerate(others):
            at = np.flatnonzero((own != other) & (own >= 0) & (other >= 0))
            for earlier in others[:first]:  # this class of this pixel was met at an earlier step
                at = at[earlier[at] != other[at]]
            there = [one[at] == other[at] for one in others]
            share = sum(weight * one for weight, one in zip(steps, there, strict=True))
            kinds = np.zeros(len(at), dtype=np.int64)
            if self.across is not None and self.down is not None:
                kinds = there[self.across].astype(np.int64) - there[self.down] + 1
            pair = own[at], other[at]
            fit = where.fits[at] & (where.changed_to[at] == other[at])
            i, j = pair if n == 0 else pair[::-1]
            self.moved[n].add(kinds, (i, j), where.area[at] * share)
            self.fitting[n].add(kinds[fit], (i[fit], j[fit]), where.area[at][fit])

    def explained(self, classes: int) -> FloatArray:
        """(K, K) areas from class to class that this vector could explain."""
        first, second = (
            np.minimum(fitting.of(classes), moved.of(classes)).sum(axis=0)
            for moved, fitting in zip(self.moved, self.fitting, strict=True)
        )
        lesser: FloatArray = np.minimum(first, second)
        return lesser


@dataclass(frozen=True, slots=True, eq=False)
class _Where:
    """The pixels of a window, row by row."""

    area: FloatArray
    """(N,) areas."""
    fits: npt.NDArray[np.bool_]
    """(N,) whether each changed as if the map had been moved."""
    changed_to: Codes
    """(N,) class in the other map."""


@dataclass(slots=True, eq=False)
class Borders:
    """Sums over both maps, window by window, of what moves along their borders.

    Memory goes by the number of vectors and the squared number of classes.
    """

    shifts: list[Shift]
    """Vectors that are possible."""
    _moves: list[_Move] = field(init=False)

    def __post_init__(self) -> None:
        self._moves = [_Move(shift) for shift in self.shifts]

    @property
    def margin(self) -> int:
        """Pixels around a window that have to be known."""
        return margin_of(self.shifts)

    def add(self, before: Codes, after: Codes, areas: FloatArray) -> None:
        """Add a window.

        Args:
            before: (h + 2m, w + 2m) classes of the first map in the window and `margin` pixels m
                around it, from 0; -1 where one of the maps has none.
            after: Those of the second map.
            areas: (h, w) areas of the pixels of the window.
        """
        steps = steps_of(self.shifts)
        one, two = (seen(part, (0, 0), self.margin) for part in (before, after))
        ahead = {step: seen(before, step, self.margin) for step in steps}
        behind = {step: seen(after, back(step), self.margin) for step in steps}
        # only along borders there is anything to see
        edge = np.zeros(areas.shape, dtype=np.bool_)
        for step in steps:
            edge |= (ahead[step] != one) | (behind[step] != two)
        edge &= one >= 0
        one, two, area = one[edge], two[edge], areas[edge]
        ahead = {step: there[edge] for step, there in ahead.items()}
        behind = {step: there[edge] for step, there in behind.items()}
        fits = {step: (ahead[step] == two) & (behind[step] == one) & (one != two) for step in steps}
        for move in self._moves:
            fit = np.logical_or.reduce([fits[step] for step in move.weights])
            first = [ahead[step] for step in move.weights]
            second = [behind[step] for step in move.weights]
            move.add(0, one, first, _Where(area, fit, two))
            move.add(1, two, second, _Where(area, fit, one))

    def explained(self, classes: int) -> tuple[FloatArray, float]:
        """Area of each change that a move could explain, and that of all changes together.

        Args:
            classes: Number of classes, K.

        Returns:
            (K, K) areas from class (row) to class (column); the greatest sum for one vector.
        """
        found = [move.explained(classes) for move in self._moves]
        nothing = np.zeros((classes, classes))
        total = max((math.fsum(each.ravel()) for each in found), default=0.0)
        return np.maximum.reduce([nothing, *found]), total

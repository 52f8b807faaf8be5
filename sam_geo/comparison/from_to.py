"""FromTo: the areas that went from each class of one map to each class of another."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from sam_common.errors import InputError
from sam_common.tiled_job.progress import silent
from sam_geo.class_maps.pixel_area import pixel_areas
from sam_geo.comparison.class_names import ClassNames
from sam_geo.comparison.common_grid import SIDE
from sam_geo.comparison.misregistration import Borders
from sam_geo.comparison.moves import HALF_A_PIXEL, possible_shifts

COARSE_PX = 0.4
"""Mean distance of the centres along an axis, in pixels of the first map, from which the second one
is called coarser: that of pixels of more than one and a half times the size."""

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_common.tiled_job.progress import Progress
    from sam_common.window import Window
    from sam_geo.comparison.common_grid import CommonGrid

    FloatArray: TypeAlias = npt.NDArray[np.float64]
    IntArray: TypeAlias = npt.NDArray[np.int64]
    Codes: TypeAlias = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Pair:
    """A change from one class to another."""

    before: str
    """Class in the first map."""
    after: str
    """Class in the second map, another one."""
    pixels: int
    area: float
    """True area in square metres; in pixels where the maps have no reference system."""
    explained: float
    """Area of it that misregistration alone could explain."""

    @property
    def share(self) -> float:
        """Share that misregistration alone could explain, 0 to 1."""
        return min(1.0, self.explained / self.area)


@dataclass(frozen=True, slots=True, eq=False)
class FromTo:
    """Areas from class to class on the pixels that have a class in both maps."""

    names: tuple[str, ...]
    """(K,) classes that either map has there, by their values in the first map."""
    before: tuple[int | None, ...]
    """(K,) value of each class in the first map; None where that does not have it there."""
    after: tuple[int | None, ...]
    """(K,) the same of the second map."""
    pixels: IntArray
    """(K, K) pixels from class (row) to class (column)."""
    areas: FloatArray
    """(K, K) true areas in square metres; in pixels where the maps have no reference system."""
    explained: FloatArray
    """(K, K) areas that misregistration alone could explain; 0 on the diagonal."""
    explained_total: float
    """Area that misregistration alone could explain of all changes together."""
    notes: tuple[str, ...]
    """What a user should know of classes and grids, one sentence each."""

    @property
    def compared(self) -> float:
        """Area of all pixels that have a class in both maps."""
        return math.fsum(self.areas.ravel())

    @property
    def changed(self) -> float:
        """Area of all changes."""
        return math.fsum(self.areas[~np.eye(len(self.names), dtype=np.bool_)])

    @property
    def explained_share(self) -> float:
        """Share of all changes that misregistration alone could explain; 0 where there is none."""
        return min(1.0, self.explained_total / self.changed) if self.changed else 0.0

    @property
    def pairs(self) -> list[Pair]:
        """The changes, the largest area first."""
        found = [
            Pair(
                self.names[i],
                self.names[j],
                int(self.pixels[i, j]),
                float(self.areas[i, j]),
                # sums of the same areas in another order
                float(min(self.explained[i, j], self.areas[i, j])),
            )
            for i, j in zip(*np.nonzero(self.pixels), strict=True)
            if i != j
        ]
        return sorted(found, key=lambda pair: (-pair.area, pair.before, pair.after))


@dataclass(slots=True, eq=False)
class _Tally:
    """Pixels and areas by class of the first and of the second map; they grow with the classes."""

    pixels: IntArray = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int64))
    areas: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))

    def add(self, before: Codes, after: Codes, areas: FloatArray, classes: int) -> None:
        """Add the pixels (h, w) of a window; classes are below `classes`, -1 is none."""
        more = classes - len(self.pixels)
        self.pixels = np.pad(self.pixels, (0, more))
        self.areas = np.pad(self.areas, (0, more))
        at = before >= 0
        place, size = before[at].astype(np.int64) * classes + after[at], classes**2
        self.pixels += np.bincount(place, minlength=size).reshape(classes, classes)
        self.areas += np.bincount(place, areas[at], minlength=size).reshape(classes, classes)


def count_changes(
    grid: CommonGrid,
    *,
    misregistration: float = HALF_A_PIXEL,
    side: int = SIDE,
    progress: Progress = silent,
) -> tuple[FromTo, ClassNames]:
    """Compare two maps pixel by pixel, in one pass.

    Args:
        grid: The maps.
        misregistration: Distance in pixels along each axis by which they may lie beside each other.
        side: Pixels on a side of the windows; the result is the same.
        progress: Called with a description and the number of windows.

    Returns:
        The areas, and the classes of both maps, sorted as the areas are.

    Raises:
        InputError: No pixel has a class in both maps, the maps have no class in common, a value is
            no class, or a map cannot be read.
    """
    borders = Borders(possible_shifts(grid.offset, misregistration))
    names, tally = ClassNames(grid.before, grid.after), _Tally()
    measure = pixel_areas(grid.before.source.crs, grid.before.source.frame)
    windows = list(grid.windows(side))
    with progress("comparing the maps", len(windows)) as done:
        for window in windows:
            before, after = coded(grid, names, window, borders.margin)
            areas, inner = measure(window), _inner(borders.margin)
            tally.add(before[inner], after[inner], areas, len(names.names))
            borders.add(before, after, areas)
            done(1)
    if not tally.pixels.any():
        raise InputError(
            f"{grid.before.source.path} and {grid.after.source.path} do not overlap: no pixel has "
            f"a class in both maps"
        )
    names.check()
    explained, total = borders.explained(len(names.names))
    order = names.order()
    sort = np.ix_(order, order)
    names.sort()
    found = FromTo(
        tuple(names.names),
        tuple(names.values[0].get(name) for name in names.names),
        tuple(names.values[1].get(name) for name in names.names),
        tally.pixels[sort],
        tally.areas[sort],
        explained[sort],
        total,
        (*names.notes(), *_grid_notes(grid)),
    )
    return found, names


def _grid_notes(grid: CommonGrid) -> list[str]:
    """A sentence on the sizes of the pixels, where these make borders differ."""
    if max(grid.offset.spread) < COARSE_PX:
        return []
    before, after = grid.before.source.path, grid.after.source.path
    told = (
        f"the pixels of {after} are larger than those of {before}, which shows as change along all "
        f"borders: compare them the other way round, and exchange from and to"
    )
    return [told]


def coded(
    grid: CommonGrid, names: ClassNames, window: Window, margin: int = 0
) -> tuple[Codes, Codes]:
    """The classes of both maps in a window and some pixels around it.

    Args:
        grid: The maps.
        names: Their classes; new ones are added.
        window: (row, col) of the first map.
        margin: Pixels around it.

    Returns:
        Two arrays (h + 2 margin, w + 2 margin) of indices of classes; -1 where one of the maps has
        none, or beyond the extent.
    """
    outer = window.expand(margin)
    shared = outer.intersect(grid.extent)
    before, after = (np.full(outer.shape, -1, dtype=np.int16) for _ in range(2))
    if shared is not None:
        pixels = grid.read(shared)
        at = shared.within(outer).slices
        before[at] = names.codes(0, pixels.before, pixels.valid)
        after[at] = names.codes(1, pixels.after, pixels.valid)
    return before, after


def _inner(margin: int) -> tuple[slice, slice]:
    """A window without its margin."""
    part = slice(margin, -margin or None)
    return part, part

"""Polygons of change: connected pixels that went from one class to another, as a table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import geopandas
import numpy as np
import pandas as pd

from sam_common.tiled_job.progress import silent
from sam_geo.class_maps.class_map import ClassMap
from sam_geo.class_maps.partition import BATCH, placed
from sam_geo.class_maps.pieces import traced_pieces
from sam_geo.comparison.from_to import coded
from sam_geo.comparison.moves import fitting, margin_of, possible_shifts

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from sam_common.tiled_job.progress import Progress
    from sam_common.window import Window
    from sam_geo.class_maps.pieces import Pieces
    from sam_geo.comparison.class_names import ClassNames
    from sam_geo.comparison.common_grid import CommonGrid

    FloatArray: TypeAlias = npt.NDArray[np.float64]
    IntArray: TypeAlias = npt.NDArray[np.int64]
    BoolArray: TypeAlias = npt.NDArray[np.bool_]

COLUMNS = (
    "id",
    "from",
    "to",
    "area_m2",
    "pixels",
    "p_from",
    "p_from_min",
    "p_to",
    "p_to_min",
    "misreg",
    "geometry",
)
"""Columns of the table, in order."""


@dataclass(slots=True)
class PolygonCounts:
    """How many polygons of change there are."""

    written: int = 0
    left_out: int = 0
    """Those that were smaller than asked for."""
    left_out_area: float = 0.0
    """Their area in square metres; in pixels where the maps have no reference system."""


@dataclass(frozen=True, slots=True)
class Least:
    """The smallest polygon that is wanted."""

    area_m2: float = 0.0
    """Area in square metres; in pixels where the maps have no reference system."""
    pixels: int = 1

    def keeps(self, pieces: Pieces) -> BoolArray:
        """(N,) whether pieces are large enough."""
        found = pieces.figures
        return (found.area_m2 >= self.area_m2) & (found.pixels >= self.pixels)


@dataclass(frozen=True, slots=True, eq=False)
class _ChangeMap(ClassMap):
    """The change as a class map: a class is a pair of classes, and what stayed has none."""

    grid: CommonGrid
    classes: ClassNames

    def windows(self) -> Iterator[Window]:
        """Windows (row, col) that cover the extent of both maps, row by row, without overlap."""
        return self.grid.windows()

    def read(self, window: Window) -> tuple[IntArray, BoolArray]:
        """(h, w) pairs as `i * K + j` for a change from class i to class j, and where one is."""
        before, after = (part.astype(np.int64) for part in coded(self.grid, self.classes, window))
        return before * len(self.classes.names) + after, before != after


def change_tables(
    grid: CommonGrid,
    names: ClassNames,
    counts: PolygonCounts,
    *,
    misregistration: float,
    least: Least | None = None,
    progress: Progress = silent,
) -> Iterator[geopandas.GeoDataFrame]:
    """Tables of the polygons of change, a thousand at a time; at least one, which may be empty.

    A polygon is a piece of pixels that touch along edges and went from one class to one other,
    along the edges of the pixels, whatever the windows. Memory is bounded by a window and about two
    hundred bytes for each polygon.

    Args:
        grid: Both maps.
        names: Their classes, all of them known already.
        counts: What is written and left out is counted here.
        misregistration: Pixels along each axis by which the maps may lie beside each other.
        least: The smallest polygon that is wanted.
        progress: Called with a description and the number of windows.

    Yields:
        Tables with the columns `COLUMNS`, in the order of the first pixels, numbered from 1 in
        `id`: the classes `from` and `to`; the true area (NaN without a reference system); the
        number of pixels; mean and least probability of the class in the first map, `p_from` and
        `p_from_min`, and in the second, `p_to` and `p_to_min`, 0 to 1 (NaN where a map has none);
        and `misreg`, the share of the pixels that changed as if one map had been moved.

    Raises:
        InputError: A map cannot be read.
        GeometryError: Pixels are too small for coordinates of the reference system.
    """
    shifts = possible_shifts(grid.offset, misregistration)
    margin = margin_of(shifts)

    def layers(window: Window) -> FloatArray:
        nothing = np.full(window.shape, np.nan)
        first, second = grid.probabilities(window)
        fits = fitting(*coded(grid, names, window, margin), shifts)
        return np.stack(
            [nothing if first is None else first, nothing if second is None else second, fits]
        )

    change = _ChangeMap(grid.before.source, None, False, grid, names)
    with traced_pieces(change, 0.0, progress, layers=layers) as pieces:
        kept = (least or Least()).keeps(pieces)
        counts.left_out = int((~kept).sum())
        counts.left_out_area = math.fsum(pieces.figures.area_m2[~kept])
        for first in range(0, max(1, int(kept.sum())), BATCH):
            which = np.flatnonzero(kept)[first : first + BATCH]
            table = _table(which, pieces, change)
            table.insert(0, "id", np.arange(first + 1, first + 1 + len(which), dtype=np.int64))
            counts.written += len(which)
            yield table


def _table(which: IntArray, pieces: Pieces, change: _ChangeMap) -> geopandas.GeoDataFrame:
    """The table of the pieces at some positions, without their numbers."""
    figures = pieces.figures.at(which)
    names = change.classes.names
    before, after = np.divmod(figures.value, len(names))
    crs = change.source.crs
    # digits beyond these come from the order of sums, and some formats do not keep them
    area = np.round(figures.area_m2, 4)
    means, least = np.round(pieces.means[which], 6), np.round(pieces.least[which], 6)
    columns = {
        "from": pd.Series([names[n] for n in before.tolist()], dtype=object),
        "to": pd.Series([names[n] for n in after.tolist()], dtype=object),
        "area_m2": np.full(len(which), np.nan) if crs is None else area,
        "pixels": figures.pixels,
        "p_from": means[:, 0],
        "p_from_min": least[:, 0],
        "p_to": means[:, 1],
        "p_to_min": least[:, 1],
        "misreg": means[:, 2],
    }
    shapes = placed(which, pieces, change) if len(which) else np.empty(0, dtype=object)
    return geopandas.GeoDataFrame(columns, geometry=shapes, crs=crs)

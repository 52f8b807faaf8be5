"""Placed shapes: rows of a vector file whose shapes lie on a raster, in its indices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from sam_geo.prompt_files.read import read_table
from sam_geo.prompts.placement import check_doubt, into_indices

if TYPE_CHECKING:
    import os

    import numpy.typing as npt

    from sam_geo.prompt_files.table import PromptTable, Wanted
    from sam_geo.raster.source import RasterSource

    Shapes = npt.NDArray[np.object_]

AREAS = frozenset({int(shapely.GeometryType.POLYGON), int(shapely.GeometryType.MULTIPOLYGON)})
"""Kinds of geometries that have an area."""
POINTS = frozenset({int(shapely.GeometryType.POINT), int(shapely.GeometryType.MULTIPOINT)})
"""Kinds of geometries that are places."""


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Rows of a file that lie on a raster."""

    table: PromptTable
    """These rows, which keep their numbers in the file."""
    shapes: Shapes
    """(N,) their shapes in raster indices, x before y."""
    read: int
    """Number of rows of the file."""

    def __len__(self) -> int:
        return len(self.shapes)


def read_placed(
    path: str | os.PathLike[str],
    grid: RasterSource,
    wanted: Wanted,
    kinds: frozenset[int] = AREAS,
    *,
    layer: str | None = None,
    crs: str | None = None,
) -> Placed:
    """Read the rows of a file whose shapes are of some kinds and lie on a raster.

    Args:
        path: Any vector file, GeoParquet or CSV that the suite reads.
        grid: The raster.
        wanted: What it is read for.
        kinds: Kinds of geometries, as shapely numbers them.
        layer: Layer of a vector file that has several.
        crs: Reference system of the coordinates, over what the file says.

    Returns:
        The rows that count, which may be none.

    Raises:
        InputError: There is no such file.
        PromptError: The file cannot be read or placed.
    """
    table = read_table(path, wanted, layer=layer)
    check_doubt(table, crs)
    shapes = into_indices(table, grid, crs=crs)
    rows = on_raster(shapes, grid.size_hw, kinds)
    return Placed(table.kept(rows), shapes[rows], len(shapes))


def on_raster(shapes: Shapes, size_hw: tuple[int, int], kinds: frozenset[int]) -> list[int]:
    """Positions of the shapes of some kinds that touch a raster.

    Args:
        shapes: (N,) geometries or None, in raster indices.
        size_hw: Rows and columns of the raster.
        kinds: Kinds of geometries, as shapely numbers them.
    """
    height, width = size_hw
    extent = shapely.box(-0.5, -0.5, width - 0.5, height - 0.5)
    return [
        n
        for n, shape in enumerate(shapes)
        if shape is not None
        and shapely.get_type_id(shape) in kinds
        and np.isfinite(shapely.bounds(shape)).all()
        and shapely.box(*shapely.bounds(shape)).intersects(extent)
    ]

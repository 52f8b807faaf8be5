"""Partition: a class map as polygons that share their edges, by piece or by class."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import geopandas
import numpy as np
import pandas as pd
import shapely

from sam_common.errors import GeometryError, InputError
from sam_common.tiled_job.progress import silent
from sam_geo.class_maps.pieces import traced_pieces
from sam_geo.raster.frame import affine_from_frame
from sam_geo.tables.write import check_table_output, table_writer

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    import numpy.typing as npt

    from sam_common.tiled_job.progress import Progress
    from sam_geo.class_maps.class_map import ClassMap
    from sam_geo.class_maps.pieces import Figures, Pieces

    Shapes: TypeAlias = npt.NDArray[np.object_]
    IntArray: TypeAlias = npt.NDArray[np.int64]
    FloatArray: TypeAlias = npt.NDArray[np.float64]

By: TypeAlias = Literal["object", "class"]
"""What has a row: each connected piece of a class, or each class."""
BATCH = 1000
"""Pieces whose polygons are made at a time."""
PIXEL_TOLERANCE = 1.0
"""Tolerance of simplification in pixels where none is given: the stairs of slanted edges go, which
are made of triangles of half a pixel."""
DECIMALS = 9
"""Decimals of areas: sums in another order differ in later ones."""


@dataclass(frozen=True, slots=True)
class PartitionOptions:
    """What the polygons of a class map are, and how much they are simplified.

    Raises:
        InputError: The tolerance is negative or not finite.
    """

    by: By = "object"
    """`object`: a Polygon for each piece, in the order of first pixels, row by row. `class`: a
    MultiPolygon for each class, in the order of values."""
    tolerance: float | None = None
    """Square root of the area of the triangles that are cut off (Visvalingam and Whyatt 1993), in
    units of the map's reference system; about a pixel where None, 0 for the edges of pixels."""

    def __post_init__(self) -> None:
        given = self.tolerance
        if given is not None and not (math.isfinite(given) and given >= 0):
            raise InputError(
                f"the tolerance of polygons must be a finite number from 0 up, got {given}"
            )


def write_partition(
    classes: ClassMap,
    path: str | os.PathLike[str],
    options: PartitionOptions,
    *,
    overwrite: bool = False,
    layer: str | None = None,
    progress: Progress = silent,
) -> int:
    """Write the polygons of a class map to a vector file, see `partition_tables`.

    Args:
        classes: The open map.
        path: The file; its suffix chooses the format, see `table_writer`.
        options: What has a row, and the tolerance of simplification.
        overwrite: Whether an existing file, or layer of a GeoPackage, may be replaced.
        layer: Layer of a GeoPackage; the name of the file where None.
        progress: Called with a description and the number of steps.

    Returns:
        The number of rows.

    Raises:
        InputError: As in `partition_tables`; GeometryError is one.
        DiskError: The disk is full or read-only.
        OutputError: The file exists or cannot be written.
    """
    check_table_output(path, overwrite=overwrite, layer=layer)
    folder = Path(path).absolute().parent
    rows = 0
    with table_writer(path, overwrite=overwrite, layer=layer) as write:
        for table in partition_tables(classes, options, progress=progress, folder=folder):
            write(table)
            rows += len(table)
    return rows


def partition_tables(
    classes: ClassMap,
    options: PartitionOptions,
    *,
    progress: Progress = silent,
    folder: Path | None = None,
) -> Iterator[geopandas.GeoDataFrame]:
    """Tables of polygons that cover every pixel with a class once: no gap, no overlap, all valid.

    A piece is made of the pixels of one class that are connected along edges. Outlines follow the
    edges of pixels exactly, and edges that two polygons share are the same, vertex by vertex. They
    are simplified as a whole (`shapely.coverage_simplify`), so that they stay shared; the outer
    border of the raster stays as it is. Maps of more than 2,048 rows or columns are simplified in
    blocks of that size, or of less where there are many pieces: on the lines between blocks
    outlines keep the corners of pixels at which they cross.

    Memory is bounded by a block, a hundred bytes for each piece, and the largest row: by class,
    all polygons of a class.

    Args:
        classes: The open map.
        options: What has a row, and the tolerance of simplification.
        progress: Called with a description and the number of steps.
        folder: Where a temporary file of outlines lies; the system's folder for such where None.

    Yields:
        A table with the columns `id` (from 1), `class`, `value` (in the raster), `area_m2` (true
        area of the pixels on the ellipsoid; NaN without a reference system), `area_px` (number of
        pixels) and `probability` (mean over the pixels, 0 to 1; NaN where the map has none); at
        least one table, which may be empty.

    Raises:
        InputError: A value has no name in the map's record, or the map cannot be read.
        GeometryError: Pixels are too small for coordinates of the map's reference system.
        DiskError: The disk of the temporary file is full.
    """
    given, scale = options.tolerance, _scale(classes)
    tolerance = PIXEL_TOLERANCE if given is None else given / scale
    with traced_pieces(classes, tolerance, progress, folder) as pieces:
        made = _by_class(pieces) if options.by == "class" else _by_object(pieces)
        written = 0
        with progress("polygons", len(pieces)) as done:
            for rows, at in made:
                shapes = placed(at, pieces, classes)
                if options.by == "class":
                    shapes = np.array([shapely.MultiPolygon(shapes.tolist())], dtype=object)
                yield _table(rows, shapes, classes, written)
                written += len(shapes)
                done(len(at))
        if not written:
            yield _table(pieces.figures, np.empty(0, dtype=object), classes, 0)


def _scale(classes: ClassMap) -> float:
    """Side of a square as large as a pixel, in units of the map's reference system.

    Triangles that simplification cuts off shrink and grow with the pixels, also where these are
    turned, oblong or sheared: so the pixels' own coordinates serve.
    """
    a, b, _, d, e, _ = list(affine_from_frame(classes.source.frame))[:6]
    return math.sqrt(abs(a * e - b * d))


def _by_object(pieces: Pieces) -> Iterator[tuple[Figures, IntArray]]:
    """Rows of pieces, a thousand at a time, and positions of the pieces in them."""
    for start in range(0, len(pieces), BATCH):
        at = np.arange(start, min(start + BATCH, len(pieces)))
        yield pieces.figures.at(at), at


def _by_class(pieces: Pieces) -> Iterator[tuple[Figures, IntArray]]:
    """A row for each class, and positions of its pieces."""
    values, group = np.unique(pieces.figures.value, return_inverse=True)
    rows = pieces.figures.summed(group, values)
    for n in range(len(values)):
        yield rows.at(np.array([n])), np.flatnonzero(group == n)


def placed(at: IntArray, pieces: Pieces, classes: ClassMap) -> Shapes:
    """The polygons of pieces in the map's reference system, outer rings counterclockwise.

    Args:
        at: (N,) positions of the pieces, at least one.
        pieces: All pieces.
        classes: The map that they were found in.

    Raises:
        GeometryError: Pixels are too small for coordinates of the map's reference system.
    """
    a, b, c, d, e, f = list(affine_from_frame(classes.source.frame))[:6]

    def to_world(xy: FloatArray) -> FloatArray:
        # term by term: a matrix product may round the same corner differently in two arrays
        col, row = xy.T
        return np.column_stack([a * col + b * row + c, d * col + e * row + f])

    found = []
    for start in range(0, len(at), BATCH):
        shapes = shapely.transform(pieces.outlines(at[start : start + BATCH]), to_world)
        if not shapely.is_valid(shapes).all():
            raise GeometryError(
                f"pixels of {classes.source.path} are too small for their coordinates, in which "
                f"corners fall together: give the map a reference system with its origin nearby"
            )
        found.append(shapely.orient_polygons(shapes))
    return np.concatenate(found)


def _table(rows: Figures, shapes: Shapes, classes: ClassMap, before: int) -> geopandas.GeoDataFrame:
    """A table of some rows, numbered on from those before."""
    names = {value: classes.name_of(value) for value in np.unique(rows.value).tolist()}
    crs = classes.source.crs
    columns = {
        "id": np.arange(before + 1, before + 1 + len(shapes), dtype=np.int64),
        "class": pd.Series([names[value] for value in rows.value.tolist()], dtype=object),
        "value": rows.value,
        "area_m2": np.full(len(shapes), np.nan) if crs is None else rows.area_m2.round(DECIMALS),
        "area_px": rows.pixels,
        "probability": rows.per_cent / (rows.pixels * 100),
    }
    return geopandas.GeoDataFrame(columns, geometry=shapes, crs=crs)

"""Finishing: polygons simplified or regularised, filtered by area, numbered and reprojected."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import InputError
from sam_geo.outlines.destination import reproject_table
from sam_geo.outlines.simplify import simplify
from sam_geo.results.object_rows import batches
from sam_geo.results.rows import table_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import geopandas
    import numpy.typing as npt
    import pyproj

    from sam_geo.results.rows import Row


@dataclass(frozen=True, slots=True)
class Finish:
    """How outlines along pixel edges become the polygons of the result.

    Areas and perimeters are those of the finished polygons.

    Raises:
        InputError: A number is negative or not finite, or both tolerances are given.
    """

    min_area_m2: float = 0.0
    """Smaller objects are left out; in pixels where the raster has no reference system."""
    simplify: float | None = None
    """Tolerance of simplification in units of the raster's reference system; edges that polygons
    share stay shared."""
    regularize: float | None = None
    """Tolerance for straight walls and right angles, in units of the raster's reference system,
    which has to be projected."""
    dst_crs: str | None = None
    """Reference system of the result, as pyproj takes it; the raster's where None."""

    def __post_init__(self) -> None:
        for name in ("min_area_m2", "simplify", "regularize"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value >= 0):
                option = name.replace("_", "-")
                raise InputError(f"--{option} must be a finite number from 0 up, got {value}")
        if self.simplify and self.regularize:
            raise InputError("give --simplify or --regularize: straight walls need no other")

    def check(self, crs: pyproj.CRS | None) -> None:
        """Raise `InputError` where right angles are asked for in longitude and latitude.

        Args:
            crs: Reference system of the raster.
        """
        if self.regularize and crs is not None and crs.is_geographic:
            raise InputError(
                f"--regularize needs a projected reference system, where a right angle is one, but "
                f"the raster is in {crs.name}: gdalwarp -t_srs EPSG:3857 puts it into one"
            )


def finished_tables(
    rows: Iterable[Row], finish: Finish, *, crs: pyproj.CRS | None, model: str
) -> Iterator[tuple[geopandas.GeoDataFrame, list[Row]]]:
    """Tables of finished objects, a thousand at a time; at least one, which may be empty.

    Simplification has to know all neighbours: with it, the polygons of the whole result are in
    memory at once.

    Args:
        rows: One row for each object, with its outline in the raster's reference system.
        finish: How outlines are finished.
        crs: Reference system of the raster.
        model: Name of the checkpoint, a column of the table.

    Yields:
        A table, whose column `id` goes on from the table before, and the row behind each line of
        it: the finished outline in the raster's reference system, and the packed pixels. Objects
        that are too small are in neither, so label raster and picture are drawn from these rows.
    """
    written, parts = 0, batches(rows)
    if finish.simplify:
        everything = [row for part in parts for row in part]
        parts = batches(_shaped(everything, finish))
    for part in parts:
        shaped = part if finish.simplify else _shaped(part, finish)
        table = table_of(shaped, crs=crs, model=model)
        kept = _large_enough(table, finish.min_area_m2)
        table = table.iloc[kept].reset_index(drop=True)
        table["id"] = np.arange(written + 1, written + len(table) + 1, dtype=np.int64)
        written += len(table)
        yield _moved(table, finish.dst_crs), [shaped[n] for n in kept.tolist()]
    if not written:
        yield _moved(table_of([], crs=crs, model=model), finish.dst_crs), []


def finish_prompts(
    rows: Sequence[Row], finish: Finish, *, crs: pyproj.CRS | None, model: str
) -> geopandas.GeoDataFrame:
    """The table of a prompted job with finished outlines; no row is left out for its area.

    Args:
        rows: One row for each prompt, in the order of the prompts.
        finish: How outlines are finished.
        crs: Reference system of the raster.
        model: Name of the checkpoint, a column of the table.
    """
    return _moved(table_of(_shaped(rows, finish), crs=crs, model=model), finish.dst_crs)


def _shaped(rows: Sequence[Row], finish: Finish) -> list[Row]:
    """Rows with simplified or straightened outlines; rows without an outline stay as they are."""
    at = [n for n, row in enumerate(rows) if row.geometry is not None]
    if not at or not (finish.simplify or finish.regularize):
        return list(rows)
    shapes = np.array([rows[n].geometry for n in at], dtype=object)
    if finish.simplify:
        shapes = simplify(shapes, finish.simplify)
    if finish.regularize:
        # imported where it is asked for: the package brings more of pandas than a job needs
        from sam_geo.outlines.regularize import regularize  # noqa: PLC0415

        shapes = regularize(shapes, finish.regularize)
    shaped = list(rows)
    for n, shape in zip(at, shapes, strict=True):
        shaped[n] = replace(rows[n], geometry=shape)
    return shaped


def _large_enough(table: geopandas.GeoDataFrame, least: float) -> npt.NDArray[np.int64]:
    """Positions of the rows whose area is at least this; of all rows where it is 0."""
    area = table["area_m2"].fillna(table["area_px"]).to_numpy()
    return np.flatnonzero(area >= least) if least else np.arange(len(table))


def _moved(table: geopandas.GeoDataFrame, dst_crs: str | None) -> geopandas.GeoDataFrame:
    """A table in another reference system; unchanged where there is none."""
    return table if dst_crs is None else reproject_table(table, dst_crs)

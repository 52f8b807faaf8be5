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
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import geopandas
    import numpy.typing as npt
    import pyproj

    from sam_geo.results.rows import Row

    Shapes = npt.NDArray[np.object_]


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
    """Distance up to which simplification moves outlines, in units of the raster's reference
    system; edges that polygons share stay shared."""
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

    @property
    def reach(self) -> float:
        """Distance up to which the outlines of others decide how one is simplified."""
        return 2 * (self.simplify or 0.0)

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

    Args:
        rows: One row for each object, with its outline in the raster's reference system; where
            `finish` simplifies, as `simplified` gives them, which has to know their neighbours.
        finish: How outlines are finished.
        crs: Reference system of the raster.
        model: Name of the checkpoint, a column of the table.

    Yields:
        A table, whose column `id` goes on from the table before, and the row behind each line of
        it: the finished outline in the raster's reference system, and the packed pixels. Objects
        that are too small are in neither, so label raster and picture are drawn from these rows.
    """
    written = 0
    for part in batches(rows):
        shaped = _regularized(part, finish)
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
    shaped = _regularized(simplified(rows, finish), finish)
    return _moved(table_of(shaped, crs=crs, model=model), finish.dst_crs)


def simplified(rows: Sequence[Row], finish: Finish, others: Shapes | None = None) -> list[Row]:
    """Rows with simplified outlines, where they are asked for.

    Args:
        rows: The rows; those without an outline stay as they are.
        finish: How outlines are finished.
        others: Further outlines, which lie within `finish.reach` of one of these rows.
    """
    tolerance = finish.simplify
    if not tolerance:
        return list(rows)

    def shape(shapes: Shapes) -> Shapes:
        around = shapes if others is None else np.concatenate([shapes, others])
        return simplify(around, tolerance, count=len(shapes))

    return _with_outlines(rows, shape)


def _regularized(rows: Sequence[Row], finish: Finish) -> list[Row]:
    """Rows with straightened outlines, where they are asked for."""
    tolerance = finish.regularize
    if not tolerance:
        return list(rows)
    # imported where it is asked for: the package brings more of pandas than a job needs
    from sam_geo.outlines.regularize import regularize  # noqa: PLC0415

    return _with_outlines(rows, lambda shapes: regularize(shapes, tolerance))


def _with_outlines(rows: Sequence[Row], shape: Callable[[Shapes], Shapes]) -> list[Row]:
    """Rows with other outlines; those without one stay as they are."""
    at = [n for n, row in enumerate(rows) if row.geometry is not None]
    shaped = list(rows)
    if not at:
        return shaped
    outlines = shape(np.array([rows[n].geometry for n in at], dtype=object))
    for n, outline in zip(at, outlines, strict=True):
        shaped[n] = replace(rows[n], geometry=outline)
    return shaped


def _large_enough(table: geopandas.GeoDataFrame, least: float) -> npt.NDArray[np.int64]:
    """Positions of the rows whose area is at least this; of all rows where it is 0."""
    area = table["area_m2"].fillna(table["area_px"]).to_numpy()
    return np.flatnonzero(area >= least) if least else np.arange(len(table))


def _moved(table: geopandas.GeoDataFrame, dst_crs: str | None) -> geopandas.GeoDataFrame:
    """A table in another reference system; unchanged where there is none."""
    return table if dst_crs is None else reproject_table(table, dst_crs)

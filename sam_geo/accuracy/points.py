"""Reference points: places of a class map whose true class somebody has looked up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from sam_common.errors import PromptError
from sam_common.tiled_job.progress import silent
from sam_geo.prompt_files.classes import class_column, class_name
from sam_geo.prompt_files.read import read_table
from sam_geo.prompt_files.table import Wanted, spelled
from sam_geo.prompts.placement import check_doubt, into_indices

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    import numpy.typing as npt

    from sam_common.tiled_job.progress import Progress
    from sam_geo.class_maps.class_map import ClassMap
    from sam_geo.prompt_files.table import PromptTable

    IntArray = npt.NDArray[np.int64]

REFERENCE = "reference"
"""Column of the true class where the user names no other: empty in a sample that was just drawn."""
STRATUM, WEIGHT = "stratum", "weight_m2"
"""Columns that sam-geo sample writes: the class that a point was drawn in, and the area that it
stands for."""


@dataclass(frozen=True, slots=True, eq=False)
class ReferencePoints:
    """Points on pixels that have a class, each with its true class."""

    cells: IntArray
    """(N, 2) row and column of the pixel of each point."""
    mapped: IntArray
    """(N,) value of the map there."""
    reference: tuple[str, ...]
    """(N,) the true class, as the file names it."""
    strata: tuple[str, ...] | None
    """(N,) class that each point was drawn in; None where the file does not say it of all."""
    stratum_m2: Mapping[str, float]
    """Area of each stratum, from the weights of all of its points."""
    mapped_m2: Mapping[int, float]
    """True area of each value of the map, from the pass in which the points were looked up."""
    left_out: dict[str, int]
    """Points that do not count: `outside` the raster, on `nodata`, `unlabelled` or without a
    `geometry`."""


def read_points(
    path: str | os.PathLike[str],
    classes: ClassMap,
    *,
    class_field: str | None = None,
    layer: str | None = None,
    crs: str | None = None,
    progress: Progress = silent,
) -> ReferencePoints:
    """Read points with their true classes, and look up what the map says there.

    Args:
        path: A vector file, GeoParquet or CSV with points.
        classes: The map.
        class_field: Column of the true class; `reference` where None.
        layer: Layer of a vector file that has several.
        crs: Reference system of the points, over what the file says.
        progress: Called with a description and the number of windows of the map.

    Raises:
        InputError: There is no such file.
        PromptError: The file cannot be read or placed, has no such column, or other geometries than
            points; or none of its points counts.
    """
    field = class_field or REFERENCE
    wanted = Wanted("points", frozenset({spelled(field), STRATUM, WEIGHT}))
    table = read_table(path, wanted, layer=layer)
    check_doubt(table, crs)
    truth = class_column(table, field)
    shapes = into_indices(table, classes.source, crs=crs)
    _check_points(shapes, table)
    labelled = np.array([value is not None for value in truth])
    there = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    xy = np.full((len(shapes), 2), np.nan)
    xy[there] = shapely.get_coordinates(shapes[there])
    finite = np.nan_to_num(xy[:, ::-1], nan=-2, posinf=-2, neginf=-2)
    # the centre of a pixel is at whole numbers
    cells = np.floor(np.clip(finite, -2, 2**31) + 0.5).astype(np.int64)
    inside = ((cells >= 0) & (cells < classes.source.size_hw)).all(axis=1)
    mapped, valid, mapped_m2 = _look_up(classes, cells, progress)
    kept = labelled & valid
    left_out = {
        "geometry": int((~there).sum()),
        "outside": int((there & ~inside).sum()),
        "nodata": int((inside & ~valid).sum()),
        "unlabelled": int((valid & ~labelled).sum()),
    }
    if not kept.any():
        told = ", ".join(f"{count} {reason}" for reason, count in left_out.items() if count)
        raise PromptError(
            f"no point of {table.name} tells anything of {classes.source.path}: {told} (a point "
            f"needs its true class in column {field}, and a pixel of the map under it)"
        )
    at = np.flatnonzero(kept)
    strata, stratum_m2 = _design(table)
    return ReferencePoints(
        cells[at],
        mapped[at],
        tuple(class_name(truth[n]) for n in at),
        None if strata is None else tuple(strata[n] for n in at),
        stratum_m2,
        mapped_m2,
        left_out,
    )


def _design(table: PromptTable) -> tuple[list[str] | None, dict[str, float]]:
    """The stratum of every point and the areas of the strata, where each point has both columns."""
    strata, weights = table.column(STRATUM), table.column(WEIGHT)
    areas: dict[str, float] = {}
    for stratum, weight in zip(strata, weights, strict=True):
        if stratum is None or not isinstance(weight, int | float) or not weight > 0:
            return None, {}
        areas[class_name(stratum)] = areas.get(class_name(stratum), 0.0) + float(weight)
    return [class_name(stratum) for stratum in strata], areas


def _check_points(shapes: npt.NDArray[np.object_], table: PromptTable) -> None:
    kinds = shapely.get_type_id(shapes)
    known = {int(shapely.GeometryType.MISSING), int(shapely.GeometryType.POINT)}
    for row in np.flatnonzero(~np.isin(kinds, list(known))).tolist():
        raise PromptError(
            f"row {table.number(row)} of {table.name} is a {shapes[row].geom_type}: a map is "
            f"checked at points (take one in each, or give the points that sam-geo sample drew)"
        )


def _look_up(
    classes: ClassMap, cells: IntArray, progress: Progress
) -> tuple[IntArray, npt.NDArray[np.bool_], dict[int, float]]:
    """Values of the map at pixels (N, 2), whether it has one there, and the area of each value."""
    mapped = np.zeros(len(cells), dtype=np.int64)
    valid = np.zeros(len(cells), dtype=np.bool_)
    areas: dict[int, float] = {}
    for pixels in classes.pixels(progress):
        start, width = pixels.window.start, pixels.window.shape[1]
        here = np.flatnonzero(((cells >= start) & (cells < pixels.window.stop)).all(axis=1))
        rows, cols = (cells[here] - start).T
        known, wanted = pixels.rows * width + pixels.cols, rows * width + cols
        at = np.searchsorted(known, wanted)
        hit = np.isin(wanted, known)
        mapped[here[hit]], valid[here[hit]] = pixels.values[at[hit]], True
        found, place = np.unique(pixels.values, return_inverse=True)
        sums = np.bincount(place, pixels.areas_m2, minlength=len(found))
        for value, area in zip(found.tolist(), sums.tolist(), strict=True):
            areas[value] = areas.get(value, 0.0) + area
    return mapped, valid, areas

"""Rows: one for each prompt or object, with its status, scores, measures and polygon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import geopandas
import numpy as np
import pandas as pd

from sam_geo.outlines.area import measurer
from sam_geo.prompts.geo_prompt import PromptStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyproj
    import shapely

LEAST, MOST = -(2**63), 2**63 - 1
"""Least and largest number that a column of 64-bit integers can hold."""

Status: TypeAlias = PromptStatus | Literal["nodata", "empty", "failed", "cut"]
"""What became of a prompt or an object. With a polygon: `ok`; `clipped`: a part of the prompt lay
outside the raster; `cut`: an object found without a prompt, too large for any window, that ends
straight at the edge of one. Without a polygon: `outside` and `invalid` (see `GeoPrompt`); `nodata`:
no valid pixel under the prompt; `empty`: the network found nothing; `failed`: the window could not
be read, or the network failed."""

COLUMNS = (
    "id",
    "prompt_id",
    "class",
    "status",
    "score",
    "stability",
    "area_m2",
    "perimeter_m",
    "area_px",
    "touches_edge",
    "seam_merged",
    "model",
    "geometry",
)
"""Columns of every table, in order."""


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt and the object found for it, or one object that was found without a prompt."""

    status: Status = "ok"
    prompt_id: int | str | None = None
    class_name: str | None = None
    score: float | None = None
    """IoU of the mask with the object, as the network predicts it."""
    stability: float | None = None
    """IoU between the masks at two thresholds around the chosen one."""
    area_px: float | None = None
    """Area of the mask in pixels of the raster."""
    touches_edge: bool | None = None
    """Whether the object touches the raster's edge, and may go on beyond it."""
    seam_merged: bool | None = None
    """Whether the object was put together from several windows."""
    geometry: shapely.Geometry | None = None
    """Polygon or MultiPolygon in the raster's reference system."""
    pixels: bytes | None = None
    """The regions of the object as `sam_common.tiled_job.parts.pack` packs them, from which the
    label raster is drawn; no column of the table."""
    window: int = 0
    """Number of the last window that the object needs, which decides in which partition of a table
    it is; no column of the table."""


def table_of(rows: Sequence[Row], *, crs: pyproj.CRS | None, model: str) -> geopandas.GeoDataFrame:
    """Measure the polygons of some rows and make a table of them.

    Args:
        rows: The rows, in the order of the table.
        crs: Reference system of the polygons.
        model: Name of the checkpoint.

    Returns:
        A table with the columns `COLUMNS`, numbered from 1 in `id`. Areas and perimeters are those
        on the ellipsoid in m2 and m; NaN where there is no reference system or no polygon.
    """
    geometries = np.array([row.geometry for row in rows], dtype=object)
    areas, perimeters = measurer(crs)(geometries)
    columns = {
        "id": np.arange(1, 1 + len(rows), dtype=np.int64),
        "prompt_id": _ids(rows),
        "class": pd.Series([row.class_name for row in rows], dtype=object),
        "status": pd.Series([row.status for row in rows], dtype=object),
        "score": np.array([row.score for row in rows], dtype=np.float64),
        "stability": np.array([row.stability for row in rows], dtype=np.float64),
        "area_m2": areas,
        "perimeter_m": perimeters,
        "area_px": np.array([row.area_px for row in rows], dtype=np.float64),
        "touches_edge": pd.array([row.touches_edge for row in rows], dtype="boolean"),
        "seam_merged": pd.array([row.seam_merged for row in rows], dtype="boolean"),
        "model": pd.Series([model] * len(rows), dtype=object),
    }
    return geopandas.GeoDataFrame(columns, geometry=geometries, crs=crs)


def _ids(rows: Sequence[Row]) -> pd.Series[Any]:
    """The names of the prompts as a column: of integers where all names fit, else of text."""
    ids = [row.prompt_id for row in rows]
    given = [name for name in ids if name is not None]
    if all(isinstance(name, int) and LEAST <= name <= MOST for name in given):
        return pd.Series(ids, dtype="Int64")
    # no format has integers of more than 64 bits: as text they stay exact
    return pd.Series([None if name is None else str(name) for name in ids], dtype=object)

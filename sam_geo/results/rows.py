"""Rows: one for every prompt or object, with what is measured of it."""

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
"""Whole numbers that a column of numbers can hold."""

Status: TypeAlias = PromptStatus | Literal["nodata", "empty", "failed", "cut"]
"""`ok`; `clipped`: cut at the raster's edge, with a polygon; `cut`: found without a prompt, too
large for any window, and it ends straight where one of them does. Without a polygon: `outside` and
`invalid` (see `GeoPrompt`); `nodata`: no valid pixel under the prompt; `empty`: the network found
nothing; `failed`: the window could not be read or the network failed."""

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


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one prompt, or one object that was found without."""

    status: Status = "ok"
    prompt_id: int | str | None = None
    class_name: str | None = None
    score: float | None = None
    """The network's own estimate of the mask's IoU."""
    stability: float | None = None
    """IoU between the masks at two thresholds around the chosen one."""
    area_px: float | None = None
    """In pixels of the raster."""
    touches_edge: bool | None = None
    """Whether the object reaches the raster's edge and may go on beyond it."""
    seam_merged: bool | None = None
    """Whether it was put together from several windows."""
    geometry: shapely.Geometry | None = None
    """Polygon or MultiPolygon in the raster's reference system."""
    pixels: bytes | None = None
    """The object's regions, as `sam_common.tiled_job.parts.pack` has them: what a label raster is
    drawn from, in no column of the table."""


def table_of(
    rows: Sequence[Row], *, crs: pyproj.CRS | None, model: str, first_id: int = 1
) -> geopandas.GeoDataFrame:
    """Rows as a table with the columns `COLUMNS`.

    Args:
        rows: In the order of the table.
        crs: Reference system of the geometries.
        model: Name of the checkpoint.
        first_id: Number of the first row in the column `id`.
    """
    geometries = np.array([row.geometry for row in rows], dtype=object)
    areas, perimeters = measurer(crs)(geometries)
    columns = {
        "id": np.arange(first_id, first_id + len(rows), dtype=np.int64),
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
    """One type for a column in all its batches: files cannot change it half way."""
    ids = [row.prompt_id for row in rows]
    given = [name for name in ids if name is not None]
    if all(isinstance(name, int) and LEAST <= name <= MOST for name in given):
        return pd.Series(ids, dtype="Int64")
    # beyond 64 bits no format has whole numbers: as text they stay exact
    return pd.Series([None if name is None else str(name) for name in ids], dtype=object)

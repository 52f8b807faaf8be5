"""Results of a live raster: the rows and GeoJSON features of the objects of a session."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from sam_common.errors import InputError
from sam_common.masks.decoded import MaskRegion
from sam_geo.outlines.area import measurer
from sam_geo.results.finish import Finish, finish_prompts
from sam_geo.results.object_rows import touches_edge, world_outline
from sam_geo.results.rows import Row
from sam_geo.tables.formats import FORMATS
from sam_geo.tables.write import write_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyproj

    from sam_common.frame import Frame
    from sam_common.server.sessions.live_source import Reporter, Result
    from sam_common.server.sessions.object_state import ObjectState
    from sam_geo.prompts.geo_prompt import PromptStatus
    from sam_geo.results.rows import Status

_STATUS: dict[str, Status] = {
    "ok": "ok", "empty": "empty", "nodata": "nodata", "outside": "outside",
}  # fmt: skip
"""Status of a mask in a session to the status of its row in a table; without prompts `invalid`."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a table tells of an object and its mask does not."""

    status: PromptStatus
    """`clipped` where a part of the prompts lay outside the raster."""
    pieces: int = 0
    """Number of regions that the mask was put together from."""


@dataclass(frozen=True, slots=True, eq=False)
class ObjectTables:
    """Makes rows, features and tables of the objects of one raster."""

    frame: Frame
    """Raster indices (row, col) to world coordinates (x, y)."""
    size_hw: tuple[int, int]
    """Rows and columns of the raster."""
    crs: pyproj.CRS | None
    """Reference system of the raster."""
    model: str
    """Name of the checkpoint, a column of the table."""

    def row(self, state: ObjectState, result: Result) -> Row:
        """The row of an object: that of a job with the same prompts."""
        regions = _regions(result)
        seen = result.detail or Seen("ok", len(regions))
        return Row(
            seen.status if result.status == "ok" else _STATUS.get(result.status, "invalid"),
            prompt_id=state.object,
            class_name=state.class_name,
            score=result.score,
            stability=result.confidence,
            area_px=float(result.area) if regions else None,
            touches_edge=touches_edge(regions, self.size_hw) if regions else None,
            seam_merged=seen.pieces > 1 if regions else None,
            geometry=self._outline(regions),
        )

    def feature(self, state: ObjectState, result: Result) -> dict[str, Any]:
        """The outline of an object as a GeoJSON Feature, see `LiveRaster.geometry`."""
        outline = self._outline(_regions(result))
        area = None
        if outline is not None:
            measured = float(measurer(self.crs)(np.array([outline], dtype=object))[0][0])
            area = measured if np.isfinite(measured) else None
        return {
            "type": "Feature",
            "id": state.object,
            "geometry": None if outline is None else json.loads(shapely.to_geojson(outline)),
            "properties": {
                "name": state.name,
                "class": state.class_name,
                "status": result.status,
                "score": result.score,
                "area_px": result.area,
                "area_m2": area,
            },
        }

    def write(
        self,
        objects: Sequence[tuple[ObjectState, Result]],
        formats: Sequence[str],
        folder: Path,
        reporter: Reporter,
    ) -> int:
        """Write a table of some objects in each format, and return its number of rows.

        See `LiveRaster.export`.
        """
        known = {suffix[1:] for suffix in FORMATS} - {"shp"}
        if unknown := sorted(set(formats) - known):
            raise InputError(f"unknown format {unknown[0]} (known: {', '.join(sorted(known))})")
        rows = [self.row(state, result) for state, result in objects]
        table = finish_prompts(rows, Finish(), crs=self.crs, model=self.model)
        table["name"] = [state.name for state, _ in objects]
        for name in formats:
            write_table(table, folder / f"objects.{name}")
            reporter.step(1)
        return len(rows)

    def _outline(self, regions: Sequence[MaskRegion]) -> shapely.Geometry | None:
        """The outline of a mask in the raster's reference system; None where there is no mask."""
        return world_outline(regions, self.frame) if regions else None


def _regions(result: Result) -> list[MaskRegion]:
    """The masks of a result as regions in raster indices."""
    return [MaskRegion(mask.window, mask.array) for mask in result.masks]

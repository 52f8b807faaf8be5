"""Object report: the page about the table of objects or prompts that a job has written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from sam_common.pages.marks import draw_north, draw_scale_bar
from sam_common.pages.object_page import (
    ObjectLine,
    ObjectPage,
    Shot,
    score_text,
    write_object_page,
)
from sam_common.pages.plate import enlarge
from sam_geo.map_report.figures import NEXT, NONE, area_text, count_text, length_text, lonlat_text
from sam_geo.map_report.ground import lonlat_of, measure_ground
from sam_geo.object_report.thumbnail import thumbnail

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import numpy.typing as npt

    from sam_common.pages.plate import Canvas
    from sam_geo.map_report.ground import Ground
    from sam_geo.object_report.gallery import Doubtful, Gallery
    from sam_geo.raster.source import RasterSource
    from sam_geo.raster.stretch import Stretch

    LonLat = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]

OVERVIEW_PX = 1400
"""Longer side of the picture of the whole raster."""
HECTARE = 1e4
COLUMNS = ("number", "status", "class", "score", "stability", "area", "longitude, latitude")
SCORE_NOTE = (
    "The IoU of a mask with its object, as the network itself expects it: for choosing what to "
    "look at, not an accuracy."
)


def write_object_report(  # noqa: PLR0913 - keyword-only after the path
    path: Path,
    *,
    title: str,
    source: RasterSource,
    stretch: Stretch,
    overview: Canvas,
    gallery: Gallery,
    record: Mapping[str, Any],
) -> None:
    """Write the page about the objects of a job, whole or not at all.

    Args:
        path: The page, an .html.
        title: Name of the table.
        source: The raster, open.
        stretch: Raster values to bytes.
        overview: (H, W, 3) RGB bytes of the whole raster with the objects drawn over it.
        gallery: Took all rows of the table.
        record: The record of the job.

    Raises:
        InputError: The raster cannot be read.
        OutputError: The page cannot be written.
    """
    ground = measure_ground(source.crs, source.frame, source.size_hw)
    way = lonlat_of(source.crs)
    page = ObjectPage(
        kicker="Segmented objects",
        title=title,
        facts=_facts(source, ground, gallery, record),
        failures=[str(each) for each in record["failures"]],
        notes=[str(each) for each in record["notes"]],
        pictures=[_overview(overview, source, ground)],
        scores=gallery.scores,
        score_note=SCORE_NOTE,
        columns=COLUMNS,
        lines=[_line(one, source, stretch, way) for one in gallery.worst],
        lines_note="What was not found, then the lowest scores first. Each picture shows the "
        "outline on the raster.",
        record={key: value for key, value in record.items() if key not in {"failures", "notes"}},
    )
    write_object_page(page, path)


def _facts(
    source: RasterSource, ground: Ground | None, gallery: Gallery, record: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """What stands on top of the page."""
    height, width = source.size_hw
    size = f"{count_text(width)} × {count_text(height)} pixels"  # noqa: RUF001 - a times sign
    if ground is not None:
        size += f" of {length_text(ground.col_m)}"
    counts = ", ".join(f"{count_text(n)} {status}" for status, n in gallery.counts.most_common())
    area = f"{count_text(round(gallery.area_px))} pixels"
    if gallery.area_m2 is not None:
        area = _ground_area(gallery.area_m2)
    return [
        ("Raster", size),
        ("Reference system", "none: pixels" if source.crs is None else source.crs.name),
        ("Model", f"{record['model']['name']} ({record['model']['engine']})"),
        ("Rows", f"{count_text(len(gallery))}: {counts}" if len(gallery) else "none"),
        ("Area of all objects", area),
        ("Seconds", f"{record['seconds']['total']:.1f}"),
    ]


def _overview(picture: Canvas, source: RasterSource, ground: Ground | None) -> Shot:
    """The picture of the whole raster, at most `OVERVIEW_PX` long, with scale and north."""
    height, width = picture.shape[:2]
    scale = OVERVIEW_PX / max(height, width)
    # pixels of a small raster are all enlarged alike
    scale = max(1, int(scale)) if scale >= 1 else scale
    size_wh = max(1, round(width * scale)), max(1, round(height * scale))
    canvas = enlarge(picture, size_wh)
    if ground is not None and (bar := ground.scale_bar()) is not None:
        long_px = bar.pixels * size_wh[0] / source.size_hw[1]
        # letters of pictures have no other space than the plain one
        canvas = draw_scale_bar(canvas, long_px, length_text(bar.metres).replace(NEXT, " "))
    if ground is not None and ground.north_deg is not None and not ground.is_mirrored:
        canvas = draw_north(canvas, ground.north_deg)
    return Shot.of(canvas, "The raster with the outlines of all objects")


def _line(one: Doubtful, source: RasterSource, stretch: Stretch, way: LonLat | None) -> ObjectLine:
    """An object in the list."""
    row, shape = one.row, one.shape
    number = str(row["id"]) if pd.isna(row["prompt_id"]) else f"{row['id']} ({row['prompt_id']})"
    cells = (
        number,
        str(row["status"]),
        NONE if pd.isna(row["class"]) else str(row["class"]),
        score_text(None if pd.isna(row["score"]) else float(row["score"])),
        score_text(None if pd.isna(row["stability"]) else float(row["stability"])),
        _area(row),
        NONE if shape is None else _place(shape, way),
    )
    canvas = None if shape is None else thumbnail(source, stretch, shape)
    shots = () if canvas is None else (Shot.of(canvas, f"Object {number} on the raster"),)
    return ObjectLine(cells, shots)


def _area(row: Mapping[str, Any]) -> str:
    """True area of an object, or its pixels."""
    if not pd.isna(row["area_m2"]):
        return _ground_area(float(row["area_m2"]))
    return NONE if pd.isna(row["area_px"]) else f"{count_text(round(row['area_px']))} px"


def _ground_area(square_metres: float) -> str:
    """A true area in square metres, or in hectares where it is large."""
    if square_metres >= HECTARE:
        return f"{area_text(square_metres)} ha"
    return f"{square_metres:,.1f} m²"


def _place(shape: shapely.Geometry, way: LonLat | None) -> str:
    """Longitude and latitude of a point in an object; a dash where there is no globe."""
    if way is None:
        return NONE
    inside = np.array(shapely.point_on_surface(shape).coords)
    return lonlat_text(way(inside)[0].tolist())

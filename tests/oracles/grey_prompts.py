"""Prompts in the pixels of the fixture `grey_raster`, given in its world coordinates."""

from __future__ import annotations

import geopandas
from shapely.geometry import Point, box

from sam_geo.prompts.geo_prompt import load_prompts
from sam_geo.raster.source import open_raster

# grey_raster: 80 rows, 100 columns, EPSG:32633
LEFT, TOP, PIXEL = 500_000.0, 5_800_000.0, 0.5


def place(col, row):
    """World coordinates of a pixel corner."""
    return LEFT + col * PIXEL, TOP - row * PIXEL


def world_box(x0, y0, x1, y1):
    return box(*place(x0, y1), *place(x1, y0))


def world_point(x, y):
    return Point(*place(x, y))


def frame_of(shapes, crs="EPSG:32633", **columns):
    return geopandas.GeoDataFrame(columns, geometry=shapes, crs=crs)


def load(prompts, raster, **options):
    with open_raster(raster) as source:
        return load_prompts(prompts, source, **options)


def rounded(prompt):
    return None if prompt.box_xyxy is None else [round(v, 6) for v in prompt.box_xyxy]

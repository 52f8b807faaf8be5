"""Prompts in world coordinates from pixel corners, and a job on them."""

from __future__ import annotations

import geopandas
import numpy as np
import shapely
from affine import Affine

from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.prompted.segment import run_prompts
from sam_geo.prompts.geo_prompt import load_prompts
from sam_geo.raster.frame import corners_to_world, frame_from_affine
from sam_geo.raster.source import open_raster

LEFT, TOP = 500_000.0, 5_800_000.0
NORTH_UP = Affine(0.5, 0, LEFT, 0, -0.5, TOP)


def pixel_polygon(frame, x0, y0, x1, y1):
    """The world outline of a box of pixel corners."""
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=float)
    return shapely.Polygon(corners_to_world(corners, frame))


def world_boxes(boxes, transform=NORTH_UP, crs="EPSG:32633", **columns):
    """Boxes of pixel corners as a table of world outlines."""
    frame = frame_from_affine(transform)
    return geopandas.GeoDataFrame(
        columns, geometry=[pixel_polygon(frame, *corners) for corners in boxes], crs=crs
    )


def run(path, prompts, segmenter=None, **options):
    """The result of a job of prompts on a file."""
    with open_raster(path) as source:
        return run_prompts(
            source, load_prompts(prompts, source), segmenter or FakeSegmenter(), **options
        )

"""Two boxes in the fixture `grey_raster`, as tables that are written to vector files."""

from __future__ import annotations

import geopandas
from shapely.geometry import box

SHAPES = [box(500_005, 5_799_975, 500_015, 5_799_990), box(500_020, 5_799_975, 500_030, 5_799_990)]


BOX = (9.5, 19.5, 29.5, 49.5)


def frame_of(shapes=SHAPES, crs="EPSG:32633", **columns):
    return geopandas.GeoDataFrame(columns, geometry=list(shapes), crs=crs)

"""A small table of results, and how the files of all formats are read again."""

from __future__ import annotations

import geopandas
import numpy as np
import shapely

SQUARE = shapely.box(500_000, 5_800_000, 500_010, 5_800_020)


def table_of(crs="EPSG:32633"):
    parts = shapely.MultiPolygon([SQUARE, shapely.box(500_100, 5_800_000, 500_110, 5_800_020)])
    return geopandas.GeoDataFrame(
        {
            "prompt_id": [3, 1, 2],
            "status": ["ok", "empty", "ok"],
            "score": [0.5, np.nan, 0.625],
            "area_m2": [200.0, np.nan, 400.0],
            "area_px": [800.0, np.nan, 1600.0],
            "class": ["tree", None, "ä"],
        },
        geometry=[SQUARE, None, parts],
        crs=crs,
    )


def read(path):
    """The rows of a written table."""
    return geopandas.read_parquet(path) if path.suffix == ".parquet" else geopandas.read_file(path)

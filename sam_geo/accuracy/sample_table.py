"""Table of a drawn sample: a point in the middle of each pixel, with what an assessment needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas
import numpy as np
import pandas as pd
import shapely

from sam_geo.accuracy.points import REFERENCE, STRATUM, WEIGHT

if TYPE_CHECKING:
    from sam_geo.accuracy.draw import DrawnSample
    from sam_geo.raster.source import RasterSource


def sample_table(drawn: DrawnSample, source: RasterSource) -> geopandas.GeoDataFrame:
    """A table of points to be looked up, in random order.

    Args:
        drawn: The sample.
        source: The raster of the map that it was drawn from.

    Returns:
        Points in the reference system of the map with the columns `point_id` (from 1), `stratum`
        (the class of the map), `weight_m2` (the area that the point stands for), `chance` (of its
        pixel, to be drawn) and `reference`, empty, for the true class.
    """
    xy = source.frame.to_world(drawn.cells.astype(np.float64))
    names = [stratum.name for stratum in drawn.strata]
    pixels = np.array([stratum.pixels for stratum in drawn.strata])
    counts = np.bincount(drawn.stratum_of, minlength=len(pixels))
    columns = {
        "point_id": np.arange(1, len(xy) + 1, dtype=np.int64),
        STRATUM: pd.Series([names[n] for n in drawn.stratum_of], dtype=object),
        WEIGHT: drawn.weights_m2,
        "chance": (counts / pixels)[drawn.stratum_of],
        REFERENCE: pd.Series([""] * len(xy), dtype=object),
    }
    return geopandas.GeoDataFrame(columns, geometry=shapely.points(xy), crs=source.crs)

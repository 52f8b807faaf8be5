"""Table of a drawn sample: a point in the middle of each pixel, with what an assessment needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas
import numpy as np
import pandas as pd
import shapely

from sam_common.tiled_job.progress import silent
from sam_geo.accuracy.draw import draw_sample
from sam_geo.accuracy.points import REFERENCE, STRATUM, WEIGHT
from sam_geo.class_maps.class_map import open_class_map

if TYPE_CHECKING:
    import os

    from sam_common.tiled_job.progress import Progress
    from sam_geo.accuracy.draw import Allocation, DrawnSample
    from sam_geo.raster.source import RasterSource


def draw_points(
    class_map: str | os.PathLike[str],
    size: int = 500,
    *,
    allocation: Allocation = "proportional",
    seed: int = 0,
    progress: Progress = silent,
) -> geopandas.GeoDataFrame:
    """Draw a random sample of a class map, as a table of points to be looked up.

    Args:
        class_map: A raster of classes: one band of whole numbers, and their probability in per cent
            where there is a second one.
        size: Points in all.
        allocation: Points in each class of the map: `equal`, `proportional` to its area, or
            `neyman`, which makes the interval of the overall accuracy smallest.
        seed: Another number draws another sample.
        progress: Called with a description and the number of windows of the map.

    Returns:
        The table that `sample_table` makes: write the true class of each point into the column
        `reference`, and give it to `assess`.

    Raises:
        InputError: The map is no class map or has no class, or the size or the allocation does not
            go with it.
    """
    with open_class_map(class_map) as classes:
        drawn = draw_sample(classes, size, allocation, seed=seed, progress=progress)
        return sample_table(drawn, classes.source)


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

"""Tables of objects in the reference system of their raster."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from sam_geo.object_classes.object_table import object_table
from sam_geo.raster.source import open_raster


def test_place_and_measures(scene):
    shapes = np.array([shapely.box(-0.5, -0.5, 9.5, 3.5)], dtype=object)
    with open_raster(scene.raster) as grid:
        table = object_table({"id": [1]}, shapes, grid)
    assert table.geometry[0].bounds == pytest.approx((500_000, 5_799_998, 500_005, 5_800_000))
    assert table.crs == "EPSG:32633"
    assert table["area_px"][0] == 40
    # the scale of UTM at its middle is 0.9996
    assert table["area_m2"][0] == pytest.approx(10 / 0.9996**2, rel=1e-4)
    assert table["perimeter_m"][0] == pytest.approx(14 / 0.9996, rel=1e-4)

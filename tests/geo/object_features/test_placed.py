"""Rows of files that lie on a raster."""

from __future__ import annotations

import geopandas
import numpy as np
import pytest
import shapely

from sam_common.errors import PromptError
from sam_geo.object_features.placed import AREAS, POINTS, on_raster, read_placed
from sam_geo.prompt_files.table import Wanted
from sam_geo.raster.source import open_raster


def test_what_lies_on_the_raster_keeps_its_number(scene, tmp_path):
    table = scene.table.iloc[[0, 1, 2]].copy()
    table.loc[1, "geometry"] = shapely.Point(0, 0)
    table.loc[2, "geometry"] = table.geometry[2].centroid
    table.to_crs(4326).to_file(tmp_path / "some.geojson")
    wanted = Wanted("objects", frozenset({"kind"}))
    with open_raster(scene.raster) as grid:
        areas = read_placed(tmp_path / "some.geojson", grid, wanted)
        both = read_placed(tmp_path / "some.geojson", grid, wanted, AREAS | POINTS)
    assert (len(areas), areas.read, [both.table.number(n) for n in range(2)]) == (1, 3, [0, 2])
    x, y = areas.shapes[0].centroid.coords[0]
    # indices of the middles of pixels lie half a pixel before their corners
    assert (x + 0.5, y + 0.5) == pytest.approx((table["col"][0], table["row"][0]), abs=0.01)
    assert both.table.column("kind")[0] == table["kind"][0]


def test_what_is_no_place():
    shapes = np.array(
        [None, shapely.Point(3, 3), shapely.box(-9, -9, -1, -1), shapely.box(8, 8, 20, 20)],
        dtype=object,
    )
    assert on_raster(shapes, (10, 10), AREAS) == [3]
    assert on_raster(shapes, (10, 10), AREAS | POINTS) == [1, 3]


def test_without_a_reference_system(scene, tmp_path):
    bare = tmp_path / "bare.parquet"
    geopandas.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)]).to_parquet(bare)
    with open_raster(scene.raster) as grid, pytest.raises(PromptError, match="--objects-crs"):
        read_placed(bare, grid, Wanted("objects"))

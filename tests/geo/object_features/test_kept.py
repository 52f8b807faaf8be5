"""Objects with features in a file."""

from __future__ import annotations

import geopandas
import numpy as np
import pytest
import shapely

from sam_common.errors import InputError
from sam_geo.bands.embedding_axes import EmbeddingAxes
from sam_geo.object_features.kept import MeasuredObjects, load_objects, save_objects
from sam_geo.object_features.measure import ObjectFeatures
from sam_geo.raster.source import open_raster

ORIGIN = {"image": {"sha256": "1"}, "network": "mobile_sam", "pair": (1, 2)}


@pytest.fixture
def objects():
    rng = np.random.default_rng(0)
    axes = EmbeddingAxes("net", "a" * 64, rng.normal(size=5).astype(np.float32),
                         rng.normal(size=(5, 2)).astype(np.float32))  # fmt: skip
    features = ObjectFeatures(("red", "nir"), 2)
    shapes = np.array([shapely.box(1, 2, 5, 9), shapely.Point(30, 40).buffer(6)], dtype=object)
    table = rng.normal(size=(2, len(features.names))).astype(np.float32)
    table[0, 3] = np.nan
    return MeasuredObjects(shapes, table, features, axes, np.array([False, True]))


def test_they_come_back_as_they_were(objects, scene, tmp_path):
    path = tmp_path / "kept.parquet"
    with open_raster(scene.raster) as grid:
        save_objects(objects, path, grid, ORIGIN)
        found = load_objects(path, grid, ORIGIN)
    assert np.array_equal(found.table, objects.table, equal_nan=True)
    assert shapely.equals_exact(found.shapes, objects.shapes, 1e-6).all()
    assert found.features == objects.features
    assert np.array_equal(found.axes.axes, objects.axes.axes)
    assert np.array_equal(found.axes.mean, objects.axes.mean)
    assert found.is_object.tolist() == [True, False]
    # QGIS and others read it as what it is
    table = geopandas.read_parquet(path)
    assert table.crs == "EPSG:32633"
    assert "red contrast" in table.columns


def test_what_differs_is_told(objects, scene, tmp_path):
    path = tmp_path / "kept.parquet"
    with open_raster(scene.raster) as grid:
        save_objects(objects, path, grid, ORIGIN)
        with pytest.raises(InputError, match="network was mobile_sam, is sam_vit_b"):
            load_objects(path, grid, ORIGIN | {"network": "sam_vit_b"})
        scene.table.to_parquet(path)
        with pytest.raises(InputError, match="holds no candidates with features"):
            load_objects(path, grid, ORIGIN)
        path.write_text("nothing")
        with pytest.raises(InputError, match="holds no candidates with features"):
            load_objects(path, grid, ORIGIN)


def test_parts_and_more(objects):
    more = objects.with_more(objects.only(objects.is_object))
    assert more.is_object.tolist() == [True, False, True]
    assert len(more.only(more.is_object).shapes) == 2
    assert objects.has_data.all()

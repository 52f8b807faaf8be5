"""Features of objects, against what numpy says of their pixels."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import rasterio.features
import shapely
from affine import Affine

from sam_geo.bands import blocks as block_module
from sam_geo.bands.stack import open_stack
from sam_geo.object_features import measure
from sam_geo.object_features.measure import ObjectFeatures, blocks_with, measure_objects

SHAPES = np.array(
    [shapely.box(2.5, 3.5, 60.5, 40.5), shapely.Point(70, 60).buffer(9), shapely.box(90, 1, 99, 9)],
    dtype=object,
)


@pytest.fixture
def stack(make_raster):
    values = np.random.default_rng(0).integers(1, 250, (2, 80, 100)).astype(np.uint8)
    values[:, :, 95:] = 0
    with open_stack([make_raster(values, nodata=0)]) as opened:
        yield opened


def named(table, features):
    return [dict(zip(features.names, row, strict=True)) for row in table]


def test_they_are_those_of_the_pixels(stack, monkeypatch):
    monkeypatch.setattr(measure, "MOST_PIXELS", 10_000)
    features = ObjectFeatures(stack.band_names)
    found = named(measure_objects(stack, SHAPES, features), features)
    with rasterio.open(stack.grid.name) as dataset:
        pixels = dataset.read().astype(float)
    pixels[:, :, 95:] = np.nan
    for shape, one in zip(SHAPES, found, strict=True):
        inside = rasterio.features.rasterize(
            [shape], (80, 100), transform=Affine.translation(-0.5, -0.5)
        ).astype(bool)
        for name, band in zip(stack.band_names, pixels, strict=True):
            own = band[inside & np.isfinite(band)]
            assert one[f"{name} mean"] == pytest.approx(own.mean(), rel=1e-5)
            assert one[f"{name} deviation"] == pytest.approx(own.std(), rel=1e-4)
            assert one[f"{name} percentile 90"] == pytest.approx(np.percentile(own, 90), rel=1e-5)
        assert one["log2 of area"] == pytest.approx(np.log2(shape.area))


def test_blocks_change_nothing(stack, monkeypatch):
    features = ObjectFeatures(stack.band_names)
    whole = measure_objects(stack, SHAPES, features)
    monkeypatch.setattr(block_module, "SIDE", 16)
    assert measure_objects(stack, SHAPES, features) == pytest.approx(whole, rel=1e-5, nan_ok=True)


def test_a_large_object_is_known_by_some_of_its_pixels(stack, monkeypatch):
    features = ObjectFeatures(stack.band_names)
    whole = measure_objects(stack, SHAPES[:1], features)
    monkeypatch.setattr(measure, "MOST_PIXELS", 400)
    few = measure_objects(stack, SHAPES[:1], features)
    assert few[0, 0] != whole[0, 0]
    assert few == pytest.approx(whole, rel=0.3, abs=20)


def test_contrast_is_against_what_lies_around(make_raster):
    values = np.full((1, 60, 60), 50, dtype=np.uint8)
    values[:, 20:40, 20:40] = 90
    with open_stack([make_raster(values)]) as opened:
        features = ObjectFeatures(opened.band_names)
        shape = np.array([shapely.box(19.5, 19.5, 39.5, 39.5)], dtype=object)
        (one,) = named(measure_objects(opened, shape, features), features)
    assert one["b1 mean"] == 90
    assert one["b1 contrast"] == pytest.approx(40)


def test_an_embedding_is_averaged(stack):
    def embedded(window):
        rows, cols = np.mgrid[window.slices].astype(np.float32)
        return np.stack([rows, cols])

    features = ObjectFeatures(stack.band_names, 2)
    found = measure_objects(stack, SHAPES[:1], features, embedded)
    # a mean over some pixels by chance of a ramp over 37 rows and 58 columns
    assert found[0, -2:] == pytest.approx([22, 31.5], abs=1)


def test_outside_and_without_data(stack):
    far = np.array([shapely.box(500, 500, 510, 510), shapely.box(96, 10, 99, 20)], dtype=object)
    features = ObjectFeatures(stack.band_names)
    found = measure_objects(stack, far, features)
    assert np.isnan(found[:, : len(features.spectral)]).all()
    assert measure_objects(stack, far[:0], features).shape == (0, len(features.names))
    assert len(blocks_with(SHAPES, stack.size_hw)) == 1
    assert blocks_with(far[:1], stack.size_hw) == []

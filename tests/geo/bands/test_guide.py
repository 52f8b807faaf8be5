"""The guide of a raster: axes in which its pixels are compared."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio

from sam_geo.bands.guide import Guide, survey
from sam_geo.bands.stack import open_stack


@pytest.fixture
def write(tmp_path):
    def writer(values, nodata=None):
        name = tmp_path / "image.tif"
        count, height, width = values.shape
        with rasterio.open(
            name, "w", driver="GTiff", width=width, height=height, count=count,
            dtype=values.dtype, nodata=nodata, crs="EPSG:32633",
            transform=rasterio.Affine(10, 0, 5e5, 0, -10, 5e6),
        ) as dataset:  # fmt: skip
            dataset.write(values)
        return name

    return writer


def noise(bands=3, height=60, width=80, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(1000, 50, (bands, height, width)).astype(np.float32)


def test_a_survey_scales_each_band_by_its_own_values(write):
    values = noise()
    values[1] *= 1000
    with open_stack([write(values)]) as stack:
        found = survey(stack)
    for band in range(3):
        low, high = np.percentile(values[band], (2, 98))
        assert found.low[band] == pytest.approx(low, rel=0.02)
        assert found.high[band] == pytest.approx(high, rel=0.02)
    axes = found.apply(values)
    assert axes.shape == (60, 80, 3)
    assert axes.std(axis=(0, 1)) == pytest.approx(np.ones(3), abs=0.1)


def test_many_bands_become_three_axes_that_hold_most_of_them(write):
    first = noise(1)
    values = np.concatenate([first * (n + 1) for n in range(6)]) + noise(6, seed=1) / 1000
    with open_stack([write(values)]) as stack:
        found = survey(stack)
    assert found.axes.shape == (6, 3)
    axes = found.apply(values)
    spread = axes.reshape(-1, 3).std(axis=0)
    assert spread[0] > 20 * spread[1]
    correlation = np.corrcoef(axes[..., 0].ravel(), first.ravel())[0, 1]
    assert abs(correlation) > 0.99


def test_an_empty_or_flat_raster_has_axes_too(write):
    for values in (np.zeros((4, 20, 20), np.float32), np.full((2, 9, 9), 7, np.float32)):
        with open_stack([write(values, nodata=0)]) as stack:
            found = survey(stack)
        assert np.isfinite(found.apply(values)).all()


def test_values_that_are_missing_or_far_out_have_a_place():
    guide = Guide(np.zeros(1, np.float32), np.ones(1, np.float32), np.eye(1, dtype=np.float32))
    values = np.array([[[np.nan, 1e9, -1e9, 0.25]]], dtype=np.float32)
    assert guide.apply(values)[0, :, 0].tolist() == [0.5, 1.5, -0.5, 0.25]

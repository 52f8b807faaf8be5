from __future__ import annotations

import numpy as np
import pytest

from sam_geo.jobs.raster_info import describe_raster
from sam_geo.raster.fill_values import suspects
from sam_geo.raster.source import open_raster

RANDOM = np.random.default_rng(3)


def notes(path, **options):
    with open_raster(path, **options) as source:
        return [note for note in describe_raster(source)["notes"] if "fill value" in note]


@pytest.mark.parametrize(
    ("dtype", "low", "high", "fill"),
    [
        ("int16", 100, 3000, -9999),
        ("int16", -200, 9000, -32768),
        ("uint16", 800, 12_000, 65_535),
        ("uint16", 1500, 4000, 0),
        ("float32", 0, 1, -3.4028234663852886e38),
        ("float32", 0, 1, np.float32(-3.4e38)),
        ("float32", -1, 1, -9999),
        ("float64", 0, 1, 1e20),
        ("uint8", 90, 200, 0),
    ],
)
def test_a_fill_value_that_the_file_does_not_declare_is_named(make_raster, dtype, low, high, fill):
    values = RANDOM.uniform(low, high, (3, 80, 90)).astype(dtype)
    values[:, :20] = fill
    (note,) = notes(make_raster(values))
    assert note.startswith(f"25% of the sample of band 1, 2, 3 is {float(fill):.10g}, ")
    assert f"-a_nodata {float(fill):.10g} " in note
    assert notes(make_raster(values, nodata=fill, name="declared.tif")) == []


@pytest.mark.parametrize(
    "values",
    [
        RANDOM.integers(0, 256, 9000).astype(np.uint8),
        RANDOM.gamma(2, 3, 9000).round().astype(np.uint8),  # dark: many zeros, and ones, and twos
        RANDOM.integers(0, 2, 9000).astype(np.uint8),
        np.minimum(RANDOM.gamma(4, 12_000, 9000), 65_535).astype(np.uint16),  # overexposed
        RANDOM.uniform(-9999, 9999, 9000),
        np.full(9000, -9999, np.int16),
        RANDOM.integers(0, 3000, 50).astype(np.int16),
    ],
)
def test_measured_values_are_no_fill_values(values):
    assert list(suspects(values)) == []


def test_few_wrong_pixels_are_no_fill_value():
    values = np.r_[np.full(5, -9999), np.arange(2000)].astype(np.int16)
    assert list(suspects(values)) == []

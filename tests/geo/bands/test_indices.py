"""Spectral indices: formulas, and which band is which."""

from __future__ import annotations

import numpy as np
import pytest

from sam_common.errors import InputError
from sam_geo.bands.indices import find_indices

NAMES = ("blue", "green", "red", "nir", "swir1")


@pytest.fixture
def values():
    rng = np.random.default_rng(1)
    return rng.uniform(0.01, 0.6, (5, 4, 6)).astype(np.float32)


def test_formulas(values):
    blue, green, red, nir, swir = values.astype(np.float64)
    ndvi, ndwi, evi, mndwi = find_indices(["ndvi", "NDWI", "EVI", "mndwi"], NAMES)
    assert ndvi.compute(values) == pytest.approx((nir - red) / (nir + red), rel=1e-6)
    assert ndwi.compute(values) == pytest.approx((green - nir) / (green + nir), rel=1e-6)
    assert mndwi.compute(values) == pytest.approx((green - swir) / (green + swir), rel=1e-6)
    expected = 2.5 * (nir - red) / (nir + 6 * red - 7.5 * blue + 1)
    assert evi.compute(values) == pytest.approx(expected, rel=1e-5)


def test_bands_are_found_by_any_of_their_names(values):
    (expected,) = find_indices(["NDVI"], NAMES)
    for names in (("B02", "B03", "B04", "B08", "B11"), ("x", "y", " Red", "NIR ", "z"), "ABRNT"):
        (found,) = find_indices(["NDVI"], list(names))
        assert np.array_equal(found.compute(values), expected.compute(values))


def test_nothing_over_nothing_is_no_value():
    (ndvi,) = find_indices(["NDVI"], ("red", "nir"))
    values = np.array([[[0.0, 0.1, np.nan]], [[0.0, 0.3, 0.2]]], dtype=np.float32)
    found = ndvi.compute(values)
    assert np.isnan(found[0, [0, 2]]).all()
    assert found[0, 1] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("name", "bands", "expected"),
    [
        ("NVDI", NAMES, "no spectral index 'NVDI': did you mean "),
        (
            "NDVI",
            ("b1", "b2", "b3", "b4"),
            (
                "index NDVI needs nir, red, and the bands are b1, b2, b3, b4: name them in their "
                "order, such as --band-names blue,green,red,nir"
            ),
        ),
        ("NDMI", ("red", "nir"), "index NDMI needs swir1, and the bands are red, nir: "),
        ("kNDVI", NAMES, "index kNDVI cannot be computed from bands alone: it needs "),
        ("DpRVIHH", NAMES, "index DpRVIHH cannot be computed from bands alone: it needs "),
    ],
)
def test_what_cannot_be_computed(name, bands, expected):
    with pytest.raises(InputError) as caught:
        find_indices([name], bands)
    assert str(caught.value).startswith(expected)

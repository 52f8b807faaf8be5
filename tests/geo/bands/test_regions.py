"""Figures of layers over regions."""

from __future__ import annotations

import numpy as np
import pytest

from sam_geo.bands.regions import Regions


def test_figures_are_those_of_numpy():
    rng = np.random.default_rng(0)
    labels, layer = rng.integers(-1, 5, 300), rng.normal(0, 9, 300).astype(np.float32)
    layer[rng.integers(0, 300, 40)] = np.nan
    regions = Regions.of(labels)
    mean = regions.mean(layer)
    figures = list(regions.figures(layer, (10, 50)))
    for n in range(5):
        inside = layer[(labels == n) & np.isfinite(layer)].astype(np.float64)
        expected = [inside.std(), *np.percentile(inside, (10, 50))]
        assert mean[n] == pytest.approx(inside.mean())
        assert [each[n] for each in figures] == pytest.approx(expected)
    assert np.isnan(regions.painted(mean)[labels < 0]).all()


def test_a_region_without_a_value_has_no_figure():
    regions = Regions(np.array([0, 0]), 2)
    found = [regions.mean(np.array([np.nan, np.nan])), *regions.figures(np.ones(2), (50,))]
    assert np.isnan(found[0]).all()
    assert np.isnan([each[1] for each in found]).all()


def test_objects_replace_regions_where_they_are():
    regions = Regions.of(np.array([0, 0, 1, -1]))
    assert regions.with_objects(None) is regions
    joined = regions.with_objects(np.array([-1, 7, 7, 7]))
    assert joined.count == 2
    assert joined.labels.tolist() == [0, 1, 1, -1]

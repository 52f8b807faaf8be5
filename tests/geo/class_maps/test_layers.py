"""Layers: means and least values of pieces, against a count of all pixels at once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from sam_common.tiled_job.progress import silent
from sam_geo.class_maps import class_map as class_map_module
from sam_geo.class_maps.class_map import open_class_map
from sam_geo.class_maps.layers import LayerTally
from sam_geo.class_maps.pieces import traced_pieces


def test_parts_of_several_blocks_are_joined():
    tally = LayerTally()
    wanted = np.array([True, False])
    tally.add(np.array([0, 0, 1, 0]), wanted, np.array([[[1, 2], [9, 3]], [[5, 4], [9, 6]]], float))
    tally.add(np.array([0, 1, 1, 1]), wanted[::-1], np.full((2, 2, 2), 7.0))
    sums, least = tally.joined(np.array([0, 1, 2, 0]), 2)
    assert sums.tolist() == [[6 + 21, 15 + 21], [0, 0]]
    assert least[0].tolist() == [1, 4]
    assert np.isinf(least[1]).all()


def test_no_layers_are_no_figures():
    sums, least = LayerTally().joined(np.array([0, 1]), 2)
    assert sums.shape == least.shape == (2, 0)


def test_pieces_across_windows(write_map, monkeypatch):
    monkeypatch.setattr(class_map_module, "SIDE", 16)
    rng = np.random.default_rng(0)
    values = rng.integers(0, 3, (14, 20)).repeat(4, axis=0).repeat(3, axis=1)
    layers = rng.random((2, *values.shape))
    layers[1, 5, 7] = np.nan
    with (
        open_class_map(write_map(values)) as classes,
        traced_pieces(
            classes, 0, silent, layers=lambda window: layers[(slice(None), *window.slices)]
        ) as pieces,
    ):
        found = list(zip(pieces.figures.pixels, pieces.means, pieces.least, strict=True))
    expected = []
    for value in (1, 2):
        numbers, count = ndimage.label(values == value)
        expected += [numbers == n for n in range(1, count + 1)]
    expected.sort(key=lambda mask: int(np.flatnonzero(mask)[0]))
    assert len(found) == len(expected)
    for (pixels, means, least), mask in zip(found, expected, strict=True):
        assert pixels == mask.sum()
        assert means == pytest.approx(layers[:, mask].mean(axis=1), nan_ok=True)
        assert least == pytest.approx(layers[:, mask].min(axis=1), nan_ok=True)


def test_pieces_without_layers(write_map, thirds):
    with (
        open_class_map(write_map(thirds)) as classes,
        traced_pieces(classes, 0, silent) as pieces,
    ):
        assert pieces.means.shape == pieces.least.shape == (len(pieces), 0)

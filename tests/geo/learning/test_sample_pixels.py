"""Features of the pixels of samples, and what the pixels weigh."""

from __future__ import annotations

import numpy as np
import pytest
from cover_scenes import cover_scene

from sam_common.window import Window
from sam_geo.bands import blocks as module
from sam_geo.bands.features import Features
from sam_geo.bands.guide import survey
from sam_geo.bands.stack import open_stack
from sam_geo.learning import sample_pixels
from sam_geo.learning.sample_pixels import (
    MOST_LEARNED,
    chosen_pixels,
    pixel_weights,
    read_features,
)
from sam_geo.learning.samples import Samples, read_samples


@pytest.fixture
def scene(tmp_path):
    return cover_scene(tmp_path, nodata=np.s_[:, :30])


def test_features_are_those_of_the_pixels(scene):
    features = Features(("red", "green", "nir"), (), (5,))
    with open_stack([scene.raster]) as stack:
        samples = read_samples(scene.samples, stack.grid, class_field="cover")
        found = read_features(stack, samples, features, survey(stack))
        values, valid = stack.read(Window((0, 0), (120, 150)))
    rows, cols = samples.cells.T
    assert np.array_equal(found.table[:, :3].T, values[:, rows, cols])
    assert np.array_equal(found.has_data, valid[rows, cols])
    for n in range(0, len(rows), 7):
        part = values[1, max(0, rows[n] - 2) : rows[n] + 3, max(0, cols[n] - 2) : cols[n] + 3]
        assert found.table[n, 5] == pytest.approx(np.nanmean(part), rel=1e-5)


def test_blocks_make_no_difference_to_squares(scene, monkeypatch):
    features = Features(("red", "green", "nir"), (), (5, 11))
    tables = []
    for side in (512, 32):
        monkeypatch.setattr(module, "SIDE", side)
        monkeypatch.setattr(sample_pixels, "SIDE", side)
        with open_stack([scene.raster]) as stack:
            samples = read_samples(scene.samples, stack.grid, class_field="cover")
            tables.append(read_features(stack, samples, features, survey(stack)).table)
    assert np.array_equal(*tables, equal_nan=True)


def test_only_pixels_with_data(scene):
    features = Features(("red", "green", "nir"))
    with open_stack([scene.raster]) as stack:
        samples = read_samples(scene.samples, stack.grid, class_field="cover")
        samples.cells[0] = 3, 4
        found = read_features(stack, samples, features, survey(stack))
    assert not found.has_data[0]
    assert np.isnan(found.table[0]).all()
    kept = found.on_data()
    assert np.array_equal(kept.table, found.table[1:])
    assert kept.has_data.all()


def test_a_field_weighs_as_the_root_of_its_pixels():
    owner = np.repeat([0, 1, 2], [100, 4, 1])
    samples = Samples(
        ("a", "b"), np.zeros((105, 2), dtype=int), owner, np.array([0, 1, 1]), (0, 1, 2), {}, 0
    )
    weights = pixel_weights(samples)
    assert weights.sum() == pytest.approx(105)
    sums = np.bincount(owner, weights)
    assert sums / sums[2] == pytest.approx([10, 2, 1])


def test_few_pixels_of_a_field_are_learned():
    owner = np.repeat([0, 1, 2], [3000, 40, 1])
    cells = np.argwhere(np.ones((40, 80)))[: len(owner)]
    samples = Samples(("a", "b"), cells, owner, np.array([0, 1, 1]), (0, 1, 2), {}, 0)
    kept = chosen_pixels(samples)
    assert np.bincount(owner, kept).tolist() == [MOST_LEARNED, 40, 1]
    # from all over the field
    assert abs(cells[kept][:MOST_LEARNED, 0].mean() - cells[:3000, 0].mean()) < 4

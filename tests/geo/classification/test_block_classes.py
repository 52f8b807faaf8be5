"""Blocks of a raster by a model: what a part holds, and laws of place."""

from __future__ import annotations

import numpy as np
import pytest
from cover_scenes import cover_scene

from sam_geo.bands import blocks as module
from sam_geo.bands.features import Features
from sam_geo.bands.guide import survey
from sam_geo.bands.stack import open_stack
from sam_geo.classification.block_classes import Classification
from sam_geo.classification.objects import open_objects
from sam_geo.learning.model import LandcoverModel


class Brightest:
    """The more the first feature, the more of the second class."""

    classes_ = np.array([0, 1])

    def predict_proba(self, values):
        share = np.clip(np.nan_to_num(values[:, 0]) / 255, 0, 1)
        return np.stack([1 - share, share], axis=1)


def model_of(stack, sides=(5,)):
    features = Features(stack.band_names, (), sides)
    ranges = np.tile(np.array([[0, 100]], dtype=np.float32), (len(features.names), 1))
    return LandcoverModel(("dark", "bright"), features, survey(stack), Brightest(), ranges)


def whole_map(work):
    """(h, w) classes and probabilities of all blocks."""
    found = np.zeros((2, *work.stack.size_hw), dtype=np.uint8)
    for n, window in enumerate(work.windows):
        part = work.classify(n, work.read(n))
        if part.arrays:
            found[(..., *window.slices)] = part.arrays["classes"], part.arrays["per_cent"]
    return found


def test_every_pixel_with_data_has_a_class_and_no_other(tmp_path):
    scene = cover_scene(tmp_path, nodata=np.s_[40:60, :90])
    with open_stack([scene.raster]) as stack:
        classes, per_cent = whole_map(Classification(stack, model_of(stack)))
    assert np.array_equal(classes > 0, scene.truth >= 0)
    assert np.array_equal(per_cent > 0, scene.truth >= 0)
    assert set(np.unique(classes)) == {0, 1, 2}
    assert per_cent.max() <= 100


def test_the_side_of_blocks_makes_no_difference(tmp_path, monkeypatch):
    scene = cover_scene(tmp_path, nodata=np.s_[40:60, :90])
    found = []
    for side in (512, 64, 37):
        monkeypatch.setattr(module, "SIDE", side)
        with open_stack([scene.raster]) as stack:
            found.append(whole_map(Classification(stack, model_of(stack, (5, 11)))))
    assert np.array_equal(found[0][0], found[1][0])
    assert np.array_equal(found[0][0], found[2][0])
    assert np.abs(found[0][1].astype(int) - found[2][1]).max() <= 1


def test_a_block_without_data_has_no_arrays(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SIDE", 50)
    scene = cover_scene(tmp_path, nodata=np.s_[:60, :60])
    with open_stack([scene.raster]) as stack:
        work = Classification(stack, model_of(stack))
        empty, full = (work.classify(n, work.read(n)) for n in (0, len(work.windows) - 1))
    assert not empty.arrays
    assert not empty.notes
    assert full.arrays["classes"].shape == work.windows[-1].shape


def test_features_out_of_range_are_counted(tmp_path):
    scene = cover_scene(tmp_path, nodata=np.s_[:60, :60])
    with open_stack([scene.raster]) as stack:
        work = Classification(stack, model_of(stack, ()))
        part = work.classify(0, work.read(0))
        values, valid = stack.read(work.windows[0])
    assert part.notes["pixels"] == valid.sum()
    assert part.notes["outside"] == [(band[valid] > 100).sum() for band in values]


def test_sums_over_objects(tmp_path):
    scene = cover_scene(tmp_path)
    path = tmp_path / "objects.tif"
    labels = np.zeros((120, 150), dtype=np.uint16)
    labels[5:20, 7:30], labels[50:90, 100:149] = 3, 700
    with open_stack([scene.raster]) as stack:
        import rasterio

        grid = stack.grid.header
        with rasterio.open(
            path, "w", driver="GTiff", count=1, dtype="uint16", width=150, height=120,
            crs=grid.crs, transform=grid.transform,
        ) as dataset:  # fmt: skip
            dataset.write(labels, 1)
        with open_objects(path, stack.grid) as objects:
            work = Classification(stack, model_of(stack), objects)
            part = work.classify(0, work.read(0))
    assert part.arrays["objects"].tolist() == [3, 700]
    pixels = [(labels == 3).sum(), (labels == 700).sum()]
    assert part.arrays["sums"].sum(axis=1) == pytest.approx(pixels)

"""Blocks of a raster, each with what lies around it."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio

from sam_common.window import Window
from sam_geo.bands import blocks as module
from sam_geo.bands.blocks import MARGIN, blocks, read_block
from sam_geo.bands.stack import open_stack


@pytest.fixture
def path(tmp_path):
    values = np.arange(2 * 40 * 50, dtype=np.float32).reshape(2, 40, 50) + 1
    values[:, 3, 4] = 0
    name = tmp_path / "two.tif"
    with rasterio.open(
        name, "w", driver="GTiff", width=50, height=40, count=2, dtype="float32", nodata=0,
        crs="EPSG:32633", transform=rasterio.Affine(10, 0, 5e5, 0, -10, 5e6),
    ) as dataset:  # fmt: skip
        dataset.write(values)
    return name


@pytest.mark.parametrize("size_hw", [(1, 1), (512, 512), (513, 1), (1100, 1600)])
def test_each_pixel_lies_in_one_block(size_hw):
    seen = np.zeros(size_hw, dtype=int)
    for window in blocks(size_hw):
        seen[window.slices] += 1
    assert (seen == 1).all()


def test_a_block_is_read_with_its_surroundings(path, monkeypatch):
    monkeypatch.setattr(module, "SIDE", 16)
    with open_stack([path]) as stack:
        whole = stack.read(Window((0, 0), (40, 50)))[0]
        for window in blocks((40, 50)):
            block = read_block(stack, window, 5)
            (top, left), (bottom, right) = window.start, window.stop
            wide = np.s_[max(0, top - MARGIN) : bottom + MARGIN, max(0, left - MARGIN) :]
            rows, cols = block.inner
            inner = block.values[:, rows, cols]
            expected = whole[(..., *wide)][..., : right + MARGIN - max(0, left - MARGIN)]
            assert np.array_equal(inner, expected, equal_nan=True)
            assert block.window.start == (max(0, top - MARGIN), max(0, left - MARGIN))
            assert block.valid.shape == block.window.shape == inner.shape[1:]
            assert np.array_equal(block.valid, np.isfinite(inner[0]))
            height = min(40, bottom + MARGIN + 5) - max(0, top - MARGIN - 5)
            assert block.values.shape[1] == height


def test_no_halo(path):
    with open_stack([path]) as stack:
        (window,) = blocks((40, 50))
        block = read_block(stack, window, 0)
    assert block.values.shape == (2, 40, 50)
    assert not block.valid[3, 4]
    assert block.valid.sum() == 1999


def test_what_is_beside_the_bands_is_of_the_window(make_raster):
    asked = []

    def beside(window):
        asked.append(window)
        return "found"

    values = np.ones((1, 60, 70), dtype=np.uint8)
    values[:, 30:] = 0
    with open_stack([make_raster(values, nodata=0)]) as stack:
        core = Window((2, 3), (9, 20))
        block = read_block(stack, core, 5, beside)
        assert asked == [block.window]
        assert block.beside == "found"
        # nothing is asked of where there is no data
        assert read_block(stack, Window((50, 0), (60, 70)), 5, beside).beside is None
        assert len(asked) == 1
        assert block.own.shape == (1, *block.window.shape)

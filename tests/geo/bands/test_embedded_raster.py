"""What a network makes of a raster, pixel by pixel, whatever part is asked for."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest
import rasterio
from colour_segmenter import ColourSegmenter

from sam_common.window import Window
from sam_geo.bands.embedded_raster import FEATURES, EmbeddedRaster, NetworkView
from sam_geo.prompted.embedding import EmbeddingSource
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import Stretch

SIDE = 64


@pytest.fixture
def ramp(make_raster):
    """A raster (3, 150, 200) whose colours grow along rows and columns."""
    rows, cols = np.mgrid[:150, :200]
    return make_raster(np.stack([rows, cols, np.full_like(rows, 50)]).astype(np.uint8))


@contextmanager
def opened(path, segmenter=None):
    with open_raster(path) as source:
        yield NetworkView(
            source, EmbeddingSource(segmenter or ColourSegmenter(model_size=SIDE), Stretch(None))
        )


def embedded(view):
    numbers = list(range(len(view.windows)))
    work = view.work(numbers)
    parts = {n: work.segment(work.ask(n), work.read(work.ask(n))) for n in reversed(numbers)}
    return EmbeddedRaster(view, 6, parts.__getitem__)


def test_each_pixel_belongs_to_one_window(ramp):
    with opened(ramp) as view:
        count = np.zeros((150, 200), dtype=int)
        for own, window in zip(view.own, view.windows, strict=True):
            assert own.intersect(window) == own
            count[own.slices] += 1
    assert (count == 1).all()


def test_values_are_those_of_the_place(ramp):
    with opened(ramp) as view:
        found = embedded(view).read(Window((0, 0), (150, 200)))
    rows, cols = np.mgrid[:150, :200]
    # cells of 4 pixels: a straight line is met but for half a cell at the edges of windows
    inside = np.s_[3:-3, 3:-3]
    assert np.abs(found[0][inside] - rows[inside]).max() < 0.6
    assert np.abs(found[1][inside] - cols[inside]).max() < 0.6
    assert found[5] == pytest.approx(500)


def test_parts_agree_with_the_whole(ramp):
    with opened(ramp) as view:
        raster = embedded(view)
        whole = raster.read(Window((0, 0), (150, 200)))
        for start in ((0, 0), (37, 51), (110, 170)):
            window = Window(start, (min(150, start[0] + 60), min(200, start[1] + 44)))
            assert np.array_equal(raster.read(window), whole[:, window.slices[0], window.slices[1]])


def test_only_windows_that_are_needed(ramp):
    with opened(ramp) as view:
        assert view.needed([Window((0, 0), (10, 10))]) == [0]
        assert view.needed([Window((0, 0), (150, 200))]) == list(range(len(view.windows)))
        assert view.needed([]) == []


def test_a_raster_smaller_than_the_input(make_raster):
    rows, cols = np.mgrid[:20, :32]
    path = make_raster(np.stack([rows * 4, cols * 4, rows]).astype(np.uint8))
    with opened(path) as view:
        found = embedded(view).read(Window((0, 0), (20, 32)))
    assert np.abs(found[0] - rows * 4)[2:-2, 2:-2].max() < 4
    assert np.abs(found[1] - cols * 4)[2:-2, 2:-2].max() < 4


def test_no_value_where_the_network_sees_no_data(make_raster):
    values = np.full((3, 60, 150), 9, dtype=np.uint8)
    values[:, :, 70:] = 0
    path = make_raster(values, nodata=0)
    with opened(path) as view:
        found = embedded(view).read(Window((0, 0), (60, 150)))
    assert np.isfinite(found[:, :, :60]).all()
    assert np.isnan(found[:, :, -30:]).all()


def test_the_windows_are_those_that_encode_keeps(ramp, tmp_path):
    from sam_geo.jobs.encode import encode_raster
    from sam_geo.prompted.embedding import open_store

    segmenter = ColourSegmenter(model_size=SIDE)
    with open_raster(ramp) as source:
        encode_raster(source, segmenter, Stretch(None), tmp_path / "kept")
        seen = len(segmenter.embedded)
        store = open_store(tmp_path / "kept", source, segmenter, Stretch(None))
        view = NetworkView(source, EmbeddingSource(segmenter, Stretch(None), store))
        work = view.work([0, 5])
        parts = [work.segment(work.ask(k), work.read(work.ask(k))) for k in (0, 1)]
    assert len(segmenter.embedded) == seen
    assert all(part.notes["stored"] and FEATURES in part.arrays for part in parts)


def test_a_plan_tells_rasters_and_networks_apart(ramp, tmp_path):
    other = tmp_path / "other.tif"
    with rasterio.open(ramp) as dataset, rasterio.open(other, "w", **dataset.profile) as copy:
        copy.write(255 - dataset.read())
    digests = set()
    for path, sha in ((ramp, "0" * 64), (other, "0" * 64), (ramp, "1" * 64)):
        with opened(path, ColourSegmenter(model_size=SIDE, sha256=sha)) as view:
            digests |= {view.plan([0, 1]).digest, view.plan([0]).digest}
    assert len(digests) == 6

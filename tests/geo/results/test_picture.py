from __future__ import annotations

import geopandas
import numpy as np
import pytest
from PIL import Image
from shapely.geometry import Point, box

from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.prompted.segment import run_prompts
from sam_geo.prompts.geo_prompt import load_prompts
from sam_geo.raster.source import open_raster
from sam_geo.results.picture import draw_prompted, write_picture


def picture_of(path, shapes, segmenter=None):
    with open_raster(path) as source:
        frame = geopandas.GeoDataFrame(geometry=shapes)
        prompts = load_prompts(frame, source, crs="pixel")
        job = run_prompts(source, prompts, segmenter or FakeSegmenter())
        return draw_prompted(source, job.stretch, job.prompts, job.table)


def coloured(picture):
    return np.ptp(picture.astype(int), axis=2) > 0


def test_masks_and_boxes_lie_on_their_pixels(grey_raster):
    picture = picture_of(grey_raster, [box(10, 20, 30, 50)])
    expected = np.zeros((80, 100), dtype=bool)
    expected[20:50, 10:30] = True
    assert (coloured(picture) == expected).all()


def test_points_are_shown(grey_raster):
    found = coloured(picture_of(grey_raster, [Point(50.5, 40.5)], FakeSegmenter(1.0)))
    # a cross of five pixels inside a square of seven
    assert found[37:44, 47:54].sum() == 24 + 5
    assert found.sum() == 29


def test_prompts_without_a_polygon_show_their_box_or_nothing(grey_raster):
    shapes = [box(200, 200, 220, 220), box(10, 20, 30, 50)]
    found = coloured(picture_of(grey_raster, shapes, FakeSegmenter(empty_below=255)))
    assert found.sum() == 2 * 20 + 2 * 28  # the outline alone


def test_a_large_raster_is_drawn_smaller(make_raster, monkeypatch):
    monkeypatch.setattr("sam_geo.results.picture.MAX_SIDE", 100)
    path = make_raster(np.full((1, 400, 200), 9, dtype=np.uint8))
    picture = picture_of(path, [box(40, 80, 120, 200)])
    assert picture.shape == (100, 50, 3)
    expected = np.zeros((100, 50), dtype=bool)
    expected[20:50, 10:30] = True
    assert (coloured(picture) == expected).all()


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_pictures_are_files(grey_raster, tmp_path, suffix):
    path = tmp_path / f"trees{suffix}"
    with open_raster(grey_raster) as source:
        frame = geopandas.GeoDataFrame(geometry=[box(10, 20, 30, 50)])
        job = run_prompts(source, load_prompts(frame, source, crs="pixel"), FakeSegmenter())
        write_picture(draw_prompted(source, job.stretch, job.prompts, job.table), path)
    with Image.open(path) as picture:
        assert picture.size == (100, 80)

"""Sheets: pixels as tall as on the ground, with a bar and an arrow where these are known."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine

from sam_geo.demo.sheet import draw_sheet
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import choose_stretch


@pytest.fixture
def sheet_of(make_raster):
    def make(width_px=400, **options):
        path = make_raster(np.full((3, 50, 100), 120, np.uint8), **options)
        with open_raster(str(path)) as source:
            return draw_sheet(source, choose_stretch(source), width_px)

    return make


def test_a_sheet_of_square_pixels(sheet_of):
    sheet = sheet_of()
    assert sheet.size_wh == (400, 200)
    assert sheet.size_hw == (50, 100)
    assert (sheet.canvas == 120).all()


def test_pixels_of_degrees_are_as_tall_as_on_the_ground(sheet_of):
    sheet = sheet_of(crs="EPSG:4326", transform=Affine(0.001, 0, 10, 0, -0.001, 60))
    # at 60 degrees north a degree of longitude is half as long as one of latitude
    assert sheet.size_wh[1] / sheet.size_wh[0] == pytest.approx(1.0, abs=0.02)


def test_scale_bar_and_north_arrow(sheet_of):
    sheet = sheet_of(600)
    marked = sheet.marked(sheet.canvas)
    changed = (marked != 120).any(axis=2)
    assert changed[-60:, :300].any(), "scale bar below on the left"
    assert changed[:110, -80:].any(), "north arrow above on the right"
    assert (sheet.canvas == 120).all()
    # 100 pixels of 0.5 m are 50 m, so the bar is 20 m or 240 pixels of the picture
    white = np.flatnonzero((marked[-26] == 255).all(axis=1))
    assert white[-1] - white[0] == pytest.approx(120, abs=3)


def test_without_a_reference_system_nothing_is_marked(sheet_of):
    sheet = sheet_of(crs=None)
    assert sheet.ground is None
    assert sheet.marked(sheet.canvas) is sheet.canvas

"""Proposals: files of boxes that are tried in place of the grid of points."""

from __future__ import annotations

import geopandas
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, box

from sam_common.errors import PromptError
from sam_common.window import Window
from sam_geo.prompts.proposals import BoxIndex, boxes_in, load_proposals
from sam_geo.raster.source import open_raster

INSIDE = box(500_005, 5_799_975, 500_015, 5_799_990)
OUTSIDE = box(400_000, 5_799_975, 400_010, 5_799_990)


@pytest.fixture
def load(tmp_path, grey_raster):
    """Boxes of a file of the test's folder."""

    def read(name, **options):
        with open_raster(grey_raster) as source:
            return load_proposals(tmp_path / name, source, **options)

    return read


def write(path, *shapes, crs="EPSG:32633", **options):
    geopandas.GeoDataFrame(geometry=list(shapes), crs=crs).to_file(path, **options)


def test_boxes_in_the_raster(tmp_path, load):
    write(tmp_path / "p.gpkg", INSIDE, OUTSIDE)
    assert load("p.gpkg") == [(9.5, 19.5, 29.5, 49.5)]


def test_layers_are_chosen(tmp_path, load):
    write(tmp_path / "p.gpkg", INSIDE, layer="a")
    write(tmp_path / "p.gpkg", INSIDE, INSIDE, layer="b")
    with pytest.raises(PromptError, match=r"2 layers \(a, b\): choose one with --proposals-layer"):
        load("p.gpkg")
    assert len(load("p.gpkg", layer="b")) == 2
    with pytest.raises(PromptError, match=r"no layer 'c' in .*: it has a, b"):
        load("p.gpkg", layer="c")


def test_what_is_no_box_is_refused(tmp_path, load):
    write(tmp_path / "p.gpkg", INSIDE, Point(500_005, 5_799_990))
    with pytest.raises(PromptError, match=r"proposal 1 of .* is a point, proposals are boxes"):
        load("p.gpkg")


def test_nothing_to_try_is_refused(tmp_path, load):
    write(tmp_path / "p.gpkg", OUTSIDE)
    with pytest.raises(PromptError, match=r"none of the 1 proposals of .* lies in the raster"):
        load("p.gpkg")


def test_messages_name_the_options_of_proposals(tmp_path, load):
    with pytest.warns(UserWarning, match="crs"):
        write(tmp_path / "p.gpkg", INSIDE, crs=None)
    with pytest.raises(PromptError, match="name it with --proposals-crs, for example --proposals-"):
        load("p.gpkg")
    (tmp_path / "p.csv").write_text("xmin,ymin,xmax,ymax\n500005,5799975,500015,5799990\n")
    with pytest.raises(PromptError, match="say --proposals-crs EPSG:32633, or --proposals-crs pix"):
        load("p.csv")
    assert len(load("p.csv", crs="EPSG:32633")) == 1


def test_a_proposal_without_width_is_tried():
    window = Window((0, 10), (8, 20))
    boxes = np.array([[12.0, 1, 12, 6], [12, 3, 12, 3], [30, 1, 30, 6], [2, 4, 18, 4]])
    assert boxes_in(window, boxes).tolist() == [[2, 1, 2, 6], [2, 3, 2, 3], [-0.5, 4, 8, 4]]
    assert BoxIndex(boxes, 10).inside(window).tolist() == boxes_in(window, boxes).tolist()


def test_proposals_that_no_window_can_hold_are_counted():
    # from the outer edge of the first pixel, at -0.5
    boxes = [(0, 0, 9.5, 9.5), (-0.5, -0.5, 18.5, 19.5), (-0.5, 0, 21, 20), (5, 0, 5, 41)]
    found = BoxIndex(boxes, 10)
    assert (len(found), found.too_large) == (4, 2)
    assert len(found.inside(Window((0, 0), (10, 10)))) == 2


def test_parts_of_boxes_are_tried_where_a_quarter_of_them_lies():
    window = Window((0, 10), (8, 20))
    boxes = np.array([[3.5, 1.5, 11.5, 3.5], [2.5, 1.5, 11.5, 3.5], [12, 3, 12, 3], [0, 0, 4, 4]])
    assert boxes_in(window, boxes).tolist() == [[-0.5, 1.5, 1.5, 3.5], [2, 3, 2, 3]]


@settings(max_examples=30)
@given(st.integers(0, 1000))
def test_a_window_finds_the_boxes_of_all_boxes(seed):
    rng = np.random.default_rng(seed)
    low = rng.uniform(-0.5, 90, (60, 2))
    boxes = np.hstack([low, low + rng.exponential(12, (60, 2))])
    index = BoxIndex(boxes, 16)
    for _ in range(5):
        row, col = rng.integers(0, 84, 2).tolist()
        window = Window((row, col), (row + 16, col + 16))
        found = {tuple(each) for each in index.inside(window).tolist()}
        wanted = {tuple(each) for each in boxes_in(window, boxes).tolist()}
        assert found == wanted


def test_boxes_that_no_window_can_hold_a_quarter_of_are_counted():
    index = BoxIndex([(0, 0, 20, 20), (0, 0, 20.1, 20), (5, 0, 5, 41)], 10)
    assert (len(index), index.too_large) == (3, 2)
    # a point on the edges of pixels
    assert len(BoxIndex([(2.5, 2.5, 2.5, 2.5)], 10).inside(Window((0, 0), (10, 10)))) == 1
    assert len(BoxIndex([], 10).inside(Window((0, 0), (10, 10)))) == 0

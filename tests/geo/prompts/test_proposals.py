"""Proposals: files of boxes that are tried in place of the grid of points."""

from __future__ import annotations

import geopandas
import pytest
from shapely.geometry import Point, box

from sam_common.errors import PromptError
from sam_geo.prompts.proposals import load_proposals
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

"""Requests: outputs that cannot be written, as far as names tell."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import replace

import geopandas
import pytest
import shapely
from geo_jobs import ask

from sam_geo.jobs.request import AutoRequest, PromptRequest
from sam_geo.tables.write import write_table


def test_two_outputs_of_one_name_are_refused(grey_raster, prompts, tmp_path, refused):
    picture = tmp_path / "o.png"
    request = AutoRequest(
        image=str(grey_raster), output=tmp_path / "o.gpkg", labels=picture, overlay=picture
    )
    assert "two outputs are one file" in refused(request)
    for name in ("o.QML", "o.job.json", "O.gpkg"):
        request = AutoRequest(
            image=str(grey_raster), output=tmp_path / "o.gpkg", labels=tmp_path / name
        )
        assert "two outputs are one file" in refused(request)
    request = PromptRequest(
        image=str(grey_raster),
        prompts=prompts,
        output=tmp_path / "o.gpkg",
        embeddings=tmp_path / "o.gpkg.parts",
    )
    assert "keep embeddings in another folder" in refused(request)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (os.fsdecode(b"caf\xe9.gpkg"), "UTF-8"),
        ("a" * 252 + ".fgb", "File name too long"),
        ("o.dwg", "cannot write .dwg"),
        ("nowhere/o.gpkg", "no such folder"),
    ],
)
def test_a_name_that_cannot_be_written_is_refused(
    grey_raster, prompts, tmp_path, refused, name, reason
):
    request = PromptRequest(image=str(grey_raster), prompts=prompts, output=tmp_path / name)
    assert reason in refused(request)


def test_a_layer_is_an_option_of_geopackages(grey_raster, prompts, tmp_path, refused):
    request = PromptRequest(
        image=str(grey_raster), prompts=prompts, output=tmp_path / "o.fgb", layer="trees"
    )
    assert "--layer is for a .gpkg" in refused(request)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("rtree_trees_geom", "cannot begin with rtree_, which is reserved in a GeoPackage"),
        ("RTree_x", "cannot begin with rtree_"),
        ("gpkg_contents", "cannot begin with gpkg"),
        ("SQLITE_x", "cannot begin with sqlite_"),
        ("ogr_empty_table", "cannot begin with ogr_empty_table"),
        ("a\0b", "'a\\x00b' is no name for a layer of"),
        ("", "'' is no name for a layer of"),
        (" ", "' ' is no name for a layer of"),
    ],
)
def test_names_that_no_layer_can_have_are_refused(
    grey_raster, prompts, tmp_path, refused, layer, message
):
    request = PromptRequest(
        image=str(grey_raster), prompts=prompts, output=tmp_path / "o.gpkg", layer=layer
    )
    assert message in refused(request)


def test_the_name_of_a_file_is_a_layers_name_too(grey_raster, prompts, tmp_path, refused):
    output = tmp_path / "rtree_x.gpkg"
    request = PromptRequest(image=str(grey_raster), prompts=prompts, output=output)
    assert "give another name with --layer" in refused(request)
    ask(grey_raster, prompts, output, layer="trees")
    assert geopandas.list_layers(output)["name"].tolist() == ["trees"]


def test_a_table_that_a_geopackage_does_not_list_is_in_the_way(
    grey_raster, prompts, tmp_path, refused
):
    output = tmp_path / "o.gpkg"
    ask(grey_raster, prompts, output)
    with sqlite3.connect(output) as base:
        base.execute("CREATE TABLE notes (a)")
    base.close()
    request = PromptRequest(
        image=str(grey_raster), prompts=prompts, output=output, layer="Notes", overwrite=True
    )
    assert "has 'notes', table, which a layer 'Notes' cannot stand beside" in refused(request)


def test_a_table_of_somebody_else_is_not_replaced(grey_raster, prompts, tmp_path, refused):
    for name in ("tab.dbf", "TAB.PRJ", "tab.qix"):
        foreign = tmp_path / name
        foreign.write_bytes(b"mine")
        request = PromptRequest(
            image=str(grey_raster), prompts=prompts, output=tmp_path / "tab.shp"
        )
        assert f"output exists: {foreign}" in refused(request)
        assert foreign.read_bytes() == b"mine"
        foreign.unlink()
    write_table(
        geopandas.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(0, 0).buffer(1)]),
        tmp_path / "own.shp",
    )
    request = PromptRequest(image=str(grey_raster), prompts=prompts, output=tmp_path / "own.SHP")
    assert "output exists" in refused(request)


def test_a_request_knows_its_files(tmp_path):
    request = AutoRequest(
        image="a.tif",
        output=tmp_path / "o.shp",
        overlay=tmp_path / "o.png",
        labels=tmp_path / "o.tif",
        proposals=tmp_path / "p.gpkg",
    )
    assert request.parts == tmp_path / "o.shp.parts"
    assert request.named_outputs == [tmp_path / name for name in ("o.shp", "o.png", "o.tif")]
    assert {path.name for path in request.outputs} == {
        "o.shp", "o.shx", "o.dbf", "o.prj", "o.cpg", "o.job.json", "o.qml", "o.png", "o.tif",
    }  # fmt: skip
    assert request.tables == (tmp_path / "p.gpkg",)
    asked = PromptRequest(image="a.tif", output=tmp_path / "o.gpkg", prompts=tmp_path / "p.csv")
    assert {path.name for path in asked.outputs} == {"o.gpkg", "o.job.json", "o.qml"}
    assert asked.tables == (tmp_path / "p.csv",)


def test_a_resumed_job_replaces_its_own_outputs_only(tmp_path):
    request = AutoRequest(image="a.tif", output=tmp_path / "o.gpkg")
    again = replace(request, resume=True)
    assert not again.replaces
    again.parts.mkdir()
    (again.parts / "plan.json").write_text("{}")
    assert again.replaces
    assert not request.replaces
    assert replace(request, overwrite=True).replaces

"""Outputs of a job: kept apart from what it reads, from each other, and tried before the work."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from pathlib import Path

import geopandas
import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine

from sam_common.automatic.options import EverythingOptions
from sam_common.errors import InputError, OutputError, PromptError
from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.automatic.job import AutoOptions
from sam_geo.jobs.inputs import local_files
from sam_geo.jobs.request import AutoRequest, PromptRequest
from sam_geo.jobs.run import dry_run_prompts, run_auto, run_request
from sam_geo.results.finish import Finish
from sam_geo.results.qgis_style import style_path
from sam_geo.results.record import manifest_path
from sam_geo.tables.write import write_table

MOON = "IAU_2015:30110"
ROTATED = (
    'GEOGCRS["r",BASEGEOGCRS["b",DATUM["World Geodetic System 1984",'
    'ELLIPSOID["WGS 84",6378137,298.257223563]]],DERIVINGCONVERSION["Pole rotation",'
    'METHOD["PROJ ob_tran o_proj=longlat"],'
    'PARAMETER["o_lat_p",39.25,ANGLEUNIT["degree",0.0174532925199433]],'
    'PARAMETER["o_lon_p",0,ANGLEUNIT["degree",0.0174532925199433]],'
    'PARAMETER["lon_0",18,ANGLEUNIT["degree",0.0174532925199433]]],CS[ellipsoidal,2],'
    'AXIS["longitude",east],AXIS["latitude",north],ANGLEUNIT["degree",0.0174532925199433]]'
)
OPTIONS = AutoOptions(64, 16, EverythingOptions(points_per_side=2), join=False)


@pytest.fixture
def prompts(tmp_path):
    path = tmp_path / "boxes.csv"
    path.write_text("xmin,ymin,xmax,ymax,label\n10,10,30,30,tree\n50,20,90,60,roof\n")
    return path


@pytest.fixture
def refused():
    """The message of a job that must not begin."""

    def run(request):
        segmenter = FakeSegmenter(model_size=64)
        job = run_auto if isinstance(request, AutoRequest) else run_request
        with pytest.raises((InputError, OutputError, PromptError)) as caught:
            job(request, lambda: segmenter)
        assert segmenter.embedded == []
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return run


def ask(image, prompts, output, **options):
    request = PromptRequest(image=str(image), prompts=prompts, output=output, **options)
    return run_request(request, lambda: FakeSegmenter(model_size=64))


def auto(image, output, **options):
    request = AutoRequest(image=str(image), output=output, options=OPTIONS, **options)
    return run_auto(request, lambda: FakeSegmenter(model_size=64))


# what is read is never written to


def test_label_raster_over_the_image_is_refused(grey_raster, tmp_path, refused, monkeypatch):
    before = grey_raster.read_bytes()
    (tmp_path / "link.tif").symlink_to(grey_raster)
    (tmp_path / "hard.tif").hardlink_to(grey_raster)
    monkeypatch.chdir(tmp_path)
    for name in (grey_raster, Path("link.tif"), Path("hard.tif"), Path("IMAGE.tif")):
        request = AutoRequest(
            image=str(grey_raster), output=tmp_path / "o.gpkg", labels=name, overwrite=True
        )
        assert "is an input of the job" in refused(request)
    assert grey_raster.read_bytes() == before
    assert not (tmp_path / "o.gpkg.parts").exists()


def test_sources_of_nested_mosaics_are_inputs(grey_raster, tmp_path, refused):
    inner, outer = tmp_path / "inner.vrt", tmp_path / "outer.vrt"
    vrt = (
        '<VRTDataset rasterXSize="100" rasterYSize="80"><GeoTransform>500000,.5,0,5800000,0,-.5'
        '</GeoTransform><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        '<SourceFilename relativeToVRT="1">{}</SourceFilename></SimpleSource></VRTRasterBand>'
        "</VRTDataset>"
    )
    inner.write_text(vrt.format(grey_raster.name))
    outer.write_text(vrt.format(inner.name))
    for name in (grey_raster, inner, outer):
        request = AutoRequest(
            image=str(outer), output=tmp_path / "o.gpkg", labels=name, overwrite=True
        )
        assert f"is an input of the job: {name}" in refused(request)


def test_files_beside_the_image_are_inputs(grey_raster, tmp_path, refused):
    beside = tmp_path / "image.tif.aux.xml"
    beside.write_text("<PAMDataset></PAMDataset>")
    request = AutoRequest(
        image=str(grey_raster), output=tmp_path / "o.gpkg", labels=beside, overwrite=True
    )
    assert "is an input of the job" in refused(request)


def test_names_inside_archives_and_with_options_lead_to_the_file(tmp_path):
    archive = tmp_path / "a!b.zip"
    archive.touch()
    names = [
        f"/vsizip/{archive}/a.tif",
        f"/vsizip/{{{archive}}}/a.tif",
        f"zip://{archive}",
        f"GTIFF_DIR:2:{archive}",
        f'NETCDF:"{archive}":height',
        f"vrt://{archive}?bands=1",
    ]
    assert all(archive in local_files(name) for name in names)


def test_prompts_are_not_written_over(grey_raster, tmp_path, refused):
    shapes = [shapely.box(500_002, 5_799_990, 500_010, 5_799_998)]
    own = tmp_path / "own.shp"
    geopandas.GeoDataFrame({"id": [1]}, geometry=shapes, crs=32633).to_file(own)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("own.*")}
    for name in ("own.shp", "own.SHP", "OWN.shp"):
        request = PromptRequest(
            image=str(grey_raster), prompts=own, output=tmp_path / name, overwrite=True
        )
        assert "is an input of the job" in refused(request)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("own.*")} == before


def test_proposals_are_not_written_over(grey_raster, tmp_path, refused):
    own = tmp_path / "own.gpkg"
    shapes = [shapely.box(500_002, 5_799_990, 500_010, 5_799_998)]
    geopandas.GeoDataFrame({"id": [1]}, geometry=shapes, crs=32633).to_file(own)
    request = AutoRequest(image=str(grey_raster), proposals=own, output=own, overwrite=True)
    assert "is an input of the job" in refused(request)
    assert len(geopandas.read_file(own)) == 1


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


# names of side files


def test_tables_of_one_stem_have_side_files_of_their_own(grey_raster, prompts, tmp_path):
    for name in ("trees.gpkg", "trees.shp", "trees.fgb"):
        ask(grey_raster, prompts, tmp_path / name)
    for name in ("trees.gpkg", "trees.fgb"):
        ask(grey_raster, prompts, tmp_path / name, overwrite=True)
    records = {
        path.name: json.loads(path.read_text())["parameters"]["table"]
        for path in tmp_path.glob("*.job.json")
    }
    assert records == {
        "trees.job.json": "trees.gpkg",
        "trees.shp.job.json": "trees.shp",
        "trees.fgb.job.json": "trees.fgb",
    }
    assert sorted(path.name for path in tmp_path.glob("*.qml")) == [
        "trees.fgb.qml",
        "trees.qml",
        "trees.shp.qml",
    ]


def test_side_files_that_a_user_has_beside_another_table_stay(grey_raster, prompts, tmp_path):
    own = tmp_path / "trees.geojson"
    own.write_text("{}")
    (tmp_path / "trees.qml").write_text("<qgis/>")
    (tmp_path / "trees.job.json").write_text("mine")
    ask(grey_raster, prompts, tmp_path / "trees.gpkg", overwrite=True)
    assert (tmp_path / "trees.qml").read_text() == "<qgis/>"
    assert (tmp_path / "trees.job.json").read_text() == "mine"
    assert manifest_path(tmp_path / "trees.gpkg").name == "trees.gpkg.job.json"
    assert style_path(tmp_path / "trees.gpkg").name == "trees.gpkg.qml"


def test_a_table_that_is_being_made_counts_as_another(tmp_path):
    (tmp_path / "trees.shp.parts").mkdir()
    assert manifest_path(tmp_path / "trees.gpkg").name == "trees.gpkg.job.json"
    assert manifest_path(tmp_path / "trees.shp").name == "trees.job.json"


# one job at a time


def test_a_second_job_on_an_output_is_refused(grey_raster, tmp_path, refused):
    output, begun, go = tmp_path / "o.gpkg", threading.Event(), threading.Event()

    class Waiting(FakeSegmenter):
        def embed(self, image):
            begun.set()
            go.wait()
            return FakeSegmenter.embed(self, image)

    request = AutoRequest(image=str(grey_raster), output=output, options=OPTIONS)
    first = threading.Thread(target=run_auto, args=(request, lambda: Waiting(model_size=64)))
    first.start()
    begun.wait()
    try:
        again = AutoRequest(image=str(grey_raster), output=output, options=OPTIONS, resume=True)
        assert refused(again).startswith(f"another job works in {output}.parts")
    finally:
        go.set()
        first.join()
    assert len(geopandas.read_file(output)) > 0
    assert not output.with_name("o.gpkg.parts").exists()


@pytest.mark.parametrize("option", ["labels", "overlay", "output"])
def test_a_second_job_on_any_file_of_another_is_refused(grey_raster, tmp_path, refused, option):
    begun, go = threading.Event(), threading.Event()

    class Waiting(FakeSegmenter):
        def embed(self, image):
            begun.set()
            go.wait()
            return FakeSegmenter.embed(self, image)

    shared = tmp_path / {"labels": "s.tif", "overlay": "s.png", "output": "s.gpkg"}[option]
    by_link = tmp_path / f"link{shared.suffix}"
    by_link.symlink_to(shared.name)

    def request(name, path):
        files = {"output": tmp_path / f"{name}.gpkg", option: path}
        return AutoRequest(image=str(grey_raster), options=OPTIONS, overwrite=True, **files)

    first = threading.Thread(
        target=run_auto, args=(request("a", shared), lambda: Waiting(model_size=64))
    )
    first.start()
    begun.wait()
    try:
        assert f"another job writes {by_link}" in refused(request("b", by_link))
    finally:
        go.set()
        first.join()
    assert shared.is_file()
    assert by_link.is_symlink()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".geojson", ".parquet", ".shp"])
def test_a_link_stays_one_and_its_file_is_written(grey_raster, tmp_path, suffix):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    links = {}
    for name in (f"o{suffix}", "o.tif", "o.png"):
        links[name] = tmp_path / name
        links[name].symlink_to(folder / f"real{Path(name).suffix}")
    for overwrite in (False, True):  # first they lead nowhere
        if overwrite:
            auto(
                grey_raster,
                links[f"o{suffix}"],
                labels=links["o.tif"],
                overlay=links["o.png"],
                overwrite=True,
            )
        else:
            with pytest.raises(OutputError, match="output exists"):
                auto(grey_raster, links[f"o{suffix}"])
    assert all(link.is_symlink() for link in links.values())
    found = {path.name for path in folder.iterdir()}
    assert found >= {f"real{suffix}", "real.tif", "real.png"}
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
    read = geopandas.read_parquet if suffix == ".parquet" else geopandas.read_file
    assert len(read(folder / f"real{suffix}")) > 0


def test_a_folder_that_is_not_of_a_job_is_left_alone(grey_raster, prompts, tmp_path, refused):
    foreign = tmp_path / "o.gpkg.parts"
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("mine")
    request = PromptRequest(image=str(grey_raster), prompts=prompts, output=tmp_path / "o.gpkg")
    assert "is no folder of an unfinished job (thesis.tex lies in it)" in refused(request)
    assert [path.name for path in foreign.iterdir()] == ["thesis.tex"]


def test_resume_without_an_unfinished_job_replaces_nothing(grey_raster, prompts, tmp_path, refused):
    output = tmp_path / "o.gpkg"
    output.write_bytes(b"mine")
    output.with_name("o.gpkg.parts").mkdir()
    request = PromptRequest(image=str(grey_raster), prompts=prompts, output=output, resume=True)
    assert "output exists" in refused(request)
    assert output.read_bytes() == b"mine"


def test_a_picture_that_cannot_be_written_leaves_the_parts(
    grey_raster, prompts, tmp_path, monkeypatch
):
    output, picture = tmp_path / "o.gpkg", tmp_path / "o.png"

    def fail(*_):
        raise OutputError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("sam_geo.jobs.run.write_picture", fail)
        with pytest.raises(OutputError, match="disk is full"):
            ask(grey_raster, prompts, output, overlay=picture)
    segmenter = FakeSegmenter(model_size=64)
    request = PromptRequest(
        image=str(grey_raster), prompts=prompts, output=output, overlay=picture, resume=True
    )
    run_request(request, lambda: segmenter)
    assert segmenter.embedded == []
    assert picture.is_file()
    assert not output.with_name("o.gpkg.parts").exists()


def test_a_job_of_which_nothing_worked_leaves_an_earlier_result(grey_raster, prompts, tmp_path):
    output = tmp_path / "o.gpkg"
    ask(grey_raster, prompts, output)
    before = output.read_bytes()

    class Broken(FakeSegmenter):
        def embed(self, _):
            raise RuntimeError("the network gave up")

    request = PromptRequest(image=str(grey_raster), prompts=prompts, output=output, overwrite=True)
    with pytest.raises(OutputError, match=r"none of 1 windows worked, .* stays as it was: the net"):
        run_request(request, lambda: Broken(model_size=1024))
    assert output.read_bytes() == before
    # without one there is something to see: a row with a status for each prompt
    output.unlink()
    (tmp_path / "o.job.json").unlink()
    (tmp_path / "o.qml").unlink()
    request = PromptRequest(image=str(grey_raster), prompts=prompts, output=output, resume=True)
    run_request(request, lambda: Broken(model_size=1024))
    assert geopandas.read_file(output)["status"].tolist() == ["failed", "failed"]


def test_a_network_of_a_file_is_not_written_over(grey_raster, tmp_path, refused):
    weights = tmp_path / "own.pth"
    weights.write_bytes(b"weights")
    request = AutoRequest(
        image=str(grey_raster),
        output=tmp_path / "o.gpkg",
        labels=weights,
        overwrite=True,
        model=str(weights),
    )
    assert "is an input of the job" in refused(request)


# where a result goes


def moon(make_raster, name="moon.tif"):
    crs = rasterio.crs.CRS.from_wkt(pyproj.CRS(MOON).to_wkt())
    values = np.arange(8000, dtype=np.uint8).reshape(1, 80, 100)
    return make_raster(values, name=name, crs=crs, transform=Affine(50, 0, 10_000, 0, -50, 20_000))


@pytest.mark.parametrize(
    ("goal", "message"),
    [
        (("EPSG:99999", "o.gpkg"), "no such coordinate reference system: 'EPSG:99999'"),
        (("", "o.gpkg"), "no such coordinate reference system: ''"),
        (("EPSG:4978", "o.gpkg"), "cannot be put into EPSG:4978"),
        (("EPSG:5703", "o.gpkg"), "cannot be put into EPSG:5703"),
        (("EPSG:3857", "o.geojson"), "GeoJSON is in longitude and latitude of WGS 84"),
        ((MOON, "o.gpkg"), "there is no way from WGS 84 / UTM zone 33N to IAU_2015:30110"),
        ((None, "gpkg_o.gpkg"), "reserved"),
        ((None, "sqlite_o.gpkg"), "reserved"),
    ],
)
def test_a_result_that_has_no_place_is_refused_before_the_work(
    grey_raster, prompts, tmp_path, refused, goal, message
):
    dst_crs, output = goal
    request = PromptRequest(
        image=str(grey_raster),
        prompts=prompts,
        output=tmp_path / output,
        finish=Finish(dst_crs=dst_crs),
    )
    assert message in refused(request)
    assert {path.name for path in tmp_path.iterdir()} == {"image.tif", "boxes.csv"}
    with pytest.raises((InputError, OutputError)):
        dry_run_prompts(request, lambda: FakeSegmenter(model_size=64))


@pytest.mark.parametrize(
    ("dst_crs", "output"), [("EPSG:4326", "o.gpkg"), (None, "o.geojson"), (ROTATED, "o.fgb")]
)
def test_an_image_of_the_moon_has_no_place_on_the_earth(
    make_raster, prompts, tmp_path, refused, dst_crs, output
):
    request = PromptRequest(
        image=str(moon(make_raster)),
        prompts=prompts,
        output=tmp_path / output,
        finish=Finish(dst_crs=dst_crs),
    )
    assert "there is no way from" in refused(request)


def test_an_image_of_the_moon_is_written_on_the_moon(make_raster, prompts, tmp_path):
    ask(moon(make_raster), prompts, tmp_path / "o.gpkg", finish=Finish(dst_crs="IAU_2015:30100"))
    table = geopandas.read_file(tmp_path / "o.gpkg")
    assert len(table) == 2
    assert "Moon" in table.crs.name


def test_geojson_takes_the_system_that_it_is_in(grey_raster, prompts, tmp_path):
    finish = Finish(dst_crs="EPSG:4326")
    ask(grey_raster, prompts, tmp_path / "o.geojson", finish=finish)
    assert geopandas.read_file(tmp_path / "o.geojson").total_bounds[0] == pytest.approx(15, abs=1)


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


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".geojson", ".parquet", ".shp"])
def test_odd_names_are_written(grey_raster, prompts, tmp_path, suffix):
    folder = tmp_path / "a!b #1 ä%20"
    folder.mkdir()
    output = folder / f"x!y ;&'{suffix.upper()}"
    ask(grey_raster, prompts, output, overlay=folder / "o!.png")
    written = sorted(path.name for path in folder.iterdir())
    assert {name.removesuffix(output.suffix) for name in written} >= {output.stem, "o!.png"}
    # the reader of this test takes such names for addresses
    for path in folder.iterdir():
        path.rename(tmp_path / f"plain{path.suffix.lower()}")
    plain = tmp_path / f"plain{suffix}"
    table = geopandas.read_parquet(plain) if suffix == ".parquet" else geopandas.read_file(plain)
    assert len(table) == 2


def test_a_layer_is_added_to_a_geopackage(grey_raster, prompts, tmp_path):
    output = tmp_path / "work.gpkg"
    roads = geopandas.GeoDataFrame({"n": [7]}, geometry=[shapely.Point(1, 2)], crs=32633)
    roads.to_file(output, layer="roads")
    ask(grey_raster, prompts, output, layer="trees", overwrite=True)
    ask(grey_raster, prompts, output, overwrite=True)
    assert sorted(geopandas.list_layers(output)["name"]) == ["roads", "trees", "work"]
    assert geopandas.read_file(output, layer="roads")["n"].tolist() == [7]
    assert len(geopandas.read_file(output, layer="trees")) == 2


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


@pytest.mark.parametrize("name", ["crs", "layer"])
def test_options_of_proposals_need_proposals(grey_raster, tmp_path, refused, name):
    request = AutoRequest(
        image=str(grey_raster), output=tmp_path / "o.gpkg", **{f"proposals_{name}": "EPSG:4326"}
    )
    assert f"--proposals-{name} EPSG:4326 is about --proposals" in refused(request)


def test_a_text_that_no_file_can_hold_is_refused(grey_raster, tmp_path, refused):
    prompts = tmp_path / "boxes.csv"
    prompts.write_bytes(b"xmin,ymin,xmax,ymax,class\n10,10,30,30,a\0b\n")
    request = PromptRequest(image=str(grey_raster), prompts=prompts, output=tmp_path / "o.gpkg")
    assert "line 2 of" in refused(request)


def test_names_that_a_shapefile_would_cut_are_refused(grey_raster, tmp_path, refused):
    prompts = tmp_path / "boxes.csv"
    prompts.write_text(f"xmin,ymin,xmax,ymax,class\n10,10,30,30,{'ä' * 150}\n")
    request = PromptRequest(image=str(grey_raster), prompts=prompts, output=tmp_path / "o.shp")
    assert "a Shapefile cuts texts at 254 bytes, but class" in refused(request)
    ask(grey_raster, prompts, tmp_path / "o.gpkg")
    assert geopandas.read_file(tmp_path / "o.gpkg")["class"].tolist() == ["ä" * 150]


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


# addresses

SIGNED = "http://me:passw0rd@127.0.0.1:9/b{}?sig=S3CRET&x=y z"


@pytest.mark.parametrize("address", [SIGNED, f"/vsicurl/{SIGNED}"])
@pytest.mark.parametrize(
    ("option", "suffix"),
    [
        ("prompts", ".gpkg"),
        ("output", ".gpkg"),
        ("output", ".tif"),
        ("overlay", ".png"),
        ("embeddings", ""),
    ],
)
def test_an_address_is_no_file_and_keeps_its_secrets(
    grey_raster, prompts, refused, address, option, suffix
):
    files = {"prompts": prompts, "output": prompts.with_name("o.gpkg")}
    files[option] = Path(address.format(suffix))
    before = sorted(prompts.parent.iterdir())
    told = refused(PromptRequest(image=str(grey_raster), **files))
    assert "127.0.0.1:9/b" in told
    assert "is an address on a server" in told
    assert not any(secret in told for secret in ("S3CRET", "passw0rd", "z"))
    assert sorted(prompts.parent.iterdir()) == before
    assert not Path("http:").exists()


@pytest.mark.parametrize("option", ["labels", "proposals"])
def test_an_address_is_no_file_of_an_automatic_job(grey_raster, tmp_path, refused, option):
    files = {option: Path(SIGNED.format(".tif"))}
    told = refused(AutoRequest(image=str(grey_raster), output=tmp_path / "o.gpkg", **files))
    assert "is an address on a server" in told
    assert "S3CRET" not in told


def test_more_layers_of_crops_than_make_sense_are_refused():
    for layers, calls in ((3, 85), (20, 1466015503701)):
        with pytest.raises(InputError, match=f"--crop-n-layers {layers} .* {calls} times"):
            AutoOptions(everything=EverythingOptions(crop_n_layers=layers))
    AutoOptions(everything=EverythingOptions(crop_n_layers=2))


def test_windows_that_are_far_smaller_than_the_network_are_refused(grey_raster, tmp_path, refused):
    request = AutoRequest(
        image=str(grey_raster),
        output=tmp_path / "o.gpkg",
        options=AutoOptions(63),
        model="sam_vit_b",
    )
    assert "enlarged 16 times to the network's 1024 x 1024" in refused(request)
    AutoOptions(64).check_side(1024)

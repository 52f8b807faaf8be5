"""Outputs of a job: kept apart from what it reads, from each other, and tried before the work."""

from __future__ import annotations

from pathlib import Path

import geopandas
import pytest
import shapely
from geo_jobs import MOON, ROTATED, ask, moon

from sam_common.errors import InputError, OutputError
from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.address.local_files import local_files
from sam_geo.jobs.dry_run import dry_run_prompts
from sam_geo.jobs.request import AutoRequest, PromptRequest
from sam_geo.results.finish import Finish


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

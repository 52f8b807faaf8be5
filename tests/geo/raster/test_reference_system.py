"""Reference systems of rasters, and those that users name."""

from __future__ import annotations

import geopandas
import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from rasterio.crs import CRS

from sam_common.errors import InputError, PromptError
from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.jobs.raster_info import describe_raster
from sam_geo.jobs.request import PromptRequest
from sam_geo.jobs.run import run_request
from sam_geo.raster.reference_system import crs_named, densified, image_crs, pyproj_crs
from sam_geo.raster.source import open_raster


def test_crs_is_kept(make_raster, bands_of):
    with open_raster(make_raster(bands_of(1), crs="EPSG:3395")) as source:
        assert source.crs.to_epsg() == 3395
    with open_raster(make_raster(bands_of(1), crs=None)) as source:
        assert source.crs is None


def test_a_crs_without_code_is_kept(data):
    with open_raster(data / "geo/awkward/cog_scale.tif") as source:
        assert source.crs.coordinate_operation.method_name == "Transverse Mercator"
        assert source.crs.get_geod().a == 6378137


def test_a_reference_system_over_the_files_own(make_raster, tmp_path):
    path = make_raster(np.arange(8000, dtype=np.uint8).reshape(1, 80, 100), crs=None)
    box = geopandas.GeoDataFrame(
        geometry=[shapely.box(500_005, 5_799_980, 500_020, 5_799_995)], crs="EPSG:32632"
    )
    box.to_file(tmp_path / "p.gpkg")
    request = PromptRequest(
        image=str(path),
        image_crs="EPSG:32632",
        prompts=tmp_path / "p.gpkg",
        output=tmp_path / "o.gpkg",
    )
    job, record = run_request(request, FakeSegmenter)
    assert job.table.crs.to_epsg() == 32632
    assert job.table["status"].tolist() == ["ok"]
    assert record["parameters"]["image_crs"] == "EPSG:32632"
    with open_raster(path, crs="EPSG:32632") as source:
        assert describe_raster(source)["crs"] == "EPSG:32632"


@pytest.mark.parametrize(
    ("crs", "message"),
    [
        ("EPSG:99999", "no such coordinate reference system: --image-crs 'EPSG:99999'"),
        ("EPSG:4978", "has no x and y on the ground"),
        ("EPSG:5773", "has no x and y on the ground"),
    ],
)
def test_a_reference_system_that_is_none(grey_raster, crs, message):
    with (
        pytest.raises(InputError, match=message),
        open_raster(grey_raster, crs=crs),
    ):
        pass


def test_a_reference_system_places_no_pixels(make_raster):
    path = make_raster(np.zeros((1, 4, 5), np.uint8), crs=None, transform=Affine.identity())
    with (
        pytest.raises(InputError, match="has no geotransform"),
        open_raster(path, crs="EPSG:4326"),
    ):
        pass


@pytest.mark.parametrize("text", ["EPSG:99999", "d\udce4", "", "{}"])
def test_the_message_and_the_error_are_those_of_the_caller(text):
    with pytest.raises(PromptError) as told:
        crs_named(text, error=PromptError)
    assert str(told.value).startswith(f"no such coordinate reference system: {text!r} (for")
    with pytest.raises(InputError, match=r"^no such coordinate reference system: --a b \(for"):
        crs_named(text, shown="--a b")


def test_an_image_may_be_in_a_local_system():
    site = 'LOCAL_CS["Site",UNIT["metre",1]]'
    assert image_crs(site).is_engineering
    with pytest.raises(InputError, match=r"^--image-crs 'EPSG:5773' \(EGM96 height\) has no x and"):
        image_crs("EPSG:5773")


def test_a_code_comes_before_the_definition_of_the_file():
    assert pyproj_crs(CRS.from_epsg(32633), "a.tif").to_epsg() == 32633
    plain = pyproj_crs(CRS.from_string("+proj=tmerc +lon_0=15.5 +ellps=bessel"), "a.tif")
    assert plain.to_epsg() is None
    assert plain.ellipsoid.name.startswith("Bessel")


class Named:
    """A reference system of rasterio with this code and this definition."""

    def __init__(self, authority, code, wkt):
        self.authority, self.wkt = (authority, code), wkt

    def to_authority(self):
        return self.authority

    def to_wkt(self):
        return self.wkt


def test_a_definition_is_read_where_the_code_is_unknown():
    wkt = pyproj.CRS(32634).to_wkt()
    assert pyproj_crs(Named("EPSG", "32633", wkt), "a.tif").to_epsg() == 32633
    assert pyproj_crs(Named("NOBODY", "1", wkt), "a.tif").to_epsg() == 32634


def test_a_system_that_pyproj_does_not_know_is_named_by_the_user():
    message = "^the coordinate reference system of a.tif is not understood: name it with --image-"
    with pytest.raises(InputError, match=message):
        pyproj_crs(Named("NOBODY", "1", "nonsense"), "a.tif")


def test_edges_are_cut_by_the_longer_side_of_their_shape():
    empty = shapely.Polygon()
    shapes = np.array([shapely.box(0, 0, 210, 3), shapely.Point(5, 5), None, empty], dtype=object)
    square, point, nothing, still_empty = densified(shapes)
    assert still_empty.is_empty
    steps = np.hypot(*np.diff(shapely.get_coordinates(square), axis=0).T)
    assert steps.max() == pytest.approx(10)
    assert square.equals(shapes[0])
    assert (point, nothing) == (shapes[1], None)
    assert densified(np.array([], dtype=object)).tolist() == []

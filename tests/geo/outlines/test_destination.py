"""Polygons of a result in another reference system, cut where its map ends."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import pyproj
import pytest
import shapely
from result_tables import SQUARE, table_of
from shapely.geometry import MultiPolygon, box

from sam_common.errors import InputError
from sam_geo.outlines.destination import check_way, output_crs, reproject_table
from sam_geo.results.finish import Finish, finish_prompts
from sam_geo.results.rows import Row
from sam_geo.tables.write import write_table

EARTH = 20_037_508.342789244


ACROSS_IN_UTM = box(690_000, 5_700_000, 740_000, 5_750_000)


HOLED = ACROSS_IN_UTM.difference(box(700_000, 5_710_000, 730_000, 5_740_000))


BESIDE = box(500_000, 5_700_000, 510_000, 5_710_000)


def moved(shapes, crs, dst_crs):
    table = geopandas.GeoDataFrame({"n": range(len(shapes))}, geometry=shapes, crs=crs)
    return reproject_table(table, dst_crs).geometry


ELSEWHERE = {
    # the same projections with their middle at 180 degrees, where areas on the map are the same
    "EPSG:4326": "+proj=longlat +pm=180",
    "EPSG:3857": "+proj=merc +a=6378137 +b=6378137 +lon_0=180",
    "EPSG:6933": "+proj=cea +lat_ts=30 +lon_0=180",
    "ESRI:54030": "+proj=robin +lon_0=180",
}


@pytest.mark.parametrize("dst_crs", ELSEWHERE)
@pytest.mark.parametrize("shape", [ACROSS_IN_UTM, HOLED, MultiPolygon([HOLED, BESIDE])])
def test_a_polygon_is_cut_where_the_map_of_the_result_ends(dst_crs, shape):
    (cut,) = moved([shape], "EPSG:32660", dst_crs)
    (whole,) = moved([shape], "EPSG:32660", ELSEWHERE[dst_crs])
    assert cut.is_valid
    assert cut.geom_type == "MultiPolygon"
    assert cut.area == pytest.approx(whole.area, rel=1e-5)
    left, _, right, _ = whole.bounds
    assert all(part.bounds[2] - part.bounds[0] < 3 * (right - left) for part in cut.geoms)
    assert len(cut.geoms) == len(shapely.get_parts(whole)) + 1


def test_what_lies_beside_the_end_of_the_map_stays_whole():
    utm = "EPSG:32660"
    for dst_crs in ("EPSG:4326", "EPSG:3857", "EPSG:3832", "EPSG:3413"):
        (shape,) = moved([BESIDE], utm, dst_crs)
        assert shape.geom_type == "Polygon"
    for dst_crs in ("EPSG:3832", "EPSG:3413"):  # whose maps go on there
        (shape,) = moved([ACROSS_IN_UTM], utm, dst_crs)
        assert shape.geom_type == "Polygon"


@pytest.mark.parametrize("edge", [-180.0, 180.0])
def test_a_polygon_that_ends_at_180_degrees_stays_on_its_side(edge):
    side = np.copysign(1.0, edge)
    x = sorted((side * EARTH, side * (EARTH - 100_000)))
    (shape,) = moved([box(x[0], 0, x[1], 100_000)], "EPSG:3857", "EPSG:4326")
    assert shape.geom_type == "Polygon"
    assert max(shape.bounds[::2], key=abs) == pytest.approx(edge)
    assert shape.bounds[2] - shape.bounds[0] == pytest.approx(0.898, abs=1e-3)


def test_a_polygon_around_a_pole_reaches_it():
    ring = box(-1e6, -1e6, 1e6, 1e6)
    for crs, sign in (("EPSG:3413", 1), ("EPSG:3031", -1)):
        (shape,) = moved([ring], crs, "EPSG:4326")
        assert shape.is_valid
        assert shape.covers(box(-180, 88, 180, 90) if sign == 1 else box(-180, -90, 180, -88))
        assert not shape.intersects(box(-180, -60, 180, 60))


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet", ".fgb", ".geojson", ".shp"])
def test_a_result_across_180_degrees_is_in_two_parts_in_every_format(tmp_path, suffix):
    rows = [Row(geometry=ACROSS_IN_UTM), Row(geometry=BESIDE), Row(status="empty")]
    finish = Finish(dst_crs="EPSG:4326")
    table = finish_prompts(rows, finish, crs=pyproj.CRS("EPSG:32660"), model="m")
    path = tmp_path / f"t{suffix}"
    write_table(table, path)
    read = geopandas.read_parquet if suffix == ".parquet" else geopandas.read_file
    whole, beside, nothing = read(path).geometry
    assert [part.bounds[2] - part.bounds[0] < 1 for part in whole.geoms] == [True, True]
    assert whole.bounds[0] == -180
    assert whole.bounds[2] == 180
    assert beside.bounds[2] < 178
    assert nothing is None or nothing.is_empty


def test_polygons_without_a_place_in_the_other_system_are_refused():
    behind = geopandas.GeoDataFrame(
        {"a": [1, 2]}, geometry=[shapely.box(170, 0, 171, 1), None], crs="EPSG:4326"
    )
    with pytest.raises(InputError, match=r"1 of 2 polygons lie where .*proj=ortho.* has no place"):
        reproject_table(behind, "+proj=ortho +lat_0=0 +lon_0=0")


def test_a_table_in_another_system():
    moved = reproject_table(table_of(), "EPSG:4326")
    assert moved.crs == "EPSG:4326"
    assert moved.geometry.isna().tolist() == [False, True, False]
    assert moved.to_crs("EPSG:32633").geometry[0].hausdorff_distance(SQUARE) < 1e-6
    assert reproject_table(table_of(), "EPSG:32633").geometry[0].equals(SQUARE)
    with pytest.raises(InputError, match=r"^no such coordinate reference system: 'EPSG:1'"):
        reproject_table(table_of(), "EPSG:1")
    with pytest.raises(InputError, match=r"^the raster has no coordinate reference system"):
        reproject_table(table_of(crs=None), "EPSG:4326")


@pytest.mark.parametrize(
    ("crs", "message"),
    [
        ("EPSG:1", r"^no such coordinate reference system: 'EPSG:1' \(for example EPSG:4326\)$"),
        (
            "EPSG:5773",
            r"^polygons cannot be put into EPSG:5773 \(EGM96 height, Vertical CRS\): ",
        ),
        ("EPSG:4978", r"^polygons cannot be put into EPSG:4978 \(WGS 84, Geocentric CRS\): give a"),
    ],
)
def test_outputs_need_a_projected_or_a_geographic_system(crs, message):
    with pytest.raises(InputError, match=message):
        output_crs(crs)


MOON = pyproj.CRS("+proj=longlat +R=1737400")
UTM = pyproj.CRS("EPSG:32633")


@pytest.mark.parametrize(
    ("crs", "dst_crs", "name", "message"),
    [
        (UTM, "EPSG:4326", "t.gpkg", None),
        (UTM, None, "t.geojson", None),
        (UTM, "EPSG:4326", "t.GeoJSON", None),
        (None, None, "t.geojson", None),
        (None, "EPSG:4326", "t.gpkg", "^the raster has no coordinate reference system, so its"),
        (
            UTM,
            "EPSG:3857",
            "t.geojson",
            "^GeoJSON is in longitude and latitude of .* not in",
        ),
        (MOON, "EPSG:4326", "t.gpkg", "^there is no way from unknown to EPSG:4326: give another"),
        (
            MOON,
            None,
            "t.geojson",
            r"longitude and latitude of GeoJSON \(WGS 84\): write a",
        ),
    ],
)
def test_a_system_that_an_output_cannot_be_in_is_refused_before_the_job(
    crs, dst_crs, name, message
):
    if message is None:
        check_way(crs, dst_crs, Path(name))
        return
    with pytest.raises(InputError, match=message):
        check_way(crs, dst_crs, Path(name))


def test_a_long_edge_follows_its_curve():
    # a parallel of 60 degrees of longitude is an arc on a polar map
    (shape,) = moved([box(-30, 60, 30, 61)], "EPSG:4326", "EPSG:3995")
    (ends,) = geopandas.GeoSeries([shapely.LineString([(-30, 60), (30, 60)])], crs=4326).to_crs(
        3995
    )
    sagitta = shapely.hausdorff_distance(shape.exterior, ends)
    assert len(shape.exterior.coords) > 40
    assert sagitta > 100_000

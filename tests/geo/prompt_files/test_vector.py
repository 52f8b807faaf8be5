"""Vector files of prompts: GeoParquet, layers, files that are cut off, odd shapes and names."""

from __future__ import annotations

import json
import shutil
import sqlite3
import zipfile

import numpy as np
import pandas as pd
import pytest
from shapely.geometry import Point, box
from vector_files import BOX, SHAPES, frame_of

from sam_common.errors import PromptError
from sam_geo.prompts.geo_prompt import load_prompts
from sam_geo.raster.source import open_raster

# GeoParquet


@pytest.mark.parametrize("encoding", ["WKB", "geoarrow"])
def test_geoparquet(tmp_path, load, encoding):
    table = frame_of(id=["007", "8"], tags=[[1], [2, 3]]).to_crs(4326)
    table.to_parquet(tmp_path / "p.parquet", geometry_encoding=encoding)
    prompts = load("p.parquet")
    assert [prompt.prompt_id for prompt in prompts] == ["007", "8"]
    np.testing.assert_allclose(prompts[0].box_xyxy, BOX, atol=1e-3)
    with pytest.raises(PromptError, match="has no layers: leave --prompts-layer out"):
        load("p.parquet", layer="a")


def test_other_parquet_is_refused(tmp_path, load):
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "plain.parquet")
    with pytest.raises(PromptError, match=r"plain\.parquet is no GeoParquet"):
        load("plain.parquet")
    frame_of(crs=None).to_parquet(tmp_path / "p.parquet")
    with pytest.raises(PromptError, match=r"p\.parquet has no coordinate reference system"):
        load("p.parquet")
    data = (tmp_path / "p.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(data[:-20])
    with pytest.raises(PromptError, match=r"^not a GeoParquet file: .*cut\.parquet"):
        load("cut.parquet")


# Shapefiles


def test_a_shapefile_without_its_system(load, shapefile):
    shapefile.with_suffix(".prj").unlink()
    with pytest.raises(PromptError, match="name it with --prompts-crs"):
        load("s.shp")
    assert load("s.shp", crs="EPSG:32633")[0].box_xyxy == BOX


@pytest.mark.parametrize("part", ["shp", "dbf"])
def test_a_shapefile_that_is_cut_off(load, shapefile, part):
    path = shapefile.with_suffix(f".{part}")
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(PromptError, match=r"is cut off|is damaged: it says that it has 2 features"):
        load("s.shp")


def test_encodings_of_attributes(load, shapefile):
    assert [prompt.class_name for prompt in load("s.shp")] == ["ä", "ö"]
    shapefile.with_suffix(".cpg").unlink()
    with pytest.raises(PromptError, match=r"text in .* is not UTF-8: .*into s\.cpg"):
        load("s.shp")


# other files that end early, or lie without a part


@pytest.mark.parametrize(
    ("name", "driver", "cut"),
    [
        ("p.gml", "GML", "p.gml"),
        ("p.dxf", "DXF", "p.dxf"),
        ("p.mif", "MapInfo File", "p.mif"),
        ("p.mif", "MapInfo File", "p.mid"),
        ("p.tab", "MapInfo File", "p.dat"),
        ("p.tab", "MapInfo File", "p.map"),
    ],
)
def test_a_file_that_is_cut_off_is_not_read_in_part(tmp_path, load, name, driver, cut):
    shapes = [box(500_001 + n, 5_799_980, 500_002 + n, 5_799_990) for n in range(300)]
    classes = {} if driver == "DXF" else {"class": [f"c{n}" for n in range(300)]}
    frame_of(shapes, **classes).to_file(tmp_path / name, driver=driver)
    whole = load(name, crs="EPSG:32633")
    assert len(whole) == 300
    data = (tmp_path / cut).read_bytes()
    (tmp_path / cut).write_bytes(data[: len(data) // 2])
    with pytest.raises(PromptError, match=r"not a vector file that GDAL can read|is damaged: it"):
        load(name, crs="EPSG:32633")


def test_a_broken_gml_is_not_read_in_part(tmp_path, load):
    frame_of([*SHAPES, *SHAPES], **{"class": ["a", "b", "x&y", "d"]}).to_file(
        tmp_path / "p.gml", driver="GML"
    )
    text = (tmp_path / "p.gml").read_text()
    (tmp_path / "p.gml").write_text(text.replace("&amp;", "&"))
    with pytest.raises(PromptError, match=r"not a vector file that GDAL can read: .*not well-form"):
        load("p.gml")


@pytest.mark.parametrize("name", ["point_label", "is_positive", "is_foreground"])
def test_names_that_a_shapefile_cuts_off(tmp_path, load, name):
    points = [Point(500_005 + n, 5_799_990) for n in range(2)]
    given = frame_of(points, object_id=[1, 1], **{name[:10]: [1, 0]})
    given.to_file(tmp_path / "p.shp")
    assert load("p.shp")[0].point_labels == (1, 0)


@pytest.mark.parametrize("key", ["id", "object_id", "prompt_id"])
def test_the_key_of_a_geopackage_may_be_the_name(tmp_path, load, key):
    frame_of().to_file(tmp_path / "p.gpkg", layer="p", layer_options={"FID": key})
    with sqlite3.connect(tmp_path / "p.gpkg") as base:
        drop_triggers(base)
        base.execute(f"update p set {key} = {2**53} + {key} * 2 - 1")  # noqa: S608
    base.close()
    assert [prompt.prompt_id for prompt in load("p.gpkg")] == [2**53 + 1, 2**53 + 3]


def test_an_attribute_that_cannot_be_read_stops_no_job(tmp_path, load):
    path = tmp_path / "s.shp"
    frame_of([Point(500_005, 5_799_990)], type=["\u00e4"]).to_file(path, encoding="ISO-8859-1")
    path.with_suffix(".cpg").unlink()
    assert load("s.shp")[0].status == "ok"


# layers


def test_a_layer_that_is_not_there_is_told_of_every_file(tmp_path, load):
    for name in ("p.gpkg", "p.geojson", "p.shp", "p.fgb"):
        frame_of().to_file(tmp_path / name)
        with pytest.raises(PromptError, match=rf"no layer 'x' in .*{name}: it has p$"):
            load(name, layer="x")
        assert len(load(name, layer="p")) == 2
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.write(tmp_path / "p.fgb", "p.fgb")
    (tmp_path / "p.vrt").write_text(
        '<OGRVRTDataSource><OGRVRTLayer name="v"><SrcDataSource relativeToVRT="1">p.gpkg'
        "</SrcDataSource><SrcLayer>p</SrcLayer></OGRVRTLayer></OGRVRTDataSource>"
    )
    for name in ("p.zip", "p.vrt"):
        with pytest.raises(PromptError, match="no layer 'x' in"):
            load(name, layer="x")


def test_gpx_has_the_layer_with_features(tmp_path, load):
    head = '<gpx version="1.1" creator="x" xmlns="http://www.topografix.com/GPX/1/1">'
    point = '<wpt lat="52.3501" lon="15.0003"><ele>3</ele></wpt>'
    track = '<trk><trkseg><trkpt lat="52" lon="15"/><trkpt lat="53" lon="15"/></trkseg></trk>'
    (tmp_path / "p.gpx").write_text(f"{head}{point}</gpx>")
    assert load("p.gpx")[0].status == "ok"
    (tmp_path / "t.gpx").write_text(f"{head}{point}{track}</gpx>")
    message = r"has 3 layers \(waypoints, tracks, track_points\): choose one with --prompts-layer"
    with pytest.raises(PromptError, match=message):
        load("t.gpx")
    with pytest.raises(PromptError, match=r"row 0 of .* is a LineString"):
        load("t.gpx", layer="tracks")
    with pytest.raises(PromptError, match=r"no layer 'x' in .*t\.gpx: it has waypoints, routes"):
        load("t.gpx", layer="x")
    (tmp_path / "e.gpx").write_text(f"{head}</gpx>")
    with pytest.raises(PromptError, match=r"no prompts in .*: it has no features"):
        load("e.gpx")


@pytest.mark.parametrize("name", ["p.kml", "p.kmz"])
def test_kml(tmp_path, load, name):
    text = (
        '<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark><ExtendedData>'
        '<Data name="class"><value>roof</value></Data></ExtendedData><Point><coordinates>'
        "15.0003,52.3501,3</coordinates></Point></Placemark></Document></kml>"
    )
    if name == "p.kmz":
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("doc.kml", text)
    else:
        (tmp_path / name).write_text(text)
    (prompt,) = load(name)
    assert (prompt.class_name, prompt.status) == ("roof", "ok")
    (tmp_path / "bad.kml").write_text(text.replace("roof", "&roof;"))
    with pytest.raises(PromptError, match="not a vector file that GDAL can read"):
        load("bad.kml")


def drop_triggers(base):
    """They call functions that only GDAL has."""
    found = base.execute("select name from sqlite_master where type='trigger'").fetchall()
    for (name,) in found:
        base.execute(f'drop trigger "{name}"')


def with_shape(path, wkb):
    """Put ISO WKB as the first geometry of a GeoPackage, past what shapely could write."""
    with sqlite3.connect(path) as base:
        drop_triggers(base)
        head = b"GP\x00\x01" + (32633).to_bytes(4, "little")
        base.execute("update p set geom = ? where fid = 1", (head + wkb,))
    base.close()


def wkb_of(code, *bodies):
    counted = len(bodies).to_bytes(4, "little") + b"".join(bodies)
    return b"\x01" + code.to_bytes(4, "little") + counted


def test_curves_are_drawn_as_lines(tmp_path, load):
    frame_of(SHAPES).to_file(tmp_path / "p.gpkg", layer="p")
    xy = [(5, -20), (10, -15), (15, -20), (10, -25), (5, -20)]
    numbers = np.array(xy, dtype="<f8") + np.array([500_000, 5_800_000])
    arc = b"\x01" + (8).to_bytes(4, "little") + len(xy).to_bytes(4, "little") + numbers.tobytes()
    with_shape(tmp_path / "p.gpkg", wkb_of(10, arc))
    first, second = load("p.gpkg")
    np.testing.assert_allclose(first.box_xyxy, (9.5, 29.5, 29.5, 49.5), atol=0.01)
    assert second.box_xyxy == (39.5, 19.5, 59.5, 49.5)


def test_shapes_of_unknown_kinds_are_refused(tmp_path, load):
    frame_of(SHAPES).to_file(tmp_path / "p.gpkg", layer="p")
    triangle = np.array([[0, 0], [1, 0], [1, 1], [0, 0]], dtype="<f8")
    ring = len(triangle).to_bytes(4, "little") + triangle.tobytes()
    with_shape(tmp_path / "p.gpkg", wkb_of(17, ring))
    with pytest.raises(PromptError, match=r"p\.gpkg has a geometry of an unknown kind"):
        load("p.gpkg")


# names of files


@pytest.mark.parametrize("name", ["zip:p.gpkg", "http:p.gpkg", "a b#?.gpkg", "ä.gpkg"])
def test_odd_names(tmp_path, load, monkeypatch, name):
    frame_of().to_file(tmp_path / "p.gpkg")
    shutil.copy(tmp_path / "p.gpkg", tmp_path / name)
    assert len(load(name)) == 2
    monkeypatch.chdir(tmp_path)
    with open_raster("image.tif") as source:
        assert len(load_prompts(name, source)) == 2


@pytest.mark.parametrize(
    "crs",
    ["EPSG:32633", {"type": "name", "properties": {"name": "EPSG:999999"}}, {"type": "link"}, [1]],
)
def test_an_unknown_system_of_geojson_is_not_degrees(tmp_path, load, crs):
    path = tmp_path / "p.geojson"
    frame_of().to_crs(4326).to_file(path)
    collection = json.loads(path.read_text())
    with_crs = {"type": "FeatureCollection", "crs": crs, "features": collection["features"]}
    path.write_text(json.dumps(with_crs))
    with pytest.raises(PromptError, match=r"^no such reference system in .*p\.geojson: "):
        load("p.geojson")


def test_text_in_another_encoding(tmp_path, load):
    path = tmp_path / "p.geojson"
    frame_of(**{"class": ["a", "b"]}).to_file(path)
    path.write_bytes(path.read_bytes().replace(b'"a"', b'"\xe4"'))
    with pytest.raises(PromptError, match=r"text in .* is not UTF-8: save it in UTF-8"):
        load("p.geojson")

"""CSV files of prompts, as spreadsheets, QGIS and detectors write them."""

from __future__ import annotations

import pytest
from shapely.geometry import box

from sam_common.errors import PromptError
from sam_geo.prompts import load_prompts
from sam_geo.source import open_raster

# grey_raster: 80 rows, 100 columns, EPSG:32633, origin (500000, 5800000), 0.5 m
POINT = ((9.5, 19.5),)


@pytest.fixture
def read(tmp_path, grey_raster):
    """Prompts of a CSV file with this text."""

    def load(text, *, name="p.csv", encoding="utf-8", **options):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        with open_raster(grey_raster) as source:
            return load_prompts(path, source, **options)

    return load


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("x;y\n10;20\n", "utf-8"),
        ("x\ty\n10\t20\n", "utf-8"),
        ("x|y\n10|20\n", "utf-8"),
        ("sep=;\r\nx;y\r\n10;20\r\n", "utf-8"),
        ("x,y\n10,20\n", "utf-8-sig"),
        ("x\ty\n10\t20\n", "utf-16"),
        ('"x";"y";"class"\n"10";"20";"a;b"\n', "utf-8"),
        ("x,y\n\n10,20,\n,\n", "utf-8"),
        ("x;y\n10,0;20,00\n", "utf-8"),
        ("a,a,x,y\n1,2,10,20\n", "utf-8"),
        ("x,y,geometry\n10,20,round\n", "utf-8"),
        ('x,y,WKT\n10,20,"POINT (10 20)"\n', "utf-8"),
    ],
)
def test_the_point_is_where_the_file_says(read, text, encoding):
    (prompt,) = read(text, encoding=encoding)
    assert prompt.points_xy == POINT


@pytest.mark.parametrize(
    "text",
    [
        "xmin;ymin;xmax;ymax\n10,5;20,5;30,5;50\n",
        "minx,miny,maxx,maxy\n10.5,20.5,30.5,50\n",
        "x_min,y_min,x_max,y_max,x,y\n10.5,20.5,30.5,50,20,30\n",
        f'xmin,ymin,xmax,ymax,geometry\n10.5,20.5,30.5,50,"{box(10.5, 20.5, 30.5, 50).wkt}"\n',
    ],
)
def test_the_box_is_where_the_file_says(read, text):
    (prompt,) = read(text)
    assert prompt.box_xyxy == (10, 20, 30, 49.5)


@pytest.mark.parametrize("name", ["p.tsv", "p.txt", "P.CSV"])
def test_suffixes_of_text(read, name):
    assert read("x\ty\n10\t20\n", name=name)[0].points_xy == POINT


@pytest.mark.parametrize("names", ["lon,lat", "Longitude,Latitude", "lng,lat"])
def test_degrees(read, grey_raster, names):
    with open_raster(grey_raster) as source:
        (wanted,) = load_prompts({"type": "Point", "coordinates": [15.0003, 52.3501]}, source)
    (prompt,) = read(f"{names}\n15.0003,52.3501\n")
    assert (prompt.status, prompt) == ("ok", wanted)


def test_wkt_needs_a_reference_system(read):
    text = 'id,WKT\n3,"POINT (500005 5799990)"\n'
    with pytest.raises(PromptError, match=r"p\.csv has no coordinate reference system"):
        read(text)
    (prompt,) = read(text, crs="EPSG:32633")
    assert (prompt.prompt_id, prompt.points_xy) == (3, POINT)
    assert read("geom\nSRID=32633;POINT (500005 5799990)\n")[0].points_xy == POINT
    assert read("wkt\nPOINT (10 20)\n", crs="pixel")[0].points_xy == POINT
    assert [p.status for p in read(text + "4,\n", crs="EPSG:32633")] == ["ok", "invalid"]


def test_a_long_outline_in_wkt(read):
    ring = ", ".join(f"{500000 + n % 50} {5799970 + n % 30}" for n in range(20_000))
    (prompt,) = read(f'WKT\n"POLYGON (({ring}, 500000 5799970))"\n', crs="EPSG:32633")
    assert prompt.box_xyxy is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,x,y\n1,2,3\n", r"has 2 columns that may be x \(x, x\)"),
        ("X,Y,fid,x,y\n1,2,3,4,5\n", r"has 2 columns that may be x \(X, x\)"),
        ("x,y,Label,label\n1,2,1,0\n", r"has 2 columns that may be label \(Label, label\)"),
        ("x,y\n60,5,75,25\n", "row 0 of .* has 4 cells, but there are 2 columns"),
        ("x;y\n60,525;75,250\n", "x is not a number: '60,525'"),
        ("x;y\n1.234,5;3\n", "x is not a number: '1.234,5'"),
        ('x,y\n"60,5","75,25"\n', "x is not a number: '60,5'"),
        ("x,y\n6_0,7\n", "x is not a number: '6_0'"),
        ("X,Y\n1,\n", "Y is not a number: None"),
        ("60,75\n185,90\n", "needs the columns .* got 60, 75$"),
        ('x,y,class\n1,2,"tree\n3,4,oak\n', r"not a CSV file: .* \(unexpected end of data\)"),
        ("x,y,width,height\n1,2,3,4\n", "has width, height beside x, y"),
        ("x,y,xmin,ymin\n1,2,3,4\n", "has xmin, ymin beside x, y"),
        ("x,y,lon,lat\n1,2,3,4\n", r"two ways where its rows lie.*\(x, y; lon, lat\)"),
        ("x,y,wkt\n1,2,POINT (1 3)\n", r"two ways where its rows lie.*\(x, y; wkt\)"),
        ("xmin,ymin,xmax,ymax,x,y\n1,2,3,4,9,9\n", "two ways where its rows lie"),
        ("geometry\nround\n", "row 0 of .*: geometry is not WKT: 'round'"),
        ("WKT\nPOINT (1\n", "row 0 of .*: WKT is not WKT"),
        ("WKT\nSRID=4326;POINT (1 2)\nPOINT (1 2)\n", "several reference systems: SRID=0, 4326"),
        ("WKT\nSRID=1;POINT (1 2)\n", "no such reference system in column WKT .* SRID=1"),
    ],
)
def test_what_cannot_be_read_right_is_refused(read, text, message):
    with pytest.raises(PromptError, match=message):
        read(text)


def test_world_coordinates_are_not_taken_for_pixels(read):
    text = "xmin,ymin,xmax,ymax\n500005,5799975,500015,5799990\n"
    with pytest.raises(PromptError, match="say --prompts-crs EPSG:32633, or --prompts-crs pixel"):
        read(text)
    assert read(text, crs="EPSG:32633")[0].box_xyxy == (9.5, 19.5, 29.5, 49.5)
    assert [prompt.status for prompt in read(text, crs="pixel")] == ["outside"]


def test_a_folder_is_no_csv(tmp_path, grey_raster):
    (tmp_path / "p.csv").mkdir()
    with (
        pytest.raises(PromptError, match=r"cannot read .*p.csv: Is a directory"),
        open_raster(grey_raster) as source,
    ):
        load_prompts(tmp_path / "p.csv", source)


def test_a_csv_has_no_layers(read):
    with pytest.raises(PromptError, match="has no layers: leave --prompts-layer out"):
        read("x,y\n1,2\n", layer="trees")


@pytest.mark.parametrize(
    ("cells", "ids"),
    [
        (["007", "008"], ["007", "008"]),
        (["007", "8"], ["007", "8"]),
        (["7", "8"], [7, 8]),
        (["9007199254740993", "9007199254740992"], [2**53 + 1, 2**53]),
        (["9223372036854775808", "1"], ["9223372036854775808", "1"]),
        (["9" * 5000, "1"], ["9" * 5000, "1"]),
        (["1e3", "1.0"], ["1e3", "1.0"]),
    ],
)
def test_names_are_read_as_they_are_written(read, cells, ids):
    prompts = read(f"x,y,id\n1,2,{cells[0]}\n3,4,{cells[1]}\n")
    assert [prompt.prompt_id for prompt in prompts] == ids

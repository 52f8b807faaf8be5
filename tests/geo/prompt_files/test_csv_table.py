"""CSV files of prompts, as spreadsheets, QGIS and detectors write them."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from shapely.geometry import Point, box

from sam_common.errors import PromptError
from sam_geo.prompts.geo_prompt import load_prompts
from sam_geo.raster.source import open_raster

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
        "x1,y1,x2,y2\n10.5,20.5,30.5,50\n",
        "X2,X1,Y2,Y1,width,height\n30.5,10.5,50,20.5,20,29.5\n",
        "x0,y0,x1,y1\n10.5,20.5,30.5,50\n",
        "left;top;right;bottom\n10,5;20,5;30,5;50\n",
        "xMin,yMin,xMax,yMax,angle\n10.5,20.5,30.5,50,0\n",
        "X Min,Y Min,X Max,Y Max\n10.5,20.5,30.5,50\n",
        "xtl,ytl,xbr,ybr\n10.5,20.5,30.5,50\n",
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
    hidden = 'WKT,geometry,x\n"POINT (500005 5799990)",round,7\n'
    assert read(hidden, crs="EPSG:32633")[0].points_xy == POINT


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
        ("x,y,x2,y2\n1,2,3,4\n", "has x2, y2 beside x, y: write boxes as xmin, ymin, xmax, ymax"),
        ("x,y,X_2,Y_2\n1,2,3,4\n", "has X_2, Y_2 beside x, y"),
        ("X,Y,Right,Bottom\n1,2,3,4\n", "has Right, Bottom beside X, Y"),
        ("x,y,radius\n1,2,3\n", "has radius beside x, y"),
        ("x,y,radius_px\n1,2,3\n", "has radius_px beside x, y"),
        ("x,y,r\n1,2,3\n", "has r beside x, y"),
        ('x,y,bbox\n1,2,"[1, 2, 3, 4]"\n', "has bbox beside x, y"),
        ("x,y,bbox_w,bbox_h\n1,2,3,4\n", "has bbox_w, bbox_h beside x, y"),
        ("x,y,dx,dy\n1,2,3,4\n", "has dx, dy beside x, y"),
        ("x,y,xEnd,yEnd\n1,2,3,4\n", "has xEnd, yEnd beside x, y"),
        ("x,y,cx,cy\n1,2,3,4\n", "has cx, cy beside x, y"),
        ("x,y,px,py\n1,2,3,4\n", "has px, py beside x, y"),
        ("x,y,x_pixel,y_pixel\n1,2,3,4\n", "has x_pixel, y_pixel beside x, y"),
        ("lon,lat,lon2,lat2\n1,2,3,4\n", "has lon2, lat2 beside lon, lat"),
        ("lon,lat,radius_m\n1,2,3\n", "has radius_m beside lon, lat"),
        ("x1,y1,x2,y2,x3,y3\n1,2,3,4,5,6\n", "has x3, y3 beside the corners of boxes: write other"),
        ("xmin,ymin,xmax,ymax,angle\n1,2,3,4,0\n1,2,3,4,30\n", "has angle beside the corners"),
        ("x0,y0,x1,y1,x2,y2\n1,2,3,4,5,6\n", r"two ways .*\(x1, y1, x2, y2; x0, y0, x1, y1\)"),
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


@pytest.mark.parametrize("more", ["z", "r,g,b", "easting", "speed", "max_speed", "boxer"])
def test_attributes_beside_a_point_are_attributes(read, more):
    cells = ",".join("7" for _ in more.split(","))
    assert read(f"x,y,{more}\n10,20,{cells}\n")[0].points_xy == POINT


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("x,y,crs\n10,20,EPSG:4326\n", r"column crs of .* names a reference system \(EPSG:4326\)"),
        ("x,y,EPSG\n10,20,32633\n", r"column EPSG of .* names a reference system \(32633\)"),
        ("lon,lat,crs\n15,52,EPSG:32633\n", r"column crs of .* \(EPSG:32633\)"),
        ("WKT,srid\nSRID=32633;POINT (1 2),3857\n", r"column srid of .* \(3857\)"),
        ("x,y,crs\n10,20,pixel\n1,2,nonsense\n", r"column crs of .* \(nonsense\)"),
        ("lon,lat,crs\n1,2,pixel\n", r"column crs of .* \(pixel\)"),
    ],
)
def test_a_column_that_names_a_reference_system_is_not_overread(read, text, named):
    with pytest.raises(PromptError, match=f"{named}: say what its coordinates are with --prompts"):
        read(text)


def test_the_user_says_which_reference_system_counts(read):
    text = "x,y,crs\n10,20,EPSG:32633\n"
    assert read(text, crs="pixel")[0].points_xy == POINT
    assert read("x,y,crs\n500005,5799990,32633\n", crs="EPSG:32633")[0].points_xy == POINT
    assert read("x,y,crs\n10,20,pixels\n")[0].points_xy == POINT
    assert read("x,y,srid\n10,20,0\n")[0].points_xy == POINT
    assert read("x,y,crs\n10,20,\n")[0].points_xy == POINT
    assert read("lon,lat,crs\n15.0003,52.3501,EPSG:4326\n")[0].status == "ok"
    text = "WKT,crs\nSRID=32633;POINT (500005 5799990),EPSG:32633\n"
    assert read(text)[0].points_xy == POINT


def test_parts_of_an_images_size_are_not_taken_for_pixels(read):
    text = "xmin,ymin,xmax,ymax\n0.1,0.2,0.5,1\n0,0,0.25,0.5\n"
    with pytest.raises(
        PromptError, match=r"all coordinates of .* lie between 0 and 1, as parts of"
    ):
        read(text)
    assert read(text, crs="pixel")[0].box_xyxy == (-0.4, -0.3, 0, 0.5)
    assert read("xmin,ymin,xmax,ymax\n0,0,1,1\n")[0].box_xyxy == (-0.5, -0.5, 0.5, 0.5)
    assert read("x,y\n0.5,0.5\n10,20\n")[1].points_xy == POINT


@pytest.mark.parametrize(
    ("text", "line", "encoding"),
    [
        ("x,y,class\n1,2,a\n1,2,b\0c\n", 3, "utf-8"),
        ("x,y\n1,2\n", 1, "utf-16-le"),
        ("x,y\n1,2\n", 1, "utf-32"),
    ],
)
def test_zero_bytes_are_no_text(read, text, line, encoding):
    with pytest.raises(PromptError, match=f"^line {line} of .*p.csv has a zero byte"):
        read(text, encoding=encoding)


def test_two_spellings_of_a_number_are_two_objects(read):
    prompts = read("x,y,object_id\n10,20,1\n1,2,1.0\n3,4,1\n")
    assert [prompt.prompt_id for prompt in prompts] == ["1", "1.0"]
    assert [len(prompt.points_xy) for prompt in prompts] == [2, 1]


@pytest.mark.parametrize("name", ["Object ID", "objectId", "object-id", "OBJECT_ID", "#object_id"])
def test_spellings_of_a_column(read, name):
    (prompt,) = read(f"x,y,{name}\n10,20,5\n1,2,5\n")
    assert (prompt.prompt_id, len(prompt.points_xy)) == (5, 2)


@pytest.mark.parametrize("name", ["obj_id", "OBJECTID", "Instance ID"])
def test_other_columns_that_may_join_points(read, name):
    with pytest.raises(PromptError, match=f"column {name} of .* has 5 in 2 points: name it object"):
        read(f"x,y,{name}\n10,20,5\n1,2,5\n")
    assert len(read(f"x,y,{name}\n10,20,5\n1,2,6\n3,4,\n5,6,\n")) == 4
    assert len(read(f"x,y,{name},object_id\n10,20,5,1\n1,2,5,2\n")) == 2
    assert len(read(f"xmin,ymin,xmax,ymax,{name}\n1,2,3,4,5\n1,2,3,4,5\n")) == 2


def test_world_coordinates_are_not_taken_for_pixels(read):
    text = "xmin,ymin,xmax,ymax\n500005,5799975,500015,5799990\n"
    with pytest.raises(PromptError, match="say --prompts-crs EPSG:32633, or --prompts-crs pixel"):
        read(text)
    assert read(text, crs="EPSG:32633")[0].box_xyxy == (9.5, 19.5, 29.5, 49.5)
    assert [prompt.status for prompt in read(text, crs="pixel")] == ["outside"]


def test_degrees_are_not_taken_for_pixels(read):
    text = "x,y\n15.0003,52.3501\n15.0004,52.3499\n"
    message = (
        "lie in or by the raster in degrees: say --prompts-crs EPSG:4326, or --prompts-crs pixel"
    )
    with pytest.raises(PromptError, match=message):
        read(text)
    assert [prompt.status for prompt in read(text, crs="EPSG:4326")] == ["ok", "outside"]
    assert read(text, crs="pixel")[0].points_xy == ((14.5003, 51.8501),)
    assert read("x,y\n15.0003,52.3501\n10,20\n")[1].points_xy == POINT


def test_pixels_of_an_image_of_the_whole_world(tmp_path, make_raster):
    path = make_raster(
        np.zeros((1, 180, 360), np.uint8),
        crs="EPSG:3857",
        transform=Affine(1e5, 0, -18e6, 0, -2e5, 18e6),
    )
    (tmp_path / "p.csv").write_text("x,y\n10,20\n")
    with open_raster(path) as source:
        assert load_prompts(tmp_path / "p.csv", source)[0].points_xy == POINT


@pytest.mark.parametrize(
    "shape", [Point(15, 52).wkb_hex, '"{""type"": ""Point"", ""coordinates"": [15, 52]}"']
)
def test_shapes_in_another_form_than_wkt_are_refused(read, shape):
    for head in ("x,y,geom", "id,n,geom"):
        with pytest.raises(PromptError, match=r"row 0 of .*: geom is not WKT"):
            read(f"{head}\n10,20,{shape}\n")


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

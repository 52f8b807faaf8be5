from __future__ import annotations

import pandas as pd
import pyogrio
import pytest
from grey_prompts import frame_of, load, place, world_box

from sam_common.errors import InputError, PromptError
from sam_geo.prompts.geo_prompt import GeoPrompt

NEEDS = r"needs the columns xmin, ymin, xmax, ymax or x, y \(or lon, lat, or WKT\), got "


def test_voc(tmp_path, grey_raster):
    path = tmp_path / "trees.xml"
    path.write_text(
        """<annotation><size><width>100</width></size>
        <object><name>Tree</name><bndbox><xmin>10</xmin><ymin>20</ymin><xmax>30</xmax>
        <ymax>50</ymax></bndbox></object>
        <object><bndbox><ymax>9.5</ymax><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax></bndbox>
        </object></annotation>"""
    )
    assert load(path, grey_raster) == [
        GeoPrompt(0, class_name="Tree", box_xyxy=(9.5, 19.5, 29.5, 49.5)),
        GeoPrompt(1, box_xyxy=(0.5, 1.5, 2.5, 9.0)),
    ]


def test_voc_in_parts_of_an_images_size(tmp_path, grey_raster):
    path = tmp_path / "p.xml"
    sides = {"xmin": 0.1, "ymin": 0.2, "xmax": 0.3, "ymax": 0.4}
    cells = "".join(f"<{name}>{value}</{name}>" for name, value in sides.items())
    path.write_text(f"<annotation><object><bndbox>{cells}</bndbox></object></annotation>")
    with pytest.raises(PromptError, match="lie between 0 and 1, as parts of an image's size do"):
        load(path, grey_raster)
    assert len(load(path, grey_raster, crs="pixel")) == 1


def test_csv_boxes(tmp_path, grey_raster):
    path = tmp_path / "trees.csv"
    path.write_text("image_path,xmin,ymin,XMAX, ymax ,Label\nimage.tif,10,20,30,50,Tree\n")
    (prompt,) = load(path, grey_raster)
    assert prompt == GeoPrompt(0, class_name="Tree", box_xyxy=(9.5, 19.5, 29.5, 49.5))


def test_csv_points(tmp_path, grey_raster):
    path = tmp_path / "points.csv"
    path.write_text("x,y,label,object_id\n10.5,20.5,1,a\n12.5,22.5,0,a\n3,4,,b\n")
    assert load(path, grey_raster) == [
        GeoPrompt("a", points_xy=((10.0, 20.0), (12.0, 22.0)), point_labels=(1, 0)),
        GeoPrompt("b", points_xy=((2.5, 3.5),), point_labels=(1,)),
    ]


def test_csv_in_world_coordinates(tmp_path, grey_raster):
    path = tmp_path / "points.csv"
    x, y = place(10.5, 20.5)
    path.write_text(f"x,y\n{x},{y}\n")
    (prompt,) = load(path, grey_raster, crs="EPSG:32633")
    assert prompt.points_xy == ((10.0, 20.0),)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            "5,2,3,4",
            (
                r"row 1 of {path}: box must have min <= max as \(x0, y0, x1, y1\), "
                r"got \[5\.0, 2\.0, 3\.0, 4\.0\]"
            ),
        ),
        ("1,2,nan,4", r"row 1 of {path}: box must be finite, got \[1\.0, 2\.0, nan, 4\.0\]"),
        ("1,-inf,3,4", r"row 1 of {path}: box must be finite, got \[1\.0, -inf, 3\.0, 4\.0\]"),
        ("1,2,three,4", r"row 1 of {path}: xmax is not a number: 'three'"),
        ("1,2", r"row 1 of {path}: xmax is not a number: None"),
    ],
)
def test_a_bad_box_is_named_by_its_row(tmp_path, grey_raster, row, message):
    path = tmp_path / "boxes.csv"
    path.write_text(f"xmin,ymin,xmax,ymax\n1,2,3,4\n{row}\n")
    with pytest.raises(PromptError, match=f"^{message.format(path=path)}$"):
        load(path, grey_raster)


def test_a_bad_voc_box_is_named_by_its_number(tmp_path, grey_raster):
    path = tmp_path / "boxes.xml"
    good = (
        "<object><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></object>"
    )
    path.write_text(f"<annotation>{good}{good.replace('>1<', '>9<')}</annotation>")
    message = (
        rf"^object 1 of {path}: box must have min <= max as \(x0, y0, x1, y1\), "
        r"got \[9\.0, 2\.0, 3\.0, 4\.0\]$"
    )
    with pytest.raises(PromptError, match=message):
        load(path, grey_raster)


def test_a_point_must_be_finite(tmp_path, grey_raster):
    path = tmp_path / "points.csv"
    path.write_text("x,y\n1,inf\n")
    message = rf"^row 0 of {path}: point must be finite, got \[1\.0, inf\]$"
    with pytest.raises(PromptError, match=message):
        load(path, grey_raster)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "a.csv",
            "a,b\n1,2\n",
            "{path} " + NEEDS + "a, b",
        ),
        (
            "a.csv",
            "",
            "{path} " + NEEDS + "none",
        ),
        ("a.csv", "x,y\n", "no prompts in {path}: it has no features"),
        ("a.xml", "<annotation/>", "no prompts in {path}: it has no features"),
        ("a.xml", "<kml/>", "not a Pascal VOC file: {path} starts with <kml>"),
        ("a.xml", "oops", r"not an XML file: {path} \(syntax error: line 1, column 0\)"),
        (
            "a.geojson",
            '{"type": "FeatureCollection", "features": []}',
            "no prompts in {path}: it has no features",
        ),
    ],
)
def test_files_without_prompts(tmp_path, grey_raster, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(PromptError, match=f"^{message.format(path=path)}$"):
        load(path, grey_raster)


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("p.xlsx", "is a spreadsheet: save it as CSV in UTF-8"),
        ("P.ODS", "is a spreadsheet"),
        ("p.geojson.gz", "is packed: unpack it first"),
        ("coco.json", "COCO or LabelMe, are read from VOC XML or CSV"),
    ],
)
def test_files_that_are_not_read_have_a_way(tmp_path, grey_raster, name, way):
    path = tmp_path / name
    path.write_text('{"images": [], "annotations": []}')
    with pytest.raises(PromptError, match=way):
        load(path, grey_raster)


def test_an_entity_bomb_is_refused(tmp_path, grey_raster):
    path = tmp_path / "bomb.xml"
    path.write_text('<!DOCTYPE x [<!ENTITY a "aaaa">]><annotation>&a;</annotation>')
    with pytest.raises(PromptError, match=f"^not an XML file: {path} "):
        load(path, grey_raster)


def test_no_vector_file(tmp_path, grey_raster):
    path = tmp_path / "notes.gpkg"
    path.write_text("hello")
    with pytest.raises(PromptError, match=f"^not a vector file that GDAL can read: {path} "):
        load(path, grey_raster)
    with pytest.raises(InputError, match=r"^no such file: nowhere\.gpkg$"):
        load("nowhere.gpkg", grey_raster)


def test_an_empty_geopackage(tmp_path, grey_raster):
    path = tmp_path / "empty.gpkg"
    frame_of([world_box(1, 1, 9, 9)]).iloc[:0].to_file(path)
    with pytest.raises(PromptError, match=f"^no prompts in {path}: it has no features$"):
        load(path, grey_raster)


def test_a_table_without_geometry(tmp_path, grey_raster):
    path = tmp_path / "table.gpkg"
    pyogrio.write_dataframe(pd.DataFrame({"a": [1]}), path)
    message = f"^no prompts in {path}: no layer of it has geometries$"
    with pytest.raises(PromptError, match=message):
        load(path, grey_raster)


def test_a_csv_in_another_encoding(tmp_path, grey_raster):
    path = tmp_path / "latin.csv"
    path.write_bytes("x,y,class\n1,2,ä\n".encode("latin-1"))
    with pytest.raises(PromptError) as caught:
        load(path, grey_raster)
    assert str(caught.value) == (
        f"not a CSV file in UTF-8: {path}, line 2 (save it in UTF-8, as spreadsheets do with the "
        f"format CSV UTF-8)"
    )


def test_layers_are_chosen_by_name(tmp_path, grey_raster):
    path = tmp_path / "two.gpkg"
    frame_of([world_box(1, 1, 9, 9)]).to_file(path, layer="trees")
    frame_of([world_box(10, 10, 19, 19)]).to_file(path, layer="roofs")
    message = rf"^{path} has 2 layers \(trees, roofs\): choose one with --prompts-layer$"
    with pytest.raises(PromptError, match=message):
        load(path, grey_raster)
    (prompt,) = load(path, grey_raster, layer="roofs")
    assert prompt.box_xyxy == (9.5, 9.5, 18.5, 18.5)
    with pytest.raises(PromptError, match=f"^no layer 'ponds' in {path}: it has trees, roofs$"):
        load(path, grey_raster, layer="ponds")

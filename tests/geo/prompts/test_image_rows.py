"""Tables in pixels that name the images they are about."""

from __future__ import annotations

import logging

import geopandas
import numpy as np
import pytest
from shapely.geometry import box

from sam_common.errors import PromptError
from sam_geo.prompts.geo_prompt import load_prompts
from sam_geo.raster.source import open_raster


@pytest.fixture
def load(tmp_path, grey_raster):
    """Numbers of the rows that a CSV with these names of images has about image.tif."""

    def read(column, *names, **options):
        path = tmp_path / "p.csv"
        rows = [f"{name},{n},2,{n + 5},6" for n, name in enumerate(names)]
        path.write_text("\n".join([f"{column},xmin,ymin,xmax,ymax", *rows]))
        with open_raster(grey_raster) as source:
            return [prompt.prompt_id for prompt in load_prompts(path, source, **options)]

    return read


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("image_path", "image.tif"),
        ("filename", "IMAGE.PNG"),
        ("File_Name", "..\\scenes\\image.jpeg"),
        ("image", "train/image.tif"),
    ],
)
def test_rows_of_other_images_are_left_out_and_counted(load, caplog, column, name):
    with caplog.at_level(logging.WARNING):
        assert load(column, "other.png", name, "more.png", name) == [1, 3]
    assert f"2 of 4 rows of {caplog.records[0].args[2]} are about other images" in caplog.text


def test_all_rows_of_one_image_need_no_note(load, caplog):
    assert load("image_path", "image.png", "image.png") == [0, 1]
    assert load("image_id", "7", "7") == [0, 1]
    assert not caplog.records


def test_the_nearest_folder_counts(load, tmp_path):
    assert load("path", "elsewhere/image.tif", f"{tmp_path.name}/image.tif") == [1]
    with pytest.raises(PromptError, match=r"2019/image.tif, 2020/image.tif may all be"):
        load("path", "2019/image.tif", "2020/image.tif")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("other.png",), r"column filename of .* names other.png, not .*image.tif"),
        (("a.png", "b.png"), r"names a.png, b.png, not .*: give that image, or keep the rows"),
        (("1", "2"), "names 1, 2, not"),
        (("image.tif", ""), "row 1 of .* does not say whose pixels it counts: its filename"),
        (tuple("abcde"), "names a, b, c and 2 more, not"),
    ],
)
def test_other_images_are_refused(load, names, message):
    with pytest.raises(PromptError, match=message):
        load("filename", *names)


@pytest.mark.parametrize("column", ["tile", "Source File", "imageUrl", "scene", "External ID"])
def test_other_columns_name_images_by_their_values(load, column):
    assert load(column, "other.png", "x/image.TIF") == [1]
    assert load(column, "https://host/a/image.png?key=1", "b.png") == [0]
    with pytest.raises(PromptError, match=r"names other\.png, not"):
        load(column, "other.png")
    assert load(column, "north", "other.png") == [0, 1]


def test_a_number_is_not_the_name_of_an_image_of_another_number(load, tmp_path, make_raster):
    path = make_raster(np.zeros((1, 80, 100), np.uint8), name="000008.tif")
    table = tmp_path / "n.csv"
    with open_raster(path) as source:
        for number, is_mine in (("7", False), ("8", True), ("8.0", True), ("b7", False)):
            table.write_text(f"image_id,x,y\n{number},10,20\n")
            if is_mine:
                assert len(load_prompts(table, source)) == 1
                continue
            with pytest.raises(PromptError, match=f"column image_id of .* names {number}, not"):
                load_prompts(table, source)
    with pytest.raises(PromptError, match=r"column filename of .* names 7, not"):
        load("filename", "7")
    with pytest.raises(PromptError, match=r"column image of .* names scene_b, not"):
        load("image", "scene_b")


def test_accents_are_written_in_two_ways(tmp_path, make_raster):
    path = make_raster(np.zeros((1, 80, 100), np.uint8), name="k\u00e4fer.tif")
    table = tmp_path / "n.csv"
    table.write_text("filename,x,y\nka\u0308fer.tif,10,20\n")
    with open_raster(path) as source:
        assert len(load_prompts(table, source)) == 1


def test_the_user_knows_better_of_one_image(load):
    assert load("filename", "other.png", crs="pixel") == [0]
    with pytest.raises(PromptError, match=r"names a\.png, b\.png"):
        load("filename", "a.png", "b.png", crs="pixel")


def test_places_in_the_world_need_no_image(grey_raster):
    shape = box(500_005, 5_799_975, 500_015, 5_799_990)
    table = geopandas.GeoDataFrame({"filename": ["x.png"]}, geometry=[shape], crs=32633)
    with open_raster(grey_raster) as source:
        assert load_prompts(table, source)[0].status == "ok"
        with pytest.raises(PromptError, match="has no coordinate reference"):
            load_prompts(table.set_crs(None, allow_override=True), source)


VOC = (
    "<annotation>{}<object><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax>"
    "</bndbox></object></annotation>"
)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("<filename>b.jpg</filename>", "column filename of .* names b.jpg"),
        (
            "<filename>b.jpg</filename><size><width>100</width><height>80</height></size>",
            r"column filename of .*v\.xml names b\.jpg, not .*image\.tif: give that image, or",
        ),
        ("<filename>000012</filename>", "column filename of .* names 000012"),
        ("<size><width>50.0</width><height>40.0</height></size>", "an image of 50 x 40 pixels"),
        (
            "<size><width>50</width><height>40</height></size>",
            "is about an image of 50 x 40 pixels, but .* has 100 x 80",
        ),
    ],
)
def test_voc_of_another_image_is_refused(tmp_path, grey_raster, head, message):
    path = tmp_path / "v.xml"
    path.write_text(VOC.format(head))
    with open_raster(grey_raster) as source:
        with pytest.raises(PromptError, match=message):
            load_prompts(path, source)
        assert len(load_prompts(path, source, crs="pixel")) == 1


@pytest.mark.parametrize(
    "head",
    [
        "<filename>IMAGE.jpg</filename><size><width>100</width><height>80</height></size>",
        "<filename> </filename><size><width>100</width><height>80</height></size>",
        "<size><width>0</width><height>0</height></size>",
        "<size/>",
    ],
)
def test_voc_of_an_image_of_this_size(tmp_path, grey_raster, head):
    path = tmp_path / "v.xml"
    path.write_text(VOC.format(head))
    with open_raster(grey_raster) as source:
        assert len(load_prompts(path, source)) == 1


def test_an_object_of_voc_has_one_box(tmp_path, grey_raster):
    box_of_voc = VOC.partition("<bndbox>")[2].partition("</object>")[0]
    path = tmp_path / "v.xml"
    path.write_text(VOC.format("").replace("</object>", f"<bndbox>{box_of_voc}</object>"))
    with (
        open_raster(grey_raster) as source,
        pytest.raises(PromptError, match=r"object 0 of .*v\.xml has 2 boxes: give each an object"),
    ):
        load_prompts(path, source)

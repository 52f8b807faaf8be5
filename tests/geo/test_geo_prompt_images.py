"""Tables in pixels that name the images they are about."""

from __future__ import annotations

import logging

import geopandas
import pytest
from shapely.geometry import box

from sam_common.errors import PromptError
from sam_geo.prompts import load_prompts
from sam_geo.source import open_raster


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
        "<filename>b.jpg</filename><size><width>100</width><height>80</height></size>",
        "<size><width>0</width><height>0</height></size>",
        "<size/>",
    ],
)
def test_voc_of_an_image_of_this_size(tmp_path, grey_raster, head):
    path = tmp_path / "v.xml"
    path.write_text(VOC.format(head))
    with open_raster(grey_raster) as source:
        assert len(load_prompts(path, source)) == 1

"""The command `sam-geo prompt`."""

from __future__ import annotations

import json

import geopandas
import numpy as np
import pytest
from colour_detector import PATCHES, ColourDetector, painted
from geo_program import invoke
from PIL import Image


def test_boxes_to_a_geopackage(grey_raster, boxes, segmenter, tmp_path):
    out = tmp_path / "trees.gpkg"
    result = invoke("prompt", grey_raster, boxes, "-o", out)
    assert result.exit_code == 0
    assert result.stdout.startswith("3 prompts: 2 ok, 1 outside; 1 window, 1 embedding, ")
    table = geopandas.read_file(out)
    assert table["class"].tolist() == ["tree", "roof", "pond"]
    assert table["area_px"].tolist()[:2] == [400, 1600]
    assert segmenter.calls == [
        ("mobile_sam", {"arch": None, "device": "auto", "engine": "auto", "precision": "auto"})
    ]


def test_the_same_job_gives_the_same_bytes(grey_raster, boxes, segmenter, tmp_path):
    outs = [tmp_path / name / "trees.gpkg" for name in ("a", "b")]
    for out in outs:
        out.parent.mkdir()
        assert invoke("prompt", grey_raster, boxes, "-o", out).exit_code == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()


def test_a_picture_shows_polygons(grey_raster, boxes, segmenter, tmp_path):
    picture = tmp_path / "trees.png"
    out = tmp_path / "trees.gpkg"
    assert invoke("prompt", grey_raster, boxes, "-o", out, "--overlay", picture).exit_code == 0
    pixels = np.asarray(Image.open(picture)).astype(int)
    assert pixels.shape == (80, 100, 3)
    coloured = np.ptp(pixels, axis=2) > 0
    expected = np.zeros((80, 100), dtype=bool)
    expected[10:30, 10:30] = expected[20:60, 50:90] = True
    assert (coloured == expected).all()


def test_options_reach_the_model(grey_raster, boxes, segmenter, tmp_path):
    invoke(
        "prompt",
        grey_raster,
        boxes,
        "-o",
        tmp_path / "a.gpkg",
        "--model",
        "my.pt",
        "--arch",
        "vit_b",
        "--device",
        "cpu",
        "--engine",
        "torch",
        "--precision",
        "fp32",
    )
    settings = {"arch": "vit_b", "device": "cpu", "engine": "torch", "precision": "fp32"}
    assert segmenter.calls == [("my.pt", settings)]


def test_an_output_that_exists(grey_raster, boxes, segmenter, tmp_path, error_of):
    out = tmp_path / "trees.gpkg"
    out.write_text("mine")
    arguments = ("prompt", grey_raster, boxes, "-o", out)
    assert error_of(*arguments) == (
        2,
        f"error: output exists: {out} (give --overwrite to replace it)\n",
    )
    assert not segmenter.calls  # found before the model was loaded
    assert invoke(*arguments, "--overwrite").exit_code == 0
    assert len(geopandas.read_file(out)) == 3


def test_a_record_that_exists(grey_raster, boxes, segmenter, tmp_path, error_of):
    (tmp_path / "trees.job.json").write_text("{}")
    code, message = error_of("prompt", grey_raster, boxes, "-o", tmp_path / "trees.gpkg")
    assert code == 2
    assert message == (
        f"error: output exists: {tmp_path / 'trees.job.json'} (give --overwrite to replace it)\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.tif", "{boxes}", "-o", "{folder}/a.gpkg"), "no such file: nowhere.tif"),
        (("{image}", "nowhere.csv", "-o", "{folder}/a.gpkg"), "no such file: nowhere.csv"),
        (
            ("{boxes}", "{boxes}", "-o", "{folder}/a.gpkg"),
            "not a raster that GDAL can read: {boxes}",
        ),
        (
            ("{image}", "{boxes}", "-o", "{folder}/x/a.gpkg"),
            "no such folder for the output: {folder}/x (make it first)",
        ),
        (
            ("{image}", "{boxes}", "-o", "{boxes}/a.gpkg"),
            "no such folder for the output: {boxes} (make it first)",
        ),
        (
            ("{image}", "{boxes}", "-o", "{folder}/a.gpkg", "--overlay", "{folder}/a.bmp"),
            "cannot draw to {folder}/a.bmp (give one of .png, .jpg, .jpeg)",
        ),
        (
            ("{image}", "{boxes}", "-o", "{folder}/a.gpkg", "--bands", "red"),
            "bands are numbers with commas, such as 4,3,2, got 'red'",
        ),
        (
            ("{image}", "{boxes}", "-o", "{folder}/a.gpkg", "--bands", "4,3,2"),
            "no band 4 in {image}: it has bands 1 to 1",
        ),
        (
            ("{image}", "{boxes}", "-o", "{folder}/a.gpkg", "--prompts-crs", "EPSG:0"),
            "no such coordinate reference system: 'EPSG:0' (for example EPSG:4326)",
        ),
    ],
)
def test_bad_input_is_one_line(grey_raster, boxes, segmenter, error_of, arguments, message):
    names = {"image": grey_raster, "boxes": boxes, "folder": boxes.parent}
    filled = [argument.format(**names) for argument in arguments]
    code, found = error_of("prompt", *filled)
    assert (code, found) == (2, f"error: {message.format(**names)}\n")
    assert not segmenter.calls


def test_failed_windows_give_exit_code_3(data, segmenter, tmp_path, error_of):
    segmenter.model_size = 256
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("xmin,ymin,xmax,ymax\n10,10,60,60\n800,800,900,900\n")
    out = tmp_path / "out.gpkg"
    code, message = error_of("prompt", data / "geo/awkward/corrupt.tif", boxes, "-o", out)
    assert code == 3
    assert message.startswith("error: 1 of 2 windows failed: cannot read rows 768-1023, columns ")
    assert geopandas.read_file(out)["status"].tolist() == ["ok", "failed"]


def test_a_picture_that_cannot_be_drawn_leaves_the_table(data, segmenter, tmp_path, error_of):
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("xmin,ymin,xmax,ymax\n10,10,60,60\n")
    segmenter.model_size = 256
    out = tmp_path / "out.gpkg"
    picture = tmp_path / "out.png"
    image = data / "geo/awkward/corrupt.tif"
    code, message = error_of("prompt", image, boxes, "-o", out, "--overlay", picture)
    assert code == 2
    assert message.startswith("error: cannot read rows 0-1023, columns 0-1023 of ")
    assert geopandas.read_file(out)["status"].tolist() == ["ok"]
    assert (tmp_path / "out.job.json").is_file()
    assert not picture.exists()


def test_quiet_says_nothing(grey_raster, boxes, segmenter, tmp_path):
    result = invoke("prompt", grey_raster, boxes, "-o", tmp_path / "a.gpkg", "--quiet")
    assert (result.exit_code, result.output) == (0, "")


@pytest.mark.parametrize("box", ["10,10,10,20", "10.2,10.2,10.3,10.3"])
def test_a_box_thinner_than_a_pixel_is_drawn(grey_raster, segmenter, tmp_path, error_of, box):
    boxes = tmp_path / "boxes.csv"
    boxes.write_text(f"xmin,ymin,xmax,ymax\n{box}\n")
    out, picture = tmp_path / "out.gpkg", tmp_path / "out.png"
    code, message = error_of("prompt", grey_raster, boxes, "-o", out, "--overlay", picture)
    assert (code, message) == (0, "")
    assert picture.stat().st_size


def test_the_record_says_how(grey_raster, boxes, segmenter, tmp_path):
    out = tmp_path / "trees.gpkg"
    result = invoke("prompt", grey_raster, boxes, "-o", out, "--json", "--bands", "1")
    printed = json.loads(result.stdout)
    record = json.loads((tmp_path / "trees.job.json").read_text())
    assert printed == {"output": str(out), **record}
    assert record["model"]["sha256"] == "0" * 64
    assert record["model"]["engine"] == "none"
    assert record["parameters"]["bands"] == [1]
    assert record["parameters"]["prompts_crs"] is None
    assert record["counts"] == {"ok": 2, "outside": 1}
    assert record["windows"] == record["embeddings"] == 1
    assert record["prompts_per_embedding"] == 2
    assert record["stretch"] is None
    inputs = record["inputs"]
    assert inputs["image"]["bytes"] == grey_raster.stat().st_size
    assert len(inputs["prompts"]["sha256"]) == 64
    assert {"read", "embed", "decode", "polygonize", "load", "write", "total"} == set(
        record["seconds"]
    )
    assert {"rasterio", "gdal", "torch", "sam-geomed"} <= set(record["versions"])


def test_words_take_the_place_of_prompts(make_raster, segmenter, tmp_path, monkeypatch):
    asked = []

    def load(name, **settings):
        asked.append((name, settings))
        return ColourDetector()

    monkeypatch.setattr("sam_common.detectors.load.load_detector", load)
    monkeypatch.setattr("sam_common.sam2.library.is_installed", lambda: True)
    image, out = make_raster(painted(PATCHES)), tmp_path / "o.gpkg"
    words = ("--text", "red", "--text", "blue", "--detector", "owlv2_base")
    result = invoke("prompt", image, "-o", out, *words)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("3 red, 1 blue: 4 ok; ")
    assert asked == [("owlv2_base", {"device": "auto", "quiet": False})]
    table = geopandas.read_file(out)
    assert sorted(table["class"]) == ["blue", "red", "red", "red"]
    dry = invoke("prompt", image, "-o", tmp_path / "p.gpkg", *words, "--dry-run", "--json")
    assert json.loads(dry.stdout)["phrases"] == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "nothing to segment: give a file of prompts, or words"),
        (("--text", ""), "text 1 of 1 is empty"),
        (("--text", "a car", "--text-threshold", "3"), "the threshold 3.0"),
        (("--text-threshold", "0.3"), "are about --text"),
        (("--detector", "sam3"), "are about --text"),
        (("--text", "car", "--prompts-crs", "EPSG:4326"), "give --prompts-crs EPSG:4326 or"),
        (("boxes.csv", "--text", "car"), "give the prompts boxes.csv or --text 'car', not both"),
    ],
)
def test_what_does_not_go_with_words_is_refused(error_of, grey_raster, tmp_path, arguments, told):
    code, err = error_of("prompt", grey_raster, *arguments, "-o", tmp_path / "o.gpkg")
    assert code == 2
    assert told in err


def test_without_a_detector_the_message_names_the_extra(
    error_of, grey_raster, tmp_path, monkeypatch
):
    monkeypatch.setattr("sam_common.sam2.library.is_installed", lambda: False)
    code, err = error_of("prompt", grey_raster, "--text", "car", "-o", tmp_path / "o.gpkg")
    assert code == 2
    assert 'pip install "sam-geomed[hf]"' in err

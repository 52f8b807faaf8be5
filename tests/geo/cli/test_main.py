from __future__ import annotations

import json
import subprocess
import sys

import geopandas
import numpy as np
import pytest
import shapely
from affine import Affine
from PIL import Image
from typer.testing import CliRunner

import sam_geo
from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.cli import main

BOXES = "xmin,ymin,xmax,ymax,label\n10,10,30,30,tree\n50,20,90,60,roof\n200,0,210,10,pond\n"


@pytest.fixture
def boxes(tmp_path):
    path = tmp_path / "boxes.csv"
    path.write_text(BOXES)
    return path


@pytest.fixture
def segmenter(monkeypatch):
    """What `--model` gives in these tests; it remembers how it was asked for."""
    fake = RememberingSegmenter()

    def load(name, **settings):
        fake.calls.append((name, settings))
        return fake

    monkeypatch.setattr("sam_common.segmenter.predictor.load_segmenter", load)
    return fake


class RememberingSegmenter(FakeSegmenter):
    def __init__(self):
        super().__init__()
        self.calls = []


def invoke(*arguments):
    return CliRunner().invoke(main.app, [str(argument) for argument in arguments])


@pytest.fixture
def error_of(capsys, monkeypatch):
    """Exit code and stderr of the whole command, as `error_of(*arguments)`."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["sam-geo", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main.main()
        return stop.value.code, capsys.readouterr().err

    return run


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


def test_info_as_json(data):
    result = invoke("info", data / "geo/naip_wetlands/naip_2010.tif", "--json", "--bands", "4,1,2")
    facts = json.loads(result.stdout)
    assert facts["driver"] == "GTiff"
    assert (facts["width"], facts["height"], facts["bands"]) == (934, 723, 4)
    assert facts["crs"] == "EPSG:26914"
    assert facts["chosen_bands"] == [4, 1, 2]
    assert facts["stretch"] is None


def test_info_as_a_table(data):
    result = invoke("info", data / "geo/spacenet_atlanta_buildings/atlanta_pan.tif")
    assert "EPSG:32616" in result.stdout
    assert "0.5, 0, 733601, 0, -0.5, 3725139" in result.stdout


def test_version():
    assert invoke("--version").stdout == "sam-geomed 0.1.0\n"


def test_the_demo_writes_its_files(data, segmenter, tmp_path, monkeypatch):
    folder = data / "geo/neon_osbs_trees"
    files = {"osbs_029.tif": folder / "OSBS_029.tif", "osbs_029.xml": folder / "OSBS_029.csv"}
    monkeypatch.setattr("sam_common.published.samples.fetch", lambda name, progress: files[name])  # noqa: ARG005
    out = tmp_path / "new" / "folder"
    result = invoke("demo", "-o", out, "--json", "--quiet")
    figures = json.loads(result.stdout)
    seconds = figures.pop("seconds")
    assert figures == {
        "objects": 61,
        "ok": 61,
        "clipped": 0,
        "mean_score": 0.9,
        "mean_box_iou": 1.0,
    }
    assert seconds > 0
    assert sorted(path.name for path in out.iterdir()) == [
        "trees.gpkg",
        "trees.job.json",
        "trees.qml",
        "trees_overlay.png",
    ]
    table = geopandas.read_file(out / "trees.gpkg")
    assert table.crs == "EPSG:32617"
    assert shapely.is_valid(table.geometry.values).all()
    assert "mean_box_iou" in invoke("demo", "-o", out, "--quiet").stdout  # again, as a table


def test_the_demo_needs_a_folder(segmenter, tmp_path, error_of):
    (tmp_path / "file").write_text("")
    code, message = error_of("demo", "-o", tmp_path / "file" / "out")
    assert (code, message) == (
        2,
        f"error: cannot make folder {tmp_path / 'file' / 'out'}: Not a directory\n",
    )


def test_lazy_names():
    assert set(dir(sam_geo)) == set(sam_geo.__all__)
    assert all(getattr(sam_geo, name).__name__ == name for name in sam_geo.__all__)
    with pytest.raises(AttributeError, match="module 'sam_geo' has no attribute 'segmnt'"):
        _ = sam_geo.segmnt


@pytest.mark.parametrize("box", ["10,10,10,20", "10.2,10.2,10.3,10.3"])
def test_a_box_thinner_than_a_pixel_is_drawn(grey_raster, segmenter, tmp_path, error_of, box):
    boxes = tmp_path / "boxes.csv"
    boxes.write_text(f"xmin,ymin,xmax,ymax\n{box}\n")
    out, picture = tmp_path / "out.gpkg", tmp_path / "out.png"
    code, message = error_of("prompt", grey_raster, boxes, "-o", out, "--overlay", picture)
    assert (code, message) == (0, "")
    assert picture.stat().st_size


def test_a_reference_system_in_kilometres_is_nothing_to_write_of(make_raster, tmp_path):
    values = np.arange(8000, dtype=np.uint8).reshape(1, 80, 100)
    crs = "+proj=utm +zone=33 +datum=WGS84 +units=km"
    raster = make_raster(values, crs=crs, transform=Affine(0.01, 0, 500, 0, -0.01, 5000))
    script = (
        "import sys; from sam_geo.cli import main; main._show_proj_its_database()\n"
        "import rasterio\n"
        "with rasterio.open(sys.argv[1]): pass\n"
        "from sam_geo.raster.source import open_raster\n"
        "with open_raster(sys.argv[1]): pass"
    )
    command = [sys.executable, "-c", script, str(raster)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_an_equals_sign_behind_a_short_option_is_explained(grey_raster, tmp_path):
    for name, words in (("=x.gpkg", "takes no '=': -o x.gpkg"), ("-x.gpkg", "begin with '-'")):
        arguments = ["prompt", str(grey_raster), "p.csv", f"-o{name}"]
        done = CliRunner().invoke(main.app, arguments)
        assert done.exit_code == 2
        told = " ".join(done.output.replace("│", " ").split())
        assert words in told

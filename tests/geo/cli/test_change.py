"""`sam-geo change`: what it writes, prints and refuses."""

from __future__ import annotations

import json

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from geo_program import invoke

EQUAL_AREA = "EPSG:6933"
GRID = Affine(10, 0, 465_000, 0, -10, 5_080_000)
NAMES = {"1": "land", "2": "water", "3": "town"}


@pytest.fixture
def make_map(tmp_path):
    def make(name, values, *, names=NAMES, crs=EQUAL_AREA, transform=GRID, dtype="uint8"):
        values = np.atleast_3d(np.asarray(values).T).T
        path = tmp_path / name
        with rasterio.open(
            path, "w", driver="GTiff", count=len(values), dtype=dtype, crs=crs, nodata=0,
            height=values.shape[1], width=values.shape[2], transform=transform,
        ) as dataset:  # fmt: skip
            dataset.write(values.astype(dtype))
        if names is not None:
            path.with_suffix(".job.json").write_text(json.dumps({"classes": names}))
        return path

    return make


@pytest.fixture
def pair(make_map):
    one, two = np.full((40, 50), 1), np.full((40, 50), 1)
    one[:, 25:] = two[:, 25:] = 3
    two[20:30, 5:20] = 2
    two[2, 2] = 2
    two[:, 24] = 3
    return make_map("one.tif", one), make_map("two.tif", two)


def test_what_is_printed(pair, tmp_path):
    output = tmp_path / "c.gpkg"
    done = invoke("change", *pair, "-o", output, "--min-pixels", 2)
    assert done.exit_code == 0, done.output
    words = [line.split() for line in done.stdout.replace("│", " ").splitlines()]
    assert ["land", "water", "1.51", "151", "0.0%"] in words
    assert ["land", "town", "0.4", "40", "50.0%"] in words
    assert done.stdout.endswith(f"\npolygons: 2 (1 smaller left out); {output}\n")
    assert (
        "1.91 of 20 ha changed; misregistration of up to 0.5 pixels alone could explain 10.5% of "
        "that" in done.stdout
    )
    assert len(geopandas.read_file(output)) == 2
    metres = invoke("change", *pair, "-o", tmp_path / "d.gpkg", "--unit", "m2")
    assert "19100" in metres.stdout


def test_the_record_as_json(pair, tmp_path):
    output = tmp_path / "c.gpkg"
    done = invoke("change", *pair, "-o", output, "--json", "--misregistration", "1")
    said = json.loads(done.stdout)
    assert said.pop("output") == str(output)
    assert said == json.loads((tmp_path / "c.job.json").read_text(encoding="utf-8"))
    assert [change["misreg_share"] for change in said["changes"]] == pytest.approx([0, 1])


def test_no_change_and_no_reference_system(pair, make_map, tmp_path):
    done = invoke("change", pair[0], pair[0], "-o", tmp_path / "c.gpkg")
    assert done.exit_code == 0
    assert done.stdout.startswith("0 of 20 ha changed")
    assert done.stdout.endswith(f"\npolygons: 0; {tmp_path / 'c.gpkg'}\n")
    one, two = np.full((4, 5), 1), np.full((4, 5), 1)
    two[1, 1] = 2
    paths = make_map("a.tif", one, crs=None), make_map("b.tif", two, crs=None)
    done = invoke("change", *paths, "-o", tmp_path / "d.gpkg")
    assert "1 of 20 pixels changed" in done.stdout


def test_what_was_made_of_the_classes_is_told(pair, make_map, tmp_path):
    bare = make_map("bare.tif", np.full((40, 50), 1), names=None)
    done = invoke("change", pair[0], bare, "-o", tmp_path / "c.gpkg", "-q")
    assert f"warning: nothing names the classes of {bare}" in done.stderr
    assert f"warning: only {pair[0]} has town where both have pixels" in done.stderr
    assert done.stdout == ""


def test_refusals(pair, make_map, tmp_path, error_of):
    one, _ = pair
    values = np.full((40, 50), 1)
    empty = make_map("empty.tif", values * 0)
    image = make_map("image.tif", np.stack([values] * 3))
    measured = make_map("measured.tif", values * 1.5, dtype="float32")
    far = make_map("far.tif", values, transform=GRID @ Affine.translation(500, 0))
    bare = make_map("bare.tif", values, crs=None)
    snow = make_map("snow.tif", values, names={"1": "snow"})
    text = tmp_path / "text.tif"
    text.write_text("no raster")
    expected = "where one band of whole numbers (and one of per cent) is expected\n"
    for other, told in {
        tmp_path / "none.tif": f"error: no such file: {tmp_path / 'none.tif'}\n",
        text: f"error: not a raster that GDAL can read: {text}\n",
        image: f"error: {image} is no class map: it has 3 bands of uint8, {expected}",
        measured: f"error: {measured} is no class map: it has the value 1.5, where whole numbers "
        f"are expected\n",
        empty: f"error: {one} and {empty} do not overlap: no pixel has a class in both maps\n",
        far: f"error: {one} and {far} do not overlap: no pixel of the one lies on the other\n",
        bare: f"error: {bare} has no reference system and {one} has one: nothing says where one "
        f"map lies on the other (gdal_edit.py -a_srs gives a file its reference system)\n",
        snow: f"error: the maps have no class in common where they overlap: {one} has land, town, "
        f"and {snow} has snow (classes are compared by their names, which the record beside a map "
        f"gives)\n",
    }.items():
        assert error_of("change", one, other, "-o", tmp_path / "c.gpkg") == (2, told)
        assert not (tmp_path / "c.gpkg").exists()
    # the table would have the record of the first map
    code, told = error_of("change", *pair, "-o", tmp_path / "one.gpkg", "--overwrite")
    assert code == 2
    assert told.startswith("error: output is an input of the job:")


def test_the_network_of_a_model_is_loaded_as_the_options_say(tmp_path, monkeypatch):
    from colour_segmenter import ColourSegmenter
    from cover_scenes import cover_scene

    from sam_geo.learning import fitting

    calls = []

    def load(name, **settings):
        calls.append((name, settings))
        return ColourSegmenter(model_size=64)

    monkeypatch.setattr("sam_common.segmenter.predictor.load_segmenter", load)
    monkeypatch.setattr(fitting, "chosen", lambda trials, *_: trials[3])
    scene = cover_scene(tmp_path)
    model, out = tmp_path / "m.skops", tmp_path / "c.gpkg"
    made = invoke(
        "landcover", scene.raster, scene.samples, "-o", tmp_path / "m.tif", "--save", model,
        "--class-field", "cover", "--classifier", "discriminant", "--features", "embedding",
    )  # fmt: skip
    assert made.exit_code == 0
    calls.clear()
    done = invoke(
        "change", scene.raster, scene.raster, "-o", out, "--apply", model, "--model", "sam_vit_b",
        "--device", "cpu", "--engine", "torch", "--precision", "fp32",
    )  # fmt: skip
    assert done.exit_code == 0
    settings = {"arch": None, "device": "cpu", "engine": "torch", "precision": "fp32"}
    assert calls == [("sam_vit_b", settings)] * 2
    assert "0 of " in done.output


def test_blocks_that_fail_have_an_exit_code(tmp_path, monkeypatch):
    from cover_scenes import cover_scene

    from sam_common.errors import InputError
    from sam_geo.bands import blocks
    from sam_geo.classification import block_classes, map_rows
    from sam_geo.learning import sample_pixels

    for module in (blocks, map_rows, sample_pixels):
        monkeypatch.setattr(module, "SIDE", 64)
    scene = cover_scene(tmp_path)
    model, out = tmp_path / "m.skops", tmp_path / "c.gpkg"
    invoke(
        "landcover", scene.raster, scene.samples, "-o", tmp_path / "m.tif", "--save", model,
        "--class-field", "cover", "--classifier", "discriminant",
    )  # fmt: skip
    real = block_classes.Classification.read

    def damaged(self, n, embedded=None):
        if n == 1:
            raise InputError("cannot read it")
        return real(self, n, embedded)

    monkeypatch.setattr(block_classes.Classification, "read", damaged)
    found = invoke("change", scene.raster, scene.raster, "-o", out, "--apply", model)
    assert found.exit_code == 3
    assert (
        "2 blocks failed: c_before.tif: block at row 0, column 64: cannot read it" in found.output
    )
    assert out.is_file()

"""`sam-geo similar` and `sam-geo classify` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from object_scenes import object_scene
from typer.testing import CliRunner

from sam_geo.cli.main import app
from sam_geo.object_classes.request import ClassifyRequest, SimilarRequest, candidate_options


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    found = object_scene(tmp_path_factory.mktemp("objects"))
    folder = found.raster.parent
    found.some("disc", 6).to_file(folder / "examples.gpkg")
    found.some("disc").to_file(folder / "truth.gpkg")
    both = [found.some(kind, 8, points=True) for kind in ("disc", "square")]
    pd.concat(both).to_file(folder / "samples.gpkg")
    return found


def similar_of(scene, output, *more):
    folder = scene.raster.parent
    return CliRunner().invoke(app, [
        "similar", str(scene.raster), str(folder / "examples.gpkg"), "-o", str(output),
        "--candidates", str(scene.objects), "--no-embedding", *more,
    ])  # fmt: skip


def test_more_like_these(scene, tmp_path):
    truth = str(scene.raster.parent / "truth.gpkg")
    found = similar_of(scene, tmp_path / "o.gpkg", "--judge", truth)
    assert found.exit_code == 0, found.output
    count = (scene.table["kind"] == "disc").sum()
    assert f"{count} objects of 48 candidates, from 6 examples and 0 refused" in found.stdout
    assert "average precision 1.000 at IoU 0.5, precision 1.000 and recall 1.000" in found.stdout
    told = similar_of(scene, tmp_path / "o.gpkg", "--overwrite", "--json", "--all")
    record = json.loads(told.stdout)
    assert record["written"] == 48
    assert record["candidates"]["kept"]


def test_errors_are_one_line(scene, tmp_path, error_of):
    code, text = error_of(
        "similar", scene.raster, scene.raster.parent / "none.gpkg", "-o", tmp_path / "o.gpkg"
    )
    assert code == 2
    assert text.startswith("error: no such file:")


def test_classes(scene, tmp_path):
    command = [
        "classify", str(scene.objects), str(scene.raster.parent / "samples.gpkg"), "--image",
        str(scene.raster), "-o", str(tmp_path / "c.gpkg"), "--class-field", "kind",
        "--classifier", "discriminant",
    ]  # fmt: skip
    found = CliRunner().invoke(app, command)
    assert found.exit_code == 0, found.output
    assert "48 objects:" in found.stdout
    assert "accuracy on ground that was not learned: " in found.stdout
    told = CliRunner().invoke(app, [*command, "--overwrite", "--json"])
    assert json.loads(told.stdout)["objects"] == 48


def given(monkeypatch, job, command):
    """The request that a command makes, and how it loads its network."""
    seen = {}

    def load(name, **settings):
        seen["network"] = (name, settings)

    def run(request, load_it, *, progress):
        load_it()
        seen["request"], seen["quiet"] = request, progress.keywords["quiet"]
        raise KeyboardInterrupt

    monkeypatch.setattr("sam_common.segmenter.predictor.load_segmenter", load)
    monkeypatch.setattr(job, run)
    CliRunner().invoke(app, command)
    return seen


NETWORK = (
    "--model", "sam_vit_b", "--device", "cuda", "--engine", "torch", "--precision", "bf16",
    "--embeddings", "kept", "--workers", "3", "--seed", "7", "--classifier", "logistic",
    "--layer", "trees", "--output", "o.gpkg", "--resume", "--overwrite", "--quiet",
)  # fmt: skip
COMMON = {
    "output": Path("o.gpkg"), "layer": "trees", "classifier": "logistic", "seed": 7,
    "network": "sam_vit_b", "embeddings": Path("kept"), "workers": 3, "resume": True,
    "overwrite": True,
}  # fmt: skip
LOADED = ("sam_vit_b", {"arch": None, "device": "cuda", "engine": "torch", "precision": "bf16"})


def test_options_of_similar_reach_the_job(monkeypatch):
    """Those of `NETWORK` too: --model --device --engine --precision --embeddings --workers --seed
    --classifier --layer --output --resume --overwrite --quiet."""
    command = (
        "similar", "a.tif", "b.gpkg", *NETWORK, "--examples-crs", "pixel", "--examples-layer", "l",
        "--example-field", "ok", "--negatives", "n.gpkg", "--corrections", "c.gpkg",
        "--candidates", "d.gpkg", "--keep-candidates", "k.parquet", "--least-probability", "0.7",
        "--all", "--judge", "t.gpkg", "--no-embedding", "--tile-size", "256",
        "--points-per-side", "8",
    )  # fmt: skip
    seen = given(monkeypatch, "sam_geo.object_classes.similar.run_similar", command)
    assert seen["request"] == SimilarRequest(
        image="a.tif", examples=Path("b.gpkg"), examples_crs="pixel", examples_layer="l",
        example_field="ok", negatives=Path("n.gpkg"), corrections=Path("c.gpkg"),
        candidates=Path("d.gpkg"), keep_candidates=Path("k.parquet"), least_probability=0.7,
        every=True, judge=Path("t.gpkg"), with_embedding=False, auto=candidate_options(256, 8),
        **COMMON,
    )  # fmt: skip
    assert (seen["network"], seen["quiet"]) == (LOADED, True)


def test_options_of_classify_reach_the_job(monkeypatch):
    """Those of `NETWORK` too: --model --device --engine --precision --embeddings --workers --seed
    --classifier --layer --output --resume --overwrite --quiet."""
    command = (
        "classify", "a.gpkg", "b.gpkg", *NETWORK, "--image", "a.tif", "--image", "b.tif",
        "--class-field", "kind", "--objects-crs", "EPSG:32633", "--objects-layer", "o",
        "--samples-crs", "pixel", "--samples-layer", "s", "--band-names", "red,nir",
        "--features", "embedding",
    )  # fmt: skip
    seen = given(monkeypatch, "sam_geo.object_classes.classify.run_classify", command)
    assert seen["request"] == ClassifyRequest(
        rasters=("a.tif", "b.tif"), objects=Path("a.gpkg"), samples=Path("b.gpkg"),
        class_field="kind", objects_crs="EPSG:32633", objects_layer="o", samples_crs="pixel",
        samples_layer="s", band_names=("red", "nir"), features=("embedding",), **COMMON,
    )  # fmt: skip
    assert (seen["network"], seen["quiet"]) == (LOADED, True)

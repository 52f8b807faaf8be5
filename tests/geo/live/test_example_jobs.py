"""Jobs of the server that learn from what a client shows: the same as jobs on the files."""

from __future__ import annotations

import json

import geopandas
import numpy as np
import pytest
import rasterio
from cover_scenes import NAMES, cover_scene, unseen_bands
from object_scenes import object_scene
from seeing_segmenters import SeesValues
from typer.testing import CliRunner

from sam_common.errors import InputError, PromptError
from sam_common.segmenter.fake import FakeSegmenter
from sam_geo import find_more
from sam_geo.cli.main import app
from sam_geo.live.example_jobs import landcover_job, similar_job
from sam_geo.live.raster import open_source
from sam_geo.object_classes.request import SimilarRequest


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "results"
    path.mkdir()
    return path


@pytest.fixture
def place(tmp_path):
    """Where the raster of a session lies."""
    path = tmp_path / "session"
    path.mkdir()
    return path


def geojson(table):
    return json.loads(table.to_json())


def in_pixels(table, raster):
    """The shapes of a table in pixel corners, as a page sends them."""
    with rasterio.open(raster) as source:
        inverse = ~source.transform
    a, b, c, d, e, f = tuple(inverse)[:6]
    return geojson(table.set_geometry(table.affine_transform([a, b, d, e, c, f])).set_crs(
        None, allow_override=True
    ))  # fmt: skip


def test_more_like_these_are_those_of_a_job_on_the_file(place, tmp_path, folder, heard):
    scene = object_scene(place, noise=0)
    discs, squares = scene.some("disc", 4), scene.some("square", 2)
    segmenter = SeesValues(model_size=128)
    request = {"examples": in_pixels(discs, scene.raster), "crs": "pixel"}
    request["refused"] = in_pixels(squares, scene.raster)
    told = similar_job(request, folder, scene.raster, segmenter, heard)
    assert {path.name for path in folder.iterdir()} == {"objects.gpkg"}
    found = geopandas.read_file(folder / "objects.gpkg")
    assert told["candidates"] == len(found)
    options = SimilarRequest(
        image=str(scene.raster),
        examples=tmp_path / "discs.gpkg",
        output=tmp_path / "more.gpkg",
        negatives=tmp_path / "squares.gpkg",
        every=True,
    )
    discs.to_file(tmp_path / "discs.gpkg")
    squares.to_file(tmp_path / "squares.gpkg")
    find_more(
        scene.raster,
        tmp_path / "discs.gpkg",
        tmp_path / "more.gpkg",
        options=options,
        load=lambda: SeesValues(model_size=128),
    )
    expected = geopandas.read_file(tmp_path / "more.gpkg")
    assert found["probability"].tolist() == expected["probability"].tolist()
    assert found["said"].tolist() == expected["said"].tolist()
    assert 0 < sum(heard.steps) <= sum(total for _, total in heard.begun)


def test_the_next_examples_run_no_network(place, folder, heard):
    scene = object_scene(place, noise=0)
    segmenter = SeesValues(model_size=128)
    for count in (2, 3):
        request = {"examples": geojson(scene.some("disc", count).to_crs(4326))}
        similar_job(request, folder, scene.raster, segmenter, heard)
        seen, segmenter.embedded = len(segmenter.embedded), []
        said = geopandas.read_file(folder / "objects.gpkg")["said"]
        assert (said == "example").sum() == count
        (folder / "objects.gpkg").unlink()
    assert seen == 0


def test_too_few_examples_and_a_file_of_the_server_are_refused(place, folder, heard):
    scene = object_scene(place, noise=0)
    run = (folder, scene.raster, SeesValues(model_size=128), heard)
    with pytest.raises(PromptError) as refused:
        similar_job({"examples": {"type": "FeatureCollection", "features": []}}, *run)
    assert str(refused.value) == "there are no examples: give GeoJSON with a feature for each"
    one = {"examples": geojson(scene.some("disc", 1).to_crs(4326))}
    with pytest.raises(PromptError, match="there is one example only"):
        similar_job(one, *run)
    with pytest.raises(InputError, match="may not name files by their paths"):
        similar_job({**one, "crs": "/etc/passwd"}, *run)
    assert list(folder.iterdir()) == []


def used_by(kind, request, raster, context, folder, heard):
    """The summary of a job of a session that shows the first three bands of a raster."""
    live = open_source({"kind": "raster", "bands": (1, 2, 3)}, raster, context)
    try:
        assert live.bands == (1, 2, 3)
        return live.run(kind, {**request, "crs": "pixel"}, folder, heard)
    finally:
        live.close()


def test_land_cover_is_that_of_the_command_from_bands_that_are_not_shown(
    place, tmp_path, folder, heard, make_context
):
    """The shown bands of this raster tell nothing."""
    scene, raster = cover_scene(place, (64, 90), per_class=8), tmp_path / "many.tif"
    unseen_bands(scene.raster, raster)
    table = geopandas.read_file(scene.samples)
    request = {"samples": in_pixels(table.rename(columns={"cover": "class"}), raster)}
    told = used_by("landcover", request, raster, make_context(), folder, heard)
    assert {path.name for path in folder.iterdir()} == {"map.tif", "map.tif.aux.xml"}
    done = CliRunner().invoke(app, [
        "landcover", str(raster), str(scene.samples), "-o", str(tmp_path / "expected.tif"),
        "--class-field", "cover", "--json",
    ])  # fmt: skip
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    assert told["bands"] == record["parameters"]["bands"] == ["red", "green", "nir", "b4", "b5"]
    with rasterio.open(folder / "map.tif") as one, rasterio.open(tmp_path / "expected.tif") as two:
        assert np.array_equal(one.read(), two.read())
        found, colours = one.read(1), one.colormap(1)
    values = np.array([1 + sorted(NAMES).index(name) for name in NAMES])
    assert np.mean(found == values[scene.truth]) > 0.6
    assert [row["class"] for row in told["classes"]] == list(record["classes"].values())
    for row in told["classes"]:
        assert row["colour"] == "#{:02x}{:02x}{:02x}".format(*colours[row["value"]][:3])
    expected = record["training"]["accuracies"]["blocked"]
    assert told["accuracies"]["blocked"] == {
        "overall": expected["overall"], "macro_f1": expected["macro_f1"],
    }  # fmt: skip
    assert told["failures"] == []
    assert str(raster) not in json.dumps(told)


def test_samples_of_one_class_are_refused(place, folder, heard):
    scene = cover_scene(place)
    table = geopandas.read_file(scene.samples).assign(**{"class": "field"})
    request = {"samples": in_pixels(table[["class", "geometry"]], scene.raster), "crs": "pixel"}
    with pytest.raises(PromptError, match="are of one class only, field"):
        landcover_job(request, folder, scene.raster, FakeSegmenter(), heard)


def test_more_like_these_of_a_session_uses_bands_that_are_not_shown(
    place, tmp_path, folder, heard, make_context, monkeypatch
):
    """As `sam-geo similar` does: objects are alike in the shown bands, and the others tell."""
    scene, raster = object_scene(place, noise=0), tmp_path / "many.tif"
    with rasterio.open(scene.raster) as dataset:
        values, profile = dataset.read(), dataset.profile
    # discs and squares have colours that differ by their numbers alone
    red = np.where(values[0] >= 190, values[0] - 130, values[0])
    shown = np.stack([red, values[1], np.minimum(values[2], 60)])
    with rasterio.open(raster, "w", **{**profile, "count": 5}) as dataset:
        # a fourth band of bytes without a fifth would be an alpha band
        dataset.write(np.stack([*shown, values[0], values[2]]))
    examples, seeing = scene.some("disc", 3), SeesValues(model_size=128)
    request = {"examples": in_pixels(examples, raster)}
    told = used_by("similar", request, raster, make_context(seeing), folder, heard)
    assert told["bands"] == ["b1", "b2", "b3", "b4", "b5"]
    examples.to_file(tmp_path / "discs.gpkg")
    monkeypatch.setattr(
        "sam_common.segmenter.predictor.load_segmenter",
        lambda _name, **_how: SeesValues(model_size=128),
    )
    done = CliRunner().invoke(app, [
        "similar", str(raster), str(tmp_path / "discs.gpkg"), "-o", str(tmp_path / "more.gpkg"),
        "--all", "--json",
    ])  # fmt: skip
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["parameters"]["bands"] == told["bands"]
    found, expected = (
        geopandas.read_file(path) for path in (folder / "objects.gpkg", tmp_path / "more.gpkg")
    )
    assert found["probability"].tolist() == expected["probability"].tolist()
    assert found.geometry.geom_equals(expected.geometry).all()

"""Land-cover jobs from files to files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from cover_scenes import NAMES

from sam_common.errors import InputError, OutputError, PromptError
from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.bands import blocks
from sam_geo.classification import block_classes
from sam_geo.mapping.run import run_landcover


def classes_of(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1), dataset.read(2)


def test_a_map_and_what_lies_beside_it(scene, request_of, tmp_path):
    request = request_of(polygons=tmp_path / "map.gpkg", save=tmp_path / "model.skops")
    record = run_landcover(request)
    classes, per_cent = classes_of(request.output)
    assert np.array_equal(classes > 0, scene.truth >= 0)
    assert np.array_equal(per_cent > 0, scene.truth >= 0)
    names = np.array(["", *(record["classes"][str(n)] for n in (1, 2, 3))])[classes]
    truth = np.where(scene.truth >= 0, np.array(NAMES)[scene.truth], "")
    assert (names == truth).mean() > 0.97
    assert [row["pixels"] for row in record["areas"]] == np.bincount(classes.ravel())[1:].tolist()
    assert sum(row["area_m2"] for row in record["areas"]) == pytest.approx(
        100 * (scene.truth >= 0).sum(), rel=2e-3
    )
    table = geopandas.read_file(tmp_path / "map.gpkg")
    assert table["area_m2"].sum() == pytest.approx(
        sum(row["area_m2"] for row in record["areas"]), rel=0.02
    )
    assert set(table["class"]) == set(NAMES)
    assert json.loads((tmp_path / "map.job.json").read_text()) == json.loads(json.dumps(record)) | {
        "seconds": json.loads((tmp_path / "map.job.json").read_text())["seconds"]
    }
    assert record["training"]["accuracies"]["blocked"]["overall"] > 0.9
    assert (tmp_path / "model.skops").is_file()
    assert not request.parts.exists()
    assert {path.name for path in tmp_path.iterdir()} >= {"map.tif", "map.tif.aux.xml", "map.qml"}


def test_a_model_gives_the_same_map_again(request_of, tmp_path):
    first = request_of(save=tmp_path / "model.skops")
    run_landcover(first)
    again = replace(
        first, learn=None, apply=tmp_path / "model.skops", save=None, output=tmp_path / "two.tif"
    )
    record = run_landcover(again)
    for one, two in zip(classes_of(first.output), classes_of(again.output), strict=True):
        assert np.array_equal(one, two)
    assert record["training"]["samples"]["features"] == dict.fromkeys(sorted(NAMES), 15)
    assert "pixels" not in record["training"]


def test_a_model_tells_features_out_of_its_range(request_of, tmp_path, scene):
    first = request_of(save=tmp_path / "model.skops")
    assert run_landcover(first)["notes"] == []
    with rasterio.open(scene.raster) as dataset:
        profile, values = dataset.profile, dataset.read()
    values[2] = np.where(values[2] > 0, 255, 0)
    with rasterio.open(tmp_path / "bright.tif", "w", **profile) as dataset:
        dataset.write(values)
        dataset.descriptions = ("red", "green", "nir")
    again = replace(
        first, learn=None, apply=tmp_path / "model.skops", save=None,
        rasters=(str(tmp_path / "bright.tif"),), output=tmp_path / "two.tif",
    )  # fmt: skip
    (note,) = run_landcover(again)["notes"]
    assert note.startswith("features out of the range of the samples")
    assert "nir (100%)" in note


def test_samples_of_a_part_of_the_image_are_told(request_of, scene, tmp_path):
    with rasterio.open(scene.raster) as dataset:
        profile, values, transform = dataset.profile, dataset.read(), dataset.transform
    values[2, :, 75:] = np.where(values[2, :, 75:] > 0, 255, 0)
    with rasterio.open(tmp_path / "half.tif", "w", **profile) as dataset:
        dataset.write(values)
        dataset.descriptions = ("red", "green", "nir")
    table = geopandas.read_file(scene.samples)
    columns = np.array([(~transform @ (p.x, p.y))[0] for p in table.geometry])
    table[columns < 60].to_file(tmp_path / "left.gpkg")
    record = run_landcover(
        request_of(
            raster=tmp_path / "half.tif", samples=tmp_path / "left.gpkg", report=tmp_path / "r.html"
        )
    )
    bright = (values[2] == 255).sum() / (values[2] > 0).sum()
    assert record["outside"]["features"]["nir"] == pytest.approx(bright, abs=0.02)
    assert bright <= record["outside"]["share"] <= 1
    (note,) = record["notes"]
    assert note.startswith("features out of the range of the samples in ")
    assert note.endswith("the samples cover a part of the map only, draw some there")
    assert note in (tmp_path / "r.html").read_text()


def test_workers_blocks_and_an_interrupt_change_no_byte(request_of, small_blocks, monkeypatch):
    def digest(path):
        return hashlib.sha256(path.read_bytes()).hexdigest()

    request = request_of(learn={"seed": 3})
    run_landcover(request)
    whole = digest(request.output)
    run_landcover(replace(request, workers=3, overwrite=True))
    assert digest(request.output) == whole
    request.output.unlink()

    real, calls = block_classes.Classification.classify, []

    def broken(self, n, found):
        calls.append(n)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(self, n, found)

    with monkeypatch.context() as patch:
        patch.setattr(block_classes.Classification, "classify", broken)
        with pytest.raises(KeyboardInterrupt):
            run_landcover(replace(request, overwrite=True))
    assert not request.output.exists()
    with pytest.raises(OutputError, match="--resume"):
        run_landcover(replace(request, overwrite=True))
    record = run_landcover(replace(request, resume=True))
    assert digest(request.output) == whole
    assert 3 <= record["windows_reused"] < record["windows"]
    assert not request.parts.exists()


def test_a_resumed_job_learns_nothing_again(request_of, small_blocks, monkeypatch):
    request = request_of()

    def broken(self, n, found):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(block_classes.Classification, "classify", broken)
        with pytest.raises(KeyboardInterrupt):
            run_landcover(request)
    monkeypatch.setattr("sam_geo.mapping.trained.learn", None)
    assert run_landcover(replace(request, resume=True))["training"]["samples"]["features"]


def test_other_samples_are_another_job(request_of, small_blocks, monkeypatch):
    request = request_of()

    def broken(self, n, found):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(block_classes.Classification, "classify", broken)
        with pytest.raises(KeyboardInterrupt):
            run_landcover(request)
    with pytest.raises(InputError, match=r"belongs to another job.*training"):
        run_landcover(replace(request_of(learn={"seed": 1}), resume=True))


def test_a_block_that_fails_is_nodata_and_tried_again(request_of, small_blocks, monkeypatch, scene):
    request = request_of(smallest=1)
    real = block_classes.Classification.read

    def damaged(self, n, embedded=None):
        if n == 5:
            raise InputError("cannot read block")
        return real(self, n, embedded)

    with monkeypatch.context() as patch:
        patch.setattr(block_classes.Classification, "read", damaged)
        record = run_landcover(request)
    window = blocks.blocks(scene.truth.shape)[5]
    assert record["failures"] == [
        f"block at row {window.start[0]}, column {window.start[1]}: cannot read block"
    ]
    holed, _ = classes_of(request.output)
    assert not holed[window.slices].any()
    assert request.parts.exists()
    record = run_landcover(replace(request, resume=True))
    classes, _ = classes_of(request.output)
    assert record["failures"] == []
    assert np.array_equal(classes > 0, scene.truth >= 0)
    assert not request.parts.exists()


def test_nothing_is_written_where_no_block_works(request_of, monkeypatch):
    def damaged(self, n, embedded=None):
        raise InputError("cannot read block")

    request = request_of()
    monkeypatch.setattr(block_classes.Classification, "read", damaged)
    with pytest.raises(OutputError, match=r"none of 1 blocks worked.*cannot read block"):
        run_landcover(request)
    assert not request.output.exists()


def test_an_object_has_one_class(request_of, scene, tmp_path):
    with rasterio.open(scene.raster) as dataset:
        transform = dataset.transform
    # a field whose middle is surely something else
    square = shapely.box(*(transform @ (95, 70)), *(transform @ (148, 115)))
    geopandas.GeoDataFrame(geometry=[square], crs="EPSG:32633").to_file(tmp_path / "o.gpkg")
    plain = request_of()
    run_landcover(plain)
    before, _ = classes_of(plain.output)
    request = replace(plain, objects=str(tmp_path / "o.gpkg"), overwrite=True)
    run_landcover(request)
    after, per_cent = classes_of(request.output)
    inside = np.zeros(after.shape, dtype=bool)
    inside[70:115, 95:148] = True
    assert np.array_equal(after[~inside], before[~inside])
    best = np.bincount(after[inside]).argmax()
    # what differs is sure, or fills the place of a small piece that was
    assert (per_cent[inside & (after != best)] >= 80).mean() > 0.95
    assert (after[inside] == best).mean() > (before[inside] == best).mean()


def test_objects_of_a_network(request_of, quiet):
    request = request_of(raster=quiet.raster, samples=quiet.samples, objects="auto")
    record = run_landcover(request, lambda: FakeSegmenter(model_size=256))
    assert record["objects"]["counts"]["ok"] > 0
    assert record["parameters"]["objects"] == "auto"
    assert not request.parts.exists()


def test_independent_points_are_used(request_of, scene, tmp_path):
    with rasterio.open(scene.raster) as dataset:
        transform = dataset.transform
    rng = np.random.default_rng(9)
    cells = np.argwhere(scene.truth >= 0)
    cells = cells[rng.choice(len(cells), 120, replace=False)]
    points = [shapely.Point(transform @ (col + 0.5, row + 0.5)) for row, col in cells]
    names = [NAMES[scene.truth[tuple(cell)]] for cell in cells]
    geopandas.GeoDataFrame({"truth": names}, geometry=points, crs="EPSG:32633").to_file(
        tmp_path / "check.gpkg"
    )
    record = run_landcover(request_of(check=tmp_path / "check.gpkg", check_field="truth"))
    assert record["checked"]["overall"]["value"] > 0.9
    assert record["checked"]["points"] == 120
    areas = [row["area_m2"]["value"] for row in record["checked"]["classes"]]
    assert sum(areas) == pytest.approx(sum(row["area_m2"] for row in record["areas"]))


def test_samples_that_check_what_they_trained_are_refused(request_of, scene):
    with pytest.raises(PromptError, match="lie on pixels that trained"):
        run_landcover(request_of(check=scene.samples, check_field="cover"))


def test_codes_of_classes_stay(request_of, scene, tmp_path):
    table = geopandas.read_file(scene.samples)
    table["cover"] = table["cover"].map({"water": 50, "field": 7, "town": 110})
    table.to_file(tmp_path / "codes.gpkg")
    request = request_of(samples=tmp_path / "codes.gpkg")
    record = run_landcover(request)
    assert record["classes"] == {"7": "7", "50": "50", "110": "110"}
    assert set(np.unique(classes_of(request.output)[0])) == {0, 7, 50, 110}


def test_a_second_raster_helps(request_of, scene, tmp_path):
    other = tmp_path / "height.tif"
    with rasterio.open(scene.raster) as dataset:
        profile = dataset.profile
    profile.update(count=1, nodata=-9, dtype="float32", width=75, height=60)
    profile["transform"] = profile["transform"] @ rasterio.Affine.scale(2)
    with rasterio.open(other, "w", **profile) as dataset:
        dataset.write(scene.truth[::2, ::2].astype(np.float32) * 100, 1)
    request = request_of()
    record = run_landcover(replace(request, rasters=(*request.rasters, str(other))))
    assert record["parameters"]["bands"] == ["red", "green", "nir", "b1"]
    assert set(record["inputs"]) == {"raster", "raster 2", "samples.gpkg"}


@pytest.mark.parametrize("smallest", [1, 9])
def test_the_smallest_piece(request_of, smallest):
    request = request_of(smallest=smallest)
    run_landcover(request)
    classes, _ = classes_of(request.output)
    pieces = list(rasterio.features.shapes(classes, mask=classes > 0))
    areas = [shapely.geometry.shape(shape).area for shape, _ in pieces]
    assert (min(areas) >= 9) == (smallest == 9)

"""Two images and one model: maps are made first, and compared."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import geopandas
import numpy as np
import pytest
import rasterio
from colour_segmenter import ColourSegmenter
from cover_scenes import MEANS, NAMES, cover_scene

from sam_common.errors import InputError, OutputError
from sam_geo.bands import blocks
from sam_geo.change.dry_run import dry_run_change
from sam_geo.change.request import ChangeRequest
from sam_geo.change.run import detect_change, run_change
from sam_geo.classification import block_classes, map_rows
from sam_geo.learning import fitting, sample_pixels
from sam_geo.mapping.request import LandcoverRequest, SampleChoice
from sam_geo.mapping.run import run_landcover


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An image, the same ground later with a town of 20 x 30 pixels more, and a model."""
    folder = tmp_path_factory.mktemp("pair")
    scene = cover_scene(folder, noise=9)
    with rasterio.open(scene.raster) as dataset:
        profile, values = dataset.profile, dataset.read()
    rng = np.random.default_rng(8)
    later = np.clip(values + rng.normal(0, 9, values.shape), 1, 255)
    block = np.s_[:, 40:60, 30:60]
    town = MEANS[NAMES.index("town")][:, None, None] + rng.normal(0, 9, later[block].shape)
    later[block] = np.clip(town, 1, 255)
    with rasterio.open(folder / "later.tif", "w", **profile) as dataset:
        dataset.write(later.astype(np.uint8))
        dataset.descriptions = ("red", "green", "nir")
    run_landcover(cover_request(scene, folder / "model.skops"))
    return scene, folder


def cover_request(scene, save, **learn):
    choice = SampleChoice(
        samples=scene.samples, class_field="cover", classifier="discriminant", **learn
    )
    output = save.with_suffix(".tif")
    return LandcoverRequest(rasters=(str(scene.raster),), output=output, learn=choice, save=save)


@pytest.fixture
def request_of(place, tmp_path):
    scene, folder = place

    def make(**options):
        given = {
            "before": str(scene.raster),
            "after": str(folder / "later.tif"),
            "output": tmp_path / "c.gpkg",
            "apply": folder / "model.skops",
            **options,
        }
        return ChangeRequest(**given)

    return make


@pytest.fixture
def small_blocks(monkeypatch):
    for module in (blocks, map_rows, sample_pixels):
        monkeypatch.setattr(module, "SIDE", 48)


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read()


def digests(folder):
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.suffix in {".gpkg", ".tif", ".qml"}
    }


def test_two_images_and_a_model(request_of, place, tmp_path):
    scene, folder = place
    new = (scene.truth[40:60, 30:60] != NAMES.index("town")).sum()
    model = folder / "model.skops"
    request = request_of(apply=model, min_pixels=50, report=tmp_path / "r.html")
    record = run_change(request)
    table = geopandas.read_file(request.output)
    assert table["to"].tolist() == ["town"] * len(table)
    assert table["pixels"].sum() == pytest.approx(new, rel=0.1)
    # the maps are those that the model makes alone, and they stay
    assert np.array_equal(read(folder / "model.tif"), read(tmp_path / "c_before.tif"))
    told = json.loads((tmp_path / "c.job.json").read_text())
    sha256 = hashlib.sha256((folder / "model.skops").read_bytes()).hexdigest()
    assert told["model"] == {"file": str(folder / "model.skops"), "sha256": sha256}
    assert told["inputs"]["model"]["sha256"] == sha256
    assert told["inputs"]["before"]["path"].endswith("scene.tif")
    assert told["maps"]["after"]["file"] == "c_after.tif"
    assert told["failures"] == []
    assert record["seconds"]["maps"] > 0
    assert json.loads((tmp_path / "c_after.job.json").read_text())["classes"]
    assert not list(tmp_path.glob("*.parts"))


def test_the_same_as_one_function(request_of, place, tmp_path):
    scene, folder = place
    record = run_change(request_of())
    found = detect_change(scene.raster, folder / "later.tif", model=folder / "model.skops")
    assert [(r["from"], r["to"], r["pixels"]) for r in record["changes"]] == [
        tuple(row) for row in found.changes[["from", "to", "pixels"]].to_numpy()
    ]


def test_an_interrupt_and_workers_change_no_byte(request_of, small_blocks, monkeypatch, tmp_path):
    request = request_of()
    run_change(request)
    whole = digests(tmp_path)
    run_change(replace(request, workers=3, overwrite=True))
    assert digests(tmp_path) == whole
    for path in tmp_path.iterdir():
        path.unlink()
    real, calls = block_classes.Classification.classify, []
    for fail_at in (3, 15):  # in the first map, and in the second

        def broken(self, n, found, fail_at=fail_at):
            calls.append(n)
            if len(calls) == fail_at:
                raise KeyboardInterrupt
            return real(self, n, found)

        calls.clear()
        with monkeypatch.context() as patch:
            patch.setattr(block_classes.Classification, "classify", broken)
            with pytest.raises(KeyboardInterrupt):
                run_change(request)
        assert not request.output.exists()
        with pytest.raises(OutputError, match="--resume"):
            run_change(replace(request, overwrite=True))
        calls.clear()
        with monkeypatch.context() as patch:
            patch.setattr(
                block_classes.Classification,
                "classify",
                lambda self, n, found: calls.append(n) or real(self, n, found),
            )
            run_change(replace(request, resume=True))
        assert digests(tmp_path) == whole
        # a map that was finished is not made again, nor are blocks that were
        assert len(calls) <= 24 - fail_at + 1
        for path in tmp_path.iterdir():
            path.unlink()


def test_another_model_is_another_job(request_of, place, small_blocks, monkeypatch, tmp_path):
    scene, _ = place

    def broken(self, n, found):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(block_classes.Classification, "classify", broken)
        with pytest.raises(KeyboardInterrupt):
            run_change(request_of())
    other = tmp_path / "other.skops"
    run_landcover(cover_request(scene, other, seed=4))
    with pytest.raises(InputError, match=r"belongs to another job \(model was "):
        run_change(request_of(apply=other, resume=True))


def test_blocks_that_fail_are_told_and_tried_again(request_of, small_blocks, monkeypatch):
    real = block_classes.Classification.read

    def damaged(self, n, embedded=None):
        if n == 5:
            raise InputError("cannot read block")
        return real(self, n, embedded)

    with monkeypatch.context() as patch:
        patch.setattr(block_classes.Classification, "read", damaged)
        record = run_change(request_of())
    assert record["failures"] == [
        f"c_{side}.tif: block at row 48, column 48: cannot read block"
        for side in ("before", "after")
    ]
    record = run_change(request_of(resume=True))
    assert record["failures"] == []
    assert not request_of().parts.exists()


def test_bands_of_other_names(request_of, place, tmp_path):
    _, folder = place
    with (
        rasterio.open(folder / "later.tif") as dataset,
        rasterio.open(tmp_path / "bare.tif", "w", **dataset.profile) as other,
    ):
        other.write(dataset.read())
    request = request_of(after=str(tmp_path / "bare.tif"))
    # told before the first image is classified
    with pytest.raises(InputError, match=r"bare\.tif are b1, b2, b3.*--band-names red,green,nir"):
        run_change(request)
    assert not (tmp_path / "c_before.tif").exists()
    named = replace(request, band_names=("red", "green", "nir"))
    assert run_change(named)["polygons"]["written"] > 0


def test_outputs_are_not_the_images(request_of, place, tmp_path):
    scene, _ = place
    image = tmp_path / "c_before.tif"
    image.write_bytes(scene.raster.read_bytes())
    with pytest.raises(OutputError, match=r"c_before\.tif"):
        run_change(request_of(before=str(image), overwrite=True))
    with pytest.raises(OutputError, match=r"c_before\.tif"):
        run_change(request_of())


def test_a_dry_run(request_of, small_blocks, tmp_path):
    found = dry_run_change(request_of())
    assert found["windows"] == 24
    assert found["seconds"] > 0
    assert min(found["ram_bytes"], found["disk_bytes"]) > 0
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def seeing(place, monkeypatch, tmp_path):
    """A model that a network had a part in."""

    def chosen(trials, *_):
        return trials[3]

    scene, _ = place
    with monkeypatch.context() as patch:
        patch.setattr(fitting, "chosen", chosen)
        run_landcover(
            cover_request(scene, tmp_path / "seeing.skops", features=("embedding",)),
            lambda: ColourSegmenter(model_size=64),
        )
    return tmp_path / "seeing.skops"


def test_a_model_of_a_network_wants_that_network(request_of, seeing):
    request = request_of(apply=seeing)
    record = run_change(request, lambda: ColourSegmenter(model_size=64))
    assert record["changed_m2"] > 0
    again = replace(request, overwrite=True)
    with pytest.raises(InputError, match="is another one"):
        run_change(again, lambda: ColourSegmenter(model_size=64, sha256="1" * 64))

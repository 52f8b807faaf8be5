"""From a raster and polygons to a tuned file, with a small network."""

from __future__ import annotations

import geopandas
import numpy as np
import pytest
import shapely
from lessons import ALL, BASE, picture
from small_networks import learning_network

from sam_common.errors import InputError
from sam_common.network.architecture import ARCHITECTURES
from sam_common.segmenter.predictor import segmenter_of
from sam_common.training import job as job_module
from sam_common.training.job import TrainingJob
from sam_common.training.options import TrainingOptions
from sam_common.training.run import Finetuned
from sam_geo.finetuning import run as module
from sam_geo.finetuning.request import FinetuneRequest
from sam_geo.finetuning.run import dry_run_finetune, finetune, run_finetune

QUICK = TrainingOptions(epochs=1, patience=1, views=1)


class Found:
    tuned = None
    architecture = ARCHITECTURES["tiny_vit_256"]
    name, arch, sha256, licence, capabilities = "small", "tiny_vit_256", BASE.sha256, "MIT", ALL

    def load(self):
        return learning_network(7)


@pytest.fixture
def request_of(tmp_path, make_raster, monkeypatch):
    """A request on a raster of discs, in metres."""
    for where in (module, job_module):
        monkeypatch.setattr(where, "locate", lambda _name, _arch=None: Found())
    monkeypatch.setattr(
        job_module,
        "load_segmenter",
        lambda _name, **_: segmenter_of(
            learning_network(7), name="small", sha256=BASE.sha256, capabilities=ALL
        ),
    )
    image, masks = picture((96, 256), across=8)
    raster = make_raster(image[None])
    centres = [np.argwhere(mask).mean(axis=0)[::-1] + 0.5 for mask in masks]
    radii = [np.sqrt(mask.sum() / np.pi) for mask in masks]
    world = [
        shapely.Point(500_000 + 0.5 * x, 5_800_000 - 0.5 * y).buffer(0.5 * radius)
        for (x, y), radius in zip(centres, radii, strict=True)
    ]
    objects = tmp_path / "objects.gpkg"
    geopandas.GeoDataFrame(geometry=world, crs="EPSG:32633").to_crs(4326).to_file(objects)

    def make(**more):
        job = TrainingJob(
            output=tmp_path / "mine.safetensors", model="small", options=QUICK, **more
        )
        return FinetuneRequest(image=str(raster), objects=objects, job=job)

    return make


def test_polygons_in_any_system_teach(request_of, monkeypatch, tmp_path):
    monkeypatch.setattr(Finetuned, "is_better", True)
    record = run_finetune(request_of())
    assert sum(record["data"]["objects"].values()) == 24
    assert record["data"]["source"] == "objects.gpkg on image.tif"
    assert record["output"] == str(tmp_path / "mine.safetensors")
    assert record["notes"] == []
    assert set(record["figures"]) == {"boxes", "points"}


def test_a_dry_run(request_of, tmp_path):
    facts = dry_run_finetune(request_of())
    assert facts["images"] == 1
    assert facts["base"] == "small"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["image.tif", "objects.gpkg"]


def test_one_call(request_of, tmp_path, monkeypatch):
    monkeypatch.setattr(Finetuned, "is_better", False)
    asked = request_of()
    record = finetune(
        asked.image, asked.objects, tmp_path / "other.safetensors", model="small", options=QUICK
    )
    assert record["output"] is None
    kept = finetune(
        asked.image,
        asked.objects,
        tmp_path / "kept.safetensors",
        model="small",
        options=QUICK,
        keep_anyway=True,
    )
    assert kept["output"] == str(tmp_path / "kept.safetensors")
    assert kept["figures"] == record["figures"]


WHOLE = shapely.box(499_990, 5_799_940, 500_140, 5_800_010)
"""More than the raster."""


@pytest.mark.parametrize(
    ("shapes", "told"),
    [
        ([shapely.Point(500_020, 5_799_980).buffer(3)], r"too few objects: 1 \(1 to learn"),
        (
            [WHOLE.buffer(n) for n in range(24)],
            r"too few objects: 0 .*24 objects left out: covering more than 80% of their window",
        ),
        (
            [shapely.box(500_002 + n, 5_799_956, 500_060 + n, 5_799_996) for n in range(24)],
            r"too few objects: .* objects left out: touching an object that stops or judges",
        ),
        (
            [shapely.Point(400_000, 5_799_980).buffer(3)],
            r"no objects to learn from in .*: 1 outside the raster",
        ),
    ],
)
def test_objects_that_teach_nothing_are_refused_with_the_reason(request_of, shapes, told):
    request = request_of()
    geopandas.GeoDataFrame(geometry=shapes, crs="EPSG:32633").to_file(request.objects)
    with pytest.raises(InputError, match=told):
        run_finetune(request)
    assert not request.job.output.exists()

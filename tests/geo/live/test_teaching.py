"""A network is taught on an open raster as by the command, without a server."""

from __future__ import annotations

import json

import geopandas
import numpy as np
import pytest
import shapely
import small_base
from lessons import picture

from sam_common.errors import InputError
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.training.job import TrainingJob
from sam_common.training.options import TrainingOptions
from sam_geo.finetuning import run as module
from sam_geo.finetuning.request import FinetuneRequest
from sam_geo.finetuning.run import run_finetune
from sam_geo.live.server_jobs import SessionRaster
from sam_geo.live.teaching import teach
from sam_geo.raster.stretch import Stretch

QUICK = {"epochs": 1, "patience": 1, "views": 1}


@pytest.fixture
def asked(tmp_path, make_raster, monkeypatch):
    """The raster of a session with 24 discs, and the request of a client."""
    small_base.use(monkeypatch, module)
    image, masks = picture((96, 256), across=8)
    path = make_raster(np.stack([image, image // 2]))
    x_y = [np.argwhere(mask).mean(axis=0)[::-1] + 0.5 for mask in masks]
    shapes = [
        shapely.Point(500_000 + 0.5 * x, 5_800_000 - 0.5 * y).buffer(
            0.5 * np.sqrt(mask.sum() / np.pi)
        )
        for (x, y), mask in zip(x_y, masks, strict=True)
    ]
    frame = geopandas.GeoDataFrame(geometry=shapes, crs="EPSG:32633")
    raster = SessionRaster(path, (2,), Stretch(((0.0, 120.0),)), FakeSegmenter(model_size=64))
    request = {"name": "discs", "model": "small", "options": QUICK, "keep_anyway": True}
    return {**request, "objects": frame.to_crs(4326).__geo_interface__}, raster


class Nobody:
    def begin(self, what, total):
        """Nobody hears of it."""

    def step(self, done):
        """Nobody hears of it."""


def test_a_session_teaches_as_the_command_does_with_its_bands_and_stretch(asked, tmp_path):
    request, raster = asked
    (tmp_path / "results").mkdir()
    record = teach(request, tmp_path / "results", raster, Nobody())
    # not by GDAL, which rounds coordinates
    (tmp_path / "objects.geojson").write_text(json.dumps(request["objects"]))
    job = TrainingJob(
        output=tmp_path / "discs.safetensors",
        model="small",
        options=TrainingOptions(**QUICK),
        keep_anyway=True,
    )
    by_hand = run_finetune(
        FinetuneRequest(
            image=str(raster.path),
            objects=tmp_path / "objects.geojson",
            job=job,
            bands=(2,),
            stretch="0,120",
        )
    )
    assert record["figures"] == by_hand["figures"]
    assert record["data"]["signature"] == by_hand["data"]["signature"]
    assert record["data"]["source"] == "objects on image.tif"
    assert record["output"] == str(tmp_path / "results" / "discs.safetensors")
    other = SessionRaster(raster.path, (1,), raster.stretch, raster.segmenter)
    (tmp_path / "other").mkdir()
    signature = teach(request, tmp_path / "other", other, Nobody())["data"]["signature"]
    assert signature != by_hand["data"]["signature"]


@pytest.mark.parametrize("where", ["crs", "objects_crs"])
def test_a_reference_system_that_names_a_file_is_refused(asked, tmp_path, where):
    request, raster = asked
    path = "+proj=longlat +nadgrids=/data/secret.gsb"
    if where == "crs":
        named = {"type": "name", "properties": {"name": path}}
        request["objects"] = {**request["objects"], "crs": named}
    else:
        request["objects_crs"] = path
    with pytest.raises(InputError, match="may not name files by their paths"):
        teach(request, tmp_path, raster, Nobody())

"""Teaching by a server, over its real sockets and with a small network."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import numpy as np
import pytest
import rasterio
import small_base
from cards import CARD
from lessons import disc, picture
from live_server import IJK_TO_LPS, WAIT, raster, write_raster

from sam_common.errors import InputError, UnknownModelError
from sam_common.server.client import ServerError
from sam_common.server.sessions.teaching import base_of, progress_of, training_job
from sam_common.training import job as job_module
from sam_common.training.run import Finetuned
from sam_common.tuned import catalogue
from sam_common.tuned.tuned_file import read_info, write_delta
from sam_geo.finetuning import run as geo_module

QUICK = {"epochs": 1, "patience": 1, "views": 1}


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Every base is a small network, and tuned models lie in a cache of the test's own."""
    monkeypatch.setenv("SAM_GEOMED_CACHE", str(tmp_path / "cache"))
    small_base.use(monkeypatch, geo_module)


@pytest.fixture
def better(monkeypatch):
    monkeypatch.setattr(Finetuned, "is_better", True)


@pytest.fixture
def field(served, small):
    """A session on a picture of 24 discs, and their outlines in pixel corners."""
    image, masks = picture((96, 256), across=8)
    session = served.open_raster_array(image, affine=(0.5, 0, 5e5, 0, -0.5, 58e5), crs="EPSG:32633")
    return session, discs(masks)


def discs(masks):
    features = []
    for mask in masks:
        y, x = np.argwhere(mask).mean(axis=0) + 0.5
        turn = np.linspace(0, 2 * np.pi, 33)
        radius = np.sqrt(mask.sum() / np.pi)
        ring = np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn)], axis=1)
        ring[-1] = ring[0]
        geometry = {"type": "Polygon", "coordinates": [ring.tolist()]}
        features.append({"type": "Feature", "properties": {}, "geometry": geometry})
    return {"type": "FeatureCollection", "features": features}


@pytest.fixture
def organs(served, small):
    """A session on a volume with two tubes that overlap, and their masks."""
    masks = {}
    for name, centre in (("DOE^JANE", (14, 12)), ("tube", (20, 24))):
        whole = np.zeros((28, 36, 40), np.uint8)
        whole[2:26] = disc((36, 40), centre, 9)
        masks[name] = whole
    voxels = np.random.default_rng(0).integers(0, 9, (28, 36, 40)).astype(np.int16)
    voxels += sum(60 * mask.astype(np.int16) for mask in masks.values())
    session = served.open_volume_array(voxels, ijk_to_lps=IJK_TO_LPS, modality="MR")
    return session, masks


def test_polygons_teach_a_model_that_this_server_then_has(served, field, better, tmp_path):
    session, objects = field
    told = []
    job = session.finetune("discs", objects, "pixel", **QUICK)
    state = job.wait(lambda *steps: told.append(steps[2]))
    summary = state["summary"]
    assert (state["state"], summary["model"], summary["base"]) == ("done", "discs", "small")
    path = tmp_path / "cache" / "tuned" / "discs.safetensors"
    assert summary["path"] == str(path)
    card = read_info(path).card
    assert summary["figures"] == card["figures"]
    assert set(summary["figures"]) == {"boxes", "points"}
    assert sum(summary["data"]["objects"].values()) == 24
    assert (summary["epochs"], summary["best_epoch"]) == (1, card["settings"]["best epoch"])
    assert summary["verdict"] == card["verdict"]
    # no name of a file of the server
    assert card["data"]["source"] == "objects on raster.tif"
    assert {"embeddings", "epochs", "judging"} <= set(told)
    assert [each["name"] for each in state["results"]] == [
        "discs.card.json", "discs.card.md", "discs.curve.png", "discs.safetensors",
    ]  # fmt: skip
    assert job.result("discs.safetensors") == path.read_bytes()
    (listed,) = (each for each in served.models() if each["name"] == "discs")
    assert listed["title"] == "tuned from small"
    assert raster(served, model="discs").model == "discs"


def test_what_is_not_better_is_an_outcome_with_its_words(served, field):
    session, objects = field
    job = session.finetune("discs", objects, "pixel", **QUICK)
    state = job.wait()
    summary = state["summary"]
    assert state["state"] == "done"
    assert (summary["model"], summary["path"]) == (None, None)
    assert summary["verdict"]["text"].startswith("Not to be taken: it is not")
    assert {"before", "after", "low", "high"} <= set(summary["figures"]["boxes"])
    assert [each["name"] for each in state["results"]] == ["discs.curve.png"]
    assert catalogue.named() == {}
    # the name is still free, and what was refused may be kept
    kept = session.finetune("discs", objects, "pixel", keep_anyway=True, **QUICK).wait()
    assert kept["summary"]["model"] == "discs"
    assert kept["summary"]["figures"] == summary["figures"]


def test_segments_that_overlap_teach_and_no_name_gets_into_the_model(organs, better):
    session, masks = organs
    state = session.finetune("tubes", masks, **QUICK).wait()
    assert state["summary"]["model"] == "tubes"
    assert state["summary"]["data"]["split"] == "slabs of slices of the same volumes"
    for path in catalogue.folder().iterdir():
        assert b"DOE" not in path.read_bytes()
    for each in state["results"]:
        assert (
            b"DOE"
            not in session.client.connection.exchange("GET", f"/v1/jobs/j1/results/{each['name']}")[
                0
            ]
        )


def test_a_model_that_is_replaced_is_loaded_anew(served, field, better):
    session, objects = field
    session.finetune("discs", objects, "pixel", **QUICK).wait()
    raster(served, model="discs")
    assert "discs" in served.service.models.loaded
    with pytest.raises(ServerError, match='there is a tuned model "discs": give another name'):
        session.finetune("discs", objects, "pixel", **QUICK)
    session.finetune("discs", objects, "pixel", overwrite=True, **QUICK).wait()
    assert "discs" not in served.service.models.loaded


def test_a_training_is_cancelled_within_an_epoch(served, field, monkeypatch):
    session, objects = field
    begun, go_on, heard = threading.Event(), threading.Event(), []
    run_job = job_module.run_job

    def slow(job, lesson, *, progress):
        @contextmanager
        def told(what, total):
            with progress(what, total) as advance:

                def step(done):
                    heard.append((what, done))
                    # the first one stands for the epochs of an earlier run
                    if heard.count(("epochs", 0)) == 3:
                        begun.set()
                        assert go_on.wait(WAIT)
                    advance(done)

                yield step

        return run_job(job, lesson, progress=told)

    monkeypatch.setattr(geo_module, "run_job", slow)
    job = session.finetune("discs", objects, "pixel", epochs=100_000, patience=100_000, views=1)
    assert begun.wait(60)
    folder = served.service.jobs.get(job.id).folder
    assert (folder / "discs.safetensors.parts").is_dir()
    # a session whose objects are taught is not let go of; others need not wait
    session.close()
    assert raster(served).add_object("tree") == "o1"
    job.cancel()
    go_on.set()
    assert job.wait()["state"] == "cancelled"
    assert ("epochs", 1) not in heard
    assert not folder.exists()
    assert catalogue.named() == {}


def test_too_few_objects_fail_with_their_number(field):
    session, objects = field
    few = {**objects, "features": objects["features"][:3]}
    with pytest.raises(ServerError, match="too few objects: 3"):
        session.finetune("discs", few, "pixel", **QUICK).wait()


def test_a_raster_by_its_path_teaches(served, small, better):
    image, masks = picture((96, 256), across=8)
    path, objects = served.root / "field.tif", discs(masks)
    write_raster(path, size_hw=image.shape, count=1)
    with rasterio.open(path, "r+") as out:
        out.write(image[None])
    state = served.job(
        "finetune", path=str(path), name="discs", objects=objects, objects_crs="pixel",
        options=QUICK,
    ).wait()  # fmt: skip
    assert state["summary"]["model"] == "discs"
    with pytest.raises(ServerError) as outside:
        served.job("finetune", path="/etc/passwd", name="other", objects=objects)
    assert outside.value.status == 403


SEGMENT = {"name": "a", "upload": "u99", "start": [0, 0, 0]}


@pytest.mark.parametrize(
    ("kind", "more", "told"),
    [
        ("volume", {"objects": {}}, "a raster is taught by objects, a volume by segments"),
        ("volume", {"segments": [SEGMENT]}, "no upload u99"),
        ("raster", {"objects": {}, "name": "-x"}, "a name of a model is made of"),
        ("raster", {"objects": {}, "name": "mobile_sam"}, "is a published model"),
        ("raster", {"objects": {}, "model": "/data/x.pth"}, "unknown model"),
        ("raster", {"objects": {}, "session": "s99"}, "no session s99"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(served, field, organs, kind, more, told):
    session = field[0] if kind == "raster" else organs[0]
    with pytest.raises(ServerError, match=told):
        served.job("finetune", **{"name": "discs", "session": session.id, **more})
    assert not served.service.sessions.get(session.id).is_held


def test_a_tuned_model_gives_way_to_its_base(tmp_path, monkeypatch):
    monkeypatch.setenv("SAM_GEOMED_CACHE", str(tmp_path / "cache"))
    import torch

    path = tmp_path / "roofs.safetensors"
    write_delta(path, {"difference:a": torch.ones(1)}, CARD)
    catalogue.add(path)
    assert base_of("roofs") == CARD["base"]["name"] == "mobile_sam"
    assert base_of("lite_medsam") == "lite_medsam"
    with pytest.raises(UnknownModelError):
        base_of(str(path))


def test_a_request_becomes_a_training(tmp_path):
    options = {"parts": "both", "prompts": ("points",), "epochs": 3, "views": 2, "seed": 5}
    request = {"name": "roofs", "model": "mobile_sam", "options": options, "keep_anyway": True}
    job = training_job(request, tmp_path)
    assert job.output == tmp_path / "roofs.safetensors"
    assert (job.model, job.keep_anyway) == ("mobile_sam", True)
    assert {name: getattr(job.options, name) for name in options} == options
    with pytest.raises(InputError, match="prompts are boxes, points or both"):
        training_job({**request, "options": {"prompts": ()}}, tmp_path)


def test_progress_reaches_the_reporter_which_may_end_it():
    class Reporter:
        heard = ()

        def begin(self, what, total):
            self.heard = (*self.heard, (what, total))

        def step(self, done):
            self.heard = (*self.heard, done)
            if done == 2:
                raise KeyboardInterrupt

    reporter = Reporter()
    with progress_of(reporter)("epochs", 4) as advance:
        advance(1)
        with pytest.raises(KeyboardInterrupt):
            advance(2)
    assert reporter.heard == (("epochs", 4), 1, 2)

"""Segmenters that sessions share: loaded once, one encoder run at a time, watched by jobs."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from live_server import WAIT

from sam_common.errors import UnknownModelError
from sam_common.prompts import Prompts
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.server.sessions.models import ENCODED, Models, watched

IMAGE = np.zeros((8, 8, 3), dtype=np.uint8)


def test_a_model_is_loaded_once_for_all_who_wait_for_it():
    loaded, together = [], threading.Barrier(4)

    def load(name):
        loaded.append(name)
        return FakeSegmenter()

    models = Models(load)

    def ask(_):
        together.wait(WAIT)
        return models.get("mobile_sam")

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(ask, range(4)))
    assert loaded == models.loaded == ["mobile_sam"]
    assert all(one is found[0] for one in found)


def test_nobody_waits_for_the_download_of_another_model():
    begun, go_on = threading.Event(), threading.Event()

    def load(name):
        if name == "lite_medsam":
            begun.set()
            assert go_on.wait(WAIT)
        return FakeSegmenter()

    models = Models(load)
    thread = threading.Thread(target=models.get, args=("lite_medsam",))
    thread.start()
    assert begun.wait(WAIT)
    models.get("mobile_sam")
    assert models.loaded == ["mobile_sam"]
    go_on.set()
    thread.join()
    assert models.loaded == ["lite_medsam", "mobile_sam"]


def test_a_name_that_is_no_model_is_not_loaded(tmp_path):
    models = Models(lambda _name: pytest.fail("loaded"))
    with pytest.raises(UnknownModelError):
        models.get(str(tmp_path / "weights.pth"))
    assert models.loaded == []


def test_a_model_whose_file_was_replaced_is_loaded_anew():
    loaded = []
    models = Models(lambda name: loaded.append(name) or FakeSegmenter())
    first = models.get("mobile_sam")
    models.forget("mobile_sam")
    assert models.loaded == []
    assert models.get("mobile_sam") is not first
    models.forget("lite_medsam")
    assert loaded == ["mobile_sam", "mobile_sam"]


def test_the_list_says_which_models_are_loaded():
    models = Models(lambda _name: FakeSegmenter())
    models.get("mobile_sam")
    about = {each["name"]: each for each in models.describe()}
    assert about["mobile_sam"]["is_loaded"]
    assert not about["lite_medsam"]["is_loaded"]
    assert about["mobile_sam"]["prompts"] == ["boxes", "masks", "points"]
    assert about["lite_medsam"]["prompts"] == ["boxes"]


def test_the_encoder_serves_one_caller_at_a_time():
    held = []

    def embed(_image):
        held.append(shared._lock.locked())
        return "embedding"

    segmenter = SimpleNamespace(embed=embed, embed_batch=lambda images: list(map(embed, images)))
    shared = Models(lambda _name: segmenter).get("mobile_sam")
    assert [shared.embed(IMAGE), *shared.embed_batch([IMAGE, IMAGE])] == ["embedding"] * 3
    assert held == [True] * 3
    assert not shared._lock.locked()


def test_a_watched_segmenter_tells_of_each_call_and_of_long_ones():
    told = []
    segmenter = watched(FakeSegmenter(), told.append)
    embedding = segmenter.embed(IMAGE)
    assert told == [0.0, ENCODED]
    prompts = Prompts.from_points(np.zeros((5, 2)))
    told.clear()
    plain = FakeSegmenter().decode(embedding, prompts)
    assert np.array_equal(segmenter.decode(embedding, prompts).scores, plain.scores)
    assert told == [0.0]
    told.clear()
    assert sum(len(masks) for masks in segmenter.decode_batches(embedding, prompts)) == 5
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)
    # everything else is the segmenter's own
    assert segmenter.capabilities == FakeSegmenter().capabilities


def test_what_hears_of_the_work_can_end_it():
    def cancel(_part):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watched(FakeSegmenter(), cancel).embed(IMAGE)

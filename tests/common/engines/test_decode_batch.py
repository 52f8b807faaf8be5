from __future__ import annotations

import dataclasses
import gc
import json
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from small_networks import small_network

from sam_common.engines import decode_batch
from sam_common.engines.decode_batch import SIZES, VARIABLE, DecodeBatch, best_size
from sam_common.errors import ModelError
from sam_common.prompts import Prompts


class Clocked:
    """An engine whose batches take as long as they are told, on a clock of its own."""

    name = "openvino"

    def __init__(self, seconds, device="cpu"):
        self.seconds, self.device = seconds, device
        self.now, self.sizes = 0.0, []

    def decode(self, features, points_xy, labels, masks, *, multimask):
        assert features.shape == (1, 256, 64, 64)
        assert points_xy.shape == (len(points_xy), 2, 2)
        assert labels.shape == (len(points_xy), 2)
        assert (masks, multimask) == (None, False)
        self.sizes.append(len(points_xy))
        self.now += self.seconds(len(points_xy))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SAM_GEOMED_CACHE", str(tmp_path))
    monkeypatch.delenv(VARIABLE)
    return tmp_path / "decode-batch"


@pytest.fixture
def clocked(cache, monkeypatch):
    def make(seconds, device="cpu"):
        engine = Clocked(seconds, device)
        monkeypatch.setattr(decode_batch.time, "perf_counter", lambda: engine.now)
        return engine

    return make


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (lambda size: size * (0.030 if size <= 4 else 0.040), 4),  # a small cache
        (lambda size: size * (0.020 if size == 1 else 0.030), 4),  # a half is no better
        (lambda size: size * 0.01 * max(1, size), 1),  # the smaller the better
        (lambda size: 0.1 + size * 0.01, 16),  # many cores
        (lambda size: size * (0.030 - 0.0001 * size), 4),  # a little better is a busy machine
        (lambda size: size * (0.010 if size == 8 else 0.030), 8),
    ],
)
def test_the_fastest_size(seconds, expected):
    assert best_size(seconds, 4, 16) == expected


def test_it_is_measured_once_on_a_machine(clocked, cache):
    engine = clocked(lambda size: 0.1 + size * 0.01)
    assert DecodeBatch().size(100, engine) == 16
    # one to compile and two to time
    assert engine.sizes == [4] * 3 + [8] * 3 + [16] * 3
    (path,) = cache.glob("*.json")
    assert json.loads(path.read_text()) == {"decode_batch": 16}
    slower = clocked(lambda size: size**2)
    assert DecodeBatch().size(100, slower) == 16
    assert slower.sizes == []


def test_a_slow_first_run_of_a_size_does_not_count(clocked):
    seen = set()

    def seconds(size):
        extra = 0 if size in seen else 60
        seen.add(size)
        return extra + 0.1 + size * 0.01

    assert DecodeBatch().size(100, clocked(seconds)) == 16


def test_few_prompts_need_no_measurement(clocked, cache):
    engine = clocked(lambda size: size)
    assert [DecodeBatch().size(n, engine) for n in (0, 1, 4)] == [4, 4, 4]
    assert engine.sizes == []
    assert not cache.exists()


def test_another_device_or_machine_is_measured_anew(clocked, cache, monkeypatch):
    assert DecodeBatch().size(100, clocked(lambda size: 0.1 + size * 0.01)) == 16
    gpu = clocked(lambda size: 1000 + size, "cuda:1")
    assert DecodeBatch().size(100, gpu) == SIZES["cuda"][1]
    monkeypatch.setattr(decode_batch.platform, "node", lambda: "elsewhere")
    assert DecodeBatch().size(100, clocked(lambda size: size)) == 4
    assert len(list(cache.glob("*.json"))) == 3


def test_threads_measure_once(clocked):
    engine = clocked(lambda size: size)
    with ThreadPoolExecutor(4) as pool:
        sizes = pool.map(lambda _: DecodeBatch().size(9, engine), range(8))
        assert list(sizes) == [4] * 8
    assert engine.sizes == [4] * 3 + [8] * 3 + [2] * 3


def test_a_fixed_size(clocked, monkeypatch):
    monkeypatch.setenv(VARIABLE, "7")
    engine = clocked(lambda size: size)
    assert [DecodeBatch().size(n, engine) for n in (1, 100)] == [7, 7]
    assert engine.sizes == []


@pytest.mark.parametrize("text", ["0", "-1", "many", "2.5"])
def test_a_fixed_size_that_is_none(clocked, monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(ModelError) as caught:
        DecodeBatch().size(1, clocked(lambda size: size))
    assert str(caught.value) == f"{VARIABLE} must be a whole number from 1 up, got {text!r}"


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_an_engine_goes_with_its_last_user(make_segmenter, engine):
    # in a cycle, its hundreds of megabytes would wait for the garbage collector
    segmenter = make_segmenter(engine)
    known = weakref.ref(segmenter._engine)
    segmenter._engine.decode_batch(1)
    gc.disable()
    try:
        del segmenter
        assert known() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_a_segmenter_decodes_in_batches_of_that_size(
    cache, monkeypatch, make_segmenter, embedding, engine
):
    prompts = Prompts.from_boxes(np.tile([5, 5, 50, 50], (7, 1)))
    # what is measured are some hundred masks
    cheap = {"of": small_network(7), "sha256": "d075" * 16}
    known = dataclasses.replace(embedding, model=cheap["sha256"])
    measured = make_segmenter(engine, **cheap)
    lengths = [len(masks) for masks in measured.decode_batches(known, prompts)]
    (path,) = cache.glob("*.json")
    size = json.loads(path.read_text())["decode_batch"]
    assert lengths == [min(size, 7 - first) for first in range(0, 7, size)]
    monkeypatch.setenv(VARIABLE, "3")
    fixed = make_segmenter(engine, **cheap)
    assert [len(masks) for masks in fixed.decode_batches(known, prompts)] == [3, 3, 1]

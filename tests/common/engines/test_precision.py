from __future__ import annotations

import functools
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from sam_common.engines import openvino_engine, precision
from sam_common.engines.precision import (
    AGREEMENT,
    EMBEDDING_ERROR,
    MEASURED,
    draw_scene,
    resolve_precision,
)
from sam_common.errors import ModelError
from sam_common.network.architecture import ARCHITECTURES
from sam_common.network.lazy_network import LazyNetwork, as_lazy

OWN = "0123456789abcdef" * 4


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SAM_GEOMED_CACHE", str(tmp_path))
    return tmp_path / "precision"


@pytest.fixture
def bf16_hardware(monkeypatch):
    monkeypatch.setattr(openvino_engine, "supports_bf16", lambda: True)


@pytest.fixture
def no_measurement(monkeypatch):
    monkeypatch.setattr(precision, "measure_error", lambda *_, **__: pytest.fail("measured"))


def network_of(sha256):
    """One that must not be loaded."""
    load = functools.partial(pytest.fail, "loaded")
    return LazyNetwork("tiny_vit_256", sha256, ARCHITECTURES["tiny_vit_256"], load)


def resolve(wanted="auto", *, sha256=OWN, device="cpu", engine="openvino"):
    return resolve_precision(wanted, network_of(sha256), device=device, engine=engine)


def measure(monkeypatch, error):
    """Answer every measurement with this; the list counts them."""
    asked = []

    def answer(network, **where):
        asked.append((network.sha256, where))
        return error

    monkeypatch.setattr(precision, "measure_error", answer)
    return asked


def test_what_is_asked_for_is_given(cache, no_measurement):
    assert resolve("fp32") == "fp32"
    assert resolve("bf16") == "bf16"


@pytest.mark.parametrize("wanted", ["fp16", "float32", "AUTO", ""])
def test_an_unknown_name(wanted):
    with pytest.raises(ModelError) as caught:
        resolve(wanted)
    assert str(caught.value) == f'unknown precision "{wanted}": choose from auto, fp32, bf16'


def test_without_the_hardware_auto_is_fp32(cache, no_measurement, monkeypatch):
    monkeypatch.setattr(openvino_engine, "supports_bf16", lambda: False)
    assert resolve() == "fp32"
    assert resolve(sha256=max(MEASURED, key=MEASURED.get)) == "fp32"
    # torch has bfloat16 on every CPU, but it is no faster there
    assert resolve(engine="torch") == "fp32"
    assert resolve(engine="torch", device="mps") == "fp32"


def test_a_gpu_decides_for_itself(cache, monkeypatch):
    measure(monkeypatch, 0.0)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert resolve(engine="torch", device="cuda:1") == "bf16"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    assert resolve(engine="torch", device="cuda:1") == "fp32"


def test_published_checkpoints_go_by_their_masks_on_real_images(
    cache, bf16_hardware, no_measurement
):
    for sha256, agreement in MEASURED.items():
        assert resolve(sha256=sha256) == ("bf16" if agreement >= AGREEMENT else "fp32")
    assert not cache.exists()


@pytest.mark.parametrize(
    ("error", "expected"),
    [(EMBEDDING_ERROR, "bf16"), (EMBEDDING_ERROR * 1.01, "fp32"), (float("nan"), "fp32")],
)
def test_any_other_checkpoint_is_measured_once(cache, bf16_hardware, monkeypatch, error, expected):
    asked = measure(monkeypatch, error)
    assert [resolve() for _ in range(3)] == [expected] * 3
    assert asked == [(OWN, {"device": "cpu", "engine": "openvino"})]


def test_the_measurement_is_kept_by_checkpoint_and_place(cache, bf16_hardware, monkeypatch):
    measure(monkeypatch, 0.0125)
    resolve()
    (kept,) = cache.iterdir()
    assert kept.name == "0123456789abcdef-openvino-cpu.json"
    assert json.loads(kept.read_text()) == {
        "sha256": OWN,
        "place": "openvino-cpu",
        "embedding_error": 0.0125,
    }

    # another session, another checkpoint, another place
    asked = measure(monkeypatch, 1.0)
    assert resolve() == "bf16"
    assert asked == []
    assert resolve(sha256="f" * 64) == "fp32"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert resolve(engine="torch", device="cuda:0") == "fp32"
    assert resolve(engine="torch", device="cuda:1") == "fp32"
    assert len(asked) == 2
    assert len(list(cache.iterdir())) == 3


def test_the_scene_is_the_same_every_time():
    scene = draw_scene(256)
    assert scene.shape == (256, 256, 3)
    assert scene.dtype == np.uint8
    assert np.array_equal(scene, draw_scene(256))
    assert scene.std(axis=(0, 1)).min() > 20  # there is something to see in every colour
    assert not np.array_equal(scene, draw_scene(257)[:256, :256])


MEASURE = """
import sys
from sam_common.engines.precision import measure_error
from sam_common.network.lazy_network import as_lazy
from tests.oracles.small_networks import patch_network

network = as_lazy(patch_network(7), sys.argv[1])
print(measure_error(network, device="cpu", engine="openvino"))
"""


def test_both_precisions_run_beside_each_other(openvino_segmenter, openvino_cache):
    # in a process of its own: a compiled network taken for one of the other precision crashes
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, openvino_segmenter.sha256],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SAM_GEOMED_CACHE": str(openvino_cache)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert 0 <= float(done.stdout) < 0.5


def test_the_same_precision_twice_makes_no_difference(network, monkeypatch):
    monkeypatch.setattr(precision, "_BOTH", ("fp32", "fp32"))
    assert precision.measure_error(as_lazy(network, OWN), device="cpu", engine="torch") == 0.0


def test_torch_bf16_differs_a_little(network):
    assert 1e-4 < precision.measure_error(as_lazy(network, OWN), device="cpu", engine="torch") < 0.5

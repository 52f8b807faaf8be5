from __future__ import annotations

import importlib.util

import pytest
import torch

from sam_common.engines import build
from sam_common.engines.build import build_engine, resolve_device, resolve_engine
from sam_common.engines.openvino_engine import OpenVINOEngine
from sam_common.engines.torch_engine import TorchEngine
from sam_common.errors import ModelError
from sam_common.network.lazy_network import as_lazy


@pytest.fixture
def cpu_only(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_auto_takes_the_best_device(cpu_only, monkeypatch):
    monkeypatch.setattr(build, "_may_have_gpu", lambda: True)
    assert resolve_device("auto") == "cpu"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert resolve_device("auto") == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto") == "cuda"
    assert [resolve_device(device) for device in ("cpu", "mps", "cuda:1")] == [
        "cpu",
        "mps",
        "cuda:1",
    ]
    with pytest.raises(ModelError) as caught:
        resolve_device("tpu")
    assert str(caught.value) == 'device "tpu" is not available here: choose from cpu, cuda, mps'


@pytest.mark.parametrize(
    ("platform", "torch_version", "driver", "expected"),
    [
        ("linux", "2.13.0+cpu", "libcuda.so.1", False),
        ("linux", "2.13.0", "libcuda.so.1", True),
        ("linux", "2.13.0+cu130", None, False),
        ("win32", "2.13.0+cu130", "nvcuda.dll", True),
        ("win32", "2.13.0", None, False),
        ("linux", "2.13.0+rocm7.0", None, True),
        ("darwin", "2.13.0", None, True),
    ],
)
def test_torch_is_asked_for_a_gpu_only_where_there_may_be_one(
    monkeypatch, platform, torch_version, driver, expected
):
    def load_library(name):
        if name != driver:
            raise OSError(name)

    monkeypatch.setattr(build.sys, "platform", platform)
    monkeypatch.setattr(build, "version", {"torch": torch_version}.__getitem__)
    monkeypatch.setattr(build.ctypes, "CDLL", load_library)
    assert build._may_have_gpu() is expected


def test_auto_takes_openvino_on_a_cpu():
    assert resolve_engine("auto", "cpu") == "openvino"
    assert resolve_engine("auto", "cuda") == "torch"
    assert resolve_engine("torch", "cpu") == "torch"


@pytest.mark.parametrize("device", ["cpu", "cuda", "mps"])
def test_torch_may_be_asked_for_on_any_device(device):
    assert resolve_engine("torch", device) == "torch"
    assert resolve_engine("torch-compiled", device) == "torch-compiled"


@pytest.mark.parametrize(
    ("engine", "device", "message"),
    [
        (
            "onnx",
            "cpu",
            'unknown engine "onnx": choose from auto, torch, torch-compiled, openvino',
        ),
        ("openvino", "cuda", 'engine "openvino" runs on "cpu" only, got device "cuda"'),
    ],
)
def test_engines_that_cannot_be_had(engine, device, message):
    with pytest.raises(ModelError) as caught:
        resolve_engine(engine, device)
    assert str(caught.value) == message


def test_without_openvino_a_cpu_runs_torch(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert resolve_engine("auto", "cpu") == "torch"
    with pytest.raises(ModelError, match=r'^engine "openvino" is not installed: pip install'):
        resolve_engine("openvino", "cpu")


def test_without_a_gpu_torch_is_not_even_imported(monkeypatch):
    monkeypatch.setattr(build, "_may_have_gpu", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: pytest.fail("asked"))
    assert resolve_device("auto") == "cpu"


def test_an_engine_is_built_as_it_is_called(network, openvino_cache, monkeypatch):
    monkeypatch.setenv("SAM_GEOMED_CACHE", str(openvino_cache))
    monkeypatch.setattr(torch, "compile", lambda module: module)
    # that of the session's other segmenters, which is converted once
    lazy = as_lazy(network, "5eed" * 16)
    for name, kind in (
        ("torch", TorchEngine),
        ("torch-compiled", TorchEngine),
        ("openvino", OpenVINOEngine),
    ):
        engine = build_engine(name, lazy, "cpu", "fp32")
        assert type(engine) is kind
        assert (engine.name, engine.device, engine.precision) == (name, "cpu", "fp32")

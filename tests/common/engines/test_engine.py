from __future__ import annotations

import inspect

import pytest

from sam_common.engines.engine import Engine
from sam_common.engines.openvino_engine import OpenVINOEngine
from sam_common.engines.torch_engine import TorchEngine

METHODS = [name for name, _ in inspect.getmembers(Engine, inspect.isfunction) if name[0] != "_"]


def test_an_engine_encodes_and_decodes():
    assert METHODS == ["decode", "decode_batch", "encode", "fix_decode_batch"]


@pytest.mark.parametrize("kind", [TorchEngine, OpenVINOEngine])
@pytest.mark.parametrize("method", METHODS)
def test_engines_are_called_alike(kind, method):
    ours, wanted = (inspect.signature(getattr(each, method)) for each in (kind, Engine))
    assert [(p.name, p.kind) for p in ours.parameters.values()] == [
        (p.name, p.kind) for p in wanted.parameters.values()
    ]


def test_what_an_engine_says_of_itself(make_segmenter):
    for name in ("torch", "openvino"):
        engine = make_segmenter(name)._engine
        assert {each: getattr(engine, each) for each in Engine.__annotations__} == {
            "name": name,
            "device": "cpu",
            "precision": "fp32",
        }

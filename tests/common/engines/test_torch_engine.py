from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

from sam_common.engines.build import resolve_engine
from sam_common.engines.torch_engine import TorchEngine
from sam_common.errors import ModelError
from sam_common.network.sam import build_sam
from tests.oracles.random_weights import randomise

PIXELS = np.random.default_rng(3).normal(size=(1, 3, 256, 256)).astype(np.float32)


@pytest.fixture
def backend(monkeypatch):
    """Compile with a backend that needs no compiler of C++."""

    def use(name):
        monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=name))

    yield use
    torch._dynamo.reset()


def test_compiled_it_gives_the_same(network, backend):
    backend("eager")
    assert resolve_engine("torch-compiled", "cuda") == "torch-compiled"
    compiled = TorchEngine(network, "cpu", "fp32", compiled=True)
    plain = TorchEngine(network, "cpu", "fp32")
    assert (plain.name, compiled.name) == ("torch", "torch-compiled")
    # or else nothing was compiled
    assert isinstance(compiled._encoder, torch._dynamo.eval_frame.OptimizedModule)
    np.testing.assert_allclose(compiled.encode(PIXELS), plain.encode(PIXELS), rtol=0, atol=1e-4)


def test_what_cannot_be_compiled(network, backend):
    def no_compiler(*_):
        raise FileNotFoundError("no C++ compiler")

    backend(no_compiler)
    with pytest.raises(ModelError, match="no C") as caught:
        TorchEngine(network, "cpu", "fp32", compiled=True).encode(PIXELS)
    assert str(caught.value) == (
        'engine "torch-compiled" cannot compile here, take engine "torch": '
        "backend='no_compiler' raised:\nFileNotFoundError: no C++ compiler"
    )


def test_other_errors_are_not_the_compilers(network, monkeypatch):
    engine = TorchEngine(network, "cpu", "fp32")
    with pytest.raises(RuntimeError, match="channels"):
        engine.encode(PIXELS[:, :2])


def test_types_inside_of_autocast():
    network = randomise(build_sam("tiny_vit_256"), 3).prepare_inference()
    seen = {}
    for name, module in network.image_encoder.named_modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(
                lambda _module, _given, out, name=name: seen.update({name: out.dtype})
            )
    # few pixels: types do not hang on how many, and a processor without bfloat16 takes long
    with torch.inference_mode():
        TorchEngine(network, "cpu", "bf16").encode(np.zeros((1, 3, 32, 32), np.float32))
    exact = {name for name, dtype in seen.items() if dtype == torch.float32}
    assert exact == {name for name in seen if "patch_embed" in name or "downsample" in name}
    assert len(exact) == 2 + 3 * 3
    assert len(seen) > len(exact)

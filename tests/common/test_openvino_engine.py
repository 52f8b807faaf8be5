from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openvino
import pytest
import torch

from sam_common.engines import openvino_engine
from sam_common.engines.openvino_engine import OpenVINOEngine, supports_bf16
from sam_common.engines.torch_engine import TorchEngine
from sam_common.model.layers import exact
from sam_common.model.sam import SAM_PREPROCESS, Sam, build_sam, randomise

PARTS = ["decoder-multi", "decoder-single", "encoder"]


class Brightness(torch.nn.Module):
    """As small as an encoder can be: the mean colour everywhere."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.mean(dim=(1, 2, 3)).reshape(-1, 1, 1, 1).expand(-1, 256, 64, 64) * 1.0


class ExactBrightness(Brightness):
    @exact
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return Brightness.forward(self, pixels)


def small_network(seed):
    """Converts in a second or two; prompt encoder and mask decoder are the real ones."""
    return randomise(Sam(Brightness(), SAM_PREPROCESS), seed, deviation=0.1).prepare_inference()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SAM_GEOMED_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "openvino"


@pytest.fixture
def converted(monkeypatch):
    """Counts conversions."""
    parts = []
    convert = openvino_engine._convert

    def counting(module, *args):
        parts.append(type(module).__name__)
        return convert(module, *args)

    monkeypatch.setattr(openvino_engine, "_convert", counting)
    return parts


def models(cache):
    return {path: path.stat().st_mtime_ns for path in sorted(cache.glob("*.xml"))}


def run(engine):
    random = torch.Generator().manual_seed(5)
    features = torch.randn((1, 256, 64, 64), generator=random)
    tokens, dense = torch.randn((3, 4, 256), generator=random), torch.zeros((1, 256, 1, 1))
    return engine.decode(features, tokens, dense, multimask=False)


def test_a_network_is_converted_once(cache, converted):
    first = OpenVINOEngine(small_network(1), "fp32", "a" * 64)
    assert converted == ["Brightness", "_Decoder", "_Decoder"]
    kept = models(cache)
    assert [path.stem.split("-", 2)[2] for path in kept] == PARTS
    assert all(path.name.startswith("a" * 16) for path in kept)
    assert not list(cache.glob("*partial*"))

    # what is on disk answers, not the decoder that is given
    other = small_network(2)
    other.prompt_encoder = small_network(1).prompt_encoder
    second = OpenVINOEngine(other, "fp32", "a" * 64)
    assert len(converted) == 3
    assert models(cache) == kept
    assert all(torch.equal(a, b) for a, b in zip(run(first), run(second), strict=True))


def test_another_checkpoint_is_converted_anew(cache, converted):
    first = OpenVINOEngine(small_network(1), "fp32", "a" * 64)
    second = OpenVINOEngine(small_network(2), "fp32", "b" * 64)
    assert len(converted) == 6
    assert not torch.allclose(run(first)[0], run(second)[0])


def test_changed_code_is_converted_anew(cache, converted, monkeypatch):
    OpenVINOEngine(small_network(1), "fp32", "a" * 64)
    monkeypatch.setattr(openvino_engine, "_code_version", lambda: "changed")
    OpenVINOEngine(small_network(1), "fp32", "a" * 64)
    assert len(converted) == 6
    assert len(models(cache)) == 6


def test_both_precisions_share_the_converted_network(cache, converted):
    exact = OpenVINOEngine(small_network(1), "fp32", "a" * 64)
    fast = OpenVINOEngine(small_network(1), "bf16", "a" * 64)
    assert len(converted) == 3
    assert (exact.precision, fast.precision) == ("fp32", "bf16")
    # the decoder is float32 in either
    assert all(torch.equal(a, b) for a, b in zip(run(exact), run(fast), strict=True))


def test_an_encoder_with_exact_parts_has_a_network_for_bf16(cache, converted, monkeypatch):
    monkeypatch.setattr(openvino_engine, "supports_bf16", lambda: True)
    network = small_network(1)
    network.image_encoder = ExactBrightness()
    OpenVINOEngine(network, "fp32", "a" * 64)
    OpenVINOEngine(network, "bf16", "a" * 64)
    assert converted == ["ExactBrightness", "_Decoder", "_Decoder", "_Autocast"]
    # what is on disk is not rounded again
    monkeypatch.setattr(openvino_engine, "_Autocast", lambda _: pytest.fail("made again"))
    OpenVINOEngine(network, "bf16", "a" * 64)
    # a CPU without bfloat16 runs what fp32 runs
    monkeypatch.setattr(openvino_engine, "supports_bf16", lambda: False)
    OpenVINOEngine(network, "bf16", "a" * 64)
    assert len(converted) == 4


def test_bf16_rounds_to_the_nearest_and_not_what_is_exact():
    encoder = build_sam("tiny_vit_256").prepare_inference().image_encoder
    before = {name: value.clone() for name, value in encoder.named_parameters()}
    rounded = openvino_engine._Autocast(encoder).encoder
    for name, value in rounded.named_parameters():
        kept = "patch_embed" in name or "downsample" in name
        expected = before[name] if kept else before[name].bfloat16().float()
        assert torch.equal(value, expected)
    # the network that was given goes on in fp32
    assert all(torch.equal(value, before[name]) for name, value in encoder.named_parameters())


def test_types_inside_of_autocast():
    network = randomise(build_sam("tiny_vit_256"), 3).prepare_inference()
    seen = {}
    for name, module in network.image_encoder.named_modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(
                lambda _module, _given, out, name=name: seen.update({name: out.dtype})
            )
    with torch.inference_mode():
        TorchEngine(network, "cpu", "bf16").encode(torch.zeros((1, 3, 256, 256)))
    exact = {name for name, dtype in seen.items() if dtype == torch.float32}
    assert exact == {name for name in seen if "patch_embed" in name or "downsample" in name}
    assert len(exact) == 2 + 3 * 3
    assert len(seen) > len(exact)


def test_an_interrupted_conversion_leaves_nothing_to_trust(cache, converted, monkeypatch):
    save = openvino.save_model

    def interrupted(model, path, **options):
        save(model, path, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(openvino, "save_model", interrupted)
    with pytest.raises(KeyboardInterrupt):
        OpenVINOEngine(small_network(1), "fp32", "a" * 64)
    assert not [path for path in models(cache) if "partial" not in path.name]

    monkeypatch.setattr(openvino, "save_model", save)
    OpenVINOEngine(small_network(1), "fp32", "a" * 64)
    assert len([path for path in models(cache) if "partial" not in path.name]) == 3


def test_a_part_is_compiled_when_it_first_runs_and_once_for_all_threads(cache, monkeypatch):
    compiled = []

    class Core:
        def compile_model(self, path, *settings):
            compiled.append(path.stem.split("-", 2)[2])
            return core.compile_model(path, *settings)

    core = openvino.Core()
    monkeypatch.setattr(openvino, "Core", Core)
    engine = OpenVINOEngine(small_network(1), "fp32", "a" * 64)
    assert compiled == []
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: run(engine), range(8)))
    assert compiled == ["decoder-single"]
    assert all(torch.equal(answers[0][0], logits) for logits, _ in answers)
    engine.encode(torch.zeros((1, 3, 1024, 1024)))
    assert compiled == ["decoder-single", "encoder"]


def test_batches_of_images_and_of_prompts(cache):
    engine = OpenVINOEngine(small_network(1), "fp32", "a" * 64)
    pixels = torch.stack([torch.full((3, 1024, 1024), value) for value in (0.25, -2.0)])
    features = engine.encode(pixels)
    assert features.shape == (2, 256, 64, 64)
    assert features.dtype == torch.float32
    assert [features[n].unique().tolist() for n in range(2)] == [[0.25], [-2.0]]
    for count, tokens in ((1, 2), (4, 7), (5, 0)):
        dense = torch.zeros((count, 256, 64, 64))
        logits, scores = engine.decode(
            features[:1], torch.zeros((count, tokens, 256)), dense, multimask=True
        )
        assert logits.shape == (count, 3, 256, 256)
        assert scores.shape == (count, 3)


def test_results_stay_when_the_engine_goes_on(cache):
    engine = OpenVINOEngine(small_network(1), "fp32", "a" * 64)
    first = run(engine)
    kept = [part.clone() for part in first]
    engine.decode(
        torch.ones((1, 256, 64, 64)),
        torch.ones((3, 4, 256)),
        torch.zeros((1, 256, 1, 1)),
        multimask=False,
    )
    assert all(torch.equal(a, b) for a, b in zip(first, kept, strict=True))


def test_what_the_processor_supports_is_a_plain_answer():
    assert supports_bf16() in {True, False}


CONSTRUCT = """
import sys, torch
sys.path.insert(0, sys.argv[1])
from test_openvino_engine import OpenVINOEngine, run, small_network
print(float(run(OpenVINOEngine(small_network(1), "fp32", "a" * 64))[0].double().sum()))
"""


def test_processes_at_once_convert_once_and_agree(cache):
    command = [sys.executable, "-c", CONSTRUCT, str(Path(__file__).parent)]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], answers
    assert answers[0][0] == answers[1][0]
    kept = models(cache)
    assert len(kept) == 3
    alone = run(OpenVINOEngine(small_network(1), "fp32", "a" * 64))[0]
    assert models(cache) == kept
    assert float(alone.double().sum()) == pytest.approx(float(answers[0][0]))

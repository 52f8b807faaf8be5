from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openvino
import pytest
import small_networks
from small_networks import ExactBrightness, engine_of, models, run, small_network

from sam_common.engines import openvino_engine
from sam_common.engines.openvino_engine import OpenVINOEngine, supports_bf16
from sam_common.network.lazy_network import as_lazy

PARTS = ["decoder-multi", "decoder-single", "encoder", "prompts", "prompts-masks"]
MODULES = ["Brightness", "PromptEncoder", "PromptEncoder", "_Decoder", "_Decoder"]


def test_a_network_is_converted_once(cache, converted):
    first = engine_of(small_network(1))
    assert converted == MODULES
    kept = models(cache)
    assert sorted(path.stem for path in kept) == PARTS
    assert all(path.parent.name.startswith("a" * 16) for path in kept)
    assert not list(cache.glob("*/*partial*"))

    # what is on disk answers: the network is not even loaded
    known = dataclasses.replace(
        as_lazy(small_network(2), "a" * 64), load=lambda: pytest.fail("loaded")
    )
    second = OpenVINOEngine(known, "fp32")
    assert models(cache) == kept
    assert all(np.array_equal(a, b) for a, b in zip(run(first), run(second), strict=True))


def test_a_conversion_clears_away_what_nobody_used_for_a_month(cache, converted):
    engine_of(small_network(1))
    (used,) = cache.iterdir()
    for name, days in (("earlier", 31), ("recent", 29)):
        (cache / name / "fp32").mkdir(parents=True)
        (cache / name / "fp32" / "1.blob").touch()
        os.utime(cache / name, (time.time() - days * 86400,) * 2)
    (cache / "encoder.bin").touch()
    os.utime(cache / "encoder.bin", (1000, 1000))
    os.utime(used, (1000, 1000))
    engine = engine_of(small_network(1))
    # nothing is converted, so nothing is looked for; but this one was used
    assert {path.name for path in cache.iterdir()} == {
        used.name,
        "earlier",
        "recent",
        "encoder.bin",
    }
    engine_of(small_network(2), sha256="b" * 64)
    (made,) = cache.glob("b*")
    assert set(cache.iterdir()) == {used, cache / "recent", made}
    run(engine)


def test_another_checkpoint_is_converted_anew(cache, converted):
    first = engine_of(small_network(1))
    second = engine_of(small_network(2), sha256="b" * 64)
    assert len(converted) == 10
    assert not np.allclose(run(first)[0], run(second)[0])


def test_changed_code_is_converted_anew(cache, converted, monkeypatch):
    engine_of(small_network(1))
    monkeypatch.setattr(openvino_engine, "_code_version", lambda *_: "changed")
    engine_of(small_network(1))
    assert len(converted) == 10
    assert len(models(cache)) == 10


def test_another_architecture_is_converted_anew(cache, converted):
    # a wrong --arch must fail as it does without a cache, not run what another one left
    engine_of(small_network(1))
    wrong = dataclasses.replace(as_lazy(small_network(1), "a" * 64), arch="vit_b")
    OpenVINOEngine(wrong, "fp32")
    assert len(converted) == 10


def test_both_precisions_share_the_converted_network(cache, converted):
    exact = engine_of(small_network(1))
    fast = engine_of(small_network(1), "bf16")
    assert len(converted) == 5
    assert (exact.precision, fast.precision) == ("fp32", "bf16")
    # the decoder is float32 in either
    assert all(np.array_equal(a, b) for a, b in zip(run(exact), run(fast), strict=True))


def test_an_encoder_with_exact_parts_has_a_network_for_bf16(cache, converted, monkeypatch):
    monkeypatch.setattr(openvino_engine, "supports_bf16", lambda: True)
    network = small_network(1)
    network.image_encoder = ExactBrightness()
    engine_of(network)
    engine_of(network, "bf16")
    assert converted == ["ExactBrightness", *MODULES[1:], "_Autocast"]
    engine_of(network, "bf16")
    # a CPU without bfloat16 runs what fp32 runs
    monkeypatch.setattr(openvino_engine, "supports_bf16", lambda: False)
    engine_of(network, "bf16")
    assert len(converted) == 6


def test_a_part_is_compiled_when_it_first_runs_and_once_for_all_threads(cache, monkeypatch):
    compiled = []

    class Core:
        def compile_model(self, path, *settings):
            compiled.append(path.stem)
            return core.compile_model(path, *settings)

        def read_model(self, path):
            return core.read_model(path)

    core = openvino.Core()
    monkeypatch.setattr(openvino, "Core", Core)
    engine = engine_of(small_network(1))
    assert compiled == []
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: run(engine), range(8)))
    assert compiled == ["prompts", "decoder-single"]
    assert all(np.array_equal(answers[0][0], logits) for logits, _ in answers)
    engine.encode(np.zeros((1, 3, 1024, 1024), np.float32))
    assert compiled == ["prompts", "decoder-single", "encoder"]


def test_batches_of_images_and_of_prompts(cache):
    engine = engine_of(small_network(1))
    pixels = np.stack([np.full((3, 1024, 1024), value, np.float32) for value in (0.25, -2.0)])
    features = engine.encode(pixels)
    assert features.shape == (2, 256, 64, 64)
    assert features.dtype == np.float32
    assert [np.unique(features[n]).tolist() for n in range(2)] == [[0.25], [-2.0]]
    for count, tokens in ((1, 2), (4, 7), (5, 0)):
        points = np.zeros((count, tokens, 2), np.float32)
        labels = np.zeros((count, tokens), np.int64)
        masks = np.zeros((count, 256, 256), np.float32)
        logits, scores = engine.decode(features[:1], points, labels, masks, multimask=True)
        assert logits.shape == (count, 3, 256, 256)
        assert scores.shape == (count, 3)


def test_results_stay_when_the_engine_goes_on(cache):
    engine = engine_of(small_network(1))
    first = run(engine)
    kept = [part.copy() for part in first]
    engine.decode(
        np.ones((1, 256, 64, 64), np.float32),
        np.ones((3, 4, 2), np.float32),
        np.ones((3, 4), np.int64),
        None,
        multimask=False,
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, kept, strict=True))


def test_what_the_processor_supports_is_a_plain_answer():
    assert supports_bf16() in {True, False}


CONSTRUCT = """
import sys
sys.path.insert(0, sys.argv[1])
from small_networks import engine_of, run, small_network
print(float(run(engine_of(small_network(1)))[0].sum(dtype="float64")))
"""


def test_processes_at_once_convert_once_and_agree(cache):
    command = [sys.executable, "-c", CONSTRUCT, str(Path(small_networks.__file__).parent)]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], answers
    assert answers[0][0] == answers[1][0]
    kept = models(cache)
    assert len(kept) == 5
    alone = run(engine_of(small_network(1)))[0]
    assert models(cache) == kept
    assert float(alone.sum(dtype="float64")) == pytest.approx(float(answers[0][0]))


@pytest.mark.parametrize(("given", "threads"), [("1", 1), ("2", 2), ("0", None), ("2,1", None)])
def test_threads_are_as_many_as_the_environment_says(cache, monkeypatch, given, threads):
    """Or else each worker of a cluster would take all cores."""
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    engine = engine_of(small_network(1))
    run(engine)
    found = engine._prompts._compiled.get_property("INFERENCE_NUM_THREADS")
    if threads is None:
        monkeypatch.delenv("OMP_NUM_THREADS")
        usual = engine_of(small_network(1))
        run(usual)
        threads = usual._prompts._compiled.get_property("INFERENCE_NUM_THREADS")
    assert found == threads


def test_threads_of_one_process_of_several_are_not_bound_to_cores(cache, monkeypatch):
    """OpenVINO binds to the first cores, which all processes would share: half as fast on two."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    engine = engine_of(small_network(1))
    run(engine)
    assert engine._prompts._compiled.get_property("ENABLE_CPU_PINNING") is False

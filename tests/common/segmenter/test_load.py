from __future__ import annotations

import hashlib
import importlib.util
import pickle
import shutil

import numpy as np
import pytest
import torch

from sam_common.engines.build import resolve_engine
from sam_common.errors import CheckpointError, InputError, ModelError, UnknownModelError
from sam_common.network.sam import build_sam
from sam_common.prompts import Prompts
from sam_common.published import checkpoints
from sam_common.segmenter import predictor as segmenter_module
from sam_common.segmenter.capabilities import Capabilities
from sam_common.segmenter.predictor import load_segmenter, segmenter_of
from tests.oracles.random_weights import randomise

NAMES = (
    "mobile_sam, lite_medsam, sam_vit_b, sam_vit_l, sam_vit_h, sam2.1_hiera_tiny, "
    "sam2.1_hiera_small, sam2.1_hiera_base_plus, sam2.1_hiera_large, medsam2"
)
ARCHS = (
    "vit_b, vit_l, vit_h, tiny_vit_1024, tiny_vit_256, hiera_tiny, hiera_small, "
    "hiera_base_plus, hiera_large, hiera_tiny_512, hiera"
)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A checkpoint of one's own."""
    path = tmp_path_factory.mktemp("own") / "tuned.pth"
    torch.save(randomise(build_sam("tiny_vit_256"), 3, deviation=0.1).state_dict(), path)
    return path


@pytest.fixture
def cpu_only(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture
def no_fetch(monkeypatch):
    monkeypatch.setattr(checkpoints, "fetch", lambda name: pytest.fail(f"fetched {name}"))


def load(*args, **options):
    return load_segmenter(
        *args, **{"device": "cpu", "engine": "torch", "precision": "fp32", **options}
    )


def test_a_checkpoint_of_ones_own(own, image):
    loaded = load(own, arch="tiny_vit_256")
    sha256 = hashlib.sha256(own.read_bytes()).hexdigest()
    assert (loaded.name, loaded.sha256, loaded.model_size) == ("tuned.pth", sha256, 256)
    assert (loaded.engine, loaded.precision, loaded.device) == ("torch", "fp32", "cpu")
    assert loaded.capabilities == Capabilities(
        points=False, boxes=True, masks=False, multimask=False
    )
    by_hand = segmenter_of(
        randomise(build_sam("tiny_vit_256"), 3, deviation=0.1).prepare_inference(),
        name="by hand",
        sha256=sha256,
        capabilities=loaded.capabilities,
    )
    embedding, boxes = loaded.embed(image), Prompts.from_boxes([[10, 10, 90, 60]])
    masks, expected = loaded.decode(embedding, boxes), by_hand.decode(embedding, boxes)
    assert np.array_equal(masks.logits, expected.logits)
    np.testing.assert_allclose(by_hand.embed(image).features, embedding.features, atol=1e-5)


def test_another_process_loads_the_same_and_only_once(own, image, monkeypatch):
    monkeypatch.setenv("SAM_GEOMED_DECODE_BATCH", "")
    monkeypatch.chdir(own.parent)
    loaded = load(own.name, arch="tiny_vit_256", engine="auto", precision="auto")
    loaded._engine.fix_decode_batch(7)
    data = pickle.dumps(loaded)
    # an architecture and a sha256, and no weights
    assert len(data) < 1_000
    monkeypatch.chdir("/")
    again = pickle.loads(data)  # noqa: S301  # bytes of our own
    assert again is pickle.loads(data)  # noqa: S301
    assert again is not loaded
    assert (again.sha256, again.engine, again.precision) == (
        loaded.sha256, loaded.engine, loaded.precision,
    )  # fmt: skip
    assert again._engine.decode_batch(100) == 7
    boxes = Prompts.from_boxes([[10, 10, 90, 60]])
    found, expected = (s.decode(s.embed(image), boxes) for s in (again, loaded))
    assert np.array_equal(found.logits, expected.logits)


def test_another_process_has_other_weights_or_none(own, tmp_path):
    path = shutil.copy(own, tmp_path / "w.pth")
    data = pickle.dumps(load(path, arch="tiny_vit_256"))
    torch.save(randomise(build_sam("tiny_vit_256"), 4).state_dict(), path)
    with pytest.raises(
        ModelError, match=r"w\.pth has sha256 \w+ here, and \w+ where the job began"
    ):
        pickle.loads(data)  # noqa: S301  # bytes of our own
    path.unlink()
    with pytest.raises(InputError, match="no such checkpoint"):
        pickle.loads(data)  # noqa: S301  # bytes of our own


def test_a_network_of_this_process_is_not_sent(segmenter):
    with pytest.raises(ModelError, match="was made in this process, and others cannot load it"):
        pickle.dumps(segmenter)


def test_a_general_architecture_takes_every_prompt(tmp_path):
    path = tmp_path / "general.pth"
    torch.save(randomise(build_sam("tiny_vit_1024"), 3).state_dict(), path)
    loaded = load(str(path), arch="tiny_vit_1024")
    assert loaded.model_size == 1024
    assert loaded.capabilities == Capabilities(points=True, boxes=True, masks=True, multimask=True)


def test_a_name_of_the_registry_is_fetched_and_knows_its_architecture(own, tmp_path, monkeypatch):
    (file,) = checkpoints.model_info("lite_medsam").files
    fetched = shutil.copy(own, tmp_path / file.name)
    monkeypatch.setattr(checkpoints, "fetch", {"lite_medsam": fetched}.__getitem__)
    loaded = load("lite_medsam")
    assert loaded.name == "lite_medsam"
    assert loaded.sha256 == file.sha256  # `fetch` verifies it
    assert loaded.capabilities.kinds == {"boxes"}


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("mobile_sma", 'did you mean "mobile_sam"? '),
        ("LiteMedSAM", 'did you mean "lite_medsam"? '),
        ("zzz", ""),
    ],
)
def test_an_unknown_name_suggests_the_nearest(name, hint):
    with pytest.raises(UnknownModelError) as caught:
        load(name)
    assert str(caught.value) == f'unknown model "{name}": {hint}Models: {NAMES}'


def test_no_such_checkpoint(tmp_path):
    path = tmp_path / "none.pth"
    with pytest.raises(InputError) as caught:
        load(path, arch="vit_b")
    assert str(caught.value) == f"no such checkpoint: {path}"
    with pytest.raises(InputError, match=r"is no model: it has no config\.json"):
        load(tmp_path, arch="vit_b")


def test_a_checkpoint_file_needs_its_architecture(own):
    with pytest.raises(ModelError) as caught:
        load(own)
    assert str(caught.value) == (f"{own} needs its architecture: --arch {ARCHS.replace(', ', '|')}")


def test_an_unknown_architecture(own):
    with pytest.raises(UnknownModelError) as caught:
        load(own, arch="vit_t")
    assert str(caught.value) == f'unknown architecture "vit_t": choose from {ARCHS}'


def test_another_architecture_than_that_of_the_name(no_fetch):
    with pytest.raises(ModelError) as caught:
        load("lite_medsam", arch="vit_b")
    assert str(caught.value) == 'model "lite_medsam" is a tiny_vit_256, not a vit_b: leave arch out'


def test_the_wrong_architecture_for_the_file(own):
    with pytest.raises(CheckpointError) as caught:
        load(own, arch="tiny_vit_1024")
    assert str(caught.value) == (
        f"{own} does not fit this architecture: 2 keys of another shape: "
        "image_encoder.patch_embed.seq.0.c.weight (32, 3, 1, 1), not (32, 3, 3, 3), "
        "image_encoder.patch_embed.seq.2.c.weight (64, 32, 1, 1), not (64, 32, 3, 3)"
    )


def test_a_truncated_checkpoint(own, tmp_path):
    half = tmp_path / "half.pth"
    half.write_bytes(own.read_bytes()[:100_000])
    with pytest.raises(CheckpointError) as caught:
        load(half, arch="tiny_vit_256")
    assert str(caught.value) == f"{half} is not a readable checkpoint: {caught.value.__cause__}"


# --- where and how it runs: asked before anything is fetched


def test_an_unknown_device(cpu_only, no_fetch):
    for device in ("tpu", "cuda", "cuda:1", "mps"):
        with pytest.raises(ModelError) as caught:
            load("mobile_sam", device=device)
        assert str(caught.value) == f'device "{device}" is not available here: choose from cpu'


def test_an_unknown_engine(no_fetch):
    with pytest.raises(ModelError) as caught:
        load("mobile_sam", engine="onnx")
    assert (
        str(caught.value)
        == 'unknown engine "onnx": choose from auto, torch, torch-compiled, openvino'
    )


def test_an_engine_that_is_not_installed(no_fetch, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModelError) as caught:
        load("mobile_sam", engine="openvino")
    assert str(caught.value) == (
        'engine "openvino" is not installed: pip install "sam-geomed[cpu]"'
    )
    assert resolve_engine("auto", "cpu") == "torch"


def test_an_engine_that_cannot_drive_the_device(no_fetch, monkeypatch):
    monkeypatch.setattr(segmenter_module, "resolve_device", lambda _: "cuda")
    with pytest.raises(ModelError) as caught:
        load("mobile_sam", engine="openvino")
    assert str(caught.value) == 'engine "openvino" runs on "cpu" only, got device "cuda"'


def test_an_unknown_precision(own):
    with pytest.raises(ModelError) as caught:
        load(own, arch="tiny_vit_256", precision="fp8")
    assert str(caught.value) == 'unknown precision "fp8": choose from auto, fp32, bf16'


def test_bf16_of_torch_is_autocast_and_gives_float32(own):
    """On few pixels, for each of which a processor without bfloat16 takes long."""
    pixels = np.random.default_rng(5).normal(size=(1, 3, 32, 32)).astype(np.float32)
    exact, fast = (
        load(own, arch="tiny_vit_256", precision=precision)._engine.encode(pixels)
        for precision in ("fp32", "bf16")
    )
    assert fast.dtype == np.float32
    error = np.linalg.norm(fast - exact) / np.linalg.norm(exact)
    assert 1e-4 < error < 0.3

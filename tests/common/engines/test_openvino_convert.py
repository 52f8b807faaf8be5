from __future__ import annotations

import numpy as np
import openvino
import pytest
import torch
from small_networks import ExactBrightness, engine_of, models, small_network

from sam_common.engines import openvino_convert
from sam_common.engines.openvino_convert import convert
from sam_common.errors import DiskError
from sam_common.network.mask_decoder import MaskDecoder
from sam_common.network.sam import build_sam


def test_bf16_rounds_to_the_nearest_and_not_what_is_exact():
    encoder = build_sam("tiny_vit_256").prepare_inference().image_encoder
    before = {name: value.clone() for name, value in encoder.named_parameters()}
    rounded = openvino_convert._Autocast(encoder).encoder
    for name, value in rounded.named_parameters():
        kept = "patch_embed" in name or "downsample" in name
        expected = before[name] if kept else before[name].bfloat16().float()
        assert torch.equal(value, expected)
    # the network that was given goes on in fp32
    assert all(torch.equal(value, before[name]) for name, value in encoder.named_parameters())


def test_an_interrupted_conversion_leaves_nothing_to_trust(cache, converted, monkeypatch):
    save = openvino.save_model

    def interrupted(model, path, **options):
        save(model, path, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(openvino, "save_model", interrupted)
    with pytest.raises(KeyboardInterrupt):
        engine_of(small_network(1))
    assert not [path for path in models(cache) if "partial" not in path.name]

    monkeypatch.setattr(openvino, "save_model", save)
    engine_of(small_network(1))
    assert len([path for path in models(cache) if "partial" not in path.name]) == 5


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """A network and its converted prompt encoder, mask decoder and encoder of bfloat16."""
    network = small_network(1, decoder=MaskDecoder)
    network.image_encoder = ExactBrightness()
    folder = tmp_path_factory.mktemp("parts")
    names = ("encoder-autocast", "prompts", "prompts-masks", "decoder-multi")
    paths = {name: folder / f"{name}.xml" for name in names}
    convert(network, paths)
    core = openvino.Core()
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    return network, {name: core.compile_model(path, "CPU", options) for name, path in paths.items()}


def run_part(part, *inputs):
    return list(part([np.ascontiguousarray(each) for each in inputs]).values())


def close(found, expected):
    scale = float(expected.abs().max())
    np.testing.assert_allclose(found, expected.numpy(), rtol=0, atol=1e-5 * scale)


@pytest.mark.parametrize(("count", "tokens"), [(1, 2), (3, 7), (5, 1)])
def test_converted_prompts_are_those_of_torch_for_any_number(parts, count, tokens):
    network, converted = parts
    generator = torch.Generator().manual_seed(count)
    points = torch.rand((count, tokens, 2), generator=generator) * 1024
    labels = torch.randint(-1, 4, (count, tokens), generator=generator)
    masks = torch.randn((count, 1, 256, 256), generator=generator)
    with torch.inference_mode():
        plain, dense = network.prompt_encoder(points, labels)
        same, embedded = network.prompt_encoder(points, labels, masks)
    found, none = run_part(converted["prompts"], points, labels)
    close(found, plain)
    close(none, dense)
    found, grid = run_part(converted["prompts-masks"], points, labels, masks)
    close(found, same)
    close(grid, embedded)


@pytest.mark.parametrize("count", [1, 3])
def test_a_converted_decoder_is_that_of_torch(parts, count):
    network, converted = parts
    generator = torch.Generator().manual_seed(count)
    features = torch.randn((1, 256, 64, 64), generator=generator)
    tokens = torch.randn((count, 4, 256), generator=generator)
    dense = torch.randn((1, 256, 1, 1), generator=generator)
    with torch.inference_mode():
        positions = network.prompt_encoder.image_positions()
        expected = network.mask_decoder(features, positions, tokens, dense, multimask=True)
    found = run_part(converted["decoder-multi"], features, tokens, dense)
    for ours, theirs in zip(found, expected, strict=True):
        close(ours, theirs)


def test_exact_parts_are_float32_in_the_model_of_bfloat16(parts):
    _, converted = parts
    pixels = np.full((1, 3, 1024, 1024), 1 / 3, dtype=np.float32)
    (features,) = run_part(converted["encoder-autocast"], pixels)
    # in bfloat16 a third is off by two thousandths; a mean of three million values rounds as well
    np.testing.assert_allclose(features, 1 / 3, rtol=5e-4)


def test_a_disk_that_fills_up_leaves_no_model(tmp_path, monkeypatch):
    def full(model, path, **_):
        path.write_text("half")
        raise RuntimeError("No space left on device")

    monkeypatch.setattr(openvino, "save_model", full)
    with pytest.raises(DiskError, match="No space left"):
        convert(small_network(1), {"prompts": tmp_path / "prompts.xml"})
    assert list(tmp_path.iterdir()) == []

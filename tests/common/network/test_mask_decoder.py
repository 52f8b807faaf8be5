"""The rearranged products of the decoder against the published form, written out."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from sam_common.network.mask_decoder import MLP, CrossAttention, MaskDecoder, SelfAttention, upscale

WIDTH, HEADS = 256, 8


def noise(*shape, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def decoder(network):
    return network.mask_decoder


def attention(layer, q, k, v):
    """As published: queries, keys and values are all projected."""
    q, k, v = layer.q_proj(q), layer.k_proj(k), layer.v_proj(v)
    size = q.shape[-1] // HEADS
    q, k, v = (x.unflatten(-1, (HEADS, size)).transpose(1, 2) for x in (q, k, v))
    weights = (q @ k.transpose(2, 3) / size**0.5).softmax(dim=-1)
    return layer.out_proj((weights @ v).transpose(1, 2).flatten(2))


def test_attention_among_tokens():
    layer = SelfAttention()
    placed, values = noise(2, 7, WIDTH), noise(2, 7, WIDTH, seed=2)
    expected = attention(layer, placed, placed, values)
    torch.testing.assert_close(layer(placed, values), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("images", [1, 2])
def test_tokens_attend_to_the_image(images):
    layer = CrossAttention()
    tokens, image = noise(2, 5, WIDTH), noise(images, 30, WIDTH, seed=2)
    placed = image + noise(1, 30, WIDTH, seed=3)
    every = (part.expand(2, -1, -1) for part in (placed, image))
    expected = attention(layer, tokens, *every)
    torch.testing.assert_close(layer.from_image(tokens, placed, image), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("images", [1, 2])
def test_the_image_attends_to_tokens(images):
    layer = CrossAttention()
    tokens, values = noise(2, 5, WIDTH), noise(2, 5, WIDTH, seed=2)
    placed = noise(images, 30, WIDTH, seed=3)
    expected = attention(layer, placed.expand(2, -1, -1), tokens, values)
    found = layer.to_image(placed, tokens, values)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_upscaling_token_by_token_is_that_of_the_published_layers(decoder):
    layers = decoder.output_upscaling
    image, kernels = noise(1, 4096, WIDTH), noise(1, 32, 3, seed=2)
    grid = layers(image.transpose(1, 2).unflatten(2, (64, 64)))
    expected = torch.einsum("nkhw,nkc->nchw", grid, kernels)
    found = upscale(layers, image, kernels)
    assert found.shape == (1, 3, 256, 256)
    scale = float(expected.abs().max())
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * scale)


def test_mlp_has_relu_between_but_not_after():
    layer = MLP(4, 2)
    x = noise(3, 4)
    layer.layers[2].bias.fill_(-1.0)
    first, second, last = layer.layers
    expected = last(functional.relu(second(functional.relu(first(x)))))
    assert torch.equal(layer(x), expected)
    assert (expected < 0).any()


def run(decoder, tokens, dense=None, *, multimask):
    features, positions = noise(1, WIDTH, 64, 64, seed=4), noise(1, 4096, WIDTH, seed=5)
    dense = noise(1, WIDTH, 1, 1, seed=6) if dense is None else dense
    return decoder(features, positions, tokens, dense, multimask=multimask)


def test_one_mask_and_three_candidates_are_different_tokens(decoder: MaskDecoder):
    tokens = noise(1, 3, WIDTH)
    one, one_score = run(decoder, tokens, multimask=False)
    three, three_scores = run(decoder, tokens, multimask=True)
    assert (one.shape, one_score.shape) == ((1, 1, 256, 256), (1, 1))
    assert (three.shape, three_scores.shape) == ((1, 3, 256, 256), (1, 3))
    every = torch.cat([one, three], dim=1)
    apart = (every[:, :, None] - every[:, None]).abs().amax(dim=(0, 3, 4))
    assert (apart + torch.eye(4)).min() > 1e-3


def test_no_mask_is_the_same_value_everywhere(decoder):
    tokens, dense = noise(1, 3, WIDTH), noise(1, WIDTH, 1, 1, seed=7)
    found, _ = run(decoder, tokens, dense, multimask=False)
    spread, _ = run(decoder, tokens, dense.expand(1, -1, 64, 64), multimask=False)
    assert torch.equal(found, spread)

"""Attention of the ViT encoder against its formula, written out."""

from __future__ import annotations

import itertools

import pytest
import torch

from sam_common.network import image_encoder
from sam_common.network.image_encoder import (
    PATCH,
    Attention,
    ImageEncoderViT,
    PatchEmbed,
    ViTShape,
)

WIDTH, HEADS = 8, 2


def seeded(module, seed=3):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
    return module


def tokens_of(count, seed=5):
    return torch.randn((2, count, WIDTH), generator=torch.Generator().manual_seed(seed))


def published(layer, tokens, grid_hw):
    """Zeros are added around the tokens before they are projected, as in `segment_anything`."""
    height, width = grid_hw
    side = layer.side
    rows, cols = (-(-n // side) * side for n in grid_hw)
    padded = torch.zeros((len(tokens), rows, cols, WIDTH))
    padded[:, :height, :width] = tokens.view(-1, height, width, WIDTH)
    out = torch.zeros_like(padded)
    for n, top, left in itertools.product(
        range(len(tokens)), range(0, rows, side), range(0, cols, side)
    ):
        window = padded[n, top : top + side, left : left + side].reshape(-1, WIDTH)
        out[n, top : top + side, left : left + side] = one_window(layer, window)
    return out[:, :height, :width].reshape(tokens.shape)


def one_window(layer, window):
    side, size = layer.side, WIDTH // HEADS
    q, k, v = (layer.qkv.weight @ window.T + layer.qkv.bias[:, None]).T.split(WIDTH, dim=1)
    place = [divmod(n, side) for n in range(side * side)]
    heads = []
    for head in range(HEADS):
        part = slice(head * size, (head + 1) * size)
        scores = q[:, part] @ k[:, part].T / size**0.5
        for (a, (i, j)), (b, (row, col)) in itertools.product(enumerate(place), repeat=2):
            scores[a, b] += q[a, part] @ layer.rel_pos_h[i - row + side - 1]
            scores[a, b] += q[a, part] @ layer.rel_pos_w[j - col + side - 1]
        heads.append(scores.softmax(dim=1) @ v[:, part])
    merged = torch.cat(heads, dim=1)
    return (merged @ layer.proj.weight.T + layer.proj.bias).view(side, side, WIDTH)


@pytest.mark.parametrize("grid_hw", [(3, 3), (4, 5), (1, 3), (6, 3)])
def test_attention_in_windows_is_the_published_formula(grid_hw):
    layer = seeded(Attention(WIDTH, HEADS, side=3))
    tokens = tokens_of(grid_hw[0] * grid_hw[1])
    with torch.inference_mode():
        expected = published(layer, tokens, grid_hw)
        torch.testing.assert_close(layer(tokens, grid_hw), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_rows_at_a_time_give_the_same(monkeypatch, rows):
    layer, tokens = seeded(Attention(WIDTH, HEADS, side=5)), tokens_of(25)
    with torch.inference_mode():
        expected = published(layer, tokens, (5, 5))
        monkeypatch.setattr(image_encoder, "WINDOW", 4)  # 5 x 5 is a whole grid then
        monkeypatch.setattr(image_encoder, "CHUNK_ROWS", rows)
        torch.testing.assert_close(layer(tokens, (5, 5)), expected, rtol=0, atol=1e-5)


def test_a_patch_is_one_token():
    layer = seeded(PatchEmbed(4))
    pixels = torch.randn((1, 3, 2 * PATCH, PATCH), generator=torch.Generator().manual_seed(1))
    tokens = layer(pixels)
    assert tokens.shape == (1, 2, 1, 4)
    below = (layer.proj.weight * pixels[0, :, PATCH:]).sum((1, 2, 3)) + layer.proj.bias
    torch.testing.assert_close(tokens[0, 1, 0], below, rtol=0, atol=1e-3)


def test_only_global_blocks_see_beyond_their_window():
    # one window of 14 x 14 tokens, and one row and column more
    side = 15 * PATCH
    pixels = torch.zeros((1, 3, side, side))
    changed = pixels.clone()
    changed[..., -PATCH:, -PATCH:] = 1
    for global_blocks, reached in (((), False), ((0,), True)):
        encoder = seeded(ImageEncoderViT(ViTShape(WIDTH, 1, HEADS, global_blocks), side))
        with torch.inference_mode():
            before, after = (encoder(image) for image in (pixels, changed))
        assert before.shape == (1, 256, 15, 15)
        differs = (before != after).any(dim=1)[0]
        assert differs[14, 14]
        # the neck looks one token further
        assert bool(differs[:13, :13].any()) == reached

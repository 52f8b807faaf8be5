from __future__ import annotations

import itertools

import pytest
import torch

from sam_common.network.tiny_vit import (
    Attention,
    AttentionStage,
    ConvNorm,
    ConvStage,
    PatchEmbed,
    PatchMerging,
    TinyViTBlock,
    fold_norms,
)


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


def seeded(module, seed=3):
    generator = torch.Generator().manual_seed(seed)
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.1)
    return module.eval()


def noise(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def published_index(window):
    """Distances numbered in the order in which pairs of points show them, as in TinyViT."""
    points = list(itertools.product(range(window), range(window)))
    known: dict[tuple[int, int], int] = {}
    rows = [
        [known.setdefault((abs(a - c), abs(b - d)), len(known)) for c, d in points]
        for a, b in points
    ]
    return torch.tensor(rows)


@pytest.mark.parametrize("window", [1, 2, 7, 14])
def test_biases_are_numbered_as_published(window):
    assert torch.equal(Attention(4, 1, window).index, published_index(window))


def test_attention_is_the_published_formula():
    heads, width, window = 2, 8, 2
    layer = seeded(Attention(width, heads, window))
    layer.qkv.bias.sub_(0.5)
    x = noise(3, window * window, width)
    # q, k and v lie side by side for each head
    qkv = layer.qkv(layer.norm(x)).view(3, window * window, heads, 3, width // heads)
    q, k, v = qkv.permute(3, 0, 2, 1, 4)
    scores = q @ k.transpose(2, 3) / (width / heads) ** 0.5
    scores = scores + layer.attention_biases[:, published_index(window)]
    merged = (scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2)
    torch.testing.assert_close(layer(x), layer.proj(merged), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("kernel", "stride", "groups"), [(1, 1, 1), (3, 2, 1), (3, 1, 4)])
def test_folded_norms_give_the_same(kernel, stride, groups):
    layers = torch.nn.Sequential(seeded(ConvNorm(4, 4, kernel, stride, groups)))
    x = noise(2, 4, 6, 6)
    expected = layers(x)
    fold_norms(layers)
    assert [type(layer) for layer in layers] == [torch.nn.Conv2d]
    torch.testing.assert_close(layers(x), expected, rtol=0, atol=1e-4)


def test_norms_at_any_depth_are_folded():
    block = TinyViTBlock(8, 2, 2).eval()
    fold_norms(torch.nn.Sequential(torch.nn.Sequential(block)))
    assert isinstance(block.local_conv, torch.nn.Conv2d)


@pytest.mark.parametrize(("stride", "side"), [(1, 8), (2, 2)])
def test_patches_keep_or_quarter_the_grid(stride, side):
    embed = seeded(PatchEmbed(6, stride))
    assert embed(noise(1, 3, 8, 8)).shape == (1, 6, side, side)


def test_stages_have_the_published_widths_and_grids():
    x = noise(1, 64, 16, 16)
    shapes = []
    for stage in (ConvStage(), *(AttentionStage(n) for n in (1, 2, 3))):
        x = stage.eval()(x)
        shapes.append(tuple(x.shape[1:]))
    # 256, 128 and 64 of the real grid are 16, 8 and 4 here
    assert shapes == [(128, 8, 8), (160, 4, 4), (320, 4, 4), (320, 4, 4)]


@pytest.mark.parametrize("layer", [PatchEmbed(4, 1), PatchMerging(2)], ids=["patches", "merging"])
def test_convolutions_between_stages_stay_float32(layer):
    x = noise(1, 3 if isinstance(layer, PatchEmbed) else 160, 4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer.eval()(x).dtype == torch.float32


def test_a_window_does_not_see_its_neighbours_but_by_the_convolution():
    block = seeded(TinyViTBlock(8, 2, 2))
    before = noise(1, 6 * 6, 8)
    after = before.clone()
    after[0, 0, 0] += 1
    differs = (block(before, (6, 6)) != block(after, (6, 6))).any(dim=2).view(6, 6)
    # the window of 2 x 2 and, by the 3 x 3 convolution, one token more
    assert differs[:3, :3].all()
    assert not differs[3:].any()
    assert not differs[:, 3:].any()

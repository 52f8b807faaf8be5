from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from sam_common.network.layers import (
    LayerNorm2d,
    MLPBlock,
    Neck,
    exact,
    is_exact,
    partition,
    split_heads,
    to_grid,
    to_tokens,
    unpartition,
)

sides = st.integers(1, 9)


def numbered(*shape):
    """A tensor whose elements all differ."""
    return torch.arange(torch.Size(shape).numel(), dtype=torch.float32).reshape(shape)


class Plain(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.map = torch.nn.Linear(2, 2)

    def forward(self, x):
        return self.map(x)


class Kept(Plain):
    @exact
    def forward(self, x):
        return self.map(x)


def test_what_is_exact_stays_float32_where_the_rest_is_bfloat16():
    x = torch.ones((1, 2))
    with torch.autocast("cpu", torch.bfloat16):
        assert Plain()(x).dtype == torch.bfloat16
        assert Kept()(x).dtype == torch.float32
        # what comes from layers before is taken as it is, and computed in float32
        assert Kept()(Plain()(x)).dtype == torch.float32
    assert [is_exact(module) for module in (Plain(), Kept())] == [False, True]


def test_layer_norm_over_the_channels_of_each_pixel():
    layer = LayerNorm2d(3, eps=0.5)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([1.0, 2.0, 3.0]))
        layer.bias.copy_(torch.tensor([0.0, 1.0, -1.0]))
    x = torch.randn((2, 3, 4, 5), generator=torch.Generator().manual_seed(1))
    mean, variance = x.mean(1, keepdim=True), x.var(1, keepdim=True, unbiased=False)
    scaled = (x - mean) / (variance + 0.5).sqrt()
    expected = layer.weight[:, None, None] * scaled + layer.bias[:, None, None]
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-6)


def test_mlp_is_two_linear_maps_with_the_activation_between():
    layer = MLPBlock(2, 3, torch.nn.ReLU)
    x = torch.tensor([[1.0, -2.0]])
    hidden = (x @ layer.lin1.weight.T + layer.lin1.bias).clamp(min=0)
    expected = hidden @ layer.lin2.weight.T + layer.lin2.bias
    torch.testing.assert_close(layer(x), expected)


def test_neck_keeps_the_grid():
    neck = Neck(6, 4)
    assert neck(torch.zeros((2, 6, 5, 7))).shape == (2, 4, 5, 7)
    # names of the published checkpoints
    assert list(neck.state_dict()) == [
        "0.weight",
        "1.weight",
        "1.bias",
        "2.weight",
        "3.weight",
        "3.bias",
    ]


@given(sides, sides)
def test_tokens_are_the_grid_row_by_row_and_back(height, width):
    grid = numbered(2, 3, height, width)
    tokens = to_tokens(grid)
    assert torch.equal(tokens[1, width * (height - 1)], grid[1, :, height - 1, 0])
    assert torch.equal(to_grid(tokens, (height, width)), grid)


def test_heads_are_consecutive_channels():
    tokens = numbered(1, 2, 6)
    assert split_heads(tokens, 3)[0, :, 1].tolist() == [[6, 7], [8, 9], [10, 11]]


def test_windows_by_hand():
    # . 0 1 2      two windows of 2 x 2 side by side, zeros to the right
    windows = partition(numbered(1, 6, 1) + 1, (2, 3), 2)
    assert windows[..., 0].tolist() == [[1, 2, 4, 5], [3, 0, 6, 0]]


@given(sides, sides, st.integers(1, 5))
def test_partition_pads_with_zeros_and_is_undone(height, width, side):
    tokens = numbered(2, height * width, 3) + 1
    windows = partition(tokens, (height, width), side)
    assert windows.shape[1:] == (side * side, 3)
    assert windows.sum() == tokens.sum()
    assert torch.equal(unpartition(windows, (height, width), side), tokens)

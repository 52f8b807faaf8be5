"""Layers that the image encoders, the prompt encoder and the mask decoder share.

Equal to `LayerNorm2d` and `MLPBlock` of `segment_anything.modeling.common`, and to
`window_partition` and `window_unpartition` of `segment_anything.modeling.image_encoder`. Tested in
`tests/common/network/test_layers.py`, and within whole networks in
`tests/oracles/test_network_parity.py`.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

Layer = TypeVar("Layer", bound=nn.Module)


def exact(
    forward: Callable[[Layer, torch.Tensor], torch.Tensor],
) -> Callable[[Layer, torch.Tensor], torch.Tensor]:
    """Decorate the `forward` of a module that stays float32 where the network runs in bfloat16."""

    @functools.wraps(forward)
    def in_float32(layer: Layer, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return forward(layer, x.float())

    in_float32.exact = True  # type: ignore[attr-defined]
    return in_float32


def is_exact(module: nn.Module) -> bool:
    """Whether a module's `forward` is decorated by `exact`."""
    return hasattr(type(module).forward, "exact")


class LayerNorm2d(nn.Module):
    """Layer norm over the channels of a (B, C, H, W) tensor, each pixel on its own."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) to the same shape."""
        # the fused kernel needs the normalised axis last: one copy, but half the passes over memory
        normed = functional.layer_norm(
            to_tokens(x), self.weight.shape, self.weight, self.bias, self.eps
        )
        return to_grid(normed, (x.shape[2], x.shape[3]))


class MLPBlock(nn.Module):
    """Two linear layers with an activation between."""

    def __init__(self, width: int, hidden: int, activation: type[nn.Module] = nn.GELU) -> None:
        super().__init__()
        self.lin1 = nn.Linear(width, hidden)
        self.lin2 = nn.Linear(hidden, width)
        self.act = activation()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., width) to the same shape."""
        out: torch.Tensor = self.lin2(self.act(self.lin1(x)))
        return out


class Neck(nn.Sequential):
    """Convolutions and layer norms from the encoder's width to the channels of the embedding."""

    def __init__(self, width: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(width, out_channels, kernel_size=1, bias=False),
            LayerNorm2d(out_channels),
            nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False),
            LayerNorm2d(out_channels),
        )


def to_tokens(grid: torch.Tensor) -> torch.Tensor:
    """(B, C, H, W) to (B, H * W, C).

    The result has three axes and not four, because OpenVINO would give (B, H, W, C) the memory
    layout of a convolution, and reorder the tensor before and after each layer norm.
    """
    return grid.permute(0, 2, 3, 1).flatten(1, 2)


def to_grid(tokens: torch.Tensor, grid_hw: tuple[int, int]) -> torch.Tensor:
    """(B, H * W, C) to (B, C, H, W), the inverse of `to_tokens`."""
    return tokens.reshape(-1, *grid_hw, tokens.shape[-1]).permute(0, 3, 1, 2)


def split_heads(tokens: torch.Tensor, heads: int) -> torch.Tensor:
    """(B, N, C) to (B, heads, N, C / heads)."""
    batch, count, channels = tokens.shape
    return tokens.view(batch, count, heads, channels // heads).transpose(1, 2)


def partition(tokens: torch.Tensor, grid_hw: tuple[int, int], window: int) -> torch.Tensor:
    """Windows of a token grid, with zeros beyond its lower and right edge.

    Args:
        tokens: (B, H * W, C).
        grid_hw: H and W.
        window: Side of a window in tokens.

    Returns:
        (B * windows, window ** 2, C), windows in row-major order.
    """
    height, width = grid_hw
    below, right = -height % window, -width % window
    grid = tokens.view(-1, height, width, tokens.shape[-1])
    grid = functional.pad(grid, (0, 0, 0, right, 0, below))
    down, across = (height + below) // window, (width + right) // window
    grid = grid.view(-1, down, window, across, window, tokens.shape[-1])
    return grid.transpose(2, 3).reshape(-1, window * window, tokens.shape[-1])


def unpartition(windows: torch.Tensor, grid_hw: tuple[int, int], window: int) -> torch.Tensor:
    """The inverse of `partition`: (B, H * W, C), without the zeros beyond the edges."""
    height, width = grid_hw
    down, across, channels = -(-height // window), -(-width // window), windows.shape[-1]
    grid = windows.view(-1, down, across, window, window, channels).transpose(2, 3)
    grid = grid.reshape(-1, down * window, across * window, channels)
    return grid[:, :height, :width].flatten(1, 2)

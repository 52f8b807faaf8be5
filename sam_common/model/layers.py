"""Layers that the image encoders, the prompt encoder and the mask decoder share."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class LayerNorm2d(nn.Module):
    """Layer norm over the channels of a (B, C, H, W) tensor, each pixel on its own."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) to the same shape."""
        # the fused kernel wants the normalised axis last: one copy, half the passes over memory
        normed = functional.layer_norm(
            x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, self.eps
        )
        return normed.permute(0, 3, 1, 2)


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
    """From the encoder's width to the 256 channels of the embedding."""

    def __init__(self, width: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(width, out_channels, kernel_size=1, bias=False),
            LayerNorm2d(out_channels),
            nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False),
            LayerNorm2d(out_channels),
        )

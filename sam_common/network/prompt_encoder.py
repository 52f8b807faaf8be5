"""The prompt encoder: points, boxes and masks to the tokens and the grid that the decoder reads.

Equals `segment_anything.modeling.prompt_encoder.PromptEncoder`; parity is tested in
`tests/oracles/test_network_parity.py` for every kind of prompt.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from sam_common.network.architecture import EMBEDDING_GRID, WIDTH
from sam_common.network.layers import LayerNorm2d

_MASK_CHANNELS = 16


class PromptEncoder(nn.Module):
    """Embeds prompts, whose coordinates are pixels of the network's square input.

    Args:
        image_size: Side of that square in pixels.
    """

    def __init__(self, image_size: int) -> None:
        super().__init__()
        self.image_size = image_size
        self.pe_layer = FourierEncoding()
        # background point, object point, top-left corner, bottom-right corner
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, WIDTH) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, WIDTH)
        quarter = _MASK_CHANNELS // 4
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, quarter, kernel_size=2, stride=2),
            LayerNorm2d(quarter),
            nn.GELU(),
            nn.Conv2d(quarter, _MASK_CHANNELS, kernel_size=2, stride=2),
            LayerNorm2d(_MASK_CHANNELS),
            nn.GELU(),
            nn.Conv2d(_MASK_CHANNELS, WIDTH, kernel_size=1),
        )
        self.no_mask_embed = nn.Embedding(1, WIDTH)

    def forward(
        self, points_xy: torch.Tensor, labels: torch.Tensor, masks: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The sparse and dense embeddings of N prompts.

        Args:
            points_xy: (N, T, 2) float32, as `Prompts.as_points` orders them.
            labels: (N, T) int64: -1 no point, 0 background, 1 object, 2 and 3 corners of a box.
            masks: (N, 1, 256, 256) float32 logits, or None.

        Returns:
            (N, T, 256) tokens, and (N, 256, 64, 64) embeddings of the masks, or (1, 256, 1, 1) that
            stands for no mask.
        """
        # as published: an index is the centre of its pixel, a position counts from the outer edge
        position = self.pe_layer((points_xy + 0.5) / self.image_size)
        points = (embedding.get_parameter("weight") for embedding in self.point_embeddings)
        kinds = torch.cat([self.not_a_point_embed.weight, *points])
        # padding, of label -1, has no position
        tokens = position * (labels >= 0).unsqueeze(-1) + kinds[labels + 1]
        if masks is None:
            return tokens, self.no_mask_embed.weight.reshape(1, WIDTH, 1, 1)
        return tokens, self.mask_downscaling(masks)

    def image_positions(self) -> torch.Tensor:
        """(1, 4096, 256) positional encoding of the embedding's grid, row by row."""
        centres = (torch.arange(EMBEDDING_GRID, device=self.pe_layer.device) + 0.5) / EMBEDDING_GRID
        y, x = torch.meshgrid(centres, centres, indexing="ij")
        out: torch.Tensor = self.pe_layer(torch.stack([x, y], dim=-1).reshape(1, -1, 2))
        return out


class FourierEncoding(nn.Module):
    """Random Fourier features of positions in the unit square (Tancik et al. 2020)."""

    positional_encoding_gaussian_matrix: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, WIDTH // 2))

    @property
    def device(self) -> torch.device:
        """Device on which the frequencies lie."""
        return self.positional_encoding_gaussian_matrix.device

    def forward(self, xy: torch.Tensor) -> torch.Tensor:
        """(..., 2) positions in [0, 1] to (..., 256) sines and cosines."""
        phase = (2 * xy - 1) @ self.positional_encoding_gaussian_matrix * (2 * math.pi)
        return torch.cat([phase.sin(), phase.cos()], dim=-1)

"""The prompt encoder: points, boxes and masks to the tokens and the grid that the decoder reads."""

from __future__ import annotations

import math

import torch
from torch import nn

from sam_common.model.layers import LayerNorm2d

WIDTH = 256
"""Channels of every prompt token and of the image embedding."""
EMBEDDING_GRID = 64
"""Side of the image embedding."""
_MASK_CHANNELS = 16


class PromptEncoder(nn.Module):
    """Prompts in the pixels of the model's square input to embeddings.

    Args:
        image_size: Side of the model's input in pixels.
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

    def tokens(
        self,
        points_xy: torch.Tensor | None,
        point_labels: torch.Tensor | None,
        boxes_xyxy: torch.Tensor | None,
    ) -> torch.Tensor:
        """Sparse embeddings.

        Args:
            points_xy: (N, P, 2) float32 points, or None.
            point_labels: (N, P) labels 1, 0 or -1, or None.
            boxes_xyxy: (N, 4) float32 boxes, or None.

        Returns:
            (N, T, 256): the points, then one padding point where there is no box, then the two
            corners of the box. (1, 0, 256) where there are neither.
        """
        parts = []
        if points_xy is not None and point_labels is not None:
            if boxes_xyxy is None:
                points_xy = nn.functional.pad(points_xy, (0, 0, 0, 1))
                point_labels = nn.functional.pad(point_labels, (0, 1), value=-1)
            parts.append(self._points(points_xy, point_labels))
        if boxes_xyxy is not None:
            corners = torch.cat([self._kind(2), self._kind(3)])
            parts.append(self._position(boxes_xyxy.reshape(-1, 2, 2)) + corners)
        if not parts:
            return torch.zeros((1, 0, WIDTH), device=self.pe_layer.device)
        return torch.cat(parts, dim=1)

    def dense(self, mask_logits: torch.Tensor | None) -> torch.Tensor:
        """Dense embeddings: (N, 256, 64, 64) of (N, 1, 256, 256) masks, (1, 256, 1, 1) of none."""
        if mask_logits is None:
            return self.no_mask_embed.weight.reshape(1, WIDTH, 1, 1)
        out: torch.Tensor = self.mask_downscaling(mask_logits)
        return out

    def image_positions(self) -> torch.Tensor:
        """(1, 4096, 256) positional encoding of the embedding's grid, row by row."""
        centres = (torch.arange(EMBEDDING_GRID, device=self.pe_layer.device) + 0.5) / EMBEDDING_GRID
        y, x = torch.meshgrid(centres, centres, indexing="ij")
        out: torch.Tensor = self.pe_layer(torch.stack([x, y], dim=-1).reshape(1, -1, 2))
        return out

    def _kind(self, index: int) -> torch.Tensor:
        return self.point_embeddings[index].get_parameter("weight")

    def _position(self, xy: torch.Tensor) -> torch.Tensor:
        # published: coordinates count from the centre of the first pixel
        out: torch.Tensor = self.pe_layer((xy + 0.5) / self.image_size)
        return out

    def _points(self, xy: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        kinds = torch.cat([self.not_a_point_embed.weight, self._kind(0), self._kind(1)])
        # a padding point has no position
        position = self._position(xy) * (labels >= 0).unsqueeze(-1)
        return position + kinds[labels + 1]


class FourierEncoding(nn.Module):
    """Random Fourier features of positions in the unit square (Tancik et al. 2020)."""

    positional_encoding_gaussian_matrix: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, WIDTH // 2))

    @property
    def device(self) -> torch.device:
        """Where the frequencies live."""
        return self.positional_encoding_gaussian_matrix.device

    def forward(self, xy: torch.Tensor) -> torch.Tensor:
        """(..., 2) positions in [0, 1] to (..., 256) sines and cosines."""
        phase = (2 * xy - 1) @ self.positional_encoding_gaussian_matrix * (2 * math.pi)
        return torch.cat([phase.sin(), phase.cos()], dim=-1)

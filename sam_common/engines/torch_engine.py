"""The torch engine: CPU, CUDA and MPS with one code path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from sam_common.engines import EngineName, Precision
    from sam_common.model.sam import Sam

_BATCH = {"cpu": 4, "mps": 16, "cuda": 64}
"""On a CPU, a batch of 4 fits the cache: 22 ms a prompt against 42 ms in batches of 16."""


class TorchEngine:
    """Runs the networks as they are.

    Precision "bf16" is autocast of the image encoder to bfloat16: matrix products and convolutions
    in bfloat16, softmax, norms and what is marked as `exact` in float32, and the features float32
    again. The decoder always runs in float32.
    """

    name: EngineName = "torch"

    def __init__(self, network: Sam, device: str, precision: Precision) -> None:
        self.device = device
        self.precision = precision
        self.decode_batch = _BATCH[device.partition(":")[0]]
        self._network = network.to(device)
        self._positions = network.prompt_encoder.image_positions()

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """(B, 3, S, S) to (B, 256, 64, 64) float32."""
        kind = self.device.partition(":")[0]
        autocast = torch.autocast(kind, torch.bfloat16, enabled=self.precision == "bf16")
        with torch.inference_mode(), autocast:
            features: torch.Tensor = self._network.image_encoder(pixels.to(self.device))
        return features.float()

    def decode(
        self, features: torch.Tensor, tokens: torch.Tensor, dense: torch.Tensor, *, multimask: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (N, C, 256, 256) and scores (N, C), float32."""
        with torch.inference_mode():
            out: tuple[torch.Tensor, torch.Tensor] = self._network.mask_decoder(
                features, self._positions, tokens, dense, multimask=multimask
            )
        return out

"""The torch engine, which runs networks on CPU, CUDA and MPS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from sam_common.engines.decode_batch import DecodeBatch
from sam_common.errors import ModelError
from sam_common.support.device_arrays import to_device

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_common.engines.engine import EngineName, Precision
    from sam_common.network.sam import Sam
    from sam_common.support.device_arrays import Array

_COMPILER = ("torch._dynamo", "torch._inductor")
"""Modules whose errors mean that a network cannot be compiled; torch has no public class for it."""


class TorchEngine:
    """An `Engine` that runs the torch networks themselves.

    Precision "bf16" runs the image encoder under autocast to bfloat16: matrix products and
    convolutions in bfloat16; softmax, norms and layers marked `exact` in float32; the features
    are float32 again. The decoder always runs in float32.

    To a GPU, pixels and prompts are copied from pinned memory without waiting; embeddings and
    logits stay on the GPU.

    Args:
        network: As `Sam.prepare_inference` returned it; it is moved to the device.
        device: As `build.resolve_device` returned it.
        precision: Precision of the image encoder.
        compiled: Whether the encoder goes through `torch.compile` at its first image, which takes
            minutes.
    """

    def __init__(
        self, network: Sam, device: str, precision: Precision, *, compiled: bool = False
    ) -> None:
        self.name: EngineName = "torch-compiled" if compiled else "torch"
        self.device = device
        self.precision = precision
        self._network = network.to(device)
        # the decoder is not compiled: each number of prompts and points would be compiled anew
        encoder = self._network.image_encoder
        self._encoder = torch.compile(encoder) if compiled else encoder
        self._positions = network.prompt_encoder.image_positions()
        self._batch = DecodeBatch(network.channels)

    def decode_batch(self, prompts: int) -> int:
        """How many of a job's prompts to decode at once."""
        return self._batch.size(prompts, self)

    def fix_decode_batch(self, size: int) -> None:
        """Decode as many prompts at once as another process does."""
        self._batch.fix(size)

    def encode(self, pixels: npt.NDArray[np.float32]) -> Array:
        """(B, 3, S, S) to (B, 256, 64, 64) float32 features, see `Engine.encode`.

        Raises:
            ModelError: If the encoder is to be compiled and cannot be.
        """
        kind = self.device.partition(":")[0]
        autocast = torch.autocast(kind, torch.bfloat16, enabled=self.precision == "bf16")
        with torch.inference_mode(), autocast:
            try:
                features: torch.Tensor = self._encoder(to_device(pixels, self.device))
            except RuntimeError as error:
                if not type(error).__module__.startswith(_COMPILER):
                    raise
                # after an empty line follow hints for developers of torch
                reason = str(error).partition("\n\n")[0]
                raise ModelError(
                    f'engine "{self.name}" cannot compile here, take engine "torch": {reason}'
                ) from error
        return self._given(features.float())

    def decode(
        self,
        features: Array,
        points_xy: npt.NDArray[np.float32],
        labels: npt.NDArray[np.int64],
        masks: npt.NDArray[np.float32] | None,
        *,
        multimask: bool,
    ) -> tuple[Array, npt.NDArray[np.float32]]:
        """Logits (N, C, 256, 256) and scores (N, C), float32, see `Engine.decode`."""
        with torch.inference_mode():
            tokens, dense = self._network.prompt_encoder(
                to_device(points_xy, self.device),
                to_device(labels, self.device),
                None if masks is None else to_device(masks[:, None], self.device),
            )
            if isinstance(features, np.ndarray):  # read from a file, or encoded on a CPU
                features = to_device(features, self.device)
            logits, scores = self._network.mask_decoder(
                features, self._positions, tokens, dense, multimask=multimask
            )
        return self._given(logits), scores.cpu().numpy()

    def _given(self, tensor: torch.Tensor) -> Array:
        """The tensor on a GPU; on a CPU a numpy array that shares its memory."""
        return np.asarray(tensor.numpy()) if self.device == "cpu" else tensor

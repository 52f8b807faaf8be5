"""Engine: the interface of every library that runs the networks.

An engine takes and returns float32, whatever precision it computes in, and keeps no image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from sam_common.support.device_arrays import Array

EngineName: TypeAlias = Literal["torch", "torch-compiled", "openvino"]
Precision: TypeAlias = Literal["fp32", "bf16"]


class Engine(Protocol):
    """An image encoder and a mask decoder, ready to run; threads may share an engine."""

    name: EngineName
    device: str
    """Torch's name of the device, "cpu", "cuda:0" or "mps"."""
    precision: Precision
    """Precision of the image encoder; prompt encoder and mask decoder always run in float32."""

    def decode_batch(self, prompts: int) -> int:
        """How many of a job's prompts to decode at once, see `sam_common.engines.decode_batch`."""

    def fix_decode_batch(self, size: int) -> None:
        """Decode as many prompts at once as another process does, so that all digits are equal."""

    def encode(self, pixels: npt.NDArray[np.float32]) -> Array:
        """Encode images.

        Args:
            pixels: (B, 3, S, S) float32, as `sam_common.network.preprocess.prepare` returns them.

        Returns:
            (B, 256, 64, 64) float32 features on the engine's device.
        """

    def decode(
        self,
        features: Array,
        points_xy: npt.NDArray[np.float32],
        labels: npt.NDArray[np.int64],
        masks: npt.NDArray[np.float32] | None,
        *,
        multimask: bool,
    ) -> tuple[Array, npt.NDArray[np.float32]]:
        """Decode N prompts on one embedding.

        Args:
            features: (1, 256, 64, 64) float32, on the engine's device or in numpy.
            points_xy: (N, T, 2) positions in pixels of the network's input, as `Prompts.as_points`
                returns them.
            labels: (N, T) kinds of these points, as `Prompts.as_points` returns them.
            masks: (N, 256, 256) logits of mask prompts, or None.
            multimask: Whether to return three candidates for each prompt instead of one.

        Returns:
            (N, C, 256, 256) logits on the engine's device, and (N, C) predicted IoU in numpy.
        """

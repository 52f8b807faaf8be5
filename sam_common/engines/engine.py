"""Engine: what every way to run the networks offers.

An engine takes and gives float32, whatever it computes in, and keeps no image.
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
    """An image encoder and a mask decoder, ready to run; safe to call from several threads."""

    name: EngineName
    device: str
    """Torch's name of the device, "cpu", "cuda:0" or "mps"."""
    precision: Precision
    """Of the image encoder; prompt encoder and mask decoder always run in float32."""

    def decode_batch(self, prompts: int) -> int:
        """How many of N prompts to decode at once, see `sam_common.engines.decode_batch`."""

    def encode(self, pixels: npt.NDArray[np.float32]) -> Array:
        """(B, 3, S, S) prepared pixels to (B, 256, 64, 64) features, where the engine runs."""

    def decode(
        self,
        features: Array,
        points_xy: npt.NDArray[np.float32],
        labels: npt.NDArray[np.int64],
        masks: npt.NDArray[np.float32] | None,
        *,
        multimask: bool,
    ) -> tuple[Array, npt.NDArray[np.float32]]:
        """The masks of N prompts on one embedding.

        Args:
            features: (1, 256, 64, 64), where the engine runs or in numpy.
            points_xy: (N, T, 2) in the model's pixels.
            labels: (N, T) kinds of these points, as `Prompts.as_points` gives both.
            masks: (N, 256, 256) logits, or None.
            multimask: Three candidates for each prompt instead of one.

        Returns:
            (N, C, 256, 256) logits, where the engine runs, and (N, C) predicted IoU.
        """

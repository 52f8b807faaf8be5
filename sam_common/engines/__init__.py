"""Engines: how the networks run. Torch on any of its devices, compiled or not, OpenVINO on CPUs.

An engine takes and gives float32, whatever it computes in, and keeps no image.
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from sam_common.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from sam_common.arrays import Array
    from sam_common.model.architecture import Network

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
        """How many of so many prompts to decode at once, as `sam_common.engines.batch` finds."""

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


def resolve_device(device: str) -> str:
    """The device to run on; "auto" takes a GPU where there is one.

    Raises:
        ModelError: If the device is not there.
    """
    available = {"cpu"}
    if _may_have_gpu():
        import torch  # noqa: PLC0415 - two seconds, for which a CPU has no use

        if torch.cuda.is_available():
            available.add("cuda")
        if torch.backends.mps.is_available():
            available.add("mps")
    if device == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if name in available)
    if device.partition(":")[0] not in available:
        raise ModelError(
            f'device "{device}" is not available here: choose from {", ".join(sorted(available))}'
        )
    return device


def _may_have_gpu() -> bool:
    """Whether torch is worth asking: whether its build and a driver of this machine know a GPU."""
    build = version("torch")
    if "+cpu" in build:
        return False
    if sys.platform == "darwin" or "+rocm" in build:
        return True
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def resolve_engine(engine: str, device: str) -> EngineName:
    """The engine to run with; "auto" takes OpenVINO on a CPU where it is installed.

    Raises:
        ModelError: If the engine is unknown, not installed or cannot drive the device.
    """
    installed = importlib.util.find_spec("openvino") is not None
    if engine == "auto":
        return "openvino" if device == "cpu" and installed else "torch"
    if engine == "torch":
        return "torch"
    if engine == "torch-compiled":
        return "torch-compiled"
    if engine != "openvino":
        raise ModelError(
            f'unknown engine "{engine}": choose from auto, torch, torch-compiled, openvino'
        )
    if not installed:
        raise ModelError('engine "openvino" is not installed: pip install "sam-geomed[cpu]"')
    if device != "cpu":
        raise ModelError(f'engine "openvino" runs on "cpu" only, got device "{device}"')
    return "openvino"


def build_engine(name: EngineName, network: Network, device: str, precision: Precision) -> Engine:
    """An engine for a network, which is loaded only where the engine needs it.

    Args:
        name: Which engine.
        network: What to run.
        device: As `resolve_device` returned it.
        precision: "fp32" or "bf16".

    Raises:
        CheckpointError: If the network is needed and cannot be loaded.
    """
    if name == "openvino":
        from sam_common.engines.openvino_engine import OpenVINOEngine  # noqa: PLC0415 - an extra

        return OpenVINOEngine(network, precision)
    from sam_common.engines.torch_engine import TorchEngine  # noqa: PLC0415 - loads torch

    return TorchEngine(network.load(), device, precision, compiled=name == "torch-compiled")

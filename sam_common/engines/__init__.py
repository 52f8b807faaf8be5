"""Engines: how the networks run. Torch on any of its devices, OpenVINO on CPUs.

An engine takes and gives float32 torch tensors, whatever it computes in, and keeps no image.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from sam_common.errors import ModelError

if TYPE_CHECKING:
    import torch

    from sam_common.model.sam import Sam

EngineName: TypeAlias = Literal["torch", "openvino"]
Precision: TypeAlias = Literal["fp32", "bf16"]


class Engine(Protocol):
    """An image encoder and a mask decoder, ready to run; safe to call from several threads."""

    name: EngineName
    device: str
    """Torch's name of the device, "cpu", "cuda:0" or "mps"."""
    precision: Precision
    """Of the image encoder; prompt encoder and mask decoder always run in float32."""
    decode_batch: int
    """Prompts that are decoded at once: as many as keep the device busy and the cache warm."""

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """(B, 3, S, S) prepared pixels to (B, 256, 64, 64) features, float32 on `device`."""

    def decode(
        self, features: torch.Tensor, tokens: torch.Tensor, dense: torch.Tensor, *, multimask: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(1, 256, 64, 64) features, (N, T, 256) tokens and dense embeddings to logits and IoU."""


def resolve_device(device: str) -> str:
    """The device to run on; "auto" takes a GPU where there is one.

    Raises:
        ModelError: If the device is not there.
    """
    import torch  # noqa: PLC0415 - importing the package must not load torch

    available = {"cpu"}
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
    if engine != "openvino":
        raise ModelError(f'unknown engine "{engine}": choose from auto, torch, openvino')
    if not installed:
        raise ModelError('engine "openvino" is not installed: pip install "sam-geomed[cpu]"')
    if device != "cpu":
        raise ModelError(f'engine "openvino" runs on "cpu" only, got device "{device}"')
    return "openvino"


def build_engine(
    name: EngineName, network: Sam, device: str, precision: Precision, sha256: str
) -> Engine:
    """An engine for a network that is ready for inference.

    Args:
        name: Which engine.
        network: As `Sam.prepare_inference` returned it.
        device: As `resolve_device` returned it.
        precision: "fp32" or "bf16".
        sha256: Of the checkpoint; names what the engine keeps on disk.
    """
    if name == "openvino":
        from sam_common.engines.openvino_engine import OpenVINOEngine  # noqa: PLC0415 - an extra

        return OpenVINOEngine(network, precision, sha256)
    from sam_common.engines.torch_engine import TorchEngine  # noqa: PLC0415 - loads torch

    return TorchEngine(network, device, precision)

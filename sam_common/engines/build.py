"""Choosing a device and an engine for a network, and building that engine."""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

from sam_common.errors import ModelError

if TYPE_CHECKING:
    from sam_common.engines.engine import Engine, EngineName, Precision
    from sam_common.network.lazy_network import LazyNetwork


def resolve_device(device: str) -> str:
    """The name of the device to run on.

    Args:
        device: "cpu", "cuda", "cuda:1", "mps", or "auto" for a GPU where there is one, else "cpu".

    Raises:
        ModelError: If the device is not available on this machine.
    """
    available = {"cpu"}
    if _may_have_gpu():
        import torch  # noqa: PLC0415 - takes two seconds, and a CPU needs no answer

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
    """Whether torch's build and a driver of this machine support a GPU; torch is not imported."""
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
    """The name of the engine to run with.

    Args:
        engine: "torch", "torch-compiled", "openvino", or "auto" for OpenVINO on a CPU where it is
            installed, else torch.
        device: As `resolve_device` returned it.

    Raises:
        ModelError: If the engine is unknown, not installed or cannot run on the device.
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


def build_engine(
    name: EngineName, network: LazyNetwork, device: str, precision: Precision
) -> Engine:
    """Build an engine for a network, which is loaded only where the engine needs it.

    Args:
        name: As `resolve_engine` returned it.
        network: The network to run.
        device: As `resolve_device` returned it.
        precision: Precision of the image encoder, "fp32" or "bf16".

    Raises:
        CheckpointError: If the engine needs the network and its checkpoint does not fit.
    """
    if name == "openvino":
        from sam_common.engines.openvino_engine import OpenVINOEngine  # noqa: PLC0415 - an extra

        return OpenVINOEngine(network, precision)
    from sam_common.engines.torch_engine import TorchEngine  # noqa: PLC0415 - loads torch

    return TorchEngine(network.load(), device, precision, compiled=name == "torch-compiled")

"""Which engine and device to run on, and the engine that is built for them."""

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


def build_engine(
    name: EngineName, network: LazyNetwork, device: str, precision: Precision
) -> Engine:
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

"""Device arrays: numpy arrays on a CPU, torch tensors on a GPU, and the way between the two.

Embeddings and logits stay on the GPU until a finished mask leaves it. Code that must run on both
libraries uses the operations that they share, and `array_api_compat` for the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    import torch

    Array = npt.NDArray[np.float32] | torch.Tensor
    """A float32 array of numpy or tensor of torch."""


_LINE = 64
"""Bytes of a line of the cache, and of the widest register."""


def device_of(array: Array) -> str | None:
    """The name in torch of the device that holds a tensor; None for a numpy array."""
    return None if isinstance(array, np.ndarray) else str(array.device)


def to_host(array: Array) -> npt.NDArray[np.float32]:
    """An array as numpy array on the CPU; copied only where it lies on a GPU."""
    return array if isinstance(array, np.ndarray) else np.asarray(array.cpu().numpy())


def aligned(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A copy of an array that begins at a multiple of 64 bytes.

    Products of matrices differ in the last bit with the place of their inputs in memory, which
    numpy and files choose as it happens; torch begins its own tensors so.
    """
    raw = np.empty(array.nbytes + _LINE, dtype=np.uint8)
    first = -raw.ctypes.data % _LINE
    copy = raw[first : first + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return np.asarray(copy)


def to_device(array: npt.NDArray[Any], device: str | None) -> Any:
    """Copy a numpy array to a device; a copy to CUDA runs while the CPU goes on.

    Args:
        array: Any dtype and shape.
        device: As `device_of` returned it.

    Returns:
        A torch tensor on the device; the numpy array itself where the device is None.
    """
    if device is None:
        return array
    import torch  # noqa: PLC0415 - loaded already where there is a device

    # torch refuses to share read-only memory, such as that of prompts
    tensor = torch.from_numpy(array) if array.flags.writeable else torch.tensor(array)
    if device.startswith("cuda"):
        # only pinned memory is copied without waiting; torch frees it after the copy
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)

"""Arrays on either side: numpy on a CPU, torch on a GPU, where they stay until they are small.

Code that must run on both goes by what the two share, and by `array_api_compat` for the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    import torch

    Array = npt.NDArray[np.float32] | torch.Tensor
    """float32, of one library or the other."""


def device_of(array: Array) -> str | None:
    """Torch's name of the device that holds a tensor; None for an array of numpy."""
    return None if isinstance(array, np.ndarray) else str(array.device)


def to_host(array: Array) -> npt.NDArray[np.float32]:
    """The same in numpy; a copy only where it lies on a GPU."""
    return array if isinstance(array, np.ndarray) else np.asarray(array.cpu().numpy())


def to_device(array: npt.NDArray[Any], device: str | None) -> Any:
    """The same where `device_of` says; a GPU takes it while the CPU goes on."""
    if device is None:
        return array
    import torch  # noqa: PLC0415 - who has a device has it loaded

    # torch shares no memory that may not be written to, such as that of prompts
    tensor = torch.from_numpy(array) if array.flags.writeable else torch.tensor(array)
    if device.startswith("cuda"):
        # only pinned memory is copied without waiting; torch keeps it until the copy is done
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)

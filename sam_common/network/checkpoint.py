"""Checkpoints: files of tensors, read without running code, and loaded into a network strictly.

Keys are those of the published checkpoints. `tests/common/network/test_checkpoint.py` has damaged,
foreign and hostile files; `tests/oracles/test_network_parity.py` loads the published ones.
"""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from safetensors.torch import load_file
from torch import nn
from torch.overrides import TorchFunctionMode

from sam_common.errors import CheckpointError
from sam_common.support.files import check_input

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

N = TypeVar("N", bound=nn.Module)

_UNUSED = ("image_encoder.norm_head.", "image_encoder.head.")
"""Keys of the pre-training classifier of TinyViT, which the official MobileSAM file still holds."""


class Uninitialised(TorchFunctionMode):
    """Context in which a network is built without random weights, as a checkpoint will give them.

    torch's device "meta" would do the same, but `normal_` on it imports Python code for a second.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        if getattr(func, "__module__", None) == nn.init.__name__:
            return args[0] if args else given["tensor"]
        return func(*args, **given)


def read_state(path: str | Path) -> dict[str, torch.Tensor]:
    """The tensors of a `.pt`, `.pth` or `.safetensors` file, by name.

    Training checkpoints that keep the weights under "model" or "state_dict" are unwrapped. The
    tensors are mapped from the file, so that those that are never used are never read.

    Raises:
        InputError: If there is no such file.
        CheckpointError: If the file is no checkpoint.
    """
    path = Path(path)
    check_input(path)
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        # files of torch before 1.6 are no zip archives and cannot be mapped
        mapped = zipfile.is_zipfile(path)
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        # torch's own message advises to let the file run its code
        raise CheckpointError(
            f"{path} is not a readable checkpoint: it is of another kind, or holds more than "
            "tensors (then save its state_dict alone)"
        ) from error
    except Exception as error:  # foreign bytes give errors of any kind
        reason = str(error) or type(error).__name__
        raise CheckpointError(f"{path} is not a readable checkpoint: {reason}") from error
    for key in ("model", "state_dict"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in state.items()
    ):
        raise CheckpointError(f"{path} holds no table of tensors, got {type(state).__name__}")
    return state


def load_state(network: N, state: dict[str, torch.Tensor], *, source: str) -> N:
    """Give a network the tensors of a checkpoint, without a copy, and return the network.

    Args:
        network: As `build_sam` made it, before `prepare_inference`, or a part of one; all of its
            tensors are replaced, so it may have been built in `Uninitialised`.
        state: Tensors by their published names.
        source: What an error calls the checkpoint.

    Raises:
        CheckpointError: If keys are missing, unexpected or of another shape; all are listed.
    """
    given = {key: value for key, value in state.items() if not key.startswith(_UNUSED)}
    wanted = network.state_dict()
    faults = [
        _listed("missing", wanted.keys() - given.keys()),
        _listed("unexpected", given.keys() - wanted.keys()),
        _listed(
            "of another shape",
            {
                f"{key} {tuple(given[key].shape)}, not {tuple(wanted[key].shape)}"
                for key in given.keys() & wanted.keys()
                if given[key].shape != wanted[key].shape
            },
        ),
    ]
    if any(faults):
        raise CheckpointError(
            f"{source} does not fit this architecture: {'; '.join(filter(None, faults))}"
        )
    fitting = {key: value.to(wanted[key].dtype) for key, value in given.items()}
    network.load_state_dict(fitting, assign=True)
    return network


def _listed(kind: str, keys: set[str]) -> str:
    return f"{len(keys)} keys {kind}: {', '.join(sorted(keys))}" if keys else ""

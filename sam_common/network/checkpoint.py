"""Reading a checkpoint file into a network, strictly."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file
from torch import nn
from torch.overrides import TorchFunctionMode

from sam_common.errors import CheckpointError
from sam_common.support.files import check_input

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sam_common.network.sam import Sam

_UNUSED = ("image_encoder.norm_head.", "image_encoder.head.")
"""The classifier of TinyViT's pre-training: in the official MobileSAM file, used by nothing."""


class Uninitialised(TorchFunctionMode):
    """Networks that are made in it are not initialised: a checkpoint will give their tensors.

    Not torch's device "meta", for which `normal_` alone imports a second of Python.
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
    tensors are mapped from the file: what is never used is never read.

    Raises:
        InputError: If there is no such file.
        CheckpointError: If it is no checkpoint.
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


def load_state(network: Sam, state: dict[str, torch.Tensor], *, source: str) -> Sam:
    """Give a network of the same architecture the tensors of a checkpoint, without a copy.

    Args:
        network: As `build_sam` made it, before `prepare_inference`; its own tensors are left, so it
            may be `Uninitialised`.
        state: Tensors by their published names.
        source: What to call the checkpoint in an error.

    Raises:
        CheckpointError: If a key is missing, unexpected or of another shape; all are listed.
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

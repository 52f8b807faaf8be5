"""Folders: a SAM 2 as `save_pretrained` of transformers writes it, read without transformers.

```
my_sam2/config.json           sizes; "model_type" is "sam2" for images, "sam2_video" for slices too
my_sam2/model.safetensors     the tensors
```
Other files of the folder, such as those of processors, are not read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sam_common.errors import InputError, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CONFIG, WEIGHTS = "config.json", "model.safetensors"
"""Names of the two files that are read."""
KINDS = ("sam2", "sam2_video")
"""Kinds of models that are read, as `config.json` states them."""


@dataclass(frozen=True, slots=True)
class Sam2Folder:
    """A SAM 2 in a folder."""

    config: Mapping[str, Any]
    """What `config.json` says."""
    weights: Path
    """The file with the tensors."""


def read_folder(folder: Path) -> Sam2Folder:
    """What a folder says of its SAM 2; its tensors are not read.

    Raises:
        InputError: If `config.json` or `model.safetensors` is missing or cannot be read.
        ModelError: If the folder holds another kind of model.
    """
    path, weights = folder / CONFIG, folder / WEIGHTS
    config = read_config(folder, "model")
    if (kind := config.get("model_type")) not in KINDS:
        raise ModelError(f'{folder} holds a model of type "{kind}", not one of {", ".join(KINDS)}')
    if not weights.is_file():
        raise InputError(
            f"{folder} has no {WEIGHTS}: save the model there in one file, with "
            f'save_pretrained(folder, max_shard_size="10GB")'
        )
    try:
        input_size(config)
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    return Sam2Folder(config, weights)


def read_config(folder: Path, what: str) -> dict[str, Any]:
    """The `config.json` of a folder; empty where that holds anything but names and values.

    Args:
        folder: As `save_pretrained` of transformers writes it.
        what: What the folder should hold, for the message.

    Raises:
        InputError: If it is missing or cannot be read.
    """
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            f"{folder} is no {what}: it has no {CONFIG}, as save_pretrained of transformers writes"
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    return config if isinstance(config, dict) else {}


def input_size(config: Mapping[str, Any]) -> int:
    """Side of the square input that a configuration states, in pixels; 1024 where it does not."""
    return int(config.get("prompt_encoder_config", {}).get("image_size", 1024))

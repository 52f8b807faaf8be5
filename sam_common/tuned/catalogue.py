"""Catalogue: tuned models that have a name on this machine, beside those of the registry.

```
cache_dir()/tuned/roofs.safetensors     the model "roofs": --model roofs, and in QGIS and 3D Slicer
```
Servers take names of models and no paths of files, so that is how a tuned model gets to a host.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from sam_common.errors import InputError, OutputError
from sam_common.published import checkpoints
from sam_common.support.cache_folder import cache_dir, writing_cache
from sam_common.support.files import atomic_output, check_input
from sam_common.tuned.tuned_file import read_info

if TYPE_CHECKING:
    from pathlib import Path

    from sam_common.tuned.tuned_file import TunedInfo

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""Names of tuned models: no dots and no slashes, so that none can be a path."""


def folder() -> Path:
    """The folder of the cache in which named tuned models lie; it is not made here."""
    return cache_dir() / "tuned"


def named() -> dict[str, TunedInfo]:
    """All tuned models that have a name, by name; files that are none are passed over."""
    found = {}
    for path in sorted(folder().glob("*.safetensors")):
        if NAME.fullmatch(path.stem) and (info := read_info(path)) is not None:
            found[path.stem] = info
    return found


def find(name: str) -> TunedInfo | None:
    """The tuned model of a name; None where there is none."""
    if not NAME.fullmatch(name):
        return None
    path = folder() / f"{name}.safetensors"
    return read_info(path) if path.is_file() else None


def check_name(name: str, *, overwrite: bool = False) -> Path:
    """The file that a tuned model of a name would have, once the name is known to be free.

    Args:
        name: The name.
        overwrite: Whether a tuned model that has the name may be replaced.

    Raises:
        InputError: If it cannot be a name.
        OutputError: If another model has it.
    """
    if not NAME.fullmatch(name):
        raise InputError(
            f"a name of a model is made of letters, digits, _ and -, got {name!r}: give another "
            "name (--name)"
        )
    if name in checkpoints.registry():
        raise OutputError(f'"{name}" is a published model: give another name (--name)')
    target = folder() / f"{name}.safetensors"
    if target.exists() and not overwrite:
        raise OutputError(
            f'there is a tuned model "{name}": give another name (--name), or replace it '
            "(--overwrite)"
        )
    return target


def add(file: Path, name: str | None = None, *, overwrite: bool = False) -> Path:
    """Give a tuned model a name on this machine.

    Args:
        file: A tuned file; it is copied.
        name: The name; that of the file without its suffix where None.
        overwrite: Whether a tuned model that has the name is replaced.

    Returns:
        The copy.

    Raises:
        InputError: If the file is no tuned model, or the name cannot be one.
        OutputError: If another model has the name.
    """
    check_input(file)
    if read_info(file) is None:
        raise InputError(f"{file} is no tuned model: `finetune` writes those")
    target = check_name(file.stem if name is None else name, overwrite=overwrite)
    with writing_cache(folder()):
        folder().mkdir(parents=True, exist_ok=True)
    with atomic_output(target) as part:
        shutil.copyfile(file, part)
    return target

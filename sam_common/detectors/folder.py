"""Folders of detectors: found, fetched from the Hugging Face Hub, or copied into the cache.

```
my_detector/config.json          "model_type": "grounding-dino", "owlv2" or "sam3"
my_detector/model.safetensors    the tensors
my_detector/tokenizer.json       and the other files of the tokenizer
```
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import filelock

from sam_common.detectors.catalogue import detector_info, detectors
from sam_common.errors import InputError, IntegrityError, ModelError, WeightsError
from sam_common.published.origins import hub_errors
from sam_common.sam2.folder import CONFIG, WEIGHTS, read_config
from sam_common.support.cache_folder import cache_dir, writing_cache
from sam_common.support.files import sha256_of

if TYPE_CHECKING:
    from sam_common.detectors.catalogue import DetectorInfo

WANTED = ("*.json", "*.txt", "*.model", WEIGHTS)
"""Files of a repository that are needed: settings, vocabulary and tensors."""
VOCABULARY = ("tokenizer.json", "vocab.json", "vocab.txt")
"""Files of which any one holds the vocabulary; without, transformers makes an empty one."""
KINDS = ("grounding-dino", "owlv2", "sam3", "sam3_video")
"""Kinds of networks that are detectors, as `config.json` states them."""


@dataclass(frozen=True, slots=True)
class DetectorFolder:
    """A detector on this machine, unopened."""

    name: str
    """Name in the catalogue, or that of the folder."""
    path: Path
    """The folder."""
    kind: str
    """What `config.json` says of its kind."""
    sha256: str
    """sha256 of the tensors."""


def locate_detector(name_or_path: str | Path, *, quiet: bool = False) -> DetectorFolder:
    """The folder of a detector, fetched where it is published and not on this machine.

    Args:
        name_or_path: A name of the catalogue, or a folder that `save_pretrained` wrote.
        quiet: Whether to show no progress bars.

    Raises:
        UnknownModelError: If there is no such name or folder.
        InputError: If a file is missing in the folder.
        ModelError: If it holds another kind of network.
        WeightsError: If it cannot be fetched; for a gated one the message says how to log in.
        IntegrityError: If the tensors are not the published ones.
    """
    path = Path(name_or_path)
    if str(name_or_path) in detectors():
        info = detector_info(str(name_or_path))
        kept = detector_cache(info.name)
        found = kept if (kept / CONFIG).is_file() else _fetched(info, quiet=quiet)
        read = read_detector(found, info.name)
        _check(info, read)
        return read
    if not path.is_dir():
        detector_info(str(name_or_path))  # raises with the nearest name
    return read_detector(path, path.resolve().name)


def read_detector(path: Path, name: str) -> DetectorFolder:
    """What a folder says of its detector; its tensors are hashed and not read.

    Raises:
        InputError: If a file is missing or cannot be read.
        ModelError: If the folder holds another kind of network.
    """
    kind = read_config(path, "detector").get("model_type")
    if kind not in KINDS:
        raise ModelError(
            f'{path} holds a network of type "{kind}", which finds nothing by words: one of '
            f"{', '.join(KINDS[:3])} does"
        )
    if not (path / WEIGHTS).is_file():
        raise InputError(f"{path} has no {WEIGHTS}: save the network there in one file")
    if not any((path / each).is_file() for each in VOCABULARY):
        raise InputError(
            f"{path} has no tokenizer ({', '.join(VOCABULARY)}): put those files of the repository "
            f"beside {CONFIG}"
        )
    return DetectorFolder(name, path, str(kind), sha256_of(path / WEIGHTS))


def adopt_detector(name: str, folder: Path) -> Path:
    """Copy a folder that was fetched by hand into the cache.

    Args:
        name: Name in the catalogue.
        folder: The folder of the repository, or its `model.safetensors`.

    Returns:
        The folder in the cache.

    Raises:
        InputError: If a file is missing.
        ModelError: If it is another kind of network.
        IntegrityError: If the tensors are not the published ones.
    """
    info = detector_info(name)
    given = folder.parent if folder.is_file() else folder
    _check(info, read_detector(given, name))
    target = detector_cache(name)
    with writing_cache(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(target.parent / f".{name}.lock"):
            fresh = target.with_name(f".{name}.new")
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir()
            for pattern in WANTED:
                for file in given.glob(pattern):
                    shutil.copyfile(file, fresh / file.name)
            shutil.rmtree(target, ignore_errors=True)
            fresh.rename(target)
    return target


def detector_cache(name: str) -> Path:
    """The folder of the cache for a detector; it is not made here."""
    return cache_dir() / "detectors" / name


def _fetched(info: DetectorInfo, *, quiet: bool) -> Path:
    """The folder in the user's own cache of the Hub, fetched where it is missing."""
    label = f"Hugging Face Hub, {info.repository}"
    try:
        from huggingface_hub import snapshot_download  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise WeightsError(
            f"{label}: the detector {info.name} needs huggingface_hub, which is not installed: "
            f'pip install "sam-geomed[hf]"'
        ) from error
    with hub_errors(
        label, info.repository, quiet=quiet, without_network=f"{info.pull_command} --from FOLDER"
    ):
        return Path(
            snapshot_download(info.repository, revision=info.revision, allow_patterns=list(WANTED))
        )


def _check(info: DetectorInfo, found: DetectorFolder) -> None:
    """Raise `IntegrityError` where the tensors are not the published ones."""
    if info.sha256 is not None and found.sha256 != info.sha256:
        raise IntegrityError(
            f"{found.path / WEIGHTS} is not the published file of {info.name}: its sha256 is "
            f"{found.sha256}, not {info.sha256}; another detector can be used where it lies: "
            f"--detector {found.path}"
        )

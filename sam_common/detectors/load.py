"""Loading: a detector of a name or folder, built by transformers with its weights."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sam_common.detectors.catalogue import DEFAULT, detectors
from sam_common.detectors.folder import locate_detector
from sam_common.engines.build import resolve_device
from sam_common.errors import CheckpointError, InputError, ModelError, one_line
from sam_common.sam2 import library

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sam_common.detectors.detector import Detector


def check_installed(name_or_path: str | Path = DEFAULT) -> None:
    """Raise `ModelError` where no detector can run; the message says what to install.

    Args:
        name_or_path: The detector that is asked for.
    """
    if not library.is_installed():
        raise ModelError(
            f'no detector is installed, so nothing can be found by words: "{name_or_path}" needs '
            f'the library transformers: pip install "sam-geomed[hf]"'
        )


def load_detector(
    name_or_path: str | Path = DEFAULT, *, device: str = "auto", quiet: bool = False
) -> Detector:
    """Load a network that finds objects by words.

    Args:
        name_or_path: A name of `sam-common weights list`, such as "grounding_dino_tiny",
            "owlv2_base" or "sam3", which is fetched where it is missing; or a folder that
            `save_pretrained` of transformers wrote, with its tokenizer. Workers of an executor
            load it by the same name, or from the same path.
        device: "cpu", "cuda", "cuda:1", "mps", or "auto" for a GPU where there is one.
        quiet: Whether to show no progress bars.

    Raises:
        UnknownModelError: If there is no such name or folder.
        InputError: If a file is missing.
        ModelError: If transformers is not installed or too old, or the network is no detector.
        WeightsError: If the detector cannot be fetched.
        CheckpointError: If its tensors do not fit its configuration.
    """
    check_installed(name_or_path)
    place = resolve_device(device)
    found = locate_detector(name_or_path, quiet=quiet)
    transformers = library.transformers()
    from sam_common.detectors import networks  # noqa: PLC0415 - loads torch

    builder, wrapper = {
        "grounding-dino": ("GroundingDinoForObjectDetection", networks.GroundingDino),
        "owlv2": ("Owlv2ForObjectDetection", networks.Owlv2),
        "sam3": ("Sam3Model", networks.Sam3Concepts),
        "sam3_video": ("Sam3Model", networks.Sam3Concepts),
    }[found.kind]
    if not hasattr(transformers, builder):
        raise ModelError(
            f"transformers {transformers.__version__} has no {builder}: update it with "
            f'pip install -U "sam-geomed[hf]"'
        )
    with _quiet(transformers):
        tokenizer, model, told = _read(transformers, found.path, builder)
    if missing := sorted(told["missing_keys"]):
        raise CheckpointError(
            f"{found.path} lacks {len(missing)} tensors of a {builder}, such as {missing[0]}"
        )
    name = str(name_or_path)
    # a worker may have another current folder
    where = name if name in detectors() else str(Path(name).absolute())
    return wrapper(
        model,
        tokenizer,
        name=found.name,
        sha256=found.sha256,
        device=place,
        elsewhere=partial(_loaded_elsewhere, where, device, found.sha256),
    )


def _loaded_elsewhere(name_or_path: str, device: str, sha256: str) -> Detector:
    """The detector that another process pickled, loaded in this one.

    Raises:
        InputError: Its folder is not there.
        ModelError: Its tensors are others here, or transformers is not installed.
        WeightsError: It cannot be fetched.
    """
    if name_or_path not in detectors() and not Path(name_or_path).is_dir():
        raise InputError(f"no such folder of a detector here: {name_or_path}")
    made = load_detector(name_or_path, device=device, quiet=True)
    if made.sha256 != sha256:
        raise ModelError(
            f"{name_or_path} has sha256 {made.sha256} here, and {sha256} where the job began: give "
            f"both the same files"
        )
    return made


def _read(transformers: Any, path: Path, builder: str) -> tuple[Any, Any, dict[str, Any]]:
    """The tokenizer and the network of a folder, and what was missing; nothing is fetched."""
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(path, local_files_only=True)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} has no tokenizer that can be read: {one_line(error)}") from error
    try:
        model, told = getattr(transformers, builder).from_pretrained(
            path, local_files_only=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} does not hold a {builder}: {one_line(error)}") from error
    return tokenizer, model, told


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Keep the progress bars of transformers, and its doubts about versions, from the terminal."""
    logging = transformers.utils.logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if shown:
            logging.enable_progress_bar()

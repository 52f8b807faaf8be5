"""Files of prompts: JSON, markups of 3D Slicer, or a segmentation, told apart by their suffixes.

```
liver.mrk.json                  points and ROIs of 3D Slicer        sam_med.prompts.markups
prompts.json                    the JSON format of this package     sam_med.prompts.json_prompts
earlier.nii.gz, .seg.nrrd       a segmentation: boxes, or masks     sam_med.prompts.labels
earlier.dcm                     a segmentation: DICOM SEG, RTSTRUCT
lines.dcm                       points, lines: DICOM SR, GSPS       sam_med.prompts.drawings
```
Messages do not name the file, because names of files often hold names of people.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sam_common.errors import InputError, OutputError, PromptError
from sam_common.support.files import check_output, write_bytes
from sam_med.formats.suffixes import SUFFIXES
from sam_med.prompts.json_fields import read_text
from sam_med.prompts.json_prompts import describe_prompts, prompts_from_json
from sam_med.prompts.labels import LabelUse, read_names

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sam_med.geometry.volume import Volume
    from sam_med.geometry.voxel_box import Space
    from sam_med.prompts.object_prompt import ObjectPrompt

MARKUPS_SUFFIX = ".mrk.json"
JSON_SUFFIX = ".json"
OLD_MARKUPS = (".fcsv", ".acsv")
"""Points and ROIs of 3D Slicer before version 4.11."""


@dataclass(frozen=True, slots=True)
class GivenPrompts:
    """The prompts of a file."""

    objects: tuple[ObjectPrompt, ...]
    notes: tuple[str, ...] = ()
    """Sentences for the user, on objects that were left out, renamed or renumbered."""


def read_prompts(
    path: Path,
    volume: Volume,
    *,
    use: LabelUse = "box",
    names: Path | None = None,
) -> GivenPrompts:
    """Read a file of prompts by its suffix; prompts are not clipped to the volume yet.

    Args:
        path: The file: .json, .mrk.json, a segmentation, or annotations in DICOM SR or GSPS.
        volume: The volume to be segmented.
        use: For a segmentation, whether its objects are prompts by their boxes ("box") or by their
            masks ("mask").
        names: For a label map, a table of the names of its values, see
            `sam_med.prompts.labels.read_names`.

    Raises:
        PromptError: The file does not exist, cannot be read, or holds no valid prompts; the
            message says where.
    """
    name = path.name.lower()
    if not name.endswith(JSON_SUFFIX):
        return _from_labels(path, volume, use, names)
    if names is not None:
        raise PromptError("a table of names goes with a label map, but the prompts are JSON")
    if use == "mask":
        raise PromptError("masks to refine come from a label map, but the prompts are JSON")
    text = read_text(path, "the prompts")
    if name.endswith(MARKUPS_SUFFIX):
        from sam_med.prompts.markups import prompts_from_markups  # noqa: PLC0415  # only for such files

        objects, notes = prompts_from_markups(text, volume)
        return GivenPrompts(tuple(objects), tuple(notes))
    return GivenPrompts(tuple(prompts_from_json(text, volume)))


def write_prompts(
    prompts: Sequence[ObjectPrompt],
    path: Path,
    *,
    space: Space = "ijk",
    volume: Volume | None = None,
    overwrite: bool = False,
) -> None:
    """Write prompts as JSON that `read_prompts` reads.

    Args:
        prompts: The objects.
        path: A .json file.
        space: Space of the numbers: voxel indices ("ijk"), or mm in "LPS" or "RAS".
        volume: The volume that the prompts lie in, needed for mm.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputError: The file cannot be written, or has another suffix.
        PromptError: The space is mm, and there is no volume.
    """
    name = path.name.lower()
    if not name.endswith(JSON_SUFFIX) or name.endswith(MARKUPS_SUFFIX):
        raise OutputError(f"prompts are written as .json, got {path.name}")
    check_output(path, overwrite=overwrite)
    record = describe_prompts(prompts, space=space, volume=volume)
    write_bytes(path, f"{json.dumps(record, indent=2, allow_nan=False)}\n".encode())


def _from_labels(path: Path, volume: Volume, use: LabelUse, names: Path | None) -> GivenPrompts:
    """The prompts of a segmentation file."""
    # image libraries are loaded for segmentations only
    from sam_med.prompts.labels import prompts_from_labels  # noqa: PLC0415
    from sam_med.segmentations.read import (  # noqa: PLC0415
        is_annotations,
        is_segmentation,
        read_segmentation,
    )

    if path.is_dir():
        raise PromptError("the prompts are one file, got a folder: name the file in it")
    if not path.is_file():
        raise PromptError("no such file: the prompts")
    if path.name.lower().endswith(OLD_MARKUPS):
        raise PromptError(
            f"markups of old versions of 3D Slicer ({', '.join(OLD_MARKUPS)}) are not read: open "
            f"them there and save them as {MARKUPS_SUFFIX}"
        )
    if not is_segmentation(path):
        raise PromptError(
            f"prompts are {JSON_SUFFIX}, {MARKUPS_SUFFIX}, a label map ({', '.join(SUFFIXES)}), a "
            "DICOM SEG, RTSTRUCT, SR or presentation state, got a file of another kind"
        )
    if is_annotations(path):
        return _from_annotations(path, volume, use, names)
    table = None if names is None else read_names(names)
    try:
        file = read_segmentation(path, grid=volume)
    except InputError as error:
        raise PromptError(f"the prompts: {error}") from error
    objects, notes = prompts_from_labels(file, volume, use=use, names=table)
    return GivenPrompts(tuple(objects), (*file.notes, *notes))


def _from_annotations(
    path: Path, volume: Volume, use: LabelUse, names: Path | None
) -> GivenPrompts:
    """The prompts of a structured report or a presentation state."""
    from sam_med.annotations.read import read_annotations  # noqa: PLC0415  # only for such files
    from sam_med.prompts.drawings import prompts_from_annotations  # noqa: PLC0415

    if use == "mask" or names is not None:
        raise PromptError(
            "masks to refine and names of values come from a label map, but the prompts are points "
            "and lines"
        )
    try:
        file = read_annotations(path, volume)
    except InputError as error:
        raise PromptError(f"the prompts: {error}") from error
    objects, notes = prompts_from_annotations(file, volume)
    return GivenPrompts(tuple(objects), (*file.notes, *notes))

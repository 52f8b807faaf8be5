"""Files of prompts: JSON, 3D Slicer's markups, or a segmentation, told apart by their names.

```
liver.mrk.json                  3D Slicer's points and ROI          sam_med.prompts.markups
prompts.json                    this suite's own format             sam_med.prompts.json_prompts
earlier.nii.gz, .seg.nrrd       a segmentation: boxes, or masks     sam_med.prompts.labels
earlier.dcm                     the same as DICOM SEG, RTSTRUCT
```
Messages do not name the file: names of files often hold names of people.
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
"""3D Slicer's points and ROI before version 4.11."""


@dataclass(frozen=True, slots=True)
class GivenPrompts:
    """What a file asks for."""

    objects: tuple[ObjectPrompt, ...]
    notes: tuple[str, ...] = ()
    """What the user should know, one sentence each."""


def read_prompts(
    path: Path,
    volume: Volume,
    *,
    use: LabelUse = "box",
    names: Path | None = None,
) -> GivenPrompts:
    """Read a file of prompts by its suffix; nothing is clipped to the volume yet.

    Args:
        path: The file.
        volume: What is to be segmented.
        use: Of a segmentation, whether its boxes or its masks are meant.
        names: For a segmentation, a table of what its values are called.

    Raises:
        PromptError: There is no such file, or it cannot be read or makes no sense.
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
        space: What its numbers mean.
        volume: Needed for mm.
        overwrite: Whether a file that is there may be replaced.

    Raises:
        OutputError: It cannot be written, or has another suffix.
    """
    name = path.name.lower()
    if not name.endswith(JSON_SUFFIX) or name.endswith(MARKUPS_SUFFIX):
        raise OutputError(f"prompts are written as .json, got {path.name}")
    check_output(path, overwrite=overwrite)
    record = describe_prompts(prompts, space=space, volume=volume)
    write_bytes(path, f"{json.dumps(record, indent=2, allow_nan=False)}\n".encode())


def _from_labels(path: Path, volume: Volume, use: LabelUse, names: Path | None) -> GivenPrompts:
    # image libraries are loaded for segmentations only
    from sam_med.prompts.labels import prompts_from_labels  # noqa: PLC0415
    from sam_med.segmentations.read import is_segmentation, read_segmentation  # noqa: PLC0415

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
            "DICOM SEG or a DICOM RTSTRUCT, got a file of another kind"
        )
    table = None if names is None else read_names(names)
    try:
        file = read_segmentation(path, grid=volume)
    except InputError as error:
        raise PromptError(f"the prompts: {error}") from error
    objects, notes = prompts_from_labels(file, volume, use=use, names=table)
    return GivenPrompts(tuple(objects), (*file.notes, *notes))

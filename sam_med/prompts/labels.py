"""Labels: the objects of a segmentation as prompts, by their boxes or by their masks to refine.

The grid of the segmentation may be that of the volume, also with axes in another order or
direction, or a part of it; for boxes it may be any grid in the patient space of the volume. Names
come from the file, or for label maps, which have no names, from a table.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Literal, TypeAlias

from sam_common.errors import GeometryError, PromptError
from sam_med.geometry.voxel_box import corners_of, window_around
from sam_med.objects.labels import MAX_VALUE
from sam_med.prompts.json_fields import Fields, parse_json, read_table, read_text
from sam_med.prompts.object_prompt import ObjectPrompt, VoxelMask
from sam_med.segmentations.align import onto_grid
from sam_med.segmentations.objects import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from sam_med.geometry.volume import Volume
    from sam_med.objects.segments import Segment
    from sam_med.segmentations.objects import SegmentationFile

LabelUse: TypeAlias = Literal["box", "mask"]
LABEL = "label"
"""A column with names where another column holds values, and with values where another one holds
names."""
VALUE_COLUMNS = ("value", "index", "id", "labelvalue", LABEL)
NAME_COLUMNS = ("name", "structure", "labelname", LABEL)
"""Names of columns; the first of these that a table has is used."""
WHOLE = re.compile(r"[+-]?[0-9]+")
TABLE = "the table of names"


def prompts_from_labels(
    file: SegmentationFile,
    volume: Volume,
    *,
    use: LabelUse = "box",
    names: Mapping[int, str] | None = None,
) -> tuple[list[ObjectPrompt], list[str]]:
    """One prompt for each object of a segmentation, ascending by value.

    A further object of one name gets a number behind its name; where two objects have one value,
    all objects are numbered from 1.

    Args:
        file: The segmentation, from `sam_med.segmentations.read.read_segmentation`.
        volume: The volume to be segmented.
        use: "box" for the smallest box around the voxels of an object; "mask" for the voxels and
            the box around them.
        names: Names by value. An object whose value has no name here is called as in the file, or
            object_VALUE where the file has no names.

    Returns:
        The prompts, and notes for the user, one sentence each.

    Raises:
        PromptError: The segmentation has no object, a name is for a value that no object or that
            several objects have, or masks lie on another grid than the volume.
    """
    names = names or {}
    _check_names(names, [segment.value for segment in file.segments])
    shown = [segment for segment in file.segments if segment.voxels]
    if not shown:
        raise PromptError("the segmentation has no objects: every voxel is 0")
    notes = [
        f"object {segment.name} of the prompts has no voxels: there is nothing to look for"
        for segment in file.segments
        if not segment.voxels
    ]
    given = [
        names.get(segment.value, segment.name if file.named else f"object_{segment.value}")
        for segment in shown
    ]
    labels, values = names_apart(given, notes), _values(shown, notes)
    moved = _on_grid(dataclasses.replace(file, segments=tuple(shown)), volume)
    if moved is None and use == "mask":
        raise PromptError(
            "the label map lies on another grid than the volume: masks to refine need the same "
            "one (use boxes, or resample the label map)"
        )
    found = []
    for n, segment in enumerate(shown if moved is None else moved):
        mask = VoxelMask.from_array(segment.mask, segment.window.start)
        box = mask.window
        if moved is None:
            # the voxels of the volume around the box of the label map, through patient space
            box = window_around(corners_of(box, file.grid), volume)
        kept = mask if use == "mask" else None
        found.append(ObjectPrompt(labels[n], values[n], box, mask=kept))
    return found, notes


def read_names(path: Path) -> dict[int, str]:
    """Read names of values from JSON `{"1": "spleen"}`, or from a table with a header (.csv, .tsv).

    A table has a column of values (value, index, id) and one of names (name, structure), as in
    BIDS. A column label holds the values or the names, whichever no other column holds.

    Raises:
        PromptError: The file holds something else, or names a value twice.
    """
    text = read_text(path, TABLE)
    if path.suffix.lower() == ".json":
        return _names_from_json(text)
    return _names_from_table(text)


def _names_from_json(text: str) -> dict[int, str]:
    """Names by value from a JSON object."""
    record = parse_json(text, TABLE)
    fields = Fields(record, TABLE)
    return _once((_value(key, TABLE), fields.text(key)) for key in record)


def _names_from_table(text: str) -> dict[int, str]:
    """Names by value from a table with a header."""
    columns, rows = read_table(text, TABLE)
    value = next((name for name in VALUE_COLUMNS if name in columns), None)
    name = next((name for name in NAME_COLUMNS if name in columns and name != value), None)
    if value is None or name is None:
        raise PromptError(
            f"{TABLE} needs the columns value and name, got {', '.join(columns) or 'none'}"
        )
    return _once(
        (_value(row[value], f"row {number} of {TABLE}"), row[name])
        for number, row in enumerate(rows, start=1)
    )


def _once(pairs: Iterable[tuple[int, str]]) -> dict[int, str]:
    """Names by value from pairs; a value that occurs twice is refused."""
    found: dict[int, str] = {}
    for key, name in pairs:
        if key in found:
            raise PromptError(f"{TABLE} has value {key} twice")
        found[key] = name
    return found


def _value(text: str, place: str) -> int:
    """The whole number of a text."""
    if WHOLE.fullmatch(text.strip()) is None:
        raise PromptError(f"a value of {place} must be a whole number, got {text!r}")
    return int(text)


def _check_names(names: Mapping[int, str], values: Sequence[int]) -> None:
    """Raise `PromptError` where a name is for a value of no object or of several objects."""
    for value in sorted(names):
        if value not in values:
            raise PromptError(
                f"the table names value {value}, but the label map has {listed(values)}"
            )
        if values.count(value) > 1:
            raise PromptError(
                f"the table names value {value}, which {values.count(value)} objects of the "
                "prompts have: leave it out, they have names of their own"
            )


def _values(segments: Sequence[Segment], notes: list[str]) -> list[int]:
    """Values of the objects; numbers from 1, with a note, where these are not all different."""
    values = [segment.value for segment in segments]
    if len(set(values)) == len(values) and 1 <= min(values) <= max(values) <= MAX_VALUE:
        return values
    notes.append(
        f"objects of the prompts share a value: they are numbered 1 to {len(values)} in their order"
    )
    return list(range(1, len(values) + 1))


def names_apart(names: Sequence[str], notes: list[str]) -> list[str]:
    """Names that are all different: a further object of one name gets the next free number."""
    found: list[str] = []
    for name in names:
        label, number = name, 1
        while label in found or (number > 1 and label in names):
            number += 1
            label = f"{name} {number}"
        if label != name:
            notes.append(f"several objects of the prompts are called {name}: one is {label} here")
        found.append(label)
    return found


def _on_grid(file: SegmentationFile, volume: Volume) -> tuple[Segment, ...] | None:
    """The objects on the voxels of the volume; None where their grid has other voxels."""
    try:
        return onto_grid(file, volume).segments
    except GeometryError:
        return None

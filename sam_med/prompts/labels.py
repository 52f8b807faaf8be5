"""A segmentation as prompts: each object of it, by its box or by its mask to refine.

Its grid may be the volume's, the same grid with axes in another order or direction, a part of it,
or, for boxes, any other grid of the same patient space. Names come from the file, or from a table
for label maps, which have none.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Literal, TypeAlias

from sam_common.errors import GeometryError, PromptError
from sam_med.geometry.voxel_box import corners_of, window_around
from sam_med.prompts.json_fields import Fields, parse_json, read_table, read_text
from sam_med.prompts.object_prompt import MAX_VALUE, ObjectPrompt, VoxelMask
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
"""A column that holds names beside one of values, and values beside one of names."""
VALUE_COLUMNS = ("value", "index", "id", "labelvalue", LABEL)
NAME_COLUMNS = ("name", "structure", "labelname", LABEL)
"""The first that is there counts."""
WHOLE = re.compile(r"[+-]?[0-9]+")
TABLE = "the table of names"


def prompts_from_labels(
    file: SegmentationFile,
    volume: Volume,
    *,
    use: LabelUse = "box",
    names: Mapping[int, str] | None = None,
) -> tuple[list[ObjectPrompt], list[str]]:
    """One prompt for each object of a segmentation, ascending by value, and notes for people.

    Objects that share a name get a number behind it; where two share a value, all are numbered.

    Args:
        file: From `sam_med.segmentations.read.read_segmentation`.
        volume: What is to be segmented.
        use: "box": the smallest box around the object's voxels. "mask": the voxels themselves, and
            the box around them.
        names: What a value is called; else as in the file, else object_VALUE.

    Raises:
        PromptError: No object, a name for a value that is not there or that two objects have, or
            for masks a grid that is not the volume's.
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
    labels, values = _apart(given, notes), _values(shown, notes)
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
            # the voxel box of the volume around one of the label map, through patient space
            box = window_around(corners_of(box, file.grid), volume)
        kept = mask if use == "mask" else None
        found.append(ObjectPrompt(labels[n], values[n], box, mask=kept))
    return found, notes


def read_names(path: Path) -> dict[int, str]:
    """Names of values, from JSON `{"1": "spleen"}` or a table with a header (.csv, .tsv).

    A table has a column value (or index, id) and a column name (or structure, label), as BIDS and
    others write them; beside a column of names, label is one of values.

    Raises:
        PromptError: Something else, or a value twice.
    """
    text = read_text(path, TABLE)
    if path.suffix.lower() == ".json":
        return _names_from_json(text)
    return _names_from_table(text)


def _names_from_json(text: str) -> dict[int, str]:
    record = parse_json(text, TABLE)
    fields = Fields(record, TABLE)
    return _once((_value(key, TABLE), fields.text(key)) for key in record)


def _names_from_table(text: str) -> dict[int, str]:
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
    found: dict[int, str] = {}
    for key, name in pairs:
        if key in found:
            raise PromptError(f"{TABLE} has value {key} twice")
        found[key] = name
    return found


def _value(text: str, place: str) -> int:
    if WHOLE.fullmatch(text.strip()) is None:
        raise PromptError(f"a value of {place} must be a whole number, got {text!r}")
    return int(text)


def _check_names(names: Mapping[int, str], values: Sequence[int]) -> None:
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
    values = [segment.value for segment in segments]
    if len(set(values)) == len(values) and 1 <= min(values) <= max(values) <= MAX_VALUE:
        return values
    notes.append(
        f"objects of the prompts share a value: they are numbered 1 to {len(values)} in their order"
    )
    return list(range(1, len(values) + 1))


def _apart(names: Sequence[str], notes: list[str]) -> list[str]:
    """The names, each once: a further object of one name gets the next free number behind it."""
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
    """The objects on the voxels of the volume; None where they lie elsewhere."""
    try:
        return onto_grid(file, volume).segments
    except GeometryError:
        return None

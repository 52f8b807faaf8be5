"""A label map as prompts: each value becomes an object, by its box or by its mask to refine.

Its grid may be the volume's, the same grid with axes in another order or direction, or, for
boxes, any other grid of the same patient space.
"""

from __future__ import annotations

import csv
import itertools
import json
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from sam_common.errors import PromptError
from sam_med.json_fields import Fields, read_text
from sam_med.prompts import MAX_VALUE, ObjectPrompt, VoxelMask
from sam_med.voxel_box import corners_of, window_around

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    from sam_common.window import Window
    from sam_med.volume import Volume

LabelUse: TypeAlias = Literal["box", "mask"]
GRID_TOLERANCE = 0.01
"""Voxels by which the corners of two grids may differ to be the same."""
VALUE_COLUMNS = ("value", "index", "label", "id")
NAME_COLUMNS = ("name", "label", "structure")


def prompts_from_labels(
    labels: Volume,
    volume: Volume,
    *,
    use: LabelUse = "box",
    names: Mapping[int, str] | None = None,
) -> list[ObjectPrompt]:
    """One object for each value of a label map, ascending.

    Args:
        labels: The label map; 0 is background.
        volume: What is to be segmented.
        use: "box": the smallest box around the value's voxels. "mask": the voxels themselves, and
            the box around them.
        names: What a value is called; object_VALUE where it is missing.

    Raises:
        PromptError: No object, values that are not whole, a name for a value that is not there, or
            for masks a grid that is not the volume's.
    """
    values = _values(labels.array)
    names = names or {}
    missing = sorted(set(names) - set(values))
    if missing:
        raise PromptError(
            f"the table names value {missing[0]}, but the label map has {_listed(values)}"
        )
    array = _on_grid(labels, volume)
    if array is None and use == "mask":
        raise PromptError(
            "the label map lies on another grid than the volume: masks to refine need the same "
            "one (use boxes, or resample the label map)"
        )
    source = labels.array if array is None else array
    found = []
    for value in values:
        mask = VoxelMask.from_array(source == value)
        window = mask.window if array is not None else _moved(mask.window, labels, volume)
        found.append(
            ObjectPrompt(
                label=names.get(value, f"object_{value}"),
                value=value,
                box=window,
                mask=mask if use == "mask" else None,
            )
        )
    return found


def read_names(path: Path) -> dict[int, str]:
    """Names of values, from JSON `{"1": "spleen"}` or a table with a header (.csv, .tsv).

    A table has a column value (or index, id) and a column name (or structure), as BIDS and others
    write them.

    Raises:
        PromptError: Something else, or a value twice.
    """
    text = read_text(path, "the table of names")
    if path.suffix.lower() == ".json":
        return _names_from_json(text)
    return _names_from_table(text, "\t" if path.suffix.lower() == ".tsv" else ",")


def _names_from_json(text: str) -> dict[int, str]:
    try:
        record = json.loads(text)
    except json.JSONDecodeError as error:
        raise PromptError(
            f"the table of names is no JSON: {error.msg} in line {error.lineno}"
        ) from error
    fields = Fields(record, "the table of names")
    return {_value(key, "the table of names"): fields.text(key) for key in record}


def _names_from_table(text: str, delimiter: str) -> dict[int, str]:
    rows = csv.DictReader(text.splitlines(), delimiter=delimiter)
    columns = [(name or "").strip().lower() for name in rows.fieldnames or []]
    value = next((name for name in VALUE_COLUMNS if name in columns), None)
    name = next((name for name in NAME_COLUMNS if name in columns and name != value), None)
    if value is None or name is None:
        raise PromptError(
            "the table of names needs the columns value and name, got "
            f"{', '.join(columns) or 'none'}"
        )
    found: dict[int, str] = {}
    for number, row in enumerate(rows, start=1):
        place = f"row {number} of the table of names"
        if None in row or None in row.values():
            raise PromptError(f"{place} has too few or too many cells")
        cells = dict(zip(columns, row.values(), strict=True))
        key = _value(cells[value], place)
        if key in found:
            raise PromptError(f"the table of names has value {key} twice")
        found[key] = cells[name].strip()
    return found


def _value(text: str, place: str) -> int:
    try:
        return int(text.strip())
    except ValueError as error:
        raise PromptError(f"a value of {place} must be a whole number, got {text!r}") from error


def _values(array: npt.NDArray[Any]) -> list[int]:
    given = np.unique(array)
    if not np.isfinite(given).all() or (given != np.round(given)).any():
        odd = given[~(given == np.round(given))][0]
        raise PromptError(f"a label map holds whole numbers, got {odd:g}")
    values = [int(v) for v in given if v != 0]
    if not values:
        raise PromptError("the label map has no objects: every voxel is 0")
    if values[0] < 0 or values[-1] > MAX_VALUE:
        raise PromptError(f"values of a label map are 0 to {MAX_VALUE}, got {_listed(values)}")
    return values


def _on_grid(labels: Volume, volume: Volume) -> npt.NDArray[Any] | None:
    """The label map's voxels in the order of the volume's; None where they lie elsewhere.

    The even grids are compared: a label map of an uneven stack has no more than that.
    """
    relation = volume.frame.inverse_array @ labels.frame.array
    turn = np.round(relation[:3, :3])
    order = np.abs(turn).argmax(axis=1)
    if sorted(order.tolist()) != [0, 1, 2] or np.abs(turn).sum() != len(order):
        return None
    array = labels.array.transpose(order)
    if array.shape != volume.shape:
        return None
    signs = turn.sum(axis=1)
    # a reversed axis begins at the far end of the volume's
    start = np.where(signs < 0, np.array(volume.shape) - 1, 0)
    corners = np.array(list(itertools.product(*((0, n - 1) for n in labels.shape))))
    places = corners @ relation[:3, :3].T + relation[:3, 3]
    if np.abs(places - (corners @ turn.T + start)).max() > GRID_TOLERANCE:
        return None
    array = array[tuple(slice(None, None, int(sign)) for sign in signs)]
    return np.ascontiguousarray(array)


def _moved(window: Window, labels: Volume, volume: Volume) -> Window:
    """The voxel box of the volume around one of the label map, through patient space."""
    return window_around(corners_of(window, labels), volume)


def _listed(values: list[int]) -> str:
    shown = ", ".join(str(v) for v in values[:10])
    return f"{shown}, ..." if len(values) > 10 else shown  # noqa: PLR2004  # a line's worth

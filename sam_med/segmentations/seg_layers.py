"""SEG layers: the objects of a .seg.nrrd of 3D Slicer, of any version.

```
from 4.11 on    Segment3_LabelValue:=7  Segment3_Layer:=1     value 7 in the second volume
before          Segment3_ID:=...        (neither of the two)  values but 0 in the fourth volume
```
Before version 4.11 each segment was a volume of its own. Where one volume holds several segments
without stated values, the first segment is value 1, the second value 2, and so on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from sam_common.errors import InputError
from sam_med.files.itk_image import read_layers
from sam_med.geometry.diagnostics import RefusedError
from sam_med.objects.segments import Segment, crop
from sam_med.segmentations.objects import (
    SegmentationFile,
    by_value,
    grid_of,
    no_label_map,
    plain_name,
    valued_parts,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from sam_common.window import Window

_Parts: TypeAlias = "dict[int, tuple[Window, npt.NDArray[np.bool_]]]"
"""Window and mask of each value of a layer."""
FIELD = re.compile(r"Segment(\d+)_(ID|Name|LabelValue|Layer)")


@dataclass(frozen=True, slots=True)
class _Entry:
    """One segment as the header lists it."""

    name: str | None
    layer: int
    """Index of the volume in the file, from 0."""
    value: int | None
    """Value in the layer; None for all values but 0."""


def read_layered(path: Path) -> SegmentationFile:
    """Read a NRRD label map, with the names and layers of its segments where it lists them.

    A value of no listed segment becomes an object without a name.

    Raises:
        InputError: The file cannot be read, a value is no label, a field of a segment cannot be
            understood, or two segments have one value in one layer.
    """
    try:
        layers = read_layers(path)
    except RefusedError as error:
        raise no_label_map(error) from error
    entries = _entries(layers[0].header, len(layers))
    parts = [{v: (window, mask) for v, window, mask in valued_parts(one.array)} for one in layers]
    listed = entries
    if len(layers) == 1:
        entries = _numbered(entries, parts[0])
    notes = []
    if listed and not entries:
        names = ", ".join(entry.name or "without a name" for entry in listed)
        notes = [
            f"nothing says which value is which of the segments ({names}): objects have no names"
        ]
    segments = _segments(entries, parts, layers[0].shape)
    return SegmentationFile(
        grid=grid_of(layers[0].shape, layers[0].frame),
        segments=by_value(segments),
        named=any(entry.name for entry in entries),
        # 3D Slicer may crop the grid to the objects
        sparse=bool(entries),
        notes=tuple(notes),
    )


def _segments(
    entries: Sequence[_Entry], parts: Sequence[_Parts], shape: tuple[int, int, int]
) -> list[Segment]:
    """The listed segments, then an object for each value that none of them has.

    Args:
        entries: The segments as the header lists them.
        parts: Windows and masks of the values of each layer.
        shape: (k, j, i) number of voxels of a layer.

    Raises:
        InputError: Two segments have one value in one layer.
    """
    nothing = crop(np.zeros((1, 1, 1), dtype=np.bool_))
    found: list[Segment] = []
    claimed: set[tuple[int, int]] = set()
    for number, entry in enumerate(entries, start=1):
        held = parts[entry.layer]
        if entry.value is None:
            value = number
            place = crop(_whole(held, shape)) if held else nothing
            claimed |= {(entry.layer, other) for other in held}
        else:
            value = entry.value
            if (entry.layer, value) in claimed:
                raise InputError(
                    f"two segments are value {value} of layer {entry.layer}, so nothing says whose "
                    "it is: save the file anew in 3D Slicer"
                )
            place = held.get(value, nothing)
            claimed.add((entry.layer, value))
        found.append(Segment(entry.name or str(value), value, *place))
    for layer, held in enumerate(parts):
        rest = [value for value in held if (layer, value) not in claimed]
        found += [Segment(str(value), value, *held[value]) for value in rest]
    return found


def _whole(held: _Parts, shape: tuple[int, int, int]) -> npt.NDArray[np.bool_]:
    """The mask of all values but 0 in a layer."""
    mask = np.zeros(shape, dtype=np.bool_)
    for window, part in held.values():
        mask[window.slices] |= part
    return mask


def _entries(header: Mapping[str, str], layers: int) -> list[_Entry]:
    """The segments that a header lists, in the order of their numbers.

    Raises:
        InputError: A field is no whole number, names a layer beyond the last, or the value 0.
    """
    fields: dict[int, dict[str, str]] = {}
    for key, text in header.items():
        if (match := FIELD.fullmatch(key)) is not None:
            fields.setdefault(int(match[1]), {})[match[2]] = text
    found = []
    for order, (number, one) in enumerate(sorted(fields.items())):
        place = f"Segment{number}"
        value = _number(one, "LabelValue", place)
        layer = _number(one, "Layer", place)
        if layer is None:
            # one volume for each segment, or one for all
            layer = order if layers > 1 and (value is None or len(fields) == layers) else 0
        if layer >= layers:
            raise InputError(f"{place} is in layer {layer}, but the file has {layers}")
        if value == 0:
            raise InputError(f"the LabelValue of {place} is 0, which is no object")
        found.append(_Entry(plain_name(one.get("Name", "")) or None, layer, value))
    return found


def _numbered(entries: Sequence[_Entry], values: Collection[int]) -> list[_Entry]:
    """The segments of a file of one layer, each with a value; none where values are ambiguous."""
    if len(entries) == 1 or all(entry.value is not None for entry in entries):
        return list(entries)
    if any(entry.value is not None for entry in entries) or len(values) > len(entries):
        return []
    numbered = [replace(entry, value=n) for n, entry in enumerate(entries, start=1)]
    return numbered if set(values) <= {entry.value for entry in numbered} else []


def _number(fields: Mapping[str, str], name: str, place: str) -> int | None:
    """A field of a segment as a whole number; None where it is missing or empty."""
    text = fields.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise InputError(f"{name} of {place} must be a whole number, got {text!r}")
    return int(text)

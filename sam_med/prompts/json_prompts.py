"""JSON prompts: named objects in voxels or millimetres, read from and written to JSON.

```
{"format": "sam-med-prompts", "version": 1, "space": "LPS",
 "objects": [{
   "label": "liver", "value": 5,
   "box": [-62.5, -20, 91, 10, 48.5, 150],
   "slice_boxes": [{"axis": "k", "corners": [[12, -30, 91], [48, -2, 91]]}],
   "points": [{"at": [20, 10, 120], "positive": true}]}]}
```
The edges of a box in mm are parallel to the patient's axes; a box along the voxels of an oblique
scan is written as its eight `box_corners`. A mask is always in voxels. docs/prompts-medical.md
describes the format.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.errors import PromptError
from sam_med.geometry.slice_box import AXIS_NAMES, SliceBox, axis_of
from sam_med.geometry.voxel_box import (
    SPACES,
    Space,
    box_from_ijk,
    box_from_lps,
    corners_of,
    to_lps,
    window_around,
    window_ijk,
)
from sam_med.objects.snomed import Code
from sam_med.prompts.flags import point_at
from sam_med.prompts.json_fields import Fields, parse_json
from sam_med.prompts.object_prompt import ObjectPrompt, VoxelMask, check_objects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_common.window import Window
    from sam_med.geometry.volume import Volume
    from sam_med.prompts.object_prompt import VoxelPoint

FORMAT, VERSION = "sam-med-prompts", 1
DECIMALS = 9
"""Digits of a voxel index: more of them would hold the rounding errors of millimetres, and equal
prompts would have different hashes."""
CORNERS = 8
NDIM = 3


def prompts_to_json(
    prompts: Sequence[ObjectPrompt], *, space: Space = "ijk", volume: Volume | None = None
) -> str:
    """Prompts as one line of canonical JSON: equal prompts give equal bytes.

    Args:
        prompts: The objects, in their order.
        space: Space of the numbers: voxel indices ("ijk"), or mm in "LPS" or "RAS".
        volume: The volume that the prompts lie in, needed for mm.

    Law:
        `prompts_from_json(prompts_to_json(p, space=s, volume=v), v) == p` (points to rounding)
    """
    record = describe_prompts(prompts, space=space, volume=volume)
    return json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False)


def prompts_sha256(prompts: Sequence[ObjectPrompt]) -> str:
    """The sha256 of the canonical JSON in voxels, by which a result identifies its prompts."""
    return hashlib.sha256(prompts_to_json(prompts).encode()).hexdigest()


def describe_prompts(
    prompts: Sequence[ObjectPrompt], *, space: Space = "ijk", volume: Volume | None = None
) -> dict[str, Any]:
    """Prompts as a JSON-able mapping, see `prompts_to_json`.

    Raises:
        PromptError: The space is mm, and there is no volume.
    """
    if space != "ijk" and volume is None:
        raise PromptError(f"prompts in {space} mm need the volume that they lie in")
    writer = _Writer(space, volume)
    return {
        "format": FORMAT,
        "version": VERSION,
        "space": space,
        "objects": [writer.object_(prompt) for prompt in prompts],
    }


def prompts_from_json(text: str, volume: Volume) -> list[ObjectPrompt]:
    """The objects of a JSON document; they are not clipped to the volume yet.

    Args:
        text: The document.
        volume: The volume that mm are converted with.

    Raises:
        PromptError: The text is no JSON or has another version, or a field is missing, unknown or
            invalid; the message says where.
    """
    top = Fields(parse_json(text, "the prompts"), "the prompts file")
    if top.has("markups"):
        raise PromptError("the prompts are markups of 3D Slicer: give the file a name in .mrk.json")
    top.only("format", "version", "space", "objects")
    if top.text("format") != FORMAT:
        raise PromptError(f'the prompts must have "format": "{FORMAT}", got {top.text("format")!r}')
    if (version := top.number("version")) != VERSION:
        raise PromptError(f"the prompts have version {version:g}: only version {VERSION} is known")
    space = _space(top)
    found: list[ObjectPrompt] = []
    for n, entry in enumerate(top.objects("objects"), start=1):
        found.append(_object(Fields(entry, f"object {n}"), space, n, volume))
    if not found:
        raise PromptError("the prompts have no objects")
    check_objects(found)
    return found


class _Writer:
    """Makes JSON-able records of prompts in one space."""

    def __init__(self, space: Space, volume: Volume | None) -> None:
        self._space = space
        self._volume = volume

    def object_(self, prompt: ObjectPrompt) -> dict[str, Any]:
        """The record of one object."""
        record: dict[str, Any] = {"label": prompt.label, "value": prompt.value}
        if prompt.code is not None:
            record["code"] = _code_record(prompt.code)
        if prompt.box is not None:
            record |= self._box(prompt.box)
        if prompt.slice_boxes:
            record["slice_boxes"] = [self._slice_box(part) for part in prompt.slice_boxes]
        if prompt.points:
            record["points"] = [self._point(point) for point in prompt.points]
        if prompt.mask is not None:
            record["mask"] = _mask_record(prompt.mask)
        return record

    def _box(self, box: Window) -> dict[str, Any]:
        """The field of a (k, j, i) box: six indices, or eight corners in mm."""
        if self._volume is None or self._space == "ijk":
            return {"box": list(window_ijk(box))}
        return {"box_corners": to_lps(corners_of(box, self._volume), self._space).tolist()}

    def _slice_box(self, part: SliceBox) -> dict[str, Any]:
        """The record of a box on a slice: indices, or two corners in mm."""
        letter = AXIS_NAMES[part.axis]
        if self._volume is None or self._space == "ijk":
            return {"axis": letter, "index": part.index, "box": list(part.ijk)}
        corners = to_lps(part.corners_lps(self._volume), self._space)
        return {"axis": letter, "corners": corners.tolist()}

    def _point(self, point: VoxelPoint) -> dict[str, Any]:
        """The record of a point, with rounded indices or mm."""
        if self._volume is None or self._space == "ijk":
            at = [round(v, DECIMALS) + 0.0 for v in point.index_kji[::-1]]
        else:
            at = to_lps(self._volume.to_world(point.index_kji), self._space).tolist()
        return {"at": at, "positive": point.positive}


def _object(fields: Fields, space: Space, number: int, volume: Volume) -> ObjectPrompt:
    """The object of a record; without a stated value it has its number in the list, from 1."""
    fields.only(
        "label", "value", "space", "code", "box", "box_corners", "slice_boxes", "points", "mask"
    )
    label = fields.text("label")
    here = fields.named(label)
    own = _space(here) if here.has("space") else space
    value = here.whole("value") if here.has("value") else number
    return ObjectPrompt(
        label=label,
        value=value,
        box=_read_box(here, own, volume),
        slice_boxes=tuple(_read_slice_box(part, own, volume) for part in here.each("slice_boxes")),
        points=tuple(_read_point(part, own, volume) for part in here.each("points")),
        mask=_read_mask(here.inner("mask"), volume) if here.has("mask") else None,
        code=_read_code(here.inner("code")) if here.has("code") else None,
    )


def _space(fields: Fields) -> Space:
    """The space of a record; letter case makes no difference."""
    text = fields.text("space")
    for space in SPACES:
        if text.lower() == space.lower():
            return space
    raise PromptError(f"space of {fields.place} must be {', '.join(SPACES)}, got {text!r}")


def _read_box(fields: Fields, space: Space, volume: Volume) -> Window | None:
    """The (k, j, i) box of a record; None where it has no box."""
    if fields.has("box") and fields.has("box_corners"):
        raise PromptError(f"{fields.place} has a box and box_corners: give one of them")
    if fields.has("box_corners"):
        if space == "ijk":
            raise PromptError(f"box_corners of {fields.place} are mm, but its space is ijk")
        corners = fields.rows("box_corners", CORNERS, NDIM)
        return window_around(to_lps(corners, space), volume)
    if not fields.has("box"):
        return None
    numbers = fields.numbers("box", 2 * NDIM)
    if space == "ijk":
        return box_from_ijk(numbers)
    return box_from_lps(numbers, volume, space=space)


def _read_slice_box(fields: Fields, space: Space, volume: Volume) -> SliceBox:
    """The box on a slice of a record."""
    axis = axis_of(fields.text("axis"))
    if space == "ijk":
        fields.only("axis", "index", "box")
        return SliceBox.from_ijk(axis, fields.whole("index"), fields.numbers("box", 4))
    fields.only("axis", "corners")
    corners = np.asarray(fields.rows("corners", 2, NDIM))
    return SliceBox.from_corners(axis, to_lps(corners, space), volume)


def _read_point(fields: Fields, space: Space, volume: Volume) -> VoxelPoint:
    """The point of a record; it is in the object where nothing else is stated."""
    fields.only("at", "positive")
    positive = fields.flag("positive") if fields.has("positive") else True
    return point_at(fields.numbers("at", NDIM), volume, space, positive=positive)


def _code_record(code: Code) -> dict[str, Any]:
    """The record of a code, with its modifier."""
    record: dict[str, Any] = {
        "value": code.value,
        "scheme": code.scheme,
        "meaning": code.meaning,
    }
    if code.modifier is not None:
        record["modifier"] = _code_record(code.modifier)
    return record


def _read_code(fields: Fields, *, modifier: bool = True) -> Code:
    """The code of a record; a modifier has no modifier of its own."""
    known = ("value", "scheme", "meaning", *(["modifier"] if modifier else []))
    fields.only(*known)
    inner = fields.inner("modifier") if fields.has("modifier") else None
    return Code(
        fields.text("value"),
        fields.text("scheme"),
        fields.text("meaning"),
        None if inner is None else _read_code(inner, modifier=False),
    )


def _mask_record(mask: VoxelMask) -> dict[str, Any]:
    """The record of a mask: run lengths, background first, with i fastest, then j, then k."""
    flat = mask.mask.ravel()
    changes = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *changes.tolist(), flat.size]).tolist()
    return {
        "start": list(mask.window.start[::-1]),
        "size": list(mask.window.shape[::-1]),
        "runs": [0, *runs] if flat[0] else runs,
    }


def _read_mask(fields: Fields, volume: Volume) -> VoxelMask:
    """The mask of a record of run lengths."""
    fields.only("start", "size", "runs")
    start = [fields.as_whole("start", v) for v in fields.numbers("start", NDIM)]
    size = [fields.as_whole("size", v) for v in fields.numbers("size", NDIM)]
    if any(n > limit for n, limit in zip(size, volume.shape[::-1], strict=True)):
        raise PromptError(
            f"size of {fields.place} must be at most the volume's {list(volume.shape[::-1])}, "
            f"got {size}"
        )
    runs = [fields.as_whole("runs", v) for v in fields.numbers("runs")]
    total = math.prod(size)
    if min(size) < 1 or min(runs, default=-1) < 0 or sum(runs) != total:
        raise PromptError(
            f"runs of {fields.place} must be at least 0 and sum to the size {size}, "
            f"got {len(runs)} that sum to {sum(runs)}"
        )
    values = np.arange(len(runs)) % 2
    flat = np.repeat(values, runs)
    return VoxelMask.from_array(flat.reshape(size[::-1]), tuple(start[::-1]))

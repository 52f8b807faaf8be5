"""Files of corrections: JSON of this package, or markups of 3D Slicer.

```
{"format": "sam-med-corrections", "version": 1, "space": "ijk",
 "corrections": [
   {"label": "liver", "kind": "click", "points": [[81, 67, 89]], "positive": false},
   {"label": "liver", "kind": "lasso", "axis": "k", "points": [[60, 60, 88], ...]},
   {"label": "liver", "kind": "box", "axis": "k", "index": 88, "box": [75, 59, 87, 75]}]}
```
In .mrk.json each point of a point list is a click, a curve a scribble, a closed curve a lasso and a
line a line, of the object that has the markup's name; where the first point is described as
"background", it is not the object. A correction without a label is one of the only object.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.errors import PromptError
from sam_med.corrections.marks import KINDS, Mark
from sam_med.geometry.slice_box import AXES, AXIS_NAMES, SliceBox, axis_of
from sam_med.geometry.voxel_box import SPACES, to_lps
from sam_med.prompts.files import JSON_SUFFIX, MARKUPS_SUFFIX
from sam_med.prompts.flags import parse_point, point_at
from sam_med.prompts.json_fields import Fields, parse_json, read_text
from sam_med.prompts.json_prompts import DECIMALS
from sam_med.prompts.markups import markup_name, markup_points, markup_space

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from sam_med.corrections.marks import Kind
    from sam_med.geometry.slice_box import Axis
    from sam_med.geometry.volume import Volume
    from sam_med.geometry.voxel_box import Space

FORMAT, VERSION = "sam-med-corrections", 1
MARKUP_KINDS: dict[str, Kind] = {
    "Fiducial": "click",
    "Curve": "scribble",
    "ClosedCurve": "lasso",
    "Line": "line",
}
"""Type of a markup to the kind of mark that it is."""
NAME_END = "@"


@dataclass(frozen=True, slots=True)
class GivenCorrection:
    """One correction of a named object."""

    label: str | None
    """Name of the object; None for the only one."""
    correction: Mark | SliceBox


def read_corrections(path: Path, volume: Volume) -> list[GivenCorrection]:
    """The corrections of a .json or .mrk.json file, in their order.

    Args:
        path: The file.
        volume: The volume that mm are converted with.

    Raises:
        PromptError: The file does not exist, is none of both, or holds a wrong correction; the
            message says which.
    """
    name = path.name.lower()
    if not name.endswith(JSON_SUFFIX):
        raise PromptError(
            f"corrections are {JSON_SUFFIX} or {MARKUPS_SUFFIX}, got a file of another kind"
        )
    text = read_text(path, "the corrections")
    if name.endswith(MARKUPS_SUFFIX):
        return corrections_from_markups(text, volume)
    return corrections_from_json(text, volume)


def corrections_from_json(text: str, volume: Volume) -> list[GivenCorrection]:
    """The corrections of a JSON document, see this module.

    Raises:
        PromptError: The text is something else, or a field is invalid; the message says where.
    """
    fields = Fields(parse_json(text, "the corrections"), "the corrections")
    fields.only("format", "version", "space", "corrections")
    if fields.text("format") != FORMAT or fields.whole("version") != VERSION:
        raise PromptError(f"the corrections must have the format {FORMAT}, version {VERSION}")
    space = _space(fields)
    found = [_given(one, space, volume) for one in fields.each("corrections")]
    if not found:
        raise PromptError("the file of corrections has no corrections")
    return found


def corrections_from_markups(text: str, volume: Volume) -> list[GivenCorrection]:
    """The corrections of a .mrk.json document of 3D Slicer.

    Raises:
        PromptError: The text is no JSON or has no markups, or a markup is no correction.
    """
    entries = Fields(parse_json(text, "the markups"), "the markups file").each("markups")
    found = [
        GivenCorrection(markup_name(entry, number), mark)
        for number, entry in enumerate(entries, start=1)
        for mark in _marks_of(entry, volume)
    ]
    if not found:
        raise PromptError("the markups file has no markups")
    return found


def corrections_from_clicks(
    option: str, texts: Iterable[str], volume: Volume, space: Space
) -> list[GivenCorrection]:
    """Clicks of the command line: i,j,k or i,j,k,0 for the background, NAME@ in front or not.

    Raises:
        PromptError: A text is something else.
    """
    found = []
    for text in texts:
        name, at, rest = text.rpartition(NAME_END)
        if at and not name.strip():
            raise PromptError(f"a label needs a name, got an empty one in {text!r}")
        point = parse_point(option, rest, volume, space)
        mark = Mark("click", (point.index_kji,), positive=point.positive)
        found.append(GivenCorrection(name.strip() or None, mark))
    return found


def corrections_to_json(corrections: Sequence[GivenCorrection]) -> dict[str, Any]:
    """Corrections in voxel indices as values of JSON that `corrections_from_json` reads.

    Law:
        `corrections_from_json(json.dumps(corrections_to_json(c)), volume) == c`
    """
    return {
        "format": FORMAT,
        "version": VERSION,
        "space": "ijk",
        "corrections": [_record(one) for one in corrections],
    }


def corrections_sha256(corrections: Sequence[GivenCorrection]) -> str:
    """The hash of corrections: equal ones have equal hashes."""
    text = json.dumps(corrections_to_json(corrections), sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _given(fields: Fields, space: Space, volume: Volume) -> GivenCorrection:
    """The correction of a record."""
    label = fields.text("label") if fields.has("label") else None
    kind = fields.text("kind")
    if kind == "box":
        return GivenCorrection(label, _box(fields, space, volume))
    fields.only("label", "kind", "points", "positive", "axis")
    if kind not in KINDS:
        raise PromptError(f"kind of {fields.place} must be box, {', '.join(KINDS)}, got {kind!r}")
    rows = fields.objects("points")
    points = fields.rows("points", len(rows), len(AXES))
    positive = fields.flag("positive") if fields.has("positive") else True
    axis = axis_of(fields.text("axis")) if fields.has("axis") else None
    places = tuple(point_at(point, volume, space).index_kji for point in points)
    try:
        mark = Mark(kind, places, positive=positive, axis=axis)
    except PromptError as error:
        raise PromptError(f"{fields.place}: {error}") from error
    return GivenCorrection(label, mark)


def _box(fields: Fields, space: Space, volume: Volume) -> SliceBox:
    """The box on a slice of a record: voxel numbers, ends included, or two corners in mm."""
    axis: Axis = axis_of(fields.text("axis"))
    if space == "ijk":
        fields.only("label", "kind", "axis", "index", "box")
        return SliceBox.from_ijk(axis, fields.whole("index"), fields.numbers("box", 4))
    fields.only("label", "kind", "axis", "corners")
    corners = np.asarray(fields.rows("corners", 2, len(AXES)))
    return SliceBox.from_corners(axis, to_lps(corners, space), volume)


def _space(fields: Fields) -> Space:
    """The space of the numbers; voxel indices where none is stated."""
    text = fields.text("space") if fields.has("space") else "ijk"
    for space in SPACES:
        if text.lower() == space.lower():
            return space
    raise PromptError(f"space of {fields.place} must be {', '.join(SPACES)}, got {text!r}")


def _marks_of(entry: Fields, volume: Volume) -> list[Mark]:
    """The marks of a markup: one for each point of a point list, else one."""
    kind = entry.text("type")
    if kind not in MARKUP_KINDS:
        raise PromptError(
            f"{entry.place} is a {kind}: only {', '.join(MARKUP_KINDS)} are corrections "
            "(delete it from the file)"
        )
    points = markup_points(entry, markup_space(entry), volume)
    if kind == "Fiducial":
        return [Mark("click", (one.index_kji,), positive=one.positive) for one in points]
    places = tuple(one.index_kji for one in points)
    try:
        return [Mark(MARKUP_KINDS[kind], places, positive=points[0].positive)]
    except PromptError as error:
        raise PromptError(f"{entry.place}: {error}") from error


def _record(given: GivenCorrection) -> dict[str, Any]:
    """The record of a correction, in voxel indices."""
    record: dict[str, Any] = {} if given.label is None else {"label": given.label}
    one = given.correction
    if isinstance(one, SliceBox):
        letter = AXIS_NAMES[one.axis]
        return {**record, "kind": "box", "axis": letter, "index": one.index, "box": list(one.ijk)}
    points = [[round(v, DECIMALS) + 0.0 for v in point[::-1]] for point in one.points_kji]
    record |= {"kind": one.kind, "points": points, "positive": one.positive}
    return record if one.axis is None else record | {"axis": AXIS_NAMES[one.axis]}

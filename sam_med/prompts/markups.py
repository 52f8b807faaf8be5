"""Markups: point lists and boxes (ROI) of 3D Slicer, from .mrk.json files, as prompts.

They are read as version 1.0 of the schema defines them: millimetres in LPS or RAS; the columns of
`orientation` of an ROI are the directions of its edges, and `size` holds the lengths of the edges.

```
"type": "Fiducial"   every control point is a point in the object; a point with the description
                     "background" is outside of it
"type": "ROI"        a box; where it is turned against the voxels, the voxel box around it is
                     used, and a note says how much larger that box is
```
Markups of one name are one object. The name is that of the markup, else the label of its first
point without its number ("F-1" becomes F), else object_1 and so on.
"""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import PromptError
from sam_med.annotations.drawing import Drawing
from sam_med.geometry import frame as frames
from sam_med.geometry.voxel_box import to_lps, window_around
from sam_med.objects.object_size import MM3_PER_ML
from sam_med.prompts.drawings import boxes_of_drawings
from sam_med.prompts.flags import point_at
from sam_med.prompts.json_fields import Fields, parse_json
from sam_med.prompts.object_prompt import ObjectPrompt, VoxelPoint

if TYPE_CHECKING:
    from sam_common.frame import FloatArray
    from sam_common.window import Window
    from sam_med.geometry.volume import Volume
    from sam_med.geometry.voxel_box import Space

KNOWN = ("Fiducial", "ROI", "Line", "ClosedCurve")
LINE_POINTS, OUTLINE_POINTS = 2, 3
ROI_TYPES = ("Box", "BoundingBox")
BACKGROUND = ("background", "negative")
"""Descriptions of control points that lie outside of the object."""
ORTHOGONAL_TOLERANCE = 1e-3
"""Tolerance of lengths and scalar products of the directions of an ROI."""
LARGER = 1.05
"""Ratio of the volume around a turned ROI, before it is enlarged to whole voxels, to the volume of
the ROI, from which on a note says so."""
UNNUMBERED = re.compile(r"[-_ ]?\d+$")


@dataclass(slots=True)
class _Markup:
    """The prompts of one object while markups are read."""

    box: Window | None = None
    points: list[VoxelPoint] = field(default_factory=list)
    drawings: list[Drawing] = field(default_factory=list)
    """Lines and outlines on slices."""


def prompts_from_markups(text: str, volume: Volume) -> tuple[list[ObjectPrompt], list[str]]:
    """The objects of a .mrk.json document, with the values 1, 2, 3 ...

    Args:
        text: The document.
        volume: The volume that mm are converted with; prompts are not clipped to it yet.

    Returns:
        The prompts, and notes for the user, one sentence each.

    Raises:
        PromptError: The text is no JSON or has no markups, a markup has a type that is no prompt,
            or a field is invalid; the message says where.
    """
    entries = Fields(parse_json(text, "the markups"), "the markups file").each("markups")
    found: dict[str, _Markup] = {}
    notes: list[str] = []
    for number, entry in enumerate(entries, start=1):
        name = markup_name(entry, number)
        home = found.setdefault(name, _Markup())
        _add(entry, name, home, notes, volume)
    if not found:
        raise PromptError("the markups file has no markups")
    objects = [
        ObjectPrompt(
            name,
            value,
            markup.box,
            boxes_of_drawings(name, markup.drawings, volume),
            tuple(markup.points),
        )
        for value, (name, markup) in enumerate(found.items(), start=1)
    ]
    return objects, notes


def _add(entry: Fields, name: str, home: _Markup, notes: list[str], volume: Volume) -> None:
    """Add the points, the box, the line or the outline of a markup to its object."""
    kind = entry.text("type")
    if kind not in KNOWN:
        raise PromptError(
            f"{entry.place} is a {kind}: only {', '.join(KNOWN)} are prompts "
            "(delete it from the file)"
        )
    space = markup_space(entry)
    if kind == "Fiducial":
        home.points.extend(markup_points(entry, space, volume))
        return
    if kind in {"Line", "ClosedCurve"}:
        home.drawings.append(_drawing(entry, kind, space, volume))
        return
    if home.box is not None:
        raise PromptError(f"label {name} has two ROIs: an object takes one box (rename one)")
    corners = to_lps(_roi_corners(entry), space)
    home.box = window_around(corners, volume)
    notes.extend(_turn_notes(name, corners, home.box, volume))


def _drawing(entry: Fields, kind: str, space: Space, volume: Volume) -> Drawing:
    """The line or the outline of a markup."""
    points = np.array([point.index_kji for point in markup_points(entry, space, volume)])
    if kind == "Line":
        if len(points) != LINE_POINTS or np.array_equal(points[0], points[1]):
            raise PromptError(f"{entry.place} is a line, which has two different ends")
        return Drawing("line", points)
    if len(points) < OUTLINE_POINTS:
        raise PromptError(
            f"{entry.place} is a closed curve, which takes three or more points, got {len(points)}"
        )
    return Drawing("outline", points)


def markup_name(entry: Fields, number: int) -> str:
    """The name of the object that a markup belongs to; `number` is that of the markup, from 1."""
    if entry.has("name") and (name := entry.text("name").strip()):
        return name
    for point in entry.each("controlPoints"):
        if point.has("label") and (label := UNNUMBERED.sub("", point.text("label").strip())):
            return label
    return f"object_{number}"


def markup_space(entry: Fields) -> Space:
    """The coordinate system of a markup, whose unit must be mm; LPS where none is stated."""
    text = entry.text("coordinateSystem") if entry.has("coordinateSystem") else "LPS"
    if text not in {"LPS", "RAS"}:
        raise PromptError(f"coordinateSystem of {entry.place} must be LPS or RAS, got {text!r}")
    if entry.has("coordinateUnits"):
        units = entry.first_text("coordinateUnits")
        if units != "mm":
            raise PromptError(f"coordinateUnits of {entry.place} must be mm, got {units!r}")
    return "LPS" if text == "LPS" else "RAS"


def markup_points(entry: Fields, space: Space, volume: Volume) -> list[VoxelPoint]:
    """The control points of a markup that were placed; others have no position yet."""
    found = []
    for point in entry.each("controlPoints"):
        if point.has("positionStatus") and point.text("positionStatus") != "defined":
            continue
        description = point.text("description") if point.has("description") else ""
        positive = description.strip().lower() not in BACKGROUND
        found.append(point_at(point.numbers("position", 3), volume, space, positive=positive))
    if not found:
        raise PromptError(f"{entry.place} has no control points that were placed")
    return found


def _roi_corners(entry: Fields) -> FloatArray:
    """The (8, 3) corners of an ROI in mm, in the coordinate system of the markup."""
    if entry.has("insideOut") and entry.flag("insideOut"):
        raise PromptError(f"{entry.place} is inside out: a box cannot stand for what is around it")
    roi_type = entry.text("roiType") if entry.has("roiType") else "Box"
    if roi_type not in ROI_TYPES:
        raise PromptError(
            f"roiType of {entry.place} must be {' or '.join(ROI_TYPES)}, got {roi_type!r}"
        )
    centre, size = np.array(entry.numbers("center", 3)), np.array(entry.numbers("size", 3))
    if not size.min() > 0:
        raise PromptError(f"size of {entry.place} must be above 0 mm, got {size.tolist()}")
    axes = np.eye(3)
    if entry.has("orientation"):
        axes = np.reshape(entry.numbers("orientation", 9), (3, 3))
    if np.abs(axes.T @ axes - np.eye(3)).max() > ORTHOGONAL_TOLERANCE:
        raise PromptError(
            f"orientation of {entry.place} must be three perpendicular unit vectors, "
            f"got {axes.ravel().tolist()}"
        )
    signs = np.array(list(itertools.product((-0.5, 0.5), repeat=3)))
    return np.asarray(centre + (signs * size) @ axes.T)


def _turn_notes(name: str, corners: FloatArray, box: Window, volume: Volume) -> list[str]:
    """A note on how much larger the voxel box is than a turned ROI; none for an ROI that is not.

    Args:
        name: Name of the object.
        corners: (8, 3) corners of the ROI in LPS mm.
        box: (k, j, i) voxels around the ROI.
        volume: The volume of the voxels.
    """
    index = volume.to_index(corners)
    # corners are in the order (-, -, -), (-, -, +), ...: three edges start at the first one
    own = abs(float(np.linalg.det(index[[4, 2, 1]] - index[0])))
    # measured before the box is enlarged to whole voxels
    if float(np.prod(np.ptp(index, axis=0))) < LARGER * own:
        return []
    millilitres = frames.voxel_volume_mm3(volume.frame) / MM3_PER_ML
    around = math.prod(box.shape)
    note = (
        f"the ROI of label {name} is turned against the voxels: the smallest voxel box around it "
        f"is {around / own:.2f} times as large ({around * millilitres:.3g} ml instead of "
        f"{own * millilitres:.3g} ml)"
    )
    return [note]

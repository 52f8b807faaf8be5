"""3D Slicer's markups (.mrk.json): lists of points and boxes (ROI) become prompts.

Read as version 1.0 of the schema defines them: millimetres in LPS or RAS; the columns of an ROI's
`orientation` are the directions of its edges, `size` their lengths.

```
"type": "Fiducial"   every control point is a point in the object; one whose description is
                     "background" is a point outside of it
"type": "ROI"        a box; where it is turned against the voxels, the voxel box around it is
                     taken, and a note says how much larger that is
```
Markups of one name are one object. The name is the markup's own, else its first point's label
without the number ("F-1" is F), else object_1 and so on.
"""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import PromptError
from sam_med.geometry import frame as frames
from sam_med.geometry.voxel_box import to_lps, window_around
from sam_med.prompts.flags import point_at
from sam_med.prompts.json_fields import Fields, parse_json
from sam_med.prompts.object_prompt import ObjectPrompt, VoxelPoint

if TYPE_CHECKING:
    from sam_common.frame import FloatArray
    from sam_common.window import Window
    from sam_med.geometry.volume import Volume
    from sam_med.geometry.voxel_box import Space

KNOWN = ("Fiducial", "ROI")
ROI_TYPES = ("Box", "BoundingBox")
BACKGROUND = ("background", "negative")
"""Descriptions of a control point that is not in the object."""
ORTHOGONAL_TOLERANCE = 1e-3
LARGER = 1.05
"""A voxel box is said to be larger than the ROI from this share of volume on; the snap to whole
voxels is counted apart."""
MM3_PER_ML = 1000.0
UNNUMBERED = re.compile(r"[-_ ]?\d+$")


@dataclass(slots=True)
class _Markup:
    """What is known of one object so far."""

    box: Window | None = None
    points: list[VoxelPoint] = field(default_factory=list)


def prompts_from_markups(text: str, volume: Volume) -> tuple[list[ObjectPrompt], list[str]]:
    """The objects of a .mrk.json document, with the values 1, 2, 3 ..., and notes for people.

    Args:
        text: The document.
        volume: Where the millimetres lie; nothing is clipped to it yet.

    Raises:
        PromptError: No JSON, no markups, a kind that is no prompt, or fields that make no sense.
    """
    entries = Fields(parse_json(text, "the markups"), "the markups file").each("markups")
    found: dict[str, _Markup] = {}
    notes: list[str] = []
    for number, entry in enumerate(entries, start=1):
        name = _name_of(entry, number)
        home = found.setdefault(name, _Markup())
        _add(entry, name, home, notes, volume)
    if not found:
        raise PromptError("the markups file has no markups")
    objects = [
        ObjectPrompt(name, value, box=markup.box, points=tuple(markup.points))
        for value, (name, markup) in enumerate(found.items(), start=1)
    ]
    return objects, notes


def _add(entry: Fields, name: str, home: _Markup, notes: list[str], volume: Volume) -> None:
    kind = entry.text("type")
    if kind not in KNOWN:
        raise PromptError(
            f"{entry.place} is a {kind}: only {' and '.join(KNOWN)} are prompts "
            "(delete it from the file)"
        )
    space = _space_of(entry)
    if kind == "Fiducial":
        home.points.extend(_points(entry, space, volume))
        return
    if home.box is not None:
        raise PromptError(f"label {name} has two ROIs: an object takes one box (rename one)")
    corners = to_lps(_roi_corners(entry), space)
    home.box = window_around(corners, volume)
    notes.extend(_turn_notes(name, corners, home.box, volume))


def _name_of(entry: Fields, number: int) -> str:
    if entry.has("name") and (name := entry.text("name").strip()):
        return name
    for point in entry.each("controlPoints"):
        if point.has("label") and (label := UNNUMBERED.sub("", point.text("label").strip())):
            return label
    return f"object_{number}"


def _space_of(entry: Fields) -> Space:
    text = entry.text("coordinateSystem") if entry.has("coordinateSystem") else "LPS"
    if text not in {"LPS", "RAS"}:
        raise PromptError(f"coordinateSystem of {entry.place} must be LPS or RAS, got {text!r}")
    if entry.has("coordinateUnits"):
        units = entry.first_text("coordinateUnits")
        if units != "mm":
            raise PromptError(f"coordinateUnits of {entry.place} must be mm, got {units!r}")
    return "LPS" if text == "LPS" else "RAS"


def _points(entry: Fields, space: Space, volume: Volume) -> list[VoxelPoint]:
    """Control points that were placed; others have no position yet."""
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
    """The eight corners of an ROI in its own coordinate system."""
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
    """Says how much larger the voxel box is than a turned ROI."""
    index = volume.to_index(corners)
    # the corners come as (-, -, -), (-, -, +), ...: three edges leave the first one
    own = abs(float(np.linalg.det(index[[4, 2, 1]] - index[0])))
    # what the snap to whole voxels adds is no turn
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

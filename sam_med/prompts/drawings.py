"""Drawings as prompts: points, lines and outlines of DICOM SR and GSPS.

```
point                  a point in the object
line                   a box on its slice, around an ellipse of which it is the long axis
two lines that cross   the box around their four ends, as DeepLesion has it: long and short axis
outline, ellipse       the box around it on its slice
ellipsoid              a 3-D box
```
The ends of a line lie on the outline of the object, but a line says nothing of how wide the object
is: `WIDTH` is what fits lesions best (`tests/benchmarks/line_boxes.py`). Several drawings of an
object on one slice give one box around them all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import PromptError
from sam_med.geometry.slice_box import AXES, SliceBox
from sam_med.geometry.slice_plane import SlicePlane
from sam_med.geometry.voxel_box import enclosing
from sam_med.prompts.labels import names_apart
from sam_med.prompts.object_prompt import ObjectPrompt, VoxelPoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_common.frame import FloatArray
    from sam_common.window import Window
    from sam_med.annotations.drawing import Annotation, AnnotationFile, Drawing
    from sam_med.geometry.slice_box import Axis
    from sam_med.geometry.volume import Volume

WIDTH = 0.75
"""Short axis of an object as a share of its long axis, where only that was drawn."""
CROSSING_DEGREES = 45.0
"""Least angle between the long and the short axis of an object; else they are two lengths."""
ON_SLICE = 0.5
"""Distance from the middle of a slice, in voxels, within which a drawing lies on it."""


@dataclass(slots=True)
class _Slice:
    """What was drawn of an object on one slice."""

    lines: list[FloatArray] = field(default_factory=list)
    """(2, 2) ends of lines as (row, column)."""
    corners: list[FloatArray] = field(default_factory=list)
    """(n, 2) points whose box is drawn around the object."""


def prompts_from_annotations(
    file: AnnotationFile, volume: Volume
) -> tuple[list[ObjectPrompt], list[str]]:
    """The objects of annotations, with the values 1, 2, 3 ...

    Args:
        file: At least one annotation.
        volume: The volume that they were drawn on; prompts are not clipped to it yet.

    Returns:
        The prompts, and notes for the user, one sentence each.

    Raises:
        PromptError: No drawing of an object lies on a slice of the volume.
    """
    notes: list[str] = []
    given = [one.name or f"object_{n}" for n, one in enumerate(file.annotations, start=1)]
    labels = names_apart(given, notes)
    objects = [
        _object(label, value, annotation, volume)
        for value, (label, annotation) in enumerate(
            zip(labels, file.annotations, strict=True), start=1
        )
    ]
    return objects, notes


def box_of_lines(volume: Volume, axis: Axis, index: int, lines: Sequence[FloatArray]) -> SliceBox:
    """The box of an object on a slice, from its long axis, or its long and its short axis.

    Args:
        volume: The volume that was drawn on.
        axis: Array axis of the slice.
        index: Index of the slice.
        lines: (2, 2) ends of each line as (row, column).
    """
    return _box(SlicePlane.of(volume.frame, axis), index, _Slice(lines=list(lines)))


def _object(label: str, value: int, annotation: Annotation, volume: Volume) -> ObjectPrompt:
    """The prompt of one object."""
    points: list[VoxelPoint] = []
    box: Window | None = None
    flat: list[Drawing] = []
    for drawing in annotation.drawings:
        if drawing.kind == "point":
            points += [VoxelPoint((k, j, i)) for k, j, i in drawing.points_kji.tolist()]
        elif drawing.kind == "ellipsoid":
            around = enclosing(ellipse_corners(drawing.points_kji))
            box = around if box is None else box.union(around)
        else:
            flat.append(drawing)
    return ObjectPrompt(label, value, box, boxes_of_drawings(label, flat, volume), tuple(points))


def boxes_of_drawings(
    label: str, drawings: Sequence[Drawing], volume: Volume
) -> tuple[SliceBox, ...]:
    """A box for each slice on which lines, outlines or ellipses of an object were drawn.

    Args:
        label: Name of the object, for messages.
        drawings: Neither points nor ellipsoids.
        volume: The volume that was drawn on.

    Raises:
        PromptError: A drawing lies on no slice along any axis.
    """
    slices: dict[tuple[Axis, int], _Slice] = {}
    for drawing in drawings:
        _add(drawing, label, slices)
    return tuple(
        _box(SlicePlane.of(volume.frame, axis), index, drawn)
        for (axis, index), drawn in slices.items()
    )


def _add(drawing: Drawing, label: str, slices: dict[tuple[Axis, int], _Slice]) -> None:
    """Add a drawing to what was drawn on its slice.

    Raises:
        PromptError: It lies on no slice along any axis.
    """
    for axis in AXES:
        along = drawing.points_kji[:, axis]
        index = math.floor(float(along.mean()) + 0.5)
        if np.abs(along - index).max() <= ON_SLICE:
            break
    else:
        raise PromptError(
            f"a {drawing.kind} of label {label} lies on no slice of the volume: draw it on one, "
            "axial, coronal or sagittal"
        )
    home = slices.setdefault((axis, index), _Slice())
    flat = np.delete(drawing.points_kji, axis, axis=1)
    if drawing.kind == "line":
        home.lines.append(flat)
    else:
        home.corners.append(ellipse_corners(flat) if drawing.kind == "ellipse" else flat)


def _box(plane: SlicePlane, index: int, drawn: _Slice) -> SliceBox:
    """The box around all that was drawn of an object on one slice."""
    corners = [*drawn.corners, *drawn.lines]
    lines = sorted(drawn.lines, key=lambda line: -_length(plane, line))
    if lines and not any(_cross(plane, lines[0], other) for other in lines[1:]):
        corners.append(ellipse_corners(_axes(plane, lines[0])))
    around = enclosing(np.concatenate(corners))
    return SliceBox(plane.axis, index, around)


def _cross(plane: SlicePlane, long: FloatArray, other: FloatArray) -> bool:
    """Whether a line is the short axis to a long one: at an angle of `CROSSING_DEGREES` or more."""
    one, two = (np.diff(plane.to_mm(line), axis=0)[0] for line in (long, other))
    across = abs(float(one[0] * two[1] - one[1] * two[0]))
    least = math.sin(math.radians(CROSSING_DEGREES))
    return across > least * _length(plane, long) * _length(plane, other)


def _axes(plane: SlicePlane, long: FloatArray) -> FloatArray:
    """Both ends of a long axis, and of a short axis of the usual width, as (row, column)."""
    ends = plane.to_mm(long)
    step = ends[1] - ends[0]
    across = WIDTH / 2 * np.array([-step[1], step[0]])
    middle = ends.mean(axis=0)
    return np.concatenate([long, plane.to_index(np.stack([middle - across, middle + across]))])


def _length(plane: SlicePlane, line: FloatArray) -> float:
    """The length in mm of a line on a slice, of which the ends are given as (row, column)."""
    ends = plane.to_mm(line)
    return float(np.linalg.norm(ends[1] - ends[0]))


def ellipse_corners(ends: FloatArray) -> FloatArray:
    """Two opposite corners of the box around an ellipse or an ellipsoid, along the array axes.

    Args:
        ends: (2 * axes, n) both ends of each axis; the box of an ellipse that is stretched is
            that of its axes stretched alike, so indices do.

    Returns:
        (2, n) corners.

    >>> ellipse_corners(np.array([[0.0, 5.0], [8.0, 5.0], [4.0, 3.0], [4.0, 7.0]])).tolist()
    [[0.0, 3.0], [8.0, 7.0]]
    """
    halves = (ends[1::2] - ends[::2]) / 2
    reach = np.sqrt((halves**2).sum(axis=0))
    middle = ends.mean(axis=0)
    return np.stack([middle - reach, middle + reach])

"""Prompts: markups of the scene as boxes and points in voxels.

A voxel covers half a voxel on each side of its index. The smallest voxel box that holds a markup is
taken, as `sam-med` does with the same markups in a file.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .volumes import SceneError, VolumeImage

EDGE_TOLERANCE = 0.01
"""Voxels; an edge this near to the border of a voxel lies on it. As in `sam_med.geometry.frame`."""
BACKGROUND = ("background", "negative")
"""Descriptions of a control point that is not in the object."""
LARGER = 1.05
TURNED = 1e-3
"""Of a view's normal in voxels, how much of it may lie in the slice."""
AXIS_NAMES = "kji"
CORNERS = 2


@dataclass(frozen=True)
class SliceBox:
    """A box on one slice."""

    axis: int
    """Array axis that the slice is fixed on: 0 is k, 1 is j, 2 is i."""
    index: int
    box: tuple[int, int, int, int]
    """Inclusive (x0, y0, x1, y1); x is the later array axis."""


@dataclass(frozen=True)
class Point:
    """A point in an object, or outside of it."""

    ijk: tuple[float, float, float]
    positive: bool


@dataclass(frozen=True)
class Mark:
    """A correction of a propagated object: a click, stroke, outline or line, or a wrong slice."""

    kind: str
    """"click", "scribble", "lasso", "line" or "not_this"."""
    points: tuple[tuple[float, float, float], ...]
    """(i, j, k) of each point."""
    positive: bool = True
    axis: int | None = None
    """Array axis of the slice, where it is known."""


def box_of_roi(roi: Any, image: VolumeImage) -> tuple[tuple[int, ...], str]:
    """The smallest voxel box around an ROI.

    Args:
        roi: vtkMRMLMarkupsROINode, turned or not.
        image: Whose voxels.

    Returns:
        Inclusive (i0, j0, k0, i1, j1, k1), and a note where the ROI is turned against the voxels,
        so that the box is larger; empty otherwise.

    Raises:
        SceneError: No ROI, one without size, or one that is inside out.
    """
    index = image.to_index(_corners(roi))
    low, high = _enclosing(index)
    # the corners come as (-, -, -), (-, -, +), ...: three edges leave the first one
    own = abs(float(np.linalg.det(index[[4, 2, 1]] - index[0])))
    around = float(np.prod(np.ptp(index, axis=0)))
    note = ""
    if around >= LARGER * own:
        note = (
            f"the ROI {roi.GetName()} is turned against the voxels: the voxel box around it is "
            f"{around / own:.2f} times as large"
        )
    return (*low, *high), note


def slice_box_of_roi(roi: Any, image: VolumeImage, axis: int, index: int) -> SliceBox:
    """Where an ROI crosses one slice.

    Raises:
        SceneError: It does not.
    """
    corners = image.to_index(_corners(roi))
    at = 2 - axis
    # those pairs of the eight corners that differ in one sign are its edges
    edges = [(a, b) for a in range(8) for b in range(a) if bin(a ^ b).count("1") == 1]
    crossed = [
        p + (index - p[at]) / (q[at] - p[at]) * (q - p)
        for p, q in ((corners[a], corners[b]) for a, b in edges)
        if (p[at] - index) * (q[at] - index) <= 0 and p[at] != q[at]
    ]
    if not crossed:
        low, high = corners[:, at].min(), corners[:, at].max()
        raise SceneError(
            f"the ROI {roi.GetName()} does not cross slice {AXIS_NAMES[axis]}={index}: it reaches "
            f"from {low:.1f} to {high:.1f}. Move it there in a slice view"
        )
    return _on_slice(np.array(crossed), axis, index)


def slice_box_of_line(line: Any, image: VolumeImage) -> SliceBox:
    """The box of which a line is the diagonal, on the slice along which the line lies.

    Raises:
        SceneError: It has not two points, or lies on no slice.
    """
    ends = np.array([line.GetNthControlPointPositionWorld(n) for n in _placed(line)])
    if len(ends) != CORNERS:
        raise SceneError(f"the line {line.GetName()} needs two points: place it on a slice")
    index = image.to_index(ends)
    spans = np.abs(index[1] - index[0])
    at = int(np.argmin(spans))
    places = {math.floor(v + 0.5) for v in index[:, at]}
    if len(places) != 1:
        raise SceneError(
            f"the line {line.GetName()} goes through several slices: draw it in a view that shows "
            "the slices of the volume (button 'Rotate to volume plane' of the slice view)"
        )
    return _on_slice(index, 2 - at, places.pop())


def slice_box_of_corners(corners: Any, image: VolumeImage, axis: int, index: int) -> SliceBox:
    """The box on a slice between two places that lie on it.

    Args:
        corners: World RAS mm (2, 3) of opposite corners, in any order.
        image: Whose voxels.
        axis: Array axis that the slice is fixed on.
        index: Number of the slice.
    """
    return _on_slice(image.to_index(corners), axis, index)


def slice_of_view(view: Any, image: VolumeImage) -> tuple[int, int]:
    """The slice that a slice view shows, as (array axis, index).

    Args:
        view: vtkMRMLSliceNode.
        image: Whose slices.

    Raises:
        SceneError: The view is turned against the slices, or shows none of them.
    """
    to_ras = view.GetSliceToRAS()
    middle = [to_ras.GetElement(n, 3) for n in range(3)]
    normal = [to_ras.GetElement(n, 2) for n in range(3)]
    start, end = image.to_index([middle, np.add(middle, normal)])
    along = np.abs(end - start)
    at = int(np.argmax(along))
    if np.delete(along, at).max() > TURNED * along[at]:
        raise SceneError(
            f"the view {view.GetName()} is turned against the slices of the volume: press 'Rotate "
            "to volume plane' there"
        )
    index = math.floor(start[at] + 0.5)
    if not 0 <= index < image.shape[2 - at]:
        raise SceneError(f"the view {view.GetName()} shows no slice of the volume: scroll to one")
    return 2 - at, index


def points_of_fiducials(fiducials: Any, image: VolumeImage) -> list[Point]:
    """Every point that was placed; one whose description is "background" is outside the object.

    Raises:
        SceneError: None was placed.
    """
    placed = _placed(fiducials)
    if not placed:
        raise SceneError(f"{fiducials.GetName()} has no points: place one")
    index = image.to_index([fiducials.GetNthControlPointPositionWorld(n) for n in placed])
    told = [fiducials.GetNthControlPointDescription(n).strip().lower() for n in placed]
    return [
        Point(tuple(float(v) for v in at), description not in BACKGROUND)
        for at, description in zip(index, told)
    ]


def marks_of(markups: Any, image: VolumeImage) -> list[Mark]:
    """The corrections that a markups node stands for.

    A point of a point list is a click, a curve a scribble, a closed curve a lasso, and a line the
    long axis. Of a curve all points of its course count, not only those that were placed. What is
    described as "background", of a curve its first point, is not the object.

    Args:
        markups: vtkMRMLMarkupsFiducialNode, CurveNode, ClosedCurveNode or LineNode.
        image: Whose voxels.

    Raises:
        SceneError: Another node, or too few points were placed.
    """
    kinds = {
        "vtkMRMLMarkupsFiducialNode": ("click", 1),
        "vtkMRMLMarkupsCurveNode": ("scribble", 2),
        "vtkMRMLMarkupsClosedCurveNode": ("lasso", 3),
        "vtkMRMLMarkupsLineNode": ("line", 2),
    }
    kind, least = kinds.get("" if markups is None else markups.GetClassName(), ("", 0))
    if not kind:
        raise SceneError("choose points, a curve, a closed curve or a line: draw it on a slice")
    placed = points_of_fiducials(markups, image)
    if len(placed) < least:
        raise SceneError(
            f"{markups.GetName()} has {len(placed)} of at least {least} points: draw it on a slice"
        )
    if kind == "click":
        return [Mark(kind, (point.ijk,), point.positive) for point in placed]
    points = tuple(point.ijk for point in placed)
    if kind != "line":
        course = markups.GetCurvePointsWorld()
        world = [course.GetPoint(n) for n in range(course.GetNumberOfPoints())]
        points = tuple(tuple(float(v) for v in at) for at in image.to_index(world))
    return [Mark(kind, points, placed[0].positive)]


def _placed(markups: Any) -> list[int]:
    return [
        n
        for n in range(markups.GetNumberOfControlPoints())
        if markups.GetNthControlPointPositionStatus(n) == markups.PositionDefined
    ]


def _corners(roi: Any) -> np.ndarray:
    """The eight corners of an ROI in world RAS mm, its own transforms included."""
    if roi is None or not roi.IsA("vtkMRMLMarkupsROINode"):
        raise SceneError("choose an ROI: make one with the markups toolbar")
    size = np.array(roi.GetSize())
    if not size.min() > 0:
        raise SceneError(f"the ROI {roi.GetName()} has no size: draw it in two views")
    if roi.GetInsideOut():
        raise SceneError(f"the ROI {roi.GetName()} is inside out: untick 'Inside out' in Markups")
    matrix = roi.GetObjectToNodeMatrix()
    corners = []
    for signs in itertools.product((-0.5, 0.5), repeat=3):
        world = [0.0, 0.0, 0.0]
        local = matrix.MultiplyPoint((*(signs * size), 1.0))
        roi.TransformPointToWorld(local[:3], world)
        corners.append(world)
    return np.array(corners)


def _enclosing(index: np.ndarray) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Inclusive first and last voxels (i, j, k) around fractional ones, outer edges included."""
    if not np.isfinite(index).all():
        raise SceneError(f"a prompt lies at no place of the volume: {index.tolist()}")
    # index 4 covers 3.5 .. 4.5, so the edges 3.5 and 5.5 enclose the indices 4 and 5
    low = [math.floor(v + 0.5 + EDGE_TOLERANCE) for v in index.min(axis=0)]
    stop = [math.ceil(v + 0.5 - EDGE_TOLERANCE) for v in index.max(axis=0)]
    return tuple(low), tuple(max(a, b - 1) for a, b in zip(low, stop))


def _on_slice(index: np.ndarray, axis: int, place: int) -> SliceBox:
    low, high = _enclosing(index)
    # array axes other than the slice's, later one first, are columns and rows
    x, y = (at for at in range(3) if at != 2 - axis)
    return SliceBox(axis, place, (low[x], low[y], high[x], high[y]))

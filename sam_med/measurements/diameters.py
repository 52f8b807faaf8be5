"""Diameters: long axis, short axis and maximum 3-D diameter of an object in millimetres.

```
long axis      longest distance between two points of the outline on one slice
short axis     longest distance between two points of that outline, perpendicular to the long axis
maximum 3-D    longest distance between two points of the surface
```
The first two are the longest diameter and its perpendicular of RECIST 1.1 (Eisenhauer et al. 2009).
Outlines run half way between voxels (`sam_med.measurements.outline`), so that one voxel is as long
as it is wide. The long axis equals pyradiomics' Maximum2DDiameterSlice, and the maximum 3-D
diameter its Maximum3DDiameter, on any grid whose axes are perpendicular.

An object of several pieces is measured as a whole. Of several long axes of one length, the one with
the longest short axis counts, so that no order of voxels decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import ConvexHull
from scipy.spatial.distance import cdist

from sam_med.geometry.slice_plane import SlicePlane
from sam_med.measurements.outline import outermost_points, outline_edges
from sam_med.objects.segments import crop

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from sam_common.frame import FloatArray
    from sam_common.window import Window
    from sam_med.geometry.slice_box import Axis
    from sam_med.geometry.volume import Volume
    from sam_med.objects.segments import Segment

SAME = 1e-9
"""Relative difference of two lengths that are equal but for rounding."""
BLOCK = 256
"""Points whose distances to all others are in memory at a time."""
EDGES = 4096
"""Edges whose crossings with a sweeping line are in memory at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Axes:
    """The long and the short axis of an object on one slice."""

    axis: Axis
    """Array axis along which the slice is cut."""
    index: int
    """Index of the slice along that axis."""
    long_mm: float
    """Longest distance between two points of the outline."""
    short_mm: float
    """Longest distance between two points of the outline, perpendicular to the long axis."""
    long_kji: FloatArray
    """(2, 3) array indices of the ends of the long axis."""
    short_kji: FloatArray
    """(2, 3) array indices of the ends of the short axis."""


def axes_of(volume: Volume, segment: Segment, axis: Axis = 0) -> Axes | None:
    """The long and the short axis of an object on the slices along an array axis.

    Args:
        volume: The grid; along the axes j and i, its slices must be evenly spaced.
        segment: The object; one mask of all its pieces.
        axis: Array axis along which the slices are cut.

    Returns:
        The axes on the slice with the longest diameter; None for an object without voxels.
    """
    plane = SlicePlane.of(volume.frame, axis)
    # the smallest window, so that empty voxels around the object change no digit
    tight, whole = crop(segment.mask)
    tight = tight.shift(segment.window.start)
    start = np.array([n for d, n in enumerate(tight.start) if d != axis])
    best: Axes | None = None
    for most_mm, index, mask in _longest_first(plane, tight, whole):
        if best is not None and most_mm < best.long_mm * (1 - SAME):
            break
        points = outermost_points(mask)
        long_mm, pairs = farthest(plane.to_mm(points))
        if best is not None and long_mm < best.long_mm * (1 - SAME):
            continue
        edges = outline_edges(mask)
        for pair in map(list, pairs):
            short_mm, ends = _across(plane.to_mm(edges), plane.to_mm(points[pair]))
            if best is None or _longer((long_mm, short_mm), (best.long_mm, best.short_mm)):
                short = plane.lift(plane.to_index(ends) + start, index)
                long = plane.lift(points[pair] + start, index)
                best = Axes(axis, index, long_mm, short_mm, long, short)
    return best


def maximum_3d_mm(volume: Volume, segment: Segment) -> float | None:
    """The longest distance in mm between two points of an object's surface; None for no voxel.

    Args:
        volume: The grid; uneven slices are at their true positions.
        segment: The object.
    """
    points = outermost_points(segment.mask)
    if not len(points):
        return None
    return farthest(volume.to_world(points + np.array(segment.window.start)))[0]


def farthest(points_mm: FloatArray) -> tuple[float, list[tuple[int, int]]]:
    """The longest distance between two of some points, and all pairs of that distance.

    Args:
        points_mm: (n, 2) or (n, 3) points that do not lie on one line or plane.

    Returns:
        The distance, and pairs of indices of `points_mm`.
    """
    # distances count, so that a scan far off the origin loses no digit
    corners = np.sort(ConvexHull(points_mm - points_mm.mean(axis=0)).vertices)
    longest, pairs = 0.0, []
    for first in range(0, len(corners), BLOCK):
        part = corners[first : first + BLOCK]
        apart = cdist(points_mm[part], points_mm[corners])
        longest = max(longest, float(apart.max()))
        near = np.argwhere(apart >= longest * (1 - SAME))
        pairs += [(float(apart[m, n]), int(part[m]), int(corners[n])) for m, n in near]
    least = longest * (1 - SAME)
    return longest, [(m, n) for length, m, n in pairs if length >= least and m < n]


def _longest_first(
    plane: SlicePlane, window: Window, mask: npt.NDArray[np.bool_]
) -> Iterator[tuple[float, int, npt.NDArray[np.bool_]]]:
    """A length that no diameter exceeds, index and mask of each slice, longest length first.

    A diameter is at most the diagonal of the box around the outline.
    """
    masks = np.moveaxis(mask, plane.axis, 0)
    bounds = {}
    for n, part in enumerate(masks):
        if part.any():
            corners = plane.to_mm(outermost_points(part))
            bounds[n] = float(np.linalg.norm(np.ptp(corners, axis=0)))
    for n in sorted(bounds, key=lambda n: (-bounds[n], n)):
        yield bounds[n], window.start[plane.axis] + n, masks[n]


def _longer(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether the first of two pairs of lengths is longer, differences by rounding left out."""
    for a, b in zip(one, other, strict=True):
        if abs(a - b) > SAME * max(a, b):
            return a > b
    return False


def _across(edges_mm: FloatArray, long_mm: FloatArray) -> tuple[float, FloatArray]:
    """The longest distance across an outline along one direction.

    A line perpendicular to the direction sweeps over the outline. The distance between its first
    and its last crossing changes linearly between the ends of edges, so it is longest at one.

    Args:
        edges_mm: (edges, 2, 2) ends of the edges of an outline.
        long_mm: (2, 2) ends of a line; the distance is measured perpendicular to it.

    Returns:
        The distance, and its (2, 2) ends.
    """
    along = (long_mm[1] - long_mm[0]) / np.linalg.norm(long_mm[1] - long_mm[0])
    across = np.array([-along[1], along[0]])
    places = edges_mm[..., 0] * along[0] + edges_mm[..., 1] * along[1]
    heights = edges_mm[..., 0] * across[0] + edges_mm[..., 1] * across[1]
    turned = places[:, 0] > places[:, 1]
    places[turned], heights[turned] = places[turned, ::-1], heights[turned, ::-1]
    rounding = SAME * float(np.ptp(places))
    stops = np.unique(places)
    low, high = np.full(len(stops), np.inf), np.full(len(stops), -np.inf)
    run = np.maximum(places[:, 1] - places[:, 0], rounding)
    # each edge is short, so it is met at few of the stops
    first = np.searchsorted(stops, places[:, 0] - rounding, "left")
    count = np.searchsorted(stops, places[:, 1] + rounding, "right") - first
    for begin in range(0, len(count), EDGES):
        met = count[begin : begin + EDGES]
        edge = begin + np.repeat(np.arange(len(met)), met)
        stop = np.arange(met.sum()) - np.repeat(np.cumsum(met) - met, met) + first[edge]
        part = np.clip((stops[stop] - places[edge, 0]) / run[edge], 0, 1)
        height = heights[edge, 0] + part * (heights[edge, 1] - heights[edge, 0])
        # an edge along the direction itself is met in both of its ends
        steep = run[edge] <= rounding
        np.minimum.at(low, stop, np.where(steep, heights[edge].min(axis=1), height))
        np.maximum.at(high, stop, np.where(steep, heights[edge].max(axis=1), height))
    # parallel sides have the longest distance at many stops: the one nearest to the middle counts
    longest = (high - low) >= (high - low).max() * (1 - SAME)
    away = np.where(longest, np.abs(stops - (long_mm @ along).mean()), np.inf)
    n = int(np.argmin(np.round(away / rounding)))
    return float(high[n] - low[n]), stops[n] * along + np.array([[low[n]], [high[n]]]) * across

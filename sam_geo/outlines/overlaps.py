"""Overlaps: which polygons share an area, whatever rounding made of the edges they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import shapely

if TYPE_CHECKING:
    import numpy.typing as npt

    Shapes: TypeAlias = npt.NDArray[np.object_]
    BoolArray: TypeAlias = npt.NDArray[np.bool_]
    IntArray: TypeAlias = npt.NDArray[np.int64]
    FloatArray: TypeAlias = npt.NDArray[np.float64]

ROUNDING = 2.0**-44
"""Distance that rounding may put between a vertex and an edge on which it lies, in parts of the
coordinates: a few hundred times the spacing of floats."""


def rounding(coordinates: FloatArray) -> FloatArray:
    """Distances below which (K, n) coordinates are the same, (K,), in their units."""
    return np.asarray(ROUNDING * np.abs(coordinates).max(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """Which of N polygons share an area."""

    keys: IntArray
    """Sorted numbers first * N + second, each pair in both orders."""
    touching: BoolArray
    """(N,) whether each one meets another that it does not overlap."""

    @classmethod
    def among(cls, shapes: Shapes) -> Overlaps:
        """Find the pairs of (N,) polygons that have more in common than rounding makes of edges."""
        count = len(shapes)
        first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
        first, second = first[first < second], second[first < second]
        meet = ~shapely.touches(shapes[first], shapes[second])
        # along the edges of pixels nothing is rounded
        turned = ~_is_upright(shapes)
        unsure = np.flatnonzero(meet & (turned[first] | turned[second]))
        meet[unsure] = _more_than_rounding(shapes[first[unsure]], shapes[second[unsure]])
        touching = np.zeros(count, dtype=np.bool_)
        touching[first[~meet]] = touching[second[~meet]] = True
        first, second = first[meet], second[meet]
        keys = np.concatenate([first * count + second, second * count + first])
        return cls(np.sort(keys), touching)

    def between(self, first: IntArray, second: IntArray) -> BoolArray:
        """Whether the polygons of (K,) pairs overlap; none does with itself."""
        if not len(self.keys):
            return np.zeros(len(first), dtype=np.bool_)
        keys = first * len(self.touching) + second
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.asarray(self.keys[at] == keys)


def _is_upright(shapes: Shapes) -> BoolArray:
    """Whether all edges of (N,) polygons are parallel to an axis."""
    parts, shape = shapely.get_parts(shapes, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    slanted = (xy[1:] != xy[:-1]).all(axis=1) & (ring[1:] == ring[:-1])
    of_edge = shape[part[ring[1:]]]
    return np.asarray(np.bincount(of_edge[slanted], minlength=len(shapes)) == 0)


def _more_than_rounding(first: Shapes, second: Shapes) -> BoolArray:
    """Whether (K,) pairs have more in common than rounding makes of the edges they share."""
    both = shapely.area(shapely.intersection(first, second))
    shorter = np.minimum(shapely.length(first), shapely.length(second))
    place = np.concatenate([shapely.bounds(each) for each in (first, second)], axis=1)
    return np.asarray(both > shorter * rounding(place))

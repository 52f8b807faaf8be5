"""Simplification: polygons with fewer vertices, without new gaps or overlaps between neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from sam_geo.outlines.arcs import arcs_of
from sam_geo.outlines.overlaps import rounding
from sam_geo.outlines.ragged import ranges

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_geo.outlines.arcs import Arcs

    Shapes = npt.NDArray[np.object_]
    BoolArray = npt.NDArray[np.bool_]
    IntArray = npt.NDArray[np.int64]

ROUNDS = 6
"""How often the tolerance is halved where something is in the way, until an edge stays as it is."""
LEAST_CLOSED = 4
"""Vertices of the smallest ring, its first one twice."""


def simplify(shapes: Shapes, tolerance: float, *, count: int | None = None) -> Shapes:
    """Simplify polygons so that neighbours keep sharing their common edges.

    No vertex that is taken out lies farther from the new outline than the tolerance (Douglas and
    Peucker 1973). What two polygons share is simplified once, between the nodes where it begins and
    ends, which stay. Polygons that overlap, as masks may, are simplified as if alone. Where an edge
    would pass another vertex of anything that it has to keep apart from, a smaller tolerance holds.

    Law: the result for a polygon is the same among all polygons and among those that lie no farther
    from it than twice the tolerance; their order does not matter.

    Args:
        shapes: (N,) valid Polygons and MultiPolygons, none empty.
        tolerance: Distance in units of their reference system, more than 0.
        count: How many of them are wanted, from the first; all where None. The others are the
            neighbours that these have to fit.

    Returns:
        (count,) valid shapes. A shape that would vanish or become invalid stays as it was.
    """
    count = len(shapes) if count is None else count
    result = np.array(shapes[:count], dtype=object)
    if not count:
        return result
    arcs = arcs_of(shapes)
    which = np.arange(count)
    result[:] = arcs.outlines(_kept(arcs, tolerance, count), which)
    spoiled = shapely.is_empty(result) | ~shapely.is_valid(result)
    result[spoiled] = shapes[:count][spoiled]
    return result


def _kept(arcs: Arcs, tolerance: float, count: int) -> BoolArray:
    """Which vertices of the arcs stay, for the arcs of the first `count` polygons."""
    first, last = arcs.vertices.bounds[:-1], arcs.vertices.bounds[1:] - 1
    kept = np.zeros(len(arcs.vertices.values), dtype=np.bool_)
    kept[first] = kept[last] = True
    owner, arc = arcs.owners.spread(np.arange(len(first)))
    wanted = np.bincount(arc, owner < count, minlength=len(first)) > 0
    needed = _needed(arcs, tolerance)
    pending = np.flatnonzero(wanted & (last - first > 1))
    begin, end = first[pending], last[pending]
    tree = shapely.STRtree(arcs.points)
    for halved in range(ROUNDS):
        if not len(begin):
            break
        places, chain = ranges(begin, end - begin + 1)
        stays = _douglas_peucker(arcs, places, chain, tolerance / 2**halved)
        # of whole arcs enough has to stay for a ring to be one
        enough = np.bincount(chain, stays) >= needed[pending]
        stays &= enough[chain]
        kept[places[stays]] = True
        at = np.flatnonzero(stays)
        within = chain[at[1:]] == chain[at[:-1]]
        left, right = places[at[:-1][within]], places[at[1:][within]]
        of = chain[at[:-1][within]]
        long = right - left > 1
        left, right, of = left[long], right[long], pending[of[long]]
        blocked = _blocked(arcs, tree, left, right, of)
        needed[of[blocked]] = 0
        begin = np.concatenate([begin[~enough], left[blocked]])
        end = np.concatenate([end[~enough], right[blocked]])
        pending = np.concatenate([pending[~enough], of[blocked]])
    places, _ = ranges(begin, end - begin + 1)
    kept[places] = True
    return kept


def _needed(arcs: Arcs, tolerance: float) -> IntArray:
    """Least number of vertices of each arc, so that no ring falls together.

    An arc may become straight only where every ring that it is a part of reaches beyond the
    tolerance from there, and so has a vertex that another arc keeps.
    """
    vertices, uses = arcs.vertices, arcs.uses
    count = len(vertices.bounds) - 1
    xy = arcs.xy[vertices.values]
    ends = np.stack([xy[vertices.bounds[:-1]], xy[vertices.bounds[1:] - 1]])
    low = np.minimum.reduceat(xy, vertices.bounds[:-1])
    high = np.maximum.reduceat(xy, vertices.bounds[:-1])
    turns, ring = uses.turns.spread(np.arange(len(uses.turns.bounds) - 1))
    arc = uses.arc[turns]
    starts = uses.turns.bounds[:-1]
    ring_low = np.minimum.reduceat(low[arc], starts)[ring]
    ring_high = np.maximum.reduceat(high[arc], starts)[ring]
    inside = (ring_low >= ends.min(axis=0)[arc] - tolerance).all(axis=1)
    inside &= (ring_high <= ends.max(axis=0)[arc] + tolerance).all(axis=1)
    small = np.bincount(arc, inside, minlength=count) > 0
    needed = np.where(small, 3, 2)
    closed = vertices.values[vertices.bounds[:-1]] == vertices.values[vertices.bounds[1:] - 1]
    needed[closed] = LEAST_CLOSED
    return needed


def _douglas_peucker(arcs: Arcs, places: IntArray, chain: IntArray, tolerance: float) -> BoolArray:
    """Which vertices of chains stay, given as places in the arcs, chain after chain."""
    vertex = arcs.vertices.values[places]
    lines = shapely.linestrings(arcs.xy[vertex], indices=chain)
    found, of = shapely.get_coordinates(
        shapely.simplify(lines, tolerance, preserve_topology=False), return_index=True
    )
    points = arcs.xy @ [1, 1j]
    stays = np.searchsorted(points, found @ [1, 1j])
    # a vertex comes once in a chain, or at both of its ends
    return np.isin(chain * len(points) + vertex, of * len(points) + stays)


def _blocked(
    arcs: Arcs, tree: shapely.STRtree, left: IntArray, right: IntArray, arc: IntArray
) -> BoolArray:
    """Whether edges would pass a vertex that they have to keep apart from.

    Between an edge and what it takes the place of, the convex hull of both, lies no vertex of
    another polygon or of another part of the same one: then no edges can cross. Tested against the
    vertices as they were, so that it does not matter what is simplified first.

    Args:
        arcs: All arcs.
        tree: Their vertices.
        left: (E,) places of the first vertex that each edge stands for.
        right: (E,) places of the last one.
        arc: (E,) numbers of their arcs.
    """
    if not len(left):
        return np.zeros(0, dtype=np.bool_)
    places, edge = ranges(left, right - left + 1)
    vertex = arcs.vertices.values[places]
    hulls = shapely.convex_hull(shapely.linestrings(arcs.xy[vertex], indices=edge))
    reach = rounding(arcs.xy[arcs.vertices.values[left]])
    near, found = tree.query(hulls, predicate="dwithin", distance=reach)
    # most vertices are in one arc only, at a known place
    place = np.full(len(arcs.xy), -1)
    place[arcs.vertices.values] = np.arange(len(arcs.vertices.values))
    foreign = (place[found] < left[near]) | (place[found] > right[near])
    near, found = near[foreign], found[foreign]
    foreign = ~np.isin(near * len(arcs.xy) + found, edge * len(arcs.xy) + vertex)
    near, found = near[foreign], found[foreign]
    mine, of = arcs.owners.spread(arc[near])
    theirs, pair = arcs.present.spread(found[of])
    apart = ~arcs.overlaps.between(mine[pair], theirs)
    blocked = np.zeros(len(left), dtype=np.bool_)
    blocked[near[of[pair[apart]]]] = True
    return blocked

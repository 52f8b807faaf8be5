"""Arcs: the outlines of polygons, cut where anything begins or ends to be shared.

```
  +-----a-----+      Between the nodes a and b two polygons have one arc in common, and each has
  |     |     |      another one of its own. The polygon below has no corner at b: it gets a vertex
  +-----b-----+      there, and its upper edge is two arcs.
  |           |
  +-----------+
```
What is found of a polygon depends only on those that it meets. So it is the same among all polygons
of a raster and among its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import shapely

from sam_geo.outlines.coverage import polygons_of
from sam_geo.outlines.overlaps import Overlaps, rounding
from sam_geo.outlines.ragged import Lists, ranges

if TYPE_CHECKING:
    import numpy.typing as npt

    Shapes: TypeAlias = npt.NDArray[np.object_]
    BoolArray: TypeAlias = npt.NDArray[np.bool_]
    IntArray: TypeAlias = npt.NDArray[np.int64]
    FloatArray: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Arcs:
    """Polygons as arcs between nodes, each once whatever polygons have it in common."""

    xy: FloatArray
    """(V, 2) different vertices (x, y), in the order of x, then y."""
    points: Shapes
    """(V,) the vertices as Points."""
    vertices: Lists
    """Numbers of the vertices of each arc; a closed arc ends where it begins."""
    owners: Lists
    """Numbers of the polygons that have each arc in common."""
    present: Lists
    """Numbers of the polygons that meet at each vertex."""
    overlaps: Overlaps
    """Which polygons overlap: they neither share arcs nor keep apart."""
    uses: Uses
    """How the arcs make the polygons."""

    def outlines(self, kept: BoolArray, which: IntArray) -> Shapes:
        """The polygons at (M,) ascending positions, with some of their vertices alone.

        Args:
            kept: For each value of `vertices` whether the vertex stays; the ends of arcs have to.
            which: The polygons.
        """
        uses = self.uses
        rings, part_of_ring = uses.rings.spread(uses.parts.spread(which)[0])
        _, shape_of_part = uses.parts.spread(which)
        turns, ring_of_turn = uses.turns.spread(rings)
        arcs = uses.arc[turns]
        places, of = self.vertices.places(arcs)
        last = np.append(of[1:] != of[:-1], True) if len(of) else of.astype(np.bool_)
        first, end = self.vertices.bounds[arcs][of], self.vertices.bounds[arcs + 1][of] - 1
        places = np.where(uses.backward[turns][of], first + end - places, places)
        # the last vertex of an arc is the first one of the next
        stays = kept[places] & ~last
        ring = ring_of_turn[of[stays]]
        polygons = polygons_of(
            self.xy[self.vertices.values[places[stays]]],
            np.bincount(ring, minlength=len(rings)),
            np.bincount(part_of_ring),
        )
        single = uses.single[which]
        found = np.empty(len(which), dtype=object)
        found[single] = polygons[single[shape_of_part]]
        several = ~single
        if several.any():
            number = np.cumsum(several) - 1
            of_several = several[shape_of_part]
            found[several] = shapely.multipolygons(
                polygons[of_several], indices=number[shape_of_part[of_several]]
            )
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Uses:
    """Polygons of parts, parts of rings, the outer one first, rings of arcs in their order."""

    parts: Lists
    """Numbers of the parts of each polygon."""
    rings: Lists
    """Numbers of the rings of each part."""
    turns: Lists
    """Positions in `arc` and `backward` of each ring."""
    arc: IntArray
    """Number of the arc of each turn."""
    backward: BoolArray
    """Whether the arc is passed from its end to its beginning."""
    single: BoolArray
    """For each polygon whether it is a Polygon, no MultiPolygon."""


@dataclass(frozen=True, slots=True, eq=False)
class _Rings:
    """All rings without their closing vertices, vertex by vertex."""

    vertex: IntArray
    """(K,) numbers of vertices."""
    ring: IntArray
    """(K,) numbers of rings, ascending."""
    owner: IntArray
    """For each ring the number of its polygon."""

    @property
    def first(self) -> IntArray:
        """(R,) where each ring starts."""
        return np.searchsorted(self.ring, np.arange(len(self.owner)))

    @property
    def sizes(self) -> IntArray:
        """(R,) numbers of vertices."""
        return np.bincount(self.ring, minlength=len(self.owner))

    def neighbours(self) -> tuple[IntArray, IntArray]:
        """(K,) numbers of the vertices before and after each, around its ring."""
        first, sizes = self.first, self.sizes
        last = first + sizes - 1
        before, after = np.roll(self.vertex, 1), np.roll(self.vertex, -1)
        before[first], after[last] = self.vertex[last], self.vertex[first]
        return before, after


def arcs_of(shapes: Shapes) -> Arcs:
    """Find the arcs of polygons.

    A node is a vertex at which two polygons that do not overlap go on in different ways, or at
    which one of them meets itself. Overlapping polygons, as masks may be, make no nodes. A vertex
    of one polygon within an edge of another becomes a vertex of both, unless they overlap.

    Args:
        shapes: (N,) valid Polygons and MultiPolygons, none empty.
    """
    parts, shape_of_part = shapely.get_parts(shapes, return_index=True)
    rings, part_of_ring = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    is_open = np.append(ring[1:] == ring[:-1], False)
    # complex numbers are ordered by x, then y; adding 0 makes one zero of two
    different, vertex = np.unique(xy[is_open] @ [1, 1j] + 0, return_inverse=True)
    xy = np.column_stack([different.real, different.imag])
    overlaps = Overlaps.among(shapes)
    outline = _Rings(vertex.reshape(-1), ring[is_open], shape_of_part[part_of_ring])
    points = np.asarray(shapely.points(xy))
    outline = _noded(outline, xy, points, overlaps)
    owner = outline.owner[outline.ring]
    present = _different_pairs(outline.vertex, owner, len(xy), len(shapes))
    turns, values, bounds = _turns(outline, _nodes(outline, overlaps))
    arc, backward, vertices = _different(values, bounds)
    turn_owner = outline.owner[turns]
    owners = _different_pairs(arc, turn_owner, len(vertices.bounds) - 1, len(shapes))
    uses = Uses(
        Lists.grouped(shape_of_part, np.arange(len(parts)), len(shapes)),
        Lists.grouped(part_of_ring, np.arange(len(rings)), len(parts)),
        Lists.grouped(turns, np.arange(len(turns)), len(rings)),
        arc,
        backward,
        shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON,
    )
    return Arcs(xy, points, vertices, owners, present, overlaps, uses)


def _different_pairs(group: IntArray, values: IntArray, count: int, most: int) -> Lists:
    """The different values of each group from 0 to `count` - 1, ascending; all are below `most`."""
    groups, found = np.divmod(np.unique(group * most + values), most)
    return Lists(found, np.searchsorted(groups, np.arange(count + 1)))


def _noded(outline: _Rings, xy: FloatArray, points: Shapes, overlaps: Overlaps) -> _Rings:
    """Rings with vertices where other ones lie within their edges."""
    _, after = outline.neighbours()
    owner = outline.owner[outline.ring]
    touching = np.flatnonzero(overlaps.touching[owner])
    begin, end = outline.vertex[touching], after[touching]
    different, edge = np.unique(
        np.minimum(begin, end) * len(xy) + np.maximum(begin, end), return_inverse=True
    )
    edges = np.column_stack(np.divmod(different, len(xy)))
    tree = shapely.STRtree(np.asarray(shapely.linestrings(xy[edges])))
    vertex = np.unique(begin)
    of, near = tree.query(points[vertex], predicate="dwithin", distance=rounding(xy[vertex]))
    vertex = vertex[of]
    within = (edges[near] != vertex[:, None]).all(axis=1)
    vertex, near = vertex[within], near[within]
    at, of = Lists.grouped(edge.reshape(-1), touching, len(edges)).spread(near)
    vertex = vertex[of]
    others, of = Lists.grouped(begin, owner[touching], len(xy)).spread(vertex)
    apart = ~overlaps.between(others, owner[at][of])
    wanted = np.bincount(of, apart, minlength=len(vertex)) > 0
    at, vertex = at[wanted], vertex[wanted]
    start = xy[outline.vertex[at]]
    along = ((xy[vertex] - start) * (xy[after[at]] - start)).sum(axis=1)
    every = np.concatenate([np.arange(len(owner)), at])
    order = np.lexsort([np.concatenate([np.full(len(owner), -np.inf), along]), every])
    return _Rings(
        np.concatenate([outline.vertex, vertex])[order],
        outline.ring[every[order]],
        outline.owner,
    )


def _nodes(outline: _Rings, overlaps: Overlaps) -> BoolArray:
    """Which vertices of the rings are nodes."""
    way = np.sort(np.column_stack(outline.neighbours()), axis=1)
    owner = outline.owner[outline.ring]
    count = int(outline.vertex.max()) + 1
    meeting = Lists.grouped(outline.vertex, np.arange(len(owner)), count)
    crowded = np.flatnonzero(np.diff(meeting.bounds) > 1)
    one, of = meeting.spread(crowded)
    other, again = meeting.spread(crowded[of])
    one = one[again]
    one, other = one[one < other], other[one < other]
    same = owner[one] == owner[other]
    parted = (way[one] != way[other]).any(axis=1)
    parted[parted] = ~overlaps.between(owner[one[parted]], owner[other[parted]])
    nodes = np.zeros(count, dtype=np.bool_)
    nodes[outline.vertex[one[same | parted]]] = True
    return nodes[outline.vertex]


def _turns(outline: _Rings, node: BoolArray) -> tuple[IntArray, IntArray, IntArray]:
    """Cut rings at their nodes, those without one at their least vertex.

    Returns:
        The ring of each piece, their vertices one after the other with both ends, and where each
        piece starts among these.
    """
    first, sizes = outline.first, outline.sizes
    # the first node of each ring, else its least vertex
    rank = np.where(node, -1, outline.vertex)
    start = np.lexsort([rank, outline.ring])[first]
    position, ring = ranges(start - first, sizes + 1)
    position = first[ring] + position % sizes[ring]
    cut = node[position]
    ends = np.cumsum(sizes + 1) - 1
    cut[ends - sizes] = cut[ends] = True
    at = np.flatnonzero(cut)
    begins = at[~np.isin(at, ends)]
    stops = at[~np.isin(at, ends - sizes)]
    places, _ = ranges(begins, stops - begins + 1)
    bounds = np.concatenate([[0], np.cumsum(stops - begins + 1)])
    return ring[begins], outline.vertex[position[places]], bounds


def _different(values: IntArray, bounds: IntArray) -> tuple[IntArray, BoolArray, Lists]:
    """Number pieces of rings so that the same one gets the same number in both directions.

    Args:
        values: Vertices of all pieces.
        bounds: Where each piece starts, and where the last one ends.

    Returns:
        Number and direction of each piece, and the different ones, each from its lesser end; closed
        ones by the lesser of the vertices beside it.
    """
    first, last = bounds[:-1], bounds[1:] - 1
    begin, end = values[first], values[last]
    closed = begin == end
    backward = np.where(closed, values[first + 1] > values[last - 1], begin > end)
    places, of = ranges(first, np.diff(bounds))
    values = values[np.where(backward[of], (first + last)[of] - places, places)]
    known: dict[bytes, int] = {}
    number = np.array(
        [
            known.setdefault(values[start:stop].tobytes(), len(known))
            for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
        ],
        dtype=np.int64,
    )
    _, representative = np.unique(number, return_index=True)
    places, _ = ranges(first[representative], np.diff(bounds)[representative])
    sizes = np.diff(bounds)[representative]
    return number, backward, Lists(values[places], np.concatenate([[0], np.cumsum(sizes)]))

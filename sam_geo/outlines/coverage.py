"""Coverages: the outlines of all pieces of an image at once, so that neighbours share their edges.

A coverage is a set of polygons that do not overlap and whose common edges have the same vertices
on both sides. An outline along pixel edges has its vertices where it turns and, also within a
straight edge, where more than two pieces meet (a node):

```
A A A        the edge between A and B ends in the middle of
A A A        the upper edge of C: the node o is a vertex of
B o C C      all three
```
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import shapely
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Shapes = npt.NDArray[np.object_]
    BoolArray = npt.NDArray[np.bool_]
    IntArray = npt.NDArray[np.int64]
    FloatArray = npt.NDArray[np.float64]

EAST, SOUTH, WEST, NORTH = range(4)
"""Directions in which an edge is followed, its own pixel on the right-hand side."""
STRAIGHT, RIGHT, LEFT = 0, 1, 3
"""Turns, which add to a direction modulo 4."""


class Corners(NamedTuple):
    """What meets at the (h + 1, w + 1) corners of (h, w) pixels."""

    nodes: BoolArray
    """Three or four edges."""
    turns: BoolArray
    """Two edges at a right angle."""
    passes: BoolArray
    """Two edges in line: no vertex, unless a window ends there."""


def edge_count(values: npt.NDArray[np.generic]) -> int:
    """How many edges of pixels lie between different values of an image (h, w)."""
    across, down = values[:, 1:] != values[:, :-1], values[1:] != values[:-1]
    return int(np.count_nonzero(across)) + int(np.count_nonzero(down))


def corners_of(values: npt.NDArray[np.generic]) -> Corners:
    """Find what meets at each corner of the inner pixels of an image.

    Args:
        values: (h + 2, w + 2) image; pixels of one value that touch along an edge are one piece.

    Returns:
        Of the corners of the (h, w) pixels that have neighbours on all sides.
    """
    across, down = values[:, 1:] != values[:, :-1], values[1:] != values[:-1]
    above, below, left, right = across[:-1], across[1:], down[:, :-1], down[:, 1:]
    count = above.astype(np.uint8) + below + left + right
    two = count == 2  # noqa: PLR2004
    return Corners(count > 2, two & (above != below), two & (above == below))  # noqa: PLR2004


def trace(pieces: npt.NDArray[np.int32], nodes: BoolArray) -> Shapes:
    """Trace the outlines of all pieces of an image along the edges of its pixels.

    Args:
        pieces: (h, w) number of the piece of each pixel, from 1 to N; the pixels of each are
            connected along edges.
        nodes: (h + 1, w + 1) corners that become vertices also where an outline goes straight on.

    Returns:
        (N,) valid Polygons in pixel-corner coordinates, x to the right and y down, each without
        further vertices in straight edges. The area of each is the number of its pixels, exactly.
    """
    start, direction, piece = _edges(pieces)
    following = _following(pieces, start, direction, piece)
    count = len(start)
    graph = csr_array((np.ones(count), following, np.arange(count + 1)), shape=(count, count))
    _, ring = connected_components(graph)
    _, first = np.unique(ring, return_index=True)
    # edges to the east come first, row by row: the outer ring of a piece has the first of them all
    first = first[np.lexsort((first, piece[first]))]
    before = np.empty(count, dtype=np.int64)
    before[following] = np.arange(count)
    # all rings are linked to one chain, which is followed once
    graph.indices[before[first]] = np.roll(first, -1)
    order = breadth_first_order(graph, first[0], return_predecessors=False)
    turns = direction[order] != direction[before[order]]
    at = order[turns | nodes.ravel()[start[order]]]
    y, x = np.divmod(start[at], nodes.shape[1])
    rank = np.empty(len(first), dtype=np.int64)
    rank[ring[first]] = np.arange(len(first))
    vertices = np.bincount(rank[ring[at]], minlength=len(first))
    return polygons_of(np.column_stack([x, y]), vertices, np.bincount(piece[first])[1:])


def _edges(pieces: npt.NDArray[np.int32]) -> tuple[IntArray, IntArray, IntArray]:
    """The edges around all pieces: first corner, direction and piece of each.

    Corners are numbered row by row, from 0. Edges to the east come first.
    """
    width = pieces.shape[1]
    padded = np.pad(pieces, 1)
    starts, directions, owners = [], [], []
    # the neighbour beyond the edge, and where the edge starts relative to its pixel
    for direction, (beyond, offset) in {
        EAST: (padded[:-2, 1:-1], 0),
        SOUTH: (padded[1:-1, 2:], 1),
        WEST: (padded[2:, 1:-1], width + 2),
        NORTH: (padded[1:-1, :-2], width + 1),
    }.items():
        rows, cols = np.nonzero(pieces != beyond)
        starts.append(rows * (width + 1) + cols + offset)
        directions.append(np.full(len(rows), direction))
        owners.append(pieces[rows, cols].astype(np.int64))
    return np.concatenate(starts), np.concatenate(directions), np.concatenate(owners)


def _following(
    pieces: npt.NDArray[np.int32], start: IntArray, direction: IntArray, piece: IntArray
) -> IntArray:
    """For each edge of `_edges` the number of the next one around the same piece.

    Where the pixel ahead on the right is another's, the outline turns right around its own pixel,
    unless the one ahead on the left is its own: two pixels of a piece that touch at a corner are
    connected elsewhere, and the outline goes around what lies between them.
    """
    height, width = pieces.shape
    corners = width + 1
    end = start + np.array([1, corners, -1, -corners])[direction]
    padded = np.pad(pieces, 1).ravel()
    # the four pixels around the corner where the edge ends
    stride = width + 2
    north_west = end // corners * stride + end % corners
    north_east, south_west, south_east = (
        north_west + 1,
        north_west + stride,
        north_west + stride + 1,
    )
    around = np.stack([padded[each] for each in (north_west, north_east, south_east, south_west)])
    everyone = np.arange(len(start))
    left_is_own = around[(direction + 1) % 4, everyone] == piece
    right_is_own = around[(direction + 2) % 4, everyone] == piece
    turn = np.where(left_is_own, LEFT, np.where(right_is_own, STRAIGHT, RIGHT))
    number = np.empty((4, corners * (height + 1)), dtype=np.int32)
    number[direction, start] = everyone
    found: IntArray = number[(direction + turn) % 4, end].astype(np.int64)
    return found


def straightened(shapes: Shapes, passes: Callable[[FloatArray], BoolArray]) -> Shapes:
    """Remove vertices within straight edges where nothing else meets.

    Args:
        shapes: (N,) Polygons.
        passes: Tells which of (K, 2) vertices (x, y) are no node of their coverage.

    Returns:
        (N,) Polygons of the same area.
    """
    _, xy, (ring_ends, polygon_ends) = shapely.to_ragged_array(shapes)
    first, last = ring_ends[:-1], ring_ends[1:] - 1
    before, after = np.roll(xy, 1, axis=0), np.roll(xy, -1, axis=0)
    before[first] = xy[last - 1]  # a ring ends where it starts
    step, on = xy - before, after - xy
    kept = (step[:, 0] * on[:, 1] != step[:, 1] * on[:, 0]) | ~passes(xy)
    kept[last] = False
    vertices = np.add.reduceat(kept, first, dtype=np.int64)
    return polygons_of(xy[kept], vertices, np.diff(polygon_ends))


def polygons_of(
    xy: npt.NDArray[np.generic], vertices: npt.NDArray[np.int64], rings: npt.NDArray[np.int64]
) -> Shapes:
    """Polygons of open rings.

    Args:
        xy: (K, 2) vertices, ring after ring.
        vertices: Number of vertices of each ring.
        rings: Number of rings of each polygon, the outer one first.
    """
    ends = np.cumsum(vertices)
    closed = np.insert(np.arange(len(xy)), ends, ends - vertices)
    found: Shapes = shapely.from_ragged_array(
        shapely.GeometryType.POLYGON,
        xy[closed].astype(np.float64),
        (_offsets(vertices + 1), _offsets(rings)),
    )
    return found


def _offsets(counts: IntArray) -> IntArray:
    """Where each of consecutive groups starts, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(counts)])


def simplify_coverage(shapes: Shapes, tolerance: float) -> Shapes:
    """Simplify a coverage without gaps or overlaps (`shapely.coverage_simplify`).

    The outer border of the coverage stays as it is, vertex for vertex.

    Args:
        shapes: (N,) Polygons that form a coverage.
        tolerance: Square root of the area of the triangles that are cut off (Visvalingam and
            Whyatt 1993), in units of the coordinates; 0 changes nothing.

    Returns:
        (N,) valid Polygons that form a coverage; the given ones if the simplified ones do not.
    """
    if not tolerance:
        return shapes
    found: Shapes = shapely.coverage_simplify(shapes, tolerance, simplify_boundary=False)
    holds = (
        shapely.is_valid(found).all()
        and not shapely.is_empty(found).any()
        and shapely.coverage_is_valid(found)
        # without overlaps and with the same border, a gap would be missing in the sum
        and math.isclose(shapely.area(found).sum(), shapely.area(shapes).sum())
    )
    return found if holds else shapes

"""Tracing: the rings of a mask from the corners of its outline, sorted once along each axis.

```
  1--------2     Corners in a row of the pixel grid, from left to right, are the ends of
  | ###### |     horizontal edges, pair by pair: 1-2, 3-4, 5-6. In the same way those in a
  | ## 3---4     column are the ends of vertical edges: 1-5, 3-6, 2-4. A ring goes along a
  | ## |         horizontal and a vertical edge in turn: 1-2-4-3-6-5.
  5----6
```
Where two pixels touch at a corner alone, two rings meet. If the pixels are of one part, what lies
to both sides of the corner stays apart, a hole and the outside, say; if they are of two parts, the
parts stay apart. So no ring ever meets itself, and every polygon is valid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import shapely

if TYPE_CHECKING:
    import numpy.typing as npt

    Numbers = npt.NDArray[np.int64]
    Bytes = npt.NDArray[np.uint8]


def traced(mask: npt.NDArray[np.bool_], origin_xy: tuple[int, int] = (0, 0)) -> shapely.Geometry:
    """Trace the outline of a mask along its pixel edges.

    Args:
        mask: (H, W) with at least one pixel.
        origin_xy: Coordinates of the upper left corner of its first pixel.

    Returns:
        Polygon, or MultiPolygon of the parts that share no pixel edge, from top to bottom, in
        pixel-corner coordinates, x to the right and y down. It is valid, has vertices only where it
        turns, and its area is the number of pixels.
    """
    padded = np.zeros((mask.shape[0] + 2, mask.shape[1] + 2), dtype=np.uint8)
    padded[1:-1, 1:-1] = mask
    corners, meets = _corners(padded)
    parts = _parts(padded) if meets.any() else None
    rows, cols = np.divmod(corners, mask.shape[1] + 1)
    order, lengths = _rings(_along_columns(padded, rows, cols, meets, parts))
    xy = np.stack([cols, rows], axis=1)[order] + np.array(origin_xy, dtype=np.float64)
    ring_of = np.repeat(np.arange(len(lengths)), lengths)
    rings = np.asarray(shapely.linearrings(xy, indices=ring_of))
    # rings begin at their uppermost corner, of several at the leftmost, and go to the right
    first = order[np.cumsum(lengths) - lengths]
    top, left = rows[first], cols[first]
    is_hole = padded[top + 1, left + 1] == 0
    outer = np.flatnonzero(~is_hole)
    if len(outer) == 1:
        number = np.zeros(len(rings), dtype=np.int64)
    elif not is_hole.any():
        number = np.arange(len(rings))
    else:
        # the pixel below the first edge of an outer ring is of its part, and that above a hole's
        parts = _parts(padded) if parts is None else parts
        part_of = parts[top + 1 - is_hole, left + 1]
        numbered = np.empty(parts.max() + 1, dtype=np.int64)
        numbered[part_of[outer]] = np.arange(len(outer))
        number = numbered[part_of]
    by_part = np.lexsort([is_hole, number])
    found = np.asarray(shapely.polygons(rings[by_part], indices=number[by_part]))
    return found[0] if len(found) == 1 else shapely.MultiPolygon(found.tolist())


def _parts(padded: Bytes) -> npt.NDArray[np.int32]:
    """The number of the part that each pixel is of, from 1; parts share no pixel edge."""
    return np.asarray(cv2.connectedComponents(padded, connectivity=4, ltype=cv2.CV_32S)[1])


def _corners(padded: Bytes) -> tuple[Numbers, npt.NDArray[np.bool_]]:
    """The corners of all outlines, row by row; one where two pixels meet comes twice.

    Args:
        padded: (H + 2, W + 2) the mask with a margin of one pixel, 0 and 1.

    Returns:
        Flat indices into the (H + 1, W + 1) pixel corners, and whether pixels meet there.
    """
    differ = padded[:, :-1] ^ padded[:, 1:]
    kinds = differ[:-1] ^ differ[1:]
    differ[:-1] &= differ[1:]
    differ[:-1] &= padded[:-1, :-1] ^ padded[1:, :-1]
    kinds |= differ[:-1] << 1
    flat = kinds.ravel()
    corners = np.flatnonzero(flat)
    meets = flat[corners] > 1
    return np.repeat(corners, 1 + meets), np.repeat(meets, 1 + meets)


def _along_columns(
    padded: Bytes,
    rows: Numbers,
    cols: Numbers,
    meets: npt.NDArray[np.bool_],
    parts: npt.NDArray[np.int32] | None,
) -> Numbers:
    """The other end of the vertical edge of each corner.

    Of two corners at one place the first ends the edge from the left, the second begins that to the
    right. Which of them goes up decides which two of the four edges are of one ring.
    """
    goes_up = np.zeros(len(rows), dtype=np.bool_)
    if parts is not None:
        at = np.flatnonzero(meets)[::2]
        row, col = rows[at], cols[at]
        falls = padded[row, col] == 1  # the pixels are to the upper left and the lower right
        one, other = np.where(
            falls,
            (parts[row, col], parts[row + 1, col + 1]),
            (parts[row, col + 1], parts[row + 1, col]),
        )
        goes_up[at] = falls != (one == other)
        goes_up[at + 1] = ~goes_up[at]
    order = np.lexsort([~goes_up, rows, cols])
    ends = np.empty_like(order)
    ends[order[::2]], ends[order[1::2]] = order[1::2], order[::2]
    return ends


def _rings(along_columns: Numbers) -> tuple[Numbers, Numbers]:
    """Corners in the order of their rings, one ring after the other, and the length of each ring.

    Args:
        along_columns: For each corner the other end of its vertical edge; that of its horizontal
            edge is its neighbour in the order of the rows.
    """
    ends = along_columns.tolist()
    seen = bytearray(len(ends))
    order: list[int] = []
    lengths: list[int] = []
    for start in range(0, len(ends), 2):
        before, corner = len(order), start
        while not seen[corner]:
            seen[corner] = True
            order.append(corner)
            corner ^= 1
            seen[corner] = True
            order.append(corner)
            corner = ends[corner]
        if len(order) > before:
            lengths.append(len(order) - before)
    return np.array(order), np.array(lengths)

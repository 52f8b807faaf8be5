"""Polygons of masks: exact outlines along pixel edges, with holes, one mask at a time."""

from __future__ import annotations

import math
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import shapely

from sam_common.masks.decoded import MaskRegion
from sam_common.stitching.regions import drawn
from sam_common.window import Window
from sam_geo.outlines.trace import traced
from sam_geo.raster.frame import corners_to_world

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_common.frame import Frame
    from sam_geo.raster.read_window import ReadWindow

MOST_DRAWN_PX = 2**22
"""Pixels of the box around the pieces of an object up to which they are drawn as one mask."""


def outline(region: MaskRegion) -> shapely.Geometry:
    """Trace the outline of a mask along its pixel edges.

    Pixels that touch only at a corner are separate parts, so the result is always valid, and its
    area is the number of pixels, exactly.

    Args:
        region: A mask with at least one pixel.

    Returns:
        Polygon, or MultiPolygon of several parts, in pixel-corner coordinates of the image, x to
        the right and y down.
    """
    row, col = region.window.start
    return traced(region.mask, (col, row))


def outline_of_pieces(pieces: Sequence[MaskRegion]) -> shapely.Geometry:
    """Trace the outline of an object that comes in disjoint regions, such as one for each tile.

    Law: `outline_of_pieces(pieces) == outline(their union)`, vertex for vertex up to the order of
    rings. Pieces that lie near each other are drawn as one mask; of others, such as those of a long
    road, outlines are united, which is exact because all corners are integers: memory goes by the
    outline, not by the area.

    Args:
        pieces: At least one region, none empty, no pixel in two of them.

    Returns:
        As `outline`.
    """
    if len(pieces) == 1:
        return outline(pieces[0])
    place = reduce(Window.union, (piece.window for piece in pieces))
    if math.prod(place.shape) <= MOST_DRAWN_PX:
        return outline(MaskRegion(place, drawn(pieces, place)))
    joined = shapely.union_all([outline(piece) for piece in pieces], grid_size=1.0)
    parts = [_straightened(part) for part in shapely.get_parts(joined)]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _straightened(polygon: shapely.Polygon) -> shapely.Polygon:
    """Remove vertices in the middle of straight edges."""
    rings = [_corners(np.asarray(ring.coords)[:-1]) for ring in shapely.get_rings(polygon)]
    return shapely.Polygon(rings[0], rings[1:])


def _corners(ring: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Keep the (K, 2) vertices of an open ring at which it changes its direction."""
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    turns = before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]
    return np.asarray(ring[turns])


def polygonize(region: MaskRegion, read: ReadWindow, frame: Frame) -> shapely.Geometry:
    """Trace the outline of a mask in world coordinates, along the edges of the image's pixels.

    Args:
        region: A mask in indices of the image that was read.
        read: The window of the raster that was read.
        frame: The raster's frame.

    Returns:
        A valid Polygon or MultiPolygon in the raster's reference system, outer rings
        counterclockwise. The same raster pixel has the same vertices in every window.
    """
    world = shapely.transform(
        outline(region),
        lambda corners: corners_to_world(read.corners_into_raster(corners), frame),
    )
    # a frame that flips an axis turns the rings around
    return shapely.orient_polygons(world)

"""Rows of objects: from the linked masks of an automatic job to rows with polygons, in batches."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import shapely

from sam_common.masks.instance import Instance
from sam_common.tiled_job.parts import Part, pack, unpack
from sam_geo.outlines.polygonize import outline_of_pieces
from sam_geo.raster.frame import corners_to_world
from sam_geo.results.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sam_common.frame import Frame
    from sam_common.masks.decoded import MaskRegion
    from sam_common.stitching.link import LinkedObject

BATCH = 1000
"""Objects of one batch: so many are in memory before they are written."""


def world_outline(pieces: Sequence[MaskRegion], frame: Frame) -> shapely.Geometry:
    """The outline of disjoint regions, in the reference system of their raster.

    Args:
        pieces: Regions in raster indices.
        frame: Raster indices to world coordinates.

    Returns:
        A valid Polygon or MultiPolygon along pixel edges, outer rings counterclockwise.
    """
    outline = shapely.transform(
        outline_of_pieces(pieces), lambda corners: corners_to_world(corners, frame)
    )
    # a frame that flips an axis reverses the direction of the rings
    return shapely.orient_polygons(outline)


def touches_edge(pieces: Iterable[MaskRegion], size_hw: tuple[int, int]) -> bool:
    """Whether an object touches the edge of the raster, and may go on beyond it.

    Args:
        pieces: Its regions in raster indices.
        size_hw: Rows and columns of the raster.
    """
    return any(
        0 in piece.window.start
        or any(stop == size for stop, size in zip(piece.window.stop, size_hw, strict=True))
        for piece in pieces
    )


def object_rows(
    objects: Iterable[LinkedObject],
    frame: Frame,
    size_hw: tuple[int, int],
    *,
    with_pixels: bool = False,
) -> Iterator[Row]:
    """One row for each object, made one after the other.

    Args:
        objects: Linked objects; each is needed only until its row is made.
        frame: Raster indices to world coordinates.
        size_hw: Rows and columns of the raster.
        with_pixels: Whether each row keeps the regions of its object, packed: a few hundred bytes
            for most.
    """
    for found in objects:
        yield Row(
            "cut" if found.is_cut else "ok",
            score=found.score,
            stability=found.stability,
            area_px=float(sum(piece.area_px for piece in found.pieces)),
            touches_edge=touches_edge(found.pieces, size_hw),
            seam_merged=found.seam_merged,
            geometry=world_outline(found.pieces, frame),
            pixels=packed(found) if with_pixels else None,
            window=found.last,
        )


def packed(found: LinkedObject) -> bytes:
    """The regions of an object as compressed bytes, from which `regions_of` makes them again."""
    pieces = [Instance(piece, found.score, found.stability) for piece in found.pieces]
    return pack(Part(pieces))


def regions_of(pixels: bytes) -> list[MaskRegion]:
    """The regions of an object in raster indices, from the bytes that `packed` made."""
    part = unpack(pixels)
    return [] if part is None else [piece.region for piece in part.instances]


def batches(rows: Iterable[Row], size: int = BATCH) -> Iterator[list[Row]]:
    """Lists of up to `size` rows, in the order of the rows."""
    waiting = iter(rows)
    while batch := list(itertools.islice(waiting, size)):
        yield batch

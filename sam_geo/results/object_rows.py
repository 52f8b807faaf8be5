"""Objects: from the linked masks of an automatic job to rows with polygons, in batches."""

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
"""Objects that become one table: what is in memory before it is written."""


def world_outline(pieces: Sequence[MaskRegion], frame: Frame) -> shapely.Geometry:
    """The outline of disjoint regions of a raster in its reference system.

    Returns:
        A valid Polygon or MultiPolygon along pixel edges, outer rings counterclockwise.
    """
    outline = shapely.transform(
        outline_of_pieces(pieces), lambda corners: corners_to_world(corners, frame)
    )
    # a frame that flips an axis turns the rings around
    return shapely.orient_polygons(outline)


def touches_edge(pieces: Iterable[MaskRegion], size_hw: tuple[int, int]) -> bool:
    """Whether an object reaches the edge of the raster and may go on beyond it."""
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
    """One row for each object.

    Args:
        objects: As they come by; each is needed only until its row is made.
        frame: Of the raster.
        size_hw: Of the raster.
        with_pixels: Whether rows keep the objects' regions too, packed: a few hundred bytes for a
            usual one.
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
        )


def packed(found: LinkedObject) -> bytes:
    """The regions of an object in a few bytes; `regions_of` gives them back."""
    pieces = [Instance(piece, found.score, found.stability) for piece in found.pieces]
    return pack(Part(pieces))


def regions_of(pixels: bytes) -> list[MaskRegion]:
    """The regions that `packed` took."""
    part = unpack(pixels)
    return [] if part is None else [piece.region for piece in part.instances]


def batches(rows: Iterable[Row], size: int = BATCH) -> Iterator[list[Row]]:
    """Rows a few at a time, in order."""
    waiting = iter(rows)
    while batch := list(itertools.islice(waiting, size)):
        yield batch

"""Drawable sources: what the page asks of a raster or a volume beyond `LiveSource`, to draw it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from sam_common.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from sam_common.server.sessions.object_state import Asked
    from sam_common.server.sessions.session import Session

TILE_PX = 256
"""Rows and columns of a tile."""


@runtime_checkable
class DrawableRaster(Protocol):
    """A raster of a session that gives tiles, previews and outlines in pixels.

    Outlines are GeoJSON geometries in pixel corners: x is the column, y the row, downwards, and the
    first pixel reaches from (0, 0) to (1, 1).
    """

    def pyramid(self) -> dict[str, Any]:
        """`tile_px`, `levels` that are served, `least_levels` to show all in a tile, overviews."""

    def tile(self, level: int, row: int, column: int) -> bytes:
        """A PNG of `TILE_PX` square; a pixel of it is 2**level pixels of the raster wide.

        Raises:
            NotFoundError: There is no such tile.
        """

    def preview(self, asked: Asked) -> dict[str, Any]:
        """The outline that prompts would give, with no window encoded for it."""

    def outlines(self, table: Path) -> dict[str, Any]:
        """The outlines of a table that a job wrote, as a GeoJSON FeatureCollection."""

    def class_tile(self, path: Path, level: int, row: int, column: int) -> bytes:
        """A PNG, as `tile`, of a class map that a job wrote, in the colours of its classes."""


@runtime_checkable
class DrawableVolume(Protocol):
    """A volume of a session that gives its voxels for drawing."""

    def voxels(self) -> bytes:
        """All voxels as an uncompressed NIfTI file, with the window in which they are shown."""

    def facts(self) -> dict[str, Any]:
        """What the page says of the volume: window, formats of export, notes."""


def raster_of(session: Session) -> DrawableRaster:
    """The raster of a session; raises `InputError` where it has none that can be drawn."""
    if not isinstance(session.source, DrawableRaster):
        raise InputError(f"a {session.source.kind} has no tiles: ask for its voxels")
    return cast("DrawableRaster", session.source)


def volume_of(session: Session) -> DrawableVolume:
    """The volume of a session; raises `InputError` where it has none that can be drawn."""
    if not isinstance(session.source, DrawableVolume):
        raise InputError(f"a {session.source.kind} has no voxels: ask for its tiles")
    return cast("DrawableVolume", session.source)

"""Placement: pixel indices, the server's world and the layer's coordinates.

The layer's coordinates are the world of the server, but for a raster without a place: there the
world is pixel corners with y downwards, and QGIS has the rows at negative y.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qgis.core import QgsCoordinateReferenceSystem, QgsGeometry, QgsPointXY
from qgis.PyQt.QtGui import QTransform

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .raster_source import PathSource, PixelSource

UNPLACED = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
"""Affine of a raster without a place."""


@dataclass(frozen=True)
class Placement:
    """How a session's raster lies in its layer."""

    affine: tuple[float, ...]
    """a, b, c, d, e, f of pixel corners: x = a col + b row + c, y = d col + e row + f."""
    crs: QgsCoordinateReferenceSystem
    """Of the raster's file; not valid where it has none."""
    is_flipped: bool
    """Whether y of the layer is that of the world with another sign."""

    @classmethod
    def of(cls, frame: Mapping[str, Any], source: PathSource | PixelSource) -> Placement:
        """Of a session's frame and the layer's source."""
        affine = tuple(frame["affine"])
        crs = QgsCoordinateReferenceSystem()
        if frame["crs"]:
            crs.createFromWkt(frame["crs"])
        return cls(affine, crs, source.is_flipped and affine == UNPLACED)

    def flip(self, x: float, y: float) -> tuple[float, float]:
        """Layer to world, and back."""
        return (x, -y) if self.is_flipped else (x, y)

    def point(self, pixel: Sequence[float]) -> QgsPointXY:
        """Where the index (column, row) lies in the layer."""
        a, b, c, d, e, f = self.affine
        # the affine is of pixel corners, indices are of their middles
        x, y = pixel[0] + 0.5, pixel[1] + 0.5
        return QgsPointXY(*self.flip(a * x + b * y + c, d * x + e * y + f))

    def box(self, box: Sequence[float]) -> QgsGeometry:
        """A box of indices (x0, y0, x1, y1) in the layer."""
        x0, y0, x1, y1 = box
        corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
        return QgsGeometry.fromPolygonXY([[self.point(corner) for corner in corners]])

    def polygons(self, shape: Mapping[str, Any]) -> QgsGeometry:
        """A GeoJSON geometry of the server's in the layer, always of several parts."""
        parts = shape["coordinates"]
        if shape["type"] == "Polygon":
            parts = [parts]
        return QgsGeometry.fromMultiPolygonXY(
            [
                [[QgsPointXY(*self.flip(*position[:2])) for position in ring] for ring in part]
                for part in parts
            ]
        )

    def to_layer(self, shape: QgsGeometry) -> QgsGeometry:
        """A geometry of the server's in the layer."""
        if self.is_flipped:
            shape.transform(QTransform.fromScale(1.0, -1.0))
        return shape

    def to_pixel_corners(self, shape: QgsGeometry) -> QgsGeometry:
        """A geometry of the layer in pixels: (0, 0) is the corner of the raster, y downwards."""
        if self.is_flipped:
            shape.transform(QTransform.fromScale(1.0, -1.0))
        a, b, c, d, e, f = self.affine
        # Qt's matrix is the transposed one
        back, is_possible = QTransform(a, d, b, e, c, f).inverted()
        if not is_possible:
            raise ValueError(f"the raster's affine {self.affine} has no inverse")
        shape.transform(back)
        return shape

"""Raster source: which pixels of a layer go to the server, and where they lie.

A raster file of this machine is opened by the server itself, whatever its size. The pixels of every
other layer (WMS, XYZ, VRT, files in archives or on the web) are read here and sent: of the window
that is visible, because nobody knows how large such a layer is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qgis.core import (
    Qgis,
    QgsCoordinateReferenceSystem,
    QgsPointXY,
    QgsProviderRegistry,
    QgsRasterDataProvider,
    QgsRectangle,
)

from .translation import translate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qgis.core import QgsRasterBlock, QgsRasterLayer

    from .suite_client import Client, RasterSession

DRIVERS = frozenset(
    {"GTiff", "COG", "JPEG", "PNG", "JP2OpenJPEG", "HFA", "BMP", "ENVI", "AAIGrid", "WEBP"}
)
"""Formats that the server opens by path."""
MOST_PIXELS = 1 << 24
"""Of a window that is sent."""
MOST_BANDS = 3
TYPES: dict[int, type[np.generic]] = {
    int(Qgis.DataType.Byte): np.uint8,
    int(Qgis.DataType.UInt16): np.uint16,
    int(Qgis.DataType.Int16): np.int16,
    int(Qgis.DataType.UInt32): np.uint32,
    int(Qgis.DataType.Int32): np.int32,
    int(Qgis.DataType.Float32): np.float32,
    int(Qgis.DataType.Float64): np.float64,
}


class SourceError(Exception):
    """The pixels of a layer cannot be had; the message says what to do."""


@dataclass(frozen=True)
class View:
    """What is visible of a layer."""

    extent: QgsRectangle
    """In the layer's reference system."""
    width_px: int
    """Of the same on the screen."""


@dataclass(frozen=True)
class PathSource:
    """A raster file that the server opens by itself."""

    path: Path
    crs: QgsCoordinateReferenceSystem
    """Of the layer, which a user may have set over that of the file."""
    bands: tuple[int, ...] | None = None
    """Counted from 1; the server's choice where None."""
    is_flipped: bool = False
    """Whether this may be a raster without a place: QGIS gives its rows y from 0 downwards."""

    @property
    def folders(self) -> list[Path]:
        """What the server must be able to read."""
        return [self.path.resolve().parent]

    def holds(self, _point: QgsPointXY) -> bool:
        """Whether a point can be asked for: the server itself says what lies outside."""
        return True

    def open(
        self,
        client: Client,
        model: str,
        *,
        bands: Sequence[int] | None = None,
        stretch: str | None = None,
    ) -> RasterSession:
        """A session on it; bands and stretch over those of this source."""
        return client.open_raster(self.path, model, bands=bands or self.bands, stretch=stretch)

    def request(self, _client: Client, model: str) -> dict[str, Any]:
        """How to open it once more, for a replay."""
        bands = None if self.bands is None else list(self.bands)
        return {"kind": "raster", "path": str(self.path), "model": model, "bands": bands}


@dataclass(frozen=True)
class PixelSource:
    """A window of a layer that is read here and sent."""

    provider: QgsRasterDataProvider
    """A copy of the layer's own, for the worker thread."""
    extent: QgsRectangle
    size_hw: tuple[int, int]
    crs: QgsCoordinateReferenceSystem
    bands: tuple[int, ...] = (1,)
    is_flipped: bool = False
    folders: list[Path] = field(default_factory=list)

    def holds(self, point: QgsPointXY) -> bool:
        """Whether a point lies in the window that was sent."""
        return bool(self.extent.contains(point))

    @property
    def affine(self) -> tuple[float, ...]:
        """Of pixel corners, in GDAL's order as `affine` has it: a, b, c, d, e, f."""
        rows, cols = self.size_hw
        box = self.extent
        return (box.width() / cols, 0.0, box.xMinimum(), 0.0, -box.height() / rows, box.yMaximum())

    @property
    def nodata(self) -> float | None:
        """The value of pixels without data; None where the bands have none, or different ones."""
        known = {
            self.provider.sourceNoDataValue(band)
            if self.provider.sourceHasNoDataValue(band)
            else math.nan
            for band in self.bands
        }
        value = known.pop()
        return None if known or not math.isfinite(value) else float(value)

    def read(self) -> np.ndarray:
        """(rows, columns, bands).

        Raises:
            SourceError: The layer gives no pixels.
        """
        blocks = [self._block(band) for band in self.bands]
        return blocks[0] if blocks[0].shape[2:] else np.stack(blocks, axis=-1)

    def open(
        self,
        client: Client,
        model: str,
        *,
        bands: Sequence[int] | None = None,
        stretch: str | None = None,
    ) -> RasterSession:
        """A session on it; bands and stretch over those of this source."""
        wanted = self if bands is None else replace(self, bands=tuple(bands))
        return client.open_raster_array(
            wanted.read(),
            affine=self.affine,
            crs=wkt_of(self.crs),
            model=model,
            stretch=stretch,
            nodata=wanted.nodata,
        )

    def request(self, client: Client, model: str) -> dict[str, Any]:
        """How to open it once more, for a replay; sends the pixels again."""
        frame = {"affine": list(self.affine), "crs": wkt_of(self.crs), "nodata": self.nodata}
        return {
            "kind": "raster",
            "upload": client.upload(self.read()),
            "model": model,
            "frame": frame,
        }

    def _block(self, band: int) -> np.ndarray:
        rows, cols = self.size_hw
        block = self.provider.block(band, self.extent, cols, rows)
        if not block.isValid() or block.isEmpty():
            raise SourceError(
                translate("SamGeomed", "The layer gives no pixels of this window: {why}").format(
                    why=block.error().summary() or translate("SamGeomed", "unknown")
                )
            )
        return _array(block)


def raster_source(layer: QgsRasterLayer | None, view: View | None) -> PathSource | PixelSource:
    """What to send of a layer; runs in the GUI thread.

    Args:
        layer: Any raster layer.
        view: What is visible, and drawn with the bands that count; None for the whole layer, which
            then must have a size, and the bands that the server chooses.

    Raises:
        SourceError: The layer cannot be used like this.
    """
    if layer is None or not layer.isValid():
        raise SourceError(translate("SamGeomed", "Choose a raster layer that can be read."))
    bands = None if view is None else shown_bands(layer)
    extent = layer.extent()
    is_flipped = extent.yMaximum() == 0 and extent.xMinimum() == 0
    path = _local_file(layer)
    if path is not None:
        is_plain = bands in {None, (1, 2, 3)}
        return PathSource(path, layer.crs(), None if is_plain else bands, is_flipped)
    return _pixels(layer, view, bands)


def wkt_of(crs: QgsCoordinateReferenceSystem) -> str | None:
    """A reference system as the server reads it; None where there is none."""
    return (
        crs.toWkt(QgsCoordinateReferenceSystem.WktVariant.WKT_PREFERRED) if crs.isValid() else None
    )


def _pixels(layer: QgsRasterLayer, view: View | None, bands: tuple[int, ...] | None) -> PixelSource:
    provider = layer.dataProvider()
    extent = layer.extent()
    if view is not None:
        extent = extent.intersect(view.extent)
    if extent.isEmpty():
        raise SourceError(
            translate(
                "SamGeomed", "Nothing of {layer} is visible: zoom to it and click again."
            ).format(layer=layer.name())
        )
    if provider.capabilities() & QgsRasterDataProvider.Size:
        extent, size_hw = _snapped(layer, extent)
    elif view is None:
        raise SourceError(
            translate(
                "SamGeomed",
                "{layer} has no size of its own: save the part that you want as a GeoTIFF (Export, "
                "Save As) and take that.",
            ).format(layer=layer.name())
        )
    else:
        share = extent.width() / view.extent.width()
        cols = max(1, round(view.width_px * share))
        size_hw = (max(1, round(cols * extent.height() / extent.width())), cols)
    if size_hw[0] * size_hw[1] > MOST_PIXELS:
        raise SourceError(
            translate(
                "SamGeomed",
                "{columns} x {rows} pixels of {layer} would have to be sent, {most} are possible: "
                "zoom in, or save the part that you want as a GeoTIFF.",
            ).format(columns=size_hw[1], rows=size_hw[0], layer=layer.name(), most=MOST_PIXELS)
        )
    count = provider.bandCount()
    chosen = bands or (tuple(range(1, MOST_BANDS + 1)) if count >= MOST_BANDS else (1,))
    copy = provider.clone()
    return PixelSource(copy, extent, size_hw, layer.crs(), chosen)


def _snapped(layer: QgsRasterLayer, extent: QgsRectangle) -> tuple[QgsRectangle, tuple[int, int]]:
    """A window of whole pixels of the layer's own."""
    whole = layer.extent()
    dx, dy = whole.width() / layer.width(), whole.height() / layer.height()
    left = max(0, math.floor((extent.xMinimum() - whole.xMinimum()) / dx))
    right = min(layer.width(), math.ceil((extent.xMaximum() - whole.xMinimum()) / dx))
    top = max(0, math.floor((whole.yMaximum() - extent.yMaximum()) / dy))
    bottom = min(layer.height(), math.ceil((whole.yMaximum() - extent.yMinimum()) / dy))
    x, y = whole.xMinimum(), whole.yMaximum()
    box = QgsRectangle(x + left * dx, y - bottom * dy, x + right * dx, y - top * dy)
    return box, (bottom - top, right - left)


def _local_file(layer: QgsRasterLayer) -> Path | None:
    """The file of a layer, where the server can open it as QGIS does."""
    if layer.providerType() != "gdal":
        return None
    parts = QgsProviderRegistry.instance().decodeUri("gdal", layer.source())
    path = Path(str(parts.get("path") or ""))
    if parts.get("layerName") or not path.is_absolute() or not path.is_file():
        return None
    from osgeo import gdal

    dataset = gdal.OpenEx(str(path), gdal.OF_RASTER)
    if dataset is None or dataset.GetDriver().ShortName not in DRIVERS:
        return None
    # QGIS warps what is placed by control points; the server would refuse it
    return None if dataset.GetGCPCount() else path.resolve()


def shown_bands(layer: QgsRasterLayer) -> tuple[int, ...] | None:
    """The three bands that the layer is drawn with, so that the network sees what the user does."""
    renderer = layer.renderer()
    if renderer is None or renderer.type() != "multibandcolor":
        return None
    bands = tuple(int(band) for band in renderer.usesBands())
    return bands if len(set(bands)) == MOST_BANDS and min(bands) > 0 else None


def _array(block: QgsRasterBlock) -> np.ndarray:
    """(rows, columns) of numbers; (rows, columns, 3) of a rendered image."""
    rows, cols = block.height(), block.width()
    kind = int(block.dataType())
    raw = bytes(block.data())
    if kind in TYPES:
        return np.frombuffer(raw, TYPES[kind]).reshape(rows, cols)
    if kind in {int(Qgis.DataType.ARGB32), int(Qgis.DataType.ARGB32_Premultiplied)}:
        bgra = np.frombuffer(raw, "<u4").reshape(rows, cols).view(np.uint8).reshape(rows, cols, 4)
        return np.ascontiguousarray(bgra[:, :, 2::-1])
    raise SourceError(
        translate("SamGeomed", "Pixels of type {kind} cannot be sent.").format(
            kind=block.dataType()
        )
    )

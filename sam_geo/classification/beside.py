"""Beside the bands: what a network and the objects say of the pixels of a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sam_geo.bands.blocks import Beside

if TYPE_CHECKING:
    from collections.abc import Callable

    from sam_common.window import Window
    from sam_geo.bands.embedded_raster import EmbeddedRaster
    from sam_geo.classification.objects import Objects


def beside_of(embedded: EmbeddedRaster, objects: Objects | None) -> Callable[[Window], Beside]:
    """A function that gives the embedding and the objects of a window (row, col).

    Args:
        embedded: What the network makes of the raster.
        objects: Objects over which it is pooled; superpixels where None.
    """

    def read(window: Window) -> Beside:
        return Beside(embedded.read(window), None if objects is None else objects.read(window))

    return read

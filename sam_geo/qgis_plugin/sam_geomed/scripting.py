"""Scripting: the plugin in QGIS's Python console and in scripts; see `docs/qgis.md`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import qgis.utils

from .accept import accept, create_layer
from .layer_session import LayerSession
from .raster_source import raster_source
from .server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qgis.core import QgsRasterLayer

    from .raster_source import View

__all__ = ["accept", "create_layer", "open_session"]


@contextmanager
def open_session(
    layer: QgsRasterLayer, model: str = "mobile_sam", view: View | None = None
) -> Iterator[LayerSession]:
    """A session on a layer, whose methods wait for their answers.

    Args:
        layer: Any raster layer.
        model: Name of a model.
        view: Which part, where the pixels have to be sent; the whole layer where None.

    Raises:
        EnvironmentMissingError: The suite is not installed.
        SourceError: The layer cannot be used.
        ServerError: The server does not start, or refuses.
    """
    plugin = qgis.utils.plugins.get("sam_geomed")
    # without the window's server, one that ends with the session
    server = Server() if plugin is None else plugin.server
    try:
        session = LayerSession(server, raster_source(layer, view), model)
        try:
            yield session
        finally:
            session.close()
    finally:
        if plugin is None:
            server.stop()

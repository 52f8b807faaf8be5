"""Plugin: what QGIS loads; the Processing provider always, the window where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qgis.core import QgsApplication

from .provider import Provider
from .server import Server
from .translation import Language

if TYPE_CHECKING:
    from .window import Window


class Plugin:
    """Loaded once by each QGIS.

    Args:
        iface: QGIS's interface; None in `qgis_process` and scripts.
    """

    def __init__(self, iface: Any) -> None:
        self.iface = iface
        # before any text is asked for
        self.language = Language()
        self.server = Server()
        self.provider: Provider | None = None
        self.window: Window | None = None

    def initProcessing(self) -> None:
        """What `qgis_process` calls."""
        self.provider = Provider(self.server)
        QgsApplication.processingRegistry().addProvider(self.provider)

    def initGui(self) -> None:
        """What QGIS's window calls."""
        from .window import Window

        self.initProcessing()
        self.window = Window(self.iface, self.server)

    def unload(self) -> None:
        """Leave nothing behind, the server's process included."""
        if self.window is not None:
            self.window.close()
            self.window = None
        if self.provider is not None:
            QgsApplication.processingRegistry().removeProvider(self.provider)
            self.provider = None
        self.server.stop()
        self.language.remove()

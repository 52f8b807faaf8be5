"""QGIS plugin of sam-geomed: a thin client of the suite's local server.

Nothing here needs more than QGIS itself: the networks run in another Python, see `environment`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .plugin import Plugin


def classFactory(iface: Any) -> Plugin:
    """What QGIS calls; `iface` is None where there is no window."""
    from .plugin import Plugin

    return Plugin(iface)

"""Outline style: objects as outlines with a thin shade, through which the image is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qgis.core import QgsFillSymbol, QgsSingleSymbolRenderer

from .post_processor import PostProcessor

if TYPE_CHECKING:
    from qgis.core import QgsVectorLayer

EDGE = "0,200,255,255"
"""Another colour than that of the object which is worked on; it stands out from soil and plants."""
SHADE = "0,200,255,40"
"""The same, so thin that what lies under it keeps its colours."""
WIDTH_MM = "0.5"


def draw_outlines(layer: QgsVectorLayer) -> None:
    """Give a layer of polygons this style; the user may change it as any other."""
    symbol = QgsFillSymbol.createSimple(
        {
            "color": SHADE,
            "style": "solid",
            "outline_color": EDGE,
            "outline_style": "solid",
            "outline_width": WIDTH_MM,
            "outline_width_unit": "MM",
        }
    )
    layer.setRenderer(QgsSingleSymbolRenderer(symbol))
    layer.triggerRepaint()


class Outlined(PostProcessor):
    """The style for polygons that Processing has loaded."""

    def finish(self, layer: QgsVectorLayer) -> None:
        """Set it."""
        draw_outlines(layer)

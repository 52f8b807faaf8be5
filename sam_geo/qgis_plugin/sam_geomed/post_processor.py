"""Post-processors: what is done to an output layer once QGIS has loaded it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qgis.core import QgsProcessingLayerPostProcessorInterface

if TYPE_CHECKING:
    from qgis.core import QgsMapLayer, QgsProcessingContext, QgsProcessingFeedback


class PostProcessor(QgsProcessingLayerPostProcessorInterface):
    """Something to do with an output layer, which stays in memory until it was done."""

    kept: list[PostProcessor] = []  # noqa: RUF012 - shared on purpose
    """QGIS holds no reference to what it will call."""

    def finish(self, layer: QgsMapLayer) -> None:
        """Do it."""
        raise NotImplementedError

    def attach(self, name: str, context: QgsProcessingContext) -> None:
        """Have it done when the layer of this name is loaded; nothing where it will not be."""
        if context.willLoadLayerOnCompletion(name):
            self.kept.append(self)
            context.layerToLoadOnCompletionDetails(name).setPostProcessor(self)

    def postProcessLayer(
        self,
        layer: QgsMapLayer,
        _context: QgsProcessingContext,
        _feedback: QgsProcessingFeedback,
    ) -> None:
        """Called by QGIS."""
        self.finish(layer)
        if self in self.kept:
            self.kept.remove(self)


class Styled(PostProcessor):
    """The style beside the file of a layer: Processing would give it one of chance colours."""

    def finish(self, layer: QgsMapLayer) -> None:
        """Load it."""
        layer.loadDefaultStyle()
        layer.triggerRepaint()

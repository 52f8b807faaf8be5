"""Provider: the Processing algorithms of the plugin."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qgis.core import QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from .algorithm_assess import Assess
from .algorithm_automatic import Automatic
from .algorithm_change import Change
from .algorithm_finetune import Finetune
from .algorithm_landcover import LandCover
from .algorithm_prompts import FromPrompts
from .algorithm_sample import Sample
from .algorithm_words import FromWords

if TYPE_CHECKING:
    from .server import Server


class Provider(QgsProcessingProvider):
    """All algorithms, `sam_geomed:prompts` and the others.

    Args:
        server: Of the plugin; started when an algorithm first runs.
    """

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server

    def id(self) -> str:
        """Before the colon."""
        return "sam_geomed"

    def name(self) -> str:
        """In the toolbox."""
        return "Segment Anything"

    def longName(self) -> str:
        """With the name of the suite."""
        return "Segment Anything (sam-geomed)"

    def icon(self) -> QIcon:
        """In the toolbox."""
        return QIcon(str(Path(__file__).with_name("icon.svg")))

    def supportedOutputRasterLayerExtensions(self) -> list[str]:
        """What maps are written as."""
        return ["tif"]

    def loadAlgorithms(self) -> None:
        """All there are."""
        for on_server in (FromPrompts, FromWords, Automatic):
            self.addAlgorithm(on_server(self._server))
        for by_program in (LandCover, Sample, Assess, Change, Finetune):
            self.addAlgorithm(by_program())

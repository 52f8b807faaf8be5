"""Algorithm: what the Processing algorithms on the server have in common.

The layer is looked at in the thread of the caller (`prepareAlgorithm`); the rest runs wherever
Processing wants it, and waits for a job of the server.
"""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingException,
    QgsProcessingParameterBand,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import Qt

from .environment import EnvironmentMissingError
from .models import MODELS
from .outline_style import Outlined
from .placement import Placement
from .raster_source import PathSource, PixelSource, SourceError, raster_source
from .suite_algorithm import Sink, SuiteAlgorithm
from .suite_client import ENDED, ServerError
from .suite_program import progress_text
from .translation import translate

if TYPE_CHECKING:
    from qgis.core import QgsProcessingContext, QgsProcessingFeedback

    from .server import Lease, Server
    from .suite_algorithm import Run
    from .suite_client import Job, RasterSession

RESULT = "objects.gpkg"
"""File of a job with polygons."""
POLL_SECONDS = 0.2


class RasterAlgorithm(SuiteAlgorithm):
    """A raster in, polygons out.

    Args:
        server: Of the plugin.
    """

    INPUT = "INPUT"
    MODEL = "MODEL"
    BANDS = "BANDS"
    STRETCH = "STRETCH"
    OUTPUT = "OUTPUT"

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server
        self._source: PathSource | PixelSource | None = None

    def createInstance(self) -> RasterAlgorithm:
        """Another of the same kind."""
        return type(self)(self._server)

    def initAlgorithm(self, _configuration: Any = None) -> None:
        """Parameters, those of the kind itself in the middle."""
        self.addParameter(
            QgsProcessingParameterRasterLayer(self.INPUT, translate("SamGeomed", "Raster"))
        )
        self.add_own_parameters()
        self.addParameter(
            QgsProcessingParameterEnum(
                self.MODEL,
                translate("SamGeomed", "Model"),
                options=list(MODELS),
                defaultValue=MODELS[0],
                usesStaticStrings=True,
            )
        )
        self.add_advanced(
            QgsProcessingParameterBand(
                self.BANDS,
                translate("SamGeomed", "Bands, one or three: red, green and blue where not given"),
                parentLayerParameterName=self.INPUT,
                optional=True,
                allowMultiple=True,
            )
        )
        self.add_advanced(
            QgsProcessingParameterString(
                self.STRETCH,
                translate(
                    "SamGeomed",
                    "Values that become black and white: min,max or none; chosen where empty",
                ),
                optional=True,
            )
        )
        self.addParameter(
            QgsProcessingParameterFeatureSink(
                self.OUTPUT, translate("SamGeomed", "Objects"), QgsProcessing.TypeVectorPolygon
            )
        )

    def add_own_parameters(self) -> None:
        """What this kind asks beside the raster and the model."""

    def start(
        self,
        session: RasterSession,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
    ) -> Job:
        """The job on an open raster."""
        raise NotImplementedError

    @property
    def source(self) -> PathSource | PixelSource:
        """The raster, as it was looked at."""
        if self._source is None:
            raise RuntimeError("prepareAlgorithm was not called")
        return self._source

    def prepareAlgorithm(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        _feedback: QgsProcessingFeedback,
    ) -> bool:
        """Look at the layer, which belongs to this thread."""
        layer = self.parameterAsRasterLayer(parameters, self.INPUT, context)
        try:
            source = raster_source(layer, None)
        except SourceError as error:
            raise QgsProcessingException(str(error)) from error
        self._source = source
        return True

    def processAlgorithm(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> dict[str, Any]:
        """Run the job and copy its rows."""
        feedback.setProgressText(translate("SamGeomed", "Starting the server …"))
        try:
            with self._server.lease(self.source.folders) as lease:
                return self._on(lease, (parameters, context, feedback))
        except (EnvironmentMissingError, ServerError, SourceError) as error:
            raise QgsProcessingException(str(error)) from error

    def _on(self, lease: Lease, run: Run) -> dict[str, Any]:
        """The whole run on a server."""
        parameters, context, feedback = run
        session = self.source.open(lease.client, **self._chosen(parameters, context))
        try:
            job = self.start(session, parameters, context)
            with tempfile.TemporaryDirectory(prefix="sam_geomed-") as folder:
                path = self._result(job, Path(folder), feedback)
                if path is None:
                    return {}
                place = Placement.of(session.frame, self.source)
                sink = Sink(self.OUTPUT, QgsWkbTypes.MultiPolygon, self.source.crs)
                found = self.copied(path, sink, run, place.to_layer)
                Outlined().attach(found, context)
                return {self.OUTPUT: found}
        finally:
            session.close()

    def _chosen(self, parameters: dict[str, Any], context: QgsProcessingContext) -> dict[str, Any]:
        """Model, bands and stretch."""
        return {
            "model": self.parameterAsEnumString(parameters, self.MODEL, context),
            "bands": self.parameterAsInts(parameters, self.BANDS, context) or None,
            "stretch": self.parameterAsString(parameters, self.STRETCH, context).strip() or None,
        }

    def _result(self, job: Job, folder: Path, feedback: QgsProcessingFeedback) -> Path | None:
        """Wait for the job and fetch its file; None where it was cancelled."""
        state = _waited_for(job, feedback)
        if state["state"] == "failed":
            raise QgsProcessingException(
                state["message"] or translate("SamGeomed", "the job failed")
            )
        if state["state"] != "done":
            return None
        counts = state["summary"].get("counts") or {}
        feedback.pushInfo(", ".join(f"{name}: {count}" for name, count in counts.items()))
        for failure in state["summary"].get("failures") or []:
            feedback.reportError(
                translate("SamGeomed", "A window failed: {why}").format(why=failure)
            )
        path = folder / RESULT
        job.download(RESULT, path)
        return path


def _waited_for(job: Job, feedback: QgsProcessingFeedback) -> dict[str, Any]:
    """The last state of a job; at once where the user cancels, whatever the server is at."""
    cancelled = threading.Event()
    # direct: the thread that runs the algorithm has no event loop
    feedback.canceled.connect(cancelled.set, Qt.ConnectionType.DirectConnection)
    try:
        while True:
            state = job.state()
            # at its end too: a short job is over before it was asked a second time
            _tell(feedback, state)
            if state["state"] in ENDED:
                return state
            if cancelled.wait(POLL_SECONDS) or feedback.isCanceled():
                job.cancel()
                return {**state, "state": "cancelled"}
    finally:
        feedback.canceled.disconnect(cancelled.set)


def _tell(feedback: QgsProcessingFeedback, state: dict[str, Any]) -> None:
    """Progress of a job."""
    if state["what"]:
        feedback.setProgressText(progress_text(state["what"], state["done"], state["total"]))
    if state["total"]:
        feedback.setProgress(100.0 * state["done"] / state["total"])

"""Window: what the plugin puts into QGIS's window, and how its parts talk to each other."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qgis.core import QgsCoordinateTransform, QgsCsException, QgsGeometry, QgsProject
from qgis.PyQt.QtCore import QObject, Qt
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import QAction, QFileDialog

from .accept import accept, create_layer
from .dock import Dock
from .environment import EnvironmentMissingError, configure, configured, find_command
from .install_dialog import InstallDialog
from .map_tools import PromptTool
from .models import MODELS
from .preview import Preview
from .raster_source import View, raster_source
from .session import Session
from .translation import translate
from .words import pixels

if TYPE_CHECKING:
    from qgis.core import QgsCoordinateReferenceSystem, QgsRasterLayer, QgsRectangle

    from .layer_session import Outline
    from .raster_source import PathSource, PixelSource
    from .server import Server

MENU = "Segment Anything"


class Window(QObject):
    """Dock, map tool, preview and session of one QGIS window.

    Args:
        iface: QGIS's interface.
        server: Of the plugin.
    """

    def __init__(self, iface: Any, server: Server) -> None:
        super().__init__()
        self.iface = iface
        self.canvas = iface.mapCanvas()
        self.server = server
        self.session = Session(server, self._source)
        self.preview = Preview(self.canvas)
        self.tool = PromptTool(self.canvas, self._crs)
        self.dock = Dock(self._log, configured())
        self.action = QAction(
            QIcon(str(Path(__file__).with_name("icon.svg"))), MENU, iface.mainWindow()
        )
        self.action.setCheckable(True)
        self.tool.setAction(self.action)
        iface.addToolBarIcon(self.action)
        iface.addPluginToRasterMenu(MENU, self.action)
        iface.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.dock)
        self.dock.hide()
        self.installing: InstallDialog | None = None
        self._connect()
        self._look_for_suite()
        self._choose()

    def close(self) -> None:
        """Take everything out of the window."""
        self.canvas.mapToolSet.disconnect(self._tool_changed)
        if self.installing is not None:
            self.installing.close_for_good()
            self.installing = None
        self.session.close()
        self.canvas.unsetMapTool(self.tool)
        self.preview.remove()
        self.iface.removeToolBarIcon(self.action)
        self.iface.removePluginRasterMenu(MENU, self.action)
        self.iface.removeDockWidget(self.dock)
        self.dock.deleteLater()

    def activate(self, is_on: bool = True) -> None:  # noqa: FBT001, FBT002 (a slot of QAction.triggered)
        """Let clicks on the map segment, or give the map back."""
        if not is_on:
            self.canvas.unsetMapTool(self.tool)
            return
        self.dock.show()
        self.canvas.setMapTool(self.tool)
        self.canvas.setFocus()
        self.session.prepare()

    def save_to(self, path: str) -> None:
        """Make a GeoPackage, add it to the project and save to it."""
        raster = self.dock.raster
        crs = self.canvas.mapSettings().destinationCrs() if raster is None else raster.crs()
        try:
            layer = create_layer(path, crs)
        except Exception as error:  # noqa: BLE001 (whatever a data provider raises is told)
            self._problem(str(error))
            return
        QgsProject.instance().addMapLayer(layer)
        self.dock.target_box.setLayer(layer)
        self.dock.say(translate("SamGeomed", "Accepted objects go to {path}.").format(path=path))

    def install(self) -> None:
        """Open the dialog that makes the suite's environment."""
        if self.installing is None:
            self.installing = InstallDialog(self.dock, self._end_server)
            self.installing.changed.connect(self._look_for_suite)
        self.installing.show()
        self.installing.raise_()

    def _look_for_suite(self) -> None:
        """Offer to install the suite where it is missing."""
        try:
            find_command()
        except EnvironmentMissingError:
            self.dock.offer_install(is_missing=True)
            return
        if self.dock.install_button.isVisibleTo(self.dock):
            self.dock.say(
                translate(
                    "SamGeomed", "The suite is there. Choose an image, then click on the map."
                )
            )
        self.dock.offer_install(is_missing=False)

    def _connect(self) -> None:
        dock, tool, session = self.dock, self.tool, self.session
        self.action.triggered.connect(self.activate)
        dock.start_tool.connect(self.activate)
        self.canvas.mapToolSet.connect(self._tool_changed)
        dock.chosen.connect(self._choose)
        dock.new_layer.connect(self._ask_for_layer)
        dock.learn.connect(self._learn)
        dock.use.connect(dock.use_model)
        dock.environment.connect(self._set_environment)
        dock.restart.connect(self._end_server)
        dock.install.connect(self.install)
        for asker in (dock, tool):
            asker.undo.connect(session.undo)
            asker.redo.connect(session.redo)
            asker.clear.connect(session.clear)
            asker.accept.connect(self._accept)
        tool.clicked.connect(self._click)
        tool.drawn.connect(session.draw_box)
        tool.dragged.connect(self._drag)
        tool.delete_near.connect(session.remove_near)
        tool.unusable.connect(self._problem)
        session.changed.connect(self._show)
        session.said.connect(dock.say)
        session.failed.connect(self._problem)
        session.busy.connect(dock.set_busy)
        session.models_known.connect(dock.set_models)

    def _tool_changed(self, new: Any, _old: Any = None) -> None:
        self.dock.tool_button.setChecked(new is self.tool)

    def _choose(self) -> None:
        self.session.choose(self.dock.model)
        if self.dock.raster is not None and self.canvas.mapTool() is self.tool:
            self.session.prepare()

    def _click(self, point: Any, is_positive: bool) -> None:  # noqa: FBT001 (a slot)
        self.session.click(point, is_positive=is_positive)

    def _drag(self, box: QgsRectangle | None) -> None:
        raster = self.dock.raster
        if raster is not None:
            shape = None if box is None else QgsGeometry.fromRect(box)
            self.preview.show_drag(shape, raster.crs())

    def _show(self, outline: Outline) -> None:
        raster = self.dock.raster
        if raster is not None:
            self.preview.show(outline, raster.crs())
        self.dock.set_possible(
            undo=outline.can_undo,
            redo=outline.can_redo,
            clear=bool(outline.points or outline.box),
            accept=outline.geometry is not None,
        )

    def _accept(self) -> None:
        if self.dock.target is None:
            self._problem(
                translate("SamGeomed", "Choose a layer of polygons to save to, or press New.")
            )
            return
        raster = self.dock.raster
        if raster is not None:
            self.session.accept(
                partial(self._save, raster.crs(), self.dock.target, self.dock.class_name)
            )

    def _save(self, crs: Any, target: Any, name: str, outline: Outline, model: str) -> str:
        accept(outline, crs, target, class_name=name, model=model)
        self.dock.remember_class()
        told = (
            translate(
                "SamGeomed",
                "{what} added to {layer} (not yet saved: the layer is being edited). Next object?",
            )
            if target.isEditable()
            else translate("SamGeomed", "{what} added to {layer}. Next object?")
        )
        size = pixels(outline.area_px)
        return told.format(what=f"{name}: {size}" if name else size, layer=target.name())

    def _source(self) -> PathSource | PixelSource:
        raster = self.dock.raster
        return raster_source(raster, None if raster is None else self._view(raster))

    def _crs(self) -> QgsCoordinateReferenceSystem | None:
        return None if self.dock.raster is None else self.dock.raster.crs()

    def _view(self, raster: QgsRasterLayer) -> View:
        settings = self.canvas.mapSettings()
        transform = QgsCoordinateTransform(
            raster.crs(), settings.destinationCrs(), QgsProject.instance()
        )
        try:
            extent = transform.transformBoundingBox(
                settings.visibleExtent(), QgsCoordinateTransform.ReverseTransform
            )
        except QgsCsException:
            # more than the world is visible: so is all of the layer
            extent = raster.extent()
        return View(extent, self.canvas.width())

    def _ask_for_layer(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self.dock,
            translate("SamGeomed", "Save accepted objects to"),
            "",
            translate("SamGeomed", "GeoPackage (*.gpkg)"),
        )
        if path:
            self.save_to(path if path.lower().endswith(".gpkg") else f"{path}.gpkg")

    def _learn(self) -> None:
        """Open the dialog that teaches a network, with the layers of the panel."""
        raster, target = self.dock.raster, self.dock.target
        if raster is None or target is None:
            self._problem(
                translate("SamGeomed", "Choose the image, and the layer of polygons to learn from.")
            )
            return
        # an import of QGIS's own plugin, which is there once the toolbox is
        import processing

        chosen = {"INPUT": raster.id(), "OBJECTS": target.id()}
        if self.dock.model in MODELS:
            chosen["MODEL"] = self.dock.model
        if results := processing.execAlgorithmDialog("sam_geomed:finetune", chosen):
            self._learned(results)

    def _learned(self, results: dict[str, Any]) -> None:
        """Show the figures before and after, and offer the new network where there is one."""
        lines = [
            told.format(before=results[f"{kind}_BEFORE"], after=results[f"{kind}_AFTER"])
            for kind, told in (
                (
                    "BOX",
                    translate(
                        "SamGeomed", "Mean IoU by box: {before:.3f} before, {after:.3f} after."
                    ),
                ),
                (
                    "POINT",
                    translate(
                        "SamGeomed", "Mean IoU by point: {before:.3f} before, {after:.3f} after."
                    ),
                ),
            )
            if f"{kind}_AFTER" in results
        ]
        self.dock.offer_model(results.get("NAMED", ""), " ".join([*lines, results["VERDICT"]]))
        # what was learned can be chosen from now on
        self.session.prepare()

    def _set_environment(self, chosen: str) -> None:
        configure(chosen)
        self._look_for_suite()
        try:
            command = find_command()
        except EnvironmentMissingError as error:
            self._problem(str(error))
            return
        self.dock.say(
            translate(
                "SamGeomed",
                "The server will be {program}. A running one goes on until it is ended.",
            ).format(program=command[0])
        )

    def _end_server(self) -> None:
        self.session.choose(self.dock.model)
        self.session.end(self.server.stop)

    def _log(self) -> str:
        about = self.server.about
        head = (
            translate("SamGeomed", "running, version {version}, process {process}").format(
                version=about.get("version"), process=about.get("pid")
            )
            if self.server.is_running
            else translate("SamGeomed", "not running")
        )
        return "\n".join([head, *self.server.log_lines()])

    def _problem(self, line: str) -> None:
        self.dock.say(line, is_problem=True)

"""Dock: the panel of the plugin; holds widgets and tells what they ask for, and decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qgis.core import QgsMapLayerProxyModel
from qgis.gui import QgsDockWidget, QgsFileWidget, QgsMapLayerComboBox
from qgis.PyQt.QtCore import Qt, QTimer, pyqtSignal
from qgis.PyQt.QtGui import QFont, QFontDatabase
from qgis.PyQt.QtWidgets import (
    QComboBox,
    QFormLayout,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from .models import MODELS
from .translation import translate

if TYPE_CHECKING:
    from collections.abc import Callable

    from qgis.core import QgsRasterLayer, QgsVectorLayer

LOG_MILLISECONDS = 1000


class Dock(QgsDockWidget):
    """Model, layers, class, buttons, status, and a tab about the server."""

    chosen = pyqtSignal()
    """Another layer or model."""
    start_tool = pyqtSignal(bool)
    new_layer = pyqtSignal()
    undo = pyqtSignal()
    redo = pyqtSignal()
    clear = pyqtSignal()
    accept = pyqtSignal()
    learn = pyqtSignal()
    """Teach a network the polygons of the layer that objects are saved to."""
    use = pyqtSignal(str)
    """Click with a network that was just taught."""
    environment = pyqtSignal(str)
    """Another environment; empty to look for one."""
    restart = pyqtSignal()
    install = pyqtSignal()
    """Open the dialog that installs the suite."""

    def __init__(self, log: Callable[[], str], environment: str) -> None:
        super().__init__("Segment Anything")
        self.setObjectName("SamGeomedDock")
        self._log = log
        self.tabs = QTabWidget()
        self.tabs.addTab(self._segment_tab(), translate("SamGeomed", "Segment"))
        self.tabs.addTab(self._server_tab(environment), translate("SamGeomed", "Server"))
        self.setWidget(self.tabs)
        self._timer = QTimer(self)
        self._timer.setInterval(LOG_MILLISECONDS)
        self._timer.timeout.connect(self.show_log)
        self._timer.start()

    @property
    def raster(self) -> QgsRasterLayer | None:
        """The layer that is clicked on."""
        return self.raster_box.currentLayer()

    @property
    def target(self) -> QgsVectorLayer | None:
        """The layer that accepted objects go to."""
        return self.target_box.currentLayer()

    @property
    def model(self) -> str:
        """Name of the model."""
        return self.model_box.currentText()

    @property
    def class_name(self) -> str:
        """Class of the next accepted object."""
        return self.class_box.currentText().strip()

    def set_models(self, names: list[str]) -> None:
        """Those that the server knows; the choice stays."""
        if names == [self.model_box.itemText(n) for n in range(self.model_box.count())]:
            return
        now = self.model
        self.model_box.blockSignals(True)
        self.model_box.clear()
        self.model_box.addItems(names)
        self.model_box.setCurrentText(now)
        self.model_box.blockSignals(False)

    def offer_model(self, name: str, told: str) -> None:
        """Show what came of teaching a network, and a button that chooses it.

        Args:
            name: Of the network; empty where there is none to choose.
            told: Figures and verdict.
        """
        self.learned.setText(told)
        self.learned.show()
        self.use_button.setText(translate("SamGeomed", "Use {name}").format(name=name))
        self.use_button.setProperty("model", name)
        self.use_button.setVisible(bool(name))

    def use_model(self, name: str) -> None:
        """Choose a network, which is put into the list where it is not there yet."""
        if self.model_box.findText(name) < 0:
            self.model_box.addItem(name)
        self.model_box.setCurrentText(name)

    def remember_class(self) -> None:
        """Offer the class that was typed from now on."""
        name = self.class_name
        if name and self.class_box.findText(name) < 0:
            self.class_box.addItem(name)

    def say(self, line: str, *, is_problem: bool = False) -> None:
        """Show one line about how things stand."""
        self.status.setStyleSheet("color: #b02020;" if is_problem else "")
        self.status.setText(line)

    def offer_install(self, *, is_missing: bool) -> None:
        """Show the button that installs the suite, where it is missing."""
        self.install_button.setVisible(is_missing)

    def set_busy(self, waiting: int) -> None:
        """Show that an answer is waited for."""
        self.progress.setRange(0, 0 if waiting else 1)

    def set_possible(self, *, undo: bool, redo: bool, clear: bool, accept: bool) -> None:
        """Which buttons mean something now."""
        self.undo_button.setEnabled(undo)
        self.redo_button.setEnabled(redo)
        self.clear_button.setEnabled(clear)
        self.accept_button.setEnabled(accept)

    def show_log(self) -> None:
        """The newest lines, where somebody looks at them."""
        if not self.log.isVisible() or (text := self._log()) == self.log.toPlainText():
            return
        self.log.setPlainText(text)
        self.log.verticalScrollBar().setValue(self.log.verticalScrollBar().maximum())

    def _segment_tab(self) -> QWidget:
        self.raster_box = QgsMapLayerComboBox()
        self.raster_box.setFilters(QgsMapLayerProxyModel.RasterLayer)
        self.raster_box.layerChanged.connect(lambda _layer: self.chosen.emit())
        self.model_box = QComboBox()
        self.model_box.addItems(MODELS)
        self.model_box.currentTextChanged.connect(lambda _name: self.chosen.emit())
        self.class_box = QComboBox()
        self.class_box.setEditable(True)
        self.class_box.lineEdit().setPlaceholderText(
            translate("SamGeomed", "such as tree (optional)")
        )
        self.target_box = QgsMapLayerComboBox()
        self.target_box.setFilters(QgsMapLayerProxyModel.PolygonLayer)
        self.target_box.setAllowEmptyLayer(True, translate("SamGeomed", "(none)"))
        new = QToolButton()
        new.setText(translate("SamGeomed", "New…"))
        new.setToolTip(translate("SamGeomed", "Make a GeoPackage for accepted objects"))
        new.clicked.connect(self.new_layer)
        self.new_button = new
        learn = QToolButton()
        learn.setText(translate("SamGeomed", "Learn from these…"))
        learn.setToolTip(
            translate("SamGeomed", "Teach a network the polygons of this layer, in the background")
        )
        learn.clicked.connect(self.learn)
        self.learn_button = learn
        save = QHBoxLayout()
        save.addWidget(self.target_box, 1)
        save.addWidget(new)
        form = QFormLayout()
        # names of layers are long, and the panel is narrow
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow(translate("SamGeomed", "Image"), self.raster_box)
        form.addRow(translate("SamGeomed", "Model"), self.model_box)
        form.addRow(translate("SamGeomed", "Class"), self.class_box)
        form.addRow(translate("SamGeomed", "Save to"), save)
        form.addRow("", learn)
        form.addRow("", self._learned())
        page, column = QWidget(), QVBoxLayout()
        self.tool_button = QPushButton(translate("SamGeomed", "Click on the map"))
        self.tool_button.setCheckable(True)
        self.tool_button.clicked.connect(self.start_tool)
        column.addLayout(form)
        column.addWidget(self.tool_button)
        column.addLayout(self._buttons())
        column.addWidget(self._progress())
        column.addWidget(self._status())
        column.addWidget(self._install_button())
        column.addStretch(1)
        column.addWidget(_keys())
        page.setLayout(column)
        # what to install is many lines, and panels are small
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(page)
        return area

    def _buttons(self) -> QGridLayout:
        self.undo_button = self._button(translate("SamGeomed", "Undo"), "Z", self.undo)
        self.redo_button = self._button(
            translate("SamGeomed", "Redo"), translate("SamGeomed", "Shift+Z"), self.redo
        )
        self.clear_button = self._button(
            translate("SamGeomed", "Clear"), translate("SamGeomed", "Esc"), self.clear
        )
        self.accept_button = self._button(
            translate("SamGeomed", "Accept"), translate("SamGeomed", "Enter"), self.accept
        )
        bold = QFont(self.accept_button.font())
        bold.setBold(True)
        self.accept_button.setFont(bold)
        grid = QGridLayout()
        grid.addWidget(self.undo_button, 0, 0)
        grid.addWidget(self.redo_button, 0, 1)
        grid.addWidget(self.clear_button, 1, 0)
        grid.addWidget(self.accept_button, 1, 1)
        self.set_possible(undo=False, redo=False, clear=False, accept=False)
        return grid

    def _button(self, text: str, key: str, signal: pyqtSignal) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(
            translate("SamGeomed", "{text} ({key} on the map)").format(text=text, key=key)
        )
        button.clicked.connect(signal)
        return button

    def _install_button(self) -> QPushButton:
        self.install_button = QPushButton(translate("SamGeomed", "Install the suite…"))
        self.install_button.setToolTip(
            translate("SamGeomed", "Make the Python environment in which the networks run")
        )
        self.install_button.clicked.connect(self.install)
        self.install_button.hide()
        return self.install_button

    def _learned(self) -> QWidget:
        self.learned = QLabel()
        self.learned.setWordWrap(True)
        self.learned.hide()
        self.use_button = QPushButton()
        self.use_button.setToolTip(
            translate("SamGeomed", "Click with the network that was just taught")
        )
        self.use_button.clicked.connect(lambda: self.use.emit(self.use_button.property("model")))
        self.use_button.hide()
        both, column = QWidget(), QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.learned)
        column.addWidget(self.use_button)
        both.setLayout(column)
        return both

    def _progress(self) -> QProgressBar:
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setMaximumHeight(6)
        self.progress.setRange(0, 1)
        return self.progress

    def _status(self) -> QLabel:
        self.status = QLabel(translate("SamGeomed", "Choose an image, then click on the map."))
        self.status.setWordWrap(True)
        self.status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.status.setMinimumHeight(self.status.fontMetrics().lineSpacing() * 3)
        self.status.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        return self.status

    def _server_tab(self, environment: str) -> QWidget:
        self.environment_box = QgsFileWidget()
        self.environment_box.setStorageMode(QgsFileWidget.StorageMode.GetDirectory)
        self.environment_box.setFilePath(environment)
        self.environment_box.lineEdit().setPlaceholderText(
            translate("SamGeomed", "found by itself")
        )
        self.environment_box.fileChanged.connect(self.environment)
        install = QPushButton(translate("SamGeomed", "Install the suite…"))
        install.setToolTip(
            translate("SamGeomed", "Make, repair or remove the environment in QGIS's profile")
        )
        install.clicked.connect(self.install)
        restart = QPushButton(translate("SamGeomed", "End the server"))
        restart.setToolTip(translate("SamGeomed", "It starts again with the next click"))
        restart.clicked.connect(self.restart)
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.log.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        page, column = QWidget(), QVBoxLayout()
        column.addWidget(QLabel(translate("SamGeomed", "Environment of the suite (folder)")))
        column.addWidget(self.environment_box)
        column.addWidget(install)
        column.addWidget(restart)
        column.addWidget(QLabel(translate("SamGeomed", "What the server says")))
        column.addWidget(self.log, 1)
        page.setLayout(column)
        return page


def _keys() -> QLabel:
    rows = "".join(
        f"<tr><td style='white-space:nowrap'><b>{key}</b>&nbsp;&nbsp;</td><td>{what}</td></tr>"
        for key, what in (
            (translate("SamGeomed", "Click"), translate("SamGeomed", "on the object")),
            (translate("SamGeomed", "Right click"), translate("SamGeomed", "beside it (or Ctrl)")),
            (translate("SamGeomed", "Drag"), translate("SamGeomed", "box around it")),
            (translate("SamGeomed", "Enter"), translate("SamGeomed", "accept")),
            ("Z, " + translate("SamGeomed", "Shift+Z"), translate("SamGeomed", "undo, redo")),
            (translate("SamGeomed", "Esc"), translate("SamGeomed", "clear")),
            (translate("SamGeomed", "Del"), translate("SamGeomed", "prompt at pointer")),
        )
    )
    keys = QLabel(f"<table>{rows}</table>")
    keys.setWordWrap(True)
    return keys

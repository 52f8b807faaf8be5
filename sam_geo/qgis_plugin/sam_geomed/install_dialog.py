"""Install dialog: one button that installs the suite, with its log, its progress and an end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qgis.gui import QgsFileWidget
from qgis.PyQt.QtCore import QTimer, pyqtSignal
from qgis.PyQt.QtGui import QFontDatabase
from qgis.PyQt.QtWidgets import (
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from .installer import of_the_suite, own_environment, state, wanted
from .suite_installation.background import CANCELLED, FAILED, FINISHED, Background
from .suite_installation.environment import TORCH_HINT
from .translation import translate

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

POLL_MILLISECONDS = 100
MOST_LINES = 5000


class InstallDialog(QDialog):
    """Installs, repairs and removes the environment; may be closed while it works.

    Args:
        parent: The panel.
        before: Called before anything is changed: a running server holds files.
    """

    changed = pyqtSignal()
    """An environment was made or removed."""

    def __init__(self, parent: QWidget | None, before: Callable[[], Any]) -> None:
        super().__init__(parent)
        self.setWindowTitle(translate("SamGeomed", "Install the suite"))
        self.setObjectName("SamGeomedInstall")
        self.resize(640, 460)
        self._before = before
        self.worker: Background | None = None
        self._build()
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MILLISECONDS)
        self._timer.timeout.connect(self._read)
        self._timer.start()
        self._show_state()

    def install(self) -> None:
        """Make the environment, or bring it to the plugin's version."""
        what = self._wanted()
        self._start(lambda feedback: own_environment().install(what, feedback))

    def repair(self) -> None:
        """Make it anew."""
        what = self._wanted()
        self._start(lambda feedback: own_environment().repair(what, feedback))

    def remove(self) -> None:
        """Remove it."""
        self._start(lambda _feedback: own_environment().remove())

    def cancel(self) -> None:
        """Stop what is being done."""
        if self.worker is not None:
            self.worker.cancel()
            self.step.setText(translate("SamGeomed", "cancelling …"))

    def close_for_good(self) -> None:
        """Cancel, and wait: the plugin is taken out of QGIS."""
        self._timer.stop()
        if self.worker is not None:
            self.worker.cancel()
            self.worker.wait()
        self.close()
        self.deleteLater()

    def _wanted(self) -> Any:
        return wanted(self.bundle.filePath(), torch_index=self.torch_index.text().strip())

    def _start(self, work: Callable[[Any], Any]) -> None:
        if self.worker is not None:
            return
        self._before()
        self.log.clear()
        self.bar.setRange(0, 1000)
        self.bar.setValue(0)
        self.worker = Background(work)
        self._show_state()

    def _read(self) -> None:
        """Show what the worker told since the last time."""
        for kind, what in [] if self.worker is None else self.worker.news():
            if kind == "line":
                self.log.appendPlainText(what)
                newest = self.log.verticalScrollBar()
                newest.setValue(newest.maximum())
            elif kind == "share":
                share, step = what
                self.bar.setValue(round(1000 * share))
                self.step.setText(of_the_suite(step))
            else:
                self._end(kind, what)

    def _end(self, kind: str, why: str) -> None:
        self.worker = None
        self.step.setText(
            {
                FINISHED: translate("SamGeomed", "Done."),
                CANCELLED: translate("SamGeomed", "Cancelled."),
                FAILED: why,
            }[kind]
        )
        self.step.setStyleSheet("color: #b02020;" if kind == FAILED else "")
        if kind == FAILED:
            self.log.appendPlainText(why)
        else:
            self.bar.setValue(1000 if kind == FINISHED else 0)
        self._show_state()
        self.changed.emit()

    def _show_state(self) -> None:
        is_busy = self.worker is not None
        environment = own_environment()
        self.state.setText(translate("SamGeomed", "working …") if is_busy else state())
        if is_busy:
            self.step.setStyleSheet("")
        self.install_button.setEnabled(not is_busy)
        self.repair_button.setEnabled(not is_busy and environment.is_begun)
        self.remove_button.setEnabled(not is_busy and environment.is_begun)
        self.cancel_button.setEnabled(is_busy)

    def _build(self) -> None:
        about = QLabel(
            translate(
                "SamGeomed",
                "The networks run in a Python environment beside QGIS, in the folder of your "
                "profile: about 2.4 GB. Nothing is installed into QGIS itself. Packages come as "
                "your pip is configured, or from a bundle on a machine without internet.",
            )
        )
        about.setWordWrap(True)
        self.state = QLabel()
        self.bundle = QgsFileWidget()
        self.bundle.setFilter(translate("SamGeomed", "Bundles (*.zip)"))
        self.bundle.lineEdit().setPlaceholderText(
            translate("SamGeomed", "none: packages come by pip")
        )
        self.torch_index = QLineEdit()
        self.torch_index.setPlaceholderText(translate("SamGeomed", "none: your own index"))
        self.torch_index.setToolTip(of_the_suite(TORCH_HINT))
        form = QFormLayout()
        # paths are long, and can be copied from here
        folder = QLineEdit(str(own_environment().folder))
        folder.setReadOnly(True)
        folder.setCursorPosition(0)
        form.addRow(translate("SamGeomed", "Folder"), folder)
        form.addRow(translate("SamGeomed", "Installed"), self.state)
        form.addRow(translate("SamGeomed", "Bundle"), self.bundle)
        form.addRow(translate("SamGeomed", "PyTorch from"), self.torch_index)
        self.step = QLabel(translate("SamGeomed", "Press Install."))
        self.step.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setMaximumBlockCount(MOST_LINES)
        self.log.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.log.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        buttons = QHBoxLayout()
        self.install_button = _button(translate("SamGeomed", "Install"), self.install, buttons)
        self.install_button.setFocus()
        self.repair_button = _button(translate("SamGeomed", "Repair"), self.repair, buttons)
        self.remove_button = _button(translate("SamGeomed", "Remove"), self.remove, buttons)
        buttons.addStretch(1)
        self.cancel_button = _button(translate("SamGeomed", "Cancel"), self.cancel, buttons)
        column = QVBoxLayout(self)
        column.addWidget(about)
        column.addLayout(form)
        column.addLayout(buttons)
        column.addWidget(self.bar)
        column.addWidget(self.step)
        column.addWidget(self.log, 1)


def _button(text: str, slot: Callable[[], None], row: QHBoxLayout) -> QPushButton:
    button = QPushButton(text)
    # Enter in a field must not install anything
    button.setAutoDefault(False)
    button.clicked.connect(lambda _checked: slot())
    row.addWidget(button)
    return button

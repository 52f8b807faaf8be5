"""Runs inside the real QGIS: loads the plugin, clicks, accepts, saves, takes a picture, ends.

Told by the environment: DRIVE_IMAGE, DRIVE_OUT (a GeoPackage), DRIVE_PROGRAM (the suite's
`sam-common`), DRIVE_SCREENSHOT, DRIVE_REPORT (JSON of what happened).
"""

from __future__ import annotations

import json
import os
import traceback
from pathlib import Path

import qgis.utils
from qgis.core import QgsPointXY, QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import QPoint, Qt, QTimer
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication

CLICK = (404233.4, 3285135.0)
BOX = ((404237.5, 3285133.0), (404240.7, 3285128.9))
LEFT = Qt.MouseButton.LeftButton
report: dict = {"said": [], "problems": []}


def start():
    iface = qgis.utils.iface
    iface.mainWindow().setGeometry(0, 0, 1280, 800)
    assert qgis.utils.loadPlugin("sam_geomed")
    import sam_geomed.environment

    sam_geomed.environment.configure(os.environ["DRIVE_PROGRAM"])
    assert qgis.utils.startPlugin("sam_geomed")
    plugin = qgis.utils.plugins["sam_geomed"]
    report["file"] = sam_geomed.environment.__file__
    layer = QgsRasterLayer(os.environ["DRIVE_IMAGE"], "OSBS_029")
    QgsProject.instance().addMapLayer(layer)
    canvas, window = iface.mapCanvas(), plugin.window
    canvas.setExtent(layer.extent())
    canvas.refresh()
    window.session.said.connect(report["said"].append)
    window.session.failed.connect(failed)
    window.save_to(os.environ["DRIVE_OUT"])
    window.dock.class_box.setCurrentText("tree")
    after(window.session.models_known, lambda: click(window))
    window.action.trigger()


def failed(line):
    report["problems"].append(line)
    end()


def after(signal, step):
    """Go on when a signal comes, once, and after all who hear it."""

    def heard(*_what):
        signal.disconnect(heard)
        QTimer.singleShot(0, guarded(step))

    signal.connect(heard)


def on_screen(window, place):
    window.canvas.waitWhileRendering()
    at = window.canvas.mapSettings().mapToPixel().transform(QgsPointXY(*place))
    return QPoint(round(at.x()), round(at.y()))


def click(window):
    after(window.session.changed, lambda: accept(window, lambda: drag(window)))
    at = on_screen(window, CLICK)
    QTest.mouseClick(window.canvas.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, at)


def drag(window):
    view = window.canvas.viewport()
    start, stop = (on_screen(window, corner) for corner in BOX)
    after(window.session.changed, lambda: picture(window))
    QTest.mousePress(view, LEFT, Qt.KeyboardModifier.NoModifier, start)
    for at in ((start + stop) / 2, stop):
        QTest.mouseMove(view, at)
    QTest.mouseRelease(view, LEFT, Qt.KeyboardModifier.NoModifier, stop)


def picture(window):
    """The second object is still a preview in it."""
    QApplication.processEvents()
    window.canvas.waitWhileRendering()
    screen = QApplication.primaryScreen()
    report["is_saved"] = screen.grabWindow(0).save(os.environ["DRIVE_SCREENSHOT"])
    accept(window, end)


def accept(window, then):
    report["pid"] = window.server.about["pid"]
    after(window.session.changed, then)
    QTest.keyClick(window.canvas, Qt.Key.Key_Return)


def end():
    Path(os.environ["DRIVE_REPORT"]).write_text(json.dumps(report))
    # QGIS asks about a project that was changed, and about layers in a folder for temporary files
    QgsProject.instance().clear()
    QgsProject.instance().setDirty(False)
    QTimer.singleShot(0, qgis.utils.iface.actionExit().trigger)


def guarded(step):
    def run():
        try:
            step()
        except Exception:  # noqa: BLE001 (told by the test, which must not wait for ever)
            report["problems"].append(traceback.format_exc())
            end()

    return run


# the window is not yet there when the code is read
QTimer.singleShot(0, guarded(start))

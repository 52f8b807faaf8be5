"""What the 3D Slicer application gives its modules, over Slicer's own libraries (`slicer-core`).

Scene, application logic and the logics of modules are the real ones. Stand-ins are the way to them
(`slicer.mrmlScene`, `slicer.modules`, `slicer.app`), the four base classes of scripted modules, and
`qt`, which is PySide6 with properties as PythonQt has them.
"""

import ctypes
import sys
import types
from typing import ClassVar

import slicer
import slicer.util
import standin_editor
import vtk

LOGICS = {
    "colors": slicer.vtkMRMLColorLogic,
    "markups": slicer.vtkSlicerMarkupsLogic,
    "segmentations": slicer.vtkSlicerSegmentationsModuleLogic,
    "volumes": slicer.vtkSlicerVolumesLogic,
}
"""As the modules are named in Slicer."""


def install(settings_file):
    """Make `slicer` and `qt` what a module finds in the application.

    Args:
        settings_file: Where `slicer.app.userSettings()` writes.
    """
    qt = _qt()
    scene, application = slicer.vtkMRMLScene(), slicer.vtkSlicerApplicationLogic()
    application.SetMRMLScene(scene)
    slicer.mrmlScene = scene
    slicer.modules = types.SimpleNamespace()
    for name, make in LOGICS.items():
        logic = make()
        logic.SetMRMLApplicationLogic(application)
        logic.SetMRMLScene(scene)
        application.SetModuleLogic(name.capitalize(), logic)
        setattr(slicer.modules, name, types.SimpleNamespace(logic=lambda logic=logic: logic))
    settings = qt.QSettings(str(settings_file), qt.QSettings.IniFormat)
    slicer.app = types.SimpleNamespace(
        applicationLogic=lambda: application,
        userSettings=lambda: settings,
        # nobody emits them but tests
        connected=[],
        connect=lambda *signal_and_slot: slicer.app.connected.append(signal_and_slot),
        moduleManager=lambda: types.SimpleNamespace(module=ModuleOf.named.get),
    )
    slicer.qSlicerScriptedLoadableModuleWidget = ModuleOf
    base = types.ModuleType("slicer.ScriptedLoadableModule")
    for name, kind in {"": Module, "Widget": Widget, "Logic": Logic, "Test": Test}.items():
        setattr(base, f"ScriptedLoadableModule{name}", kind)
    sys.modules["slicer.ScriptedLoadableModule"] = slicer.ScriptedLoadableModule = base
    standin_editor.install()


def _keep_none():
    """Make None immortal, as it is from Python 3.12 on.

    PySide6 6.12 drops a reference to None too many each time that a property is set. A window that
    waits for a slow machine sets some thousands of them, and then Python would abort.
    """
    if sys.version_info < (3, 12):
        ctypes.c_ssize_t.from_address(id(None)).value += 1 << 40


def _qt():
    _keep_none()
    # in this order: there is no __feature__ before PySide6
    from PySide6 import QtCore, QtGui, QtWidgets  # isort: skip
    from __feature__ import true_property  # noqa: F401  # text is a property, as in PythonQt

    qt = types.ModuleType("qt")
    for part in (QtCore, QtGui, QtWidgets):
        for name in dir(part):
            if not name.startswith("_"):
                setattr(qt, name, getattr(part, name))
    sys.modules["qt"] = qt
    return qt


class Module:
    """`ScriptedLoadableModule`."""

    def __init__(self, parent):
        self.parent = parent


class Widget:
    """`ScriptedLoadableModuleWidget`; the parent is a window with a layout."""

    def __init__(self, parent):
        self.parent = parent
        self.layout = parent.layout()

    def setup(self):
        """Nothing: Slicer adds its buttons to reload and test."""

    def cleanup(self):
        """Nothing."""


class ModuleOf:
    """A module that is loaded, and `qSlicerScriptedLoadableModuleWidget`, of a Python widget."""

    named: ClassVar = {}
    """By the module's name, for `slicer.util.getModuleWidget`."""

    def __init__(self, widget):
        self.widget = widget

    def widgetRepresentation(self):  # Slicer's name
        return self

    def self(self):
        return self.widget


class Logic(vtk.vtkObject):
    """`ScriptedLoadableModuleLogic`."""


class Test:
    """`ScriptedLoadableModuleTest`."""

    def delayDisplay(self, message, *_):  # Slicer's name
        self.displayed = message

"""The part of Segment Editor that the effect uses: its widget, its views, and the API of effects.

Nodes, the history behind Undo, interactor and events, renderers and actors are the real ones of
`slicer-core` and VTK. Stand-ins are what Slicer has in C++ over Qt: `qMRMLSegmentEditorWidget`,
`qMRMLSliceWidget`, `qSlicerSegmentEditorScriptedEffect`, and the base class of scripted effects.
They have what the effect uses of Slicer's header files; whatever else it called is an error here.
"""

import importlib.util
import sys
import types
from pathlib import Path

import slicer
import vtk


def install():
    """Make the modules that an effect imports, and Slicer's list of effects."""
    api = types.ModuleType("qSlicerSegmentationsEditorEffectsPythonQt")
    api.qSlicerSegmentEditorScriptedEffect = ScriptedEffect
    sys.modules[api.__name__] = api
    base = types.ModuleType("SegmentEditorEffects")
    base.AbstractScriptedSegmentEditorEffect = AbstractEffect
    sys.modules[base.__name__] = base
    slicer.qSlicerSegmentEditorEffectFactory = EffectFactory


class EffectFactory:
    """`qSlicerSegmentEditorEffectFactory`: the effects that editors clone."""

    _only = None

    def __init__(self):
        self.registered = []

    @classmethod
    def instance(cls):
        cls._only = cls._only or cls()
        return cls._only

    def registerEffect(self, effect):
        self.registered.append(effect)


class AbstractEffect:
    """`AbstractScriptedSegmentEditorEffect`, the base class in Python."""

    def __init__(self, scriptedEffect):
        self.scriptedEffect = scriptedEffect

    def register(self):
        slicer.qSlicerSegmentEditorEffectFactory.instance().registerEffect(self.scriptedEffect)

    def xyToRas(self, xy, viewWidget):
        import qt

        ras = self.scriptedEffect.xyToRas(qt.QPoint(xy[0], xy[1]), viewWidget)
        return [ras.x(), ras.y(), ras.z()]


class ScriptedEffect:
    """`qSlicerSegmentEditorScriptedEffect`: what it gives the Python class, and calls of it."""

    NotConfirmed, ConfirmedWithoutDialog, ConfirmedWithDialog = range(3)

    def __init__(self, parent):
        assert parent is None
        self.name, self.perSegment = "UnnamedScriptedEffect", True
        self.editor = None
        self.confirmation = self.ConfirmedWithoutDialog
        """What the user answers where the segment is hidden."""

    def setPythonSource(self, path):
        """As Slicer: the folder's name is the module's, and the file's that of the class."""
        assert "\\" not in path
        module_name, class_name = Path(path).parent.name, Path(path).stem
        module = sys.modules.setdefault(module_name, types.ModuleType(module_name))
        if not hasattr(module, class_name):
            spec = importlib.util.spec_from_file_location(module_name, path)
            module = sys.modules[module_name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        self._self = getattr(module, class_name)(self)
        setattr(slicer, module_name, self._self)
        return True

    def self(self):
        return self._self

    def call(self, method, *arguments):
        """What a method of the Python class gives; None where it has none, as in Slicer."""
        found = getattr(self._self, method, None)
        return None if found is None else found(*arguments)

    def parameterSetNode(self):
        return self.editor.parameters

    def addOptionsWidget(self, widget):
        self.editor.options.addRow(widget)

    def addLabeledOptionsWidget(self, label, widget):
        self.editor.options.addRow(label, widget)

    def saveStateForUndo(self):
        self.editor.history.SaveState()

    def confirmCurrentSegmentVisible(self):
        return self.confirmation

    @staticmethod
    def viewNode(view):
        return view.node

    @staticmethod
    def xyToRas(xy, view):
        import qt

        r, a, s, _ = view.node.GetXYToRAS().MultiplyPoint((xy.x(), xy.y(), 0.0, 1.0))
        return qt.QVector3D(r, a, s)

    @staticmethod
    def addActor2D(view, actor):
        view.renderer.AddViewProp(actor)

    @staticmethod
    def removeActor2D(view, actor):
        view.renderer.RemoveViewProp(actor)


class SliceWidget:
    """`qMRMLSliceWidget`: a slice view with its node; its mouse is moved by `drag` and `click`."""

    kind = "qMRMLSliceWidget"

    def __init__(self, editor, name="Red"):
        self.editor = editor
        self.node = slicer.vtkMRMLSliceNode()
        self.node.SetLayoutName(name)
        self.node.SetName(name)
        self.node = slicer.mrmlScene.AddNode(self.node)
        self.renderer = vtk.vtkRenderer()
        self.renders = 0
        self.interactor = vtk.vtkGenericRenderWindowInteractor()

    def className(self):
        return self.kind

    def sliceView(self):
        return self

    def scheduleRender(self):
        self.renders += 1

    def send(self, event, xy, *, ctrl=False, shift=False):
        """An event of the interactor; gives whether the effect kept it for itself."""
        self.interactor.SetEventInformation(*map(int, xy), int(ctrl), int(shift))
        kept = self.editor.active.call(
            "processInteractionEvents", self.interactor, getattr(vtk.vtkCommand, event), self
        )
        assert isinstance(kept, bool)
        return kept

    def drag(self, start, end, **keys):
        """Hold the left button from one place in pixels to another."""
        middle = [(a + b) // 2 for a, b in zip(start, end, strict=True)]
        return [
            self.send("LeftButtonPressEvent", start, **keys),
            self.send("MouseMoveEvent", middle, **keys),
            self.send("MouseMoveEvent", end, **keys),
            self.send("LeftButtonReleaseEvent", end, **keys),
        ]

    def click(self, at, **keys):
        """Press the left button and let it go."""
        return [
            self.send("LeftButtonPressEvent", at, **keys),
            self.send("LeftButtonReleaseEvent", at, **keys),
        ]

    def moved(self):
        """Tell the effect that the view shows something else."""
        event = vtk.vtkCommand.ModifiedEvent
        self.editor.active.call("processViewNodeEvents", self.node, event, self)


class SegmentEditor:
    """`qMRMLSegmentEditorWidget`: a clone of an effect, what is selected, and Undo."""

    def __init__(self, effect):
        import qt

        self.parameters = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
        self.history = slicer.vtkSegmentationHistory()
        self.history.SetMaximumNumberOfStates(10)
        self.frame = qt.QFrame()
        self.options = qt.QFormLayout(self.frame)
        self.active = None
        self.effect = effect.self().clone()
        self.effect.editor = self
        self.effect.call("setupOptionsFrame")

    def select(self, volume, segmentation, segment_id=None):
        """Choose in the selectors of the editor, which tells the effect."""
        is_other = self.parameters.GetSourceVolumeNode() is not volume
        self.parameters.SetAndObserveSegmentationNode(segmentation)
        self.parameters.SetAndObserveSourceVolumeNode(volume)
        self.parameters.SetSelectedSegmentID(segment_id)
        self.history.SetSegmentation(segmentation.GetSegmentation() if segmentation else None)
        self.effect.call("updateGUIFromMRML")
        if is_other:
            self.effect.call("sourceVolumeNodeChanged")

    def activate(self):
        self.effect.call("updateGUIFromMRML")
        self.active = self.effect
        self.effect.call("activate")

    def deactivate(self):
        self.active = None
        self.effect.call("deactivate")

    def undo(self):
        assert self.history.RestorePreviousState()

    def redo(self):
        assert self.history.RestoreNextState()

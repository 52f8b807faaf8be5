"""A slice view of 3D Slicer as a PNG, with and without a segmentation; runs where trame-slicer is.

usage: draw_view.py VOLUME SEGMENTATION R A S FOLDER
Writes `without.png` and `with.png`; prints the segmentation's middle in the view's pixels, as JSON.
"""

import json
import sys
from pathlib import Path

import slicer
import vtk
from trame_slicer.core import SlicerApp
from trame_slicer.views import SliceView

SIZE = 600
"""Pixels."""


def main(volume_path, segmentation_path, place, folder):
    app = SlicerApp()
    (volume,) = app.io_manager.load_volumes([volume_path])
    node = app.scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    # io_manager loses names
    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetFileName(segmentation_path)
    if not storage.ReadData(node):
        raise SystemExit(f"cannot read {segmentation_path}")
    node.CreateDefaultDisplayNodes()
    view = SliceView(app.scene, app.app_logic, "Red")
    view.set_orientation("Axial")
    view.render_window().SetSize(SIZE, SIZE)
    view.interactor().UpdateSize(SIZE, SIZE)
    view.set_background_volume_id(volume.GetID())
    view.fit_view_to_content()
    shown = app.scene.GetNodeByID(view.get_view_node_id())
    shown.JumpSliceByOffsetting(*place)
    volume.GetDisplayNode().SetAutoWindowLevel(False)
    volume.GetDisplayNode().SetWindowLevel(400, 40)
    for visible, name in ((False, "without.png"), (True, "with.png")):
        node.GetDisplayNode().SetVisibility(visible)
        _save(view, Path(folder) / name)
    to_xy = vtk.vtkMatrix4x4()
    vtk.vtkMatrix4x4.Invert(shown.GetXYToRAS(), to_xy)
    names = [node.GetSegmentation().GetNthSegment(0).GetName()]
    return {"xy": to_xy.MultiplyPoint((*place, 1.0))[:2], "names": names}


def _save(view, path):
    view.render()
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(view.render_window())
    grab.ReadFrontBufferOff()
    writer = vtk.vtkPNGWriter()
    writer.SetFileName(str(path))
    writer.SetInputConnection(grab.GetOutputPort())
    writer.Write()


if __name__ == "__main__":
    volume_file, segmentation_file, r, a, s, out = sys.argv[1:]
    result = main(volume_file, segmentation_file, (float(r), float(a), float(s)), out)
    print(json.dumps(result))  # noqa: T201  # the result

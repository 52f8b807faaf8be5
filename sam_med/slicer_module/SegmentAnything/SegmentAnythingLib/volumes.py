"""Volumes of the scene: their voxels, and where those lie in the patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
import slicer.util
import vtk

LPS_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""From RAS, which Slicer uses inside, to LPS, which the server uses; its own inverse."""


class SceneError(RuntimeError):
    """What was chosen in the scene cannot be used; the message says what to do."""


@dataclass(frozen=True)
class VolumeImage:
    """A scalar volume of the scene."""

    node: Any
    """vtkMRMLScalarVolumeNode."""
    shape: tuple[int, int, int]
    """(k, j, i)."""
    ijk_to_ras: np.ndarray
    """4x4, without the transforms above the node."""

    @classmethod
    def from_node(cls, node: Any) -> VolumeImage:
        """Look at a node.

        Raises:
            SceneError: No scalar volume, no voxels, or a transform that no matrix describes.
        """
        if node is None or not node.IsA("vtkMRMLScalarVolumeNode"):
            raise SceneError("choose a scalar volume: load one with 'Add data' or 'Add DICOM data'")
        image = node.GetImageData()
        if image is None or 0 in image.GetDimensions():
            raise SceneError(f"the volume {node.GetName()} has no voxels: load it again")
        if image.GetNumberOfScalarComponents() != 1:
            raise SceneError(
                f"the volume {node.GetName()} has {image.GetNumberOfScalarComponents()} values a "
                "voxel: convert it with 'Vector to Scalar Volume' first"
            )
        matrix = vtk.vtkMatrix4x4()
        node.GetIJKToRASMatrix(matrix)
        i, j, k = image.GetDimensions()
        found = cls(node, (k, j, i), slicer.util.arrayFromVTKMatrix(matrix))
        found.to_world()
        return found

    def check(self) -> None:
        """Raise `SceneError` unless the volume is still there and as it was."""
        if slicer.mrmlScene.GetNodeByID(self.node.GetID() or "") is not self.node:
            raise SceneError(
                f"the volume {self.node.GetName()} is no longer in the scene: choose a volume and "
                "start again"
            )
        now = VolumeImage.from_node(self.node)
        if now.shape != self.shape or not np.array_equal(now.ijk_to_ras, self.ijk_to_ras):
            raise SceneError(
                f"the grid of the volume {self.node.GetName()} was changed: start again with it"
            )

    def array(self) -> np.ndarray:
        """The voxels, (k, j, i); Slicer's own memory."""
        return slicer.util.arrayFromVolume(self.node)

    def to_world(self) -> np.ndarray:
        """4x4 from voxel (i, j, k) to world RAS mm, the transforms above the node included.

        Raises:
            SceneError: One of them is not linear.
        """
        parent = self.node.GetParentTransformNode()
        if parent is None:
            return self.ijk_to_ras
        if not parent.IsTransformToWorldLinear():
            raise SceneError(
                f"the volume {self.node.GetName()} lies under the transform {parent.GetName()}, "
                "which is not linear (Slicer makes such a one for DICOM with a tilted gantry or "
                "uneven slices). Harden it in the module 'Transforms', which resamples the volume, "
                "or use sam-med on the files, which does not"
            )
        matrix = vtk.vtkMatrix4x4()
        parent.GetMatrixTransformToWorld(matrix)
        return slicer.util.arrayFromVTKMatrix(matrix) @ self.ijk_to_ras

    def ijk_to_lps(self) -> np.ndarray:
        """4x4 from voxel (i, j, k) to LPS mm, as the server takes it."""
        return LPS_RAS @ self.to_world()

    def to_index(self, points_ras: Any) -> np.ndarray:
        """World RAS mm (N, 3) as fractional voxels (i, j, k)."""
        inverse = np.linalg.inv(self.to_world())
        return np.asarray(points_ras, dtype=np.float64) @ inverse[:3, :3].T + inverse[:3, 3]

    def to_ras(self, index_ijk: Any) -> np.ndarray:
        """Voxels (N, 3) as world RAS mm."""
        matrix = self.to_world()
        return np.asarray(index_ijk, dtype=np.float64) @ matrix[:3, :3].T + matrix[:3, 3]

"""Volumes in the scene, read by other libraries than the suite's."""

import nibabel
import numpy as np
import SimpleITK
import slicer
import slicer.util

FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


def nifti_volume(path, name="ct"):
    """A NIfTI file as nibabel reads it; its affine is RAS already."""
    image = nibabel.load(path)
    voxels = np.asarray(image.dataobj).transpose(2, 1, 0)
    return slicer.util.addVolumeFromArray(np.ascontiguousarray(voxels), image.affine, name)


def dicom_volume(folder, name="dicom"):
    """A DICOM series as ITK reads it."""
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    lps = np.eye(4)
    lps[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    lps[:3, 3] = image.GetOrigin()
    return slicer.util.addVolumeFromArray(SimpleITK.GetArrayFromImage(image), FLIP @ lps, name)


def turned_affine():
    """Rotated about a skew axis, three spacings, left-handed: RAS."""
    axis = np.array([1.0, 2.0, 3.0]) / np.sqrt(14)
    cross = np.cross(np.eye(3), axis)
    turn = np.eye(3) + np.sin(0.6) * cross + (1 - np.cos(0.6)) * cross @ cross
    affine = np.eye(4)
    affine[:3, :3] = turn * [-0.8, 1.1, 2.5]
    affine[:3, 3] = [31.5, -12.25, 140.0]
    return affine


def ball_volume(affine=None, name="ball"):
    """A bright ball in (14, 34, 40) voxels, and where it is."""
    k, j, i = np.ogrid[:14, :34, :40]
    ball = (2 * (k - 7)) ** 2 + (j - 16) ** 2 + (i - 21) ** 2 < 10**2
    voxels = np.where(ball, 200, 40).astype(np.int16)
    affine = turned_affine() if affine is None else affine
    return slicer.util.addVolumeFromArray(voxels, affine, name), ball


BALL_BOX = (11, 6, 2, 31, 26, 12)


def roi(volume, box, name="R"):
    """An ROI node around inclusive voxels (i0, j0, k0, i1, j1, k1), along the voxels' axes."""
    affine = ijk_to_ras(volume)
    low, high = np.array(box[:3]) - 0.5, np.array(box[3:]) + 0.5
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", name)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    matrix = np.eye(4)
    matrix[:3, :3] = affine[:3, :3] / spacing
    matrix[:3, 3] = affine[:3, :3] @ ((low + high) / 2) + affine[:3, 3]
    node.SetCenter(*matrix[:3, 3])
    node.SetSize(*((high - low) * spacing))
    node.SetAndObserveObjectToNodeMatrix(slicer.util.vtkMatrixFromArray(matrix))
    return node


def ijk_to_ras(volume):
    import vtk

    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def ras_of(volume, ijk):
    affine = ijk_to_ras(volume)
    return affine[:3, :3] @ np.asarray(ijk, float) + affine[:3, 3]


def voxels_of(segmentation, segment_id, volume):
    """The segment in the scene, boolean (k, j, i)."""
    return slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment_id, volume).astype(bool)


def transform(kind="vtkMRMLLinearTransformNode", matrix=None):
    node = slicer.mrmlScene.AddNewNodeByClass(kind, "T")
    if matrix is not None:
        node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    return node

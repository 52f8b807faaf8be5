"""What the module puts into the scene is what `sam-med segment` writes for the same file."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import slicerio
from oracle import suite
from scenes import nifti_volume, roi

BOXES = {"gallbladder": (75, 58, 84, 87, 75, 95), "lesion 2": (73, 56, 86, 89, 77, 93)}
"""i0 j0 k0 i1 j1 k1, ends included: that of the manifest, and one that overlaps it."""


@pytest.fixture(scope="module")
def own(data, tmp_path_factory):
    """The file that the suite's own command writes."""
    path = tmp_path_factory.mktemp("own") / "organs.seg.nrrd"
    boxes = []
    for name, box in BOXES.items():
        boxes += ["--box-ijk", ",".join(map(str, box)), "--label", name]
    ct = data / "med/volumes/ct_abdomen/ct.nii.gz"
    suite("sam_med.cli", "segment", ct, "-o", path, *boxes, "--no-keep-embeddings", "--quiet")
    return slicerio.read_segmentation(str(path))


def test_organs_of_a_ct_are_those_of_the_command_in_voxels_names_and_codes(
    logic, data, tmp_path, own
):
    volume = nifti_volume(data / "med/volumes/ct_abdomen/ct.nii.gz")
    segmentation = logic.open(volume)
    for name, box in BOXES.items():
        segment = logic.addSegment(name)
        logic.setBox(segment, roi(volume, box, name))
    seen = []
    assert logic.propagate(progress=lambda *told: seen.append(told))
    assert seen[-1][0] == seen[-1][1] > 0
    saved = _saved(segmentation, tmp_path / "scene.seg.nrrd")
    assert np.allclose(saved["ijkToLPS"] @ _first(saved), own["ijkToLPS"] @ _first(own), atol=1e-4)
    for n, name in enumerate(BOXES):
        here, there = _segment(saved, n), _segment(own, n)
        assert here[0] == there[0] == name
        assert here[1] == there[1]
        assert np.array_equal(here[2], there[2]), name
        assert here[2].sum() > 800
        colours = (read["segments"][n]["color"] for read in (saved, own))
        assert np.allclose(*colours, atol=0.003)
    assert (_segment(saved, 0)[2] & _segment(saved, 1)[2]).any()
    assert "Lesion" in str(_segment(saved, 1)[1])


def _saved(node, path):
    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetFileName(str(path))
    storage.SetCropToMinimumExtent(False)
    assert storage.WriteData(node)
    return slicerio.read_segmentation(str(path))


def _first(read):
    """The first voxel of the file."""
    return np.array([0.0, 0.0, 0.0, 1.0])


def _segment(read, number):
    """Name, terminology and voxels (i, j, k)."""
    about = read["segments"][number]
    voxels = read["voxels"]
    if voxels.ndim == 4:
        voxels = voxels[about["layer"]]
    return about["name"], about.get("terminology"), voxels == about["labelValue"]

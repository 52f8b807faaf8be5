"""Cases of the demo: labels lie on the organs of the scan, whichever way their rows run."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from sam_common.errors import GeometryError
from sam_common.published import samples
from sam_med.demo.cases import CASES, directions, prepare
from sam_med.files.read import read_volume


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A scan with a body in its upper half, and labels on it whose rows run the other way."""
    scan = np.full((12, 16, 8), -1000, np.int16)  # (i, j, k)
    scan[:, :8] = 40
    labels = np.zeros(scan.shape, np.uint8)
    labels[2:6, 1:5, 2:6], labels[7:11, 2:6, 3:7] = 2, 3  # a kidney, and what is not asked for
    affine = np.array([[-3.0, 0, 0, 20], [0, -3, 0, 30], [0, 0, 3, 0], [0, 0, 0, 1]])
    turned = affine.copy()
    turned[1, 1], turned[1, 3] = 3, 30 - 3 * 15
    paths = {CASES[1].scan: tmp_path / "scan.nii.gz", CASES[1].labels: tmp_path / "labels.nii.gz"}
    nibabel.save(nibabel.Nifti1Image(scan, affine), paths[CASES[1].scan])
    nibabel.save(nibabel.Nifti1Image(labels[:, ::-1], turned), paths[CASES[1].labels])
    monkeypatch.setattr(samples, "fetch", lambda name, progress: paths[name])  # noqa: ARG005
    return paths


def test_labels_are_put_on_the_grid_of_the_scan(files):
    task = prepare(CASES[1], progress=False)
    assert task.volume.modality == "CT"
    (right,), (box,) = task.truth, task.boxes
    assert right.value == 2
    assert box.ijk == (2, 1, 2, 5, 4, 5)
    assert box.label == "right kidney"
    assert box.code is not None


def test_how_images_and_labels_lie_is_told(files):
    assert dict(prepare(CASES[1], progress=False).facts) == {
        "axes (k, j, i) of the images grow to": "S P L",
        "axes (k, j, i) of the labels grow to": "S A L",
        "labelled voxels in the body": "100.0%",
        "in the body, had the rows been mirrored": "0.0%",
    }


def test_labels_of_another_scan_are_refused(files):
    other = nibabel.load(files[CASES[1].labels])
    affine = other.affine.copy()
    affine[0, 3] += 1
    nibabel.save(nibabel.Nifti1Image(np.asarray(other.dataobj), affine), files[CASES[1].labels])
    with pytest.raises(GeometryError, match="the grids differ: voxels are 1 mm apart"):
        prepare(CASES[1], progress=False)


def test_directions(phantom):
    assert directions(phantom.frame) == "S P L"


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1])
def test_the_organs_lie_where_they_belong(number, data, monkeypatch):
    """Liver and right kidney are on the right, the spleen on the left, and all in the body."""
    dicom, volumes = data / "med/dicom/ct_abdomen_dicom", data / "med/volumes/ct_abdomen"
    paths = {
        "abdomen_ct_dicom": dicom / "series",
        "abdomen_ct_dicom_organs.nii.gz": dicom / "organs.nii.gz",
        "abdomen_ct.nii.gz": volumes / "ct.nii.gz",
        "abdomen_ct_organs.nii.gz": volumes / "organs.nii.gz",
    }
    monkeypatch.setattr(samples, "fetch", lambda name, progress: paths[name])  # noqa: ARG005
    task = prepare(CASES[number], progress=False)
    side = {}
    for organ, segment in zip(task.case.organs, task.truth, strict=True):
        middle = (np.array(segment.window.start) + segment.window.stop - 1) / 2
        side[organ] = task.volume.to_world(middle)[0]
    share = float(task.facts["labelled voxels in the body"].rstrip("%")) / 100
    assert share > 0.98
    # x grows to the left of the patient
    side["middle"] = task.volume.to_world((np.array(task.volume.shape) - 1) / 2)[0]
    first, second = (("liver", "spleen"), ("right kidney", "middle"))[number]
    assert side[first] < side[second]
    labels = read_volume(paths[CASES[number].labels])
    assert task.facts["axes (k, j, i) of the labels grow to"] == directions(labels.frame)

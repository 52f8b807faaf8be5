"""Labels of an explorer: the label map that a file would have, of what is in the page now."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
from explorer_server import COMMAND

from sam_common.notebook import explorer as module
from sam_med import VolumeExplorer, explore, write_labels
from sam_med.files.read import read_volume


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    voxels = np.random.default_rng(0).integers(0, 200, (50, 40, 12)).astype(np.int16)
    path = tmp_path_factory.mktemp("scan") / "scan.nii.gz"
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([1.0, 2.0, 3.0, 1.0])), path)
    return path


@pytest.fixture(scope="module")
def scan(path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "COMMAND", COMMAND)
        with explore(path, modality="MR") as explorer:
            yield explorer


def test_labels_are_those_of_an_export(scan, path, tmp_path):
    assert isinstance(scan, VolumeExplorer)
    assert scan.labels.array.shape == (12, 40, 50)
    assert (scan.labels.array.any(), scan.labels.labels) == (False, ())
    session = scan.session
    # the second overlaps the first, the third has no prompt
    for name, box in (("a", [5, 5, 20, 20]), ("b", [15, 15, 30, 30])):
        session.set_box(session.add_object(name), box, axis=0, index=4)
    session.add_object("c")
    found = scan.labels
    assert [(one.name, one.value) for one in found.labels] == [("a", 1), ("b", 2), ("c", 3)]
    a, b, c = (one.voxels for one in found.labels)
    assert a > 0
    assert 0 < b < found.labels[1].voxels_segmented
    assert c == 0
    job = session.export(["nifti"])
    (result,) = [one["name"] for one in job.wait()["results"] if one["name"].endswith(".nii.gz")]
    job.download(result, tmp_path / "o.nii.gz")
    exported = np.asarray(nibabel.load(tmp_path / "o.nii.gz").dataobj)
    assert np.array_equal(found.array, exported.T)
    # taken home on the grid of the scan
    write_labels(found, read_volume(path), tmp_path / "own.nii.gz")
    own = nibabel.load(tmp_path / "own.nii.gz")
    assert np.array_equal(np.asarray(own.dataobj), exported)
    assert np.allclose(own.affine, nibabel.load(path).affine)

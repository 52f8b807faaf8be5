from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest
from med_program import invoke

from sam_common.errors import PromptError


@pytest.fixture
def folder(tmp_path):
    """An MR of noise and a label map of a block, 24 x 24 x 8 voxels (i, j, k)."""
    rng = np.random.default_rng(4)
    affine = np.diag([-1.0, -1, 2, 1])
    image = rng.integers(0, 120, (24, 24, 8)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(image, affine), tmp_path / "mr.nii.gz")
    labels = np.zeros((24, 24, 8), np.uint8)
    labels[5:12, 5:12, 2:6] = 1
    nibabel.save(nibabel.Nifti1Image(labels, affine), tmp_path / "before.nii.gz")
    return tmp_path


def correct(folder, *more, name="after.nii.gz"):
    return invoke(
        *("correct", folder / "mr.nii.gz", "--segmentation", folder / "before.nii.gz"),
        *("-o", folder / name, *more),
    )


def test_clicks_on_the_command_line(folder, segmenter):
    result = correct(folder, "--click-ijk", "15,8,3", "--click-ijk", "6,6,3,0")
    assert result.exit_code == 0, result.output
    after = np.asarray(nibabel.load(folder / "after.nii.gz").dataobj)
    assert (after[15, 8, 3], after[6, 6, 3]) == (1, 0)
    assert "added_voxels" in result.stdout
    assert segmenter.calls[0][0] == "lite_medsam"


def test_a_closed_curve_of_slicer_and_json(folder, segmenter):
    points = [[4.5, 4.5, 6], [20.5, 4.5, 6], [20.5, 20.5, 6], [4.5, 20.5, 6]]
    curve = {
        "type": "ClosedCurve",
        "name": "object_1",
        "coordinateSystem": "LPS",
        "controlPoints": [{"position": at, "positionStatus": "defined"} for at in points],
    }
    (folder / "c.mrk.json").write_text(json.dumps({"markups": [curve]}))
    result = correct(folder, "--corrections", folder / "c.mrk.json", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["corrections"][0]["kind"] == "lasso"
    after = np.asarray(nibabel.load(folder / "after.nii.gz").dataobj)
    assert after[5:21, 5:21, 3].all()


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ((), "nothing to correct: give --corrections or a click"),
        (("--click-ijk", "liver@1,1,1"), "a correction of an object that does not exist: liver"),
        (("--click-ijk", "99,1,1"), "the click lies outside the volume"),
        (("--click-ijk", "1,1"), "--click-ijk must be three numbers"),
    ],
)
def test_bad_corrections(more, expected, folder, segmenter):
    result = correct(folder, *more)
    assert isinstance(result.exception, PromptError)
    assert str(result.exception).startswith(expected)
    assert not (folder / "after.nii.gz").exists()

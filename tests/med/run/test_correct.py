from __future__ import annotations

import json
from contextlib import contextmanager

import nibabel
import numpy as np
import pytest
from balls_to_correct import BOXES_ONLY, SHAPE, Balls
from shaded_objects import ShadeSegmenter

from sam_common.errors import OutputError, PromptError
from sam_med.corrections.files import GivenCorrection, corrections_from_json
from sam_med.corrections.marks import Mark
from sam_med.files.read import read_volume
from sam_med.objects.segments import Segment
from sam_med.run.correct import CorrectionRequest, correct_files, correct_segments
from sam_med.run.request import ReadOptions
from sam_med.segmentations.read import read_segmentation


@pytest.fixture
def balls():
    return Balls()


@pytest.fixture
def folder(tmp_path, balls):
    """A CT of two balls, a label map of the left one as 5 and of a corner as 7, and their names."""
    affine = np.diag([-1.0, -1, 1, 1])
    nibabel.save(nibabel.Nifti1Image(balls.array.T, affine), tmp_path / "ct.nii.gz")
    labels = np.where(balls.left, 5, 0).astype(np.uint8)
    labels[:3, :3, :3] = 7
    nibabel.save(nibabel.Nifti1Image(labels.T, affine), tmp_path / "before.nii.gz")
    (tmp_path / "names.json").write_text('{"5": "liver", "7": "other"}')
    return tmp_path


class Told:
    def __init__(self):
        self.notes, self.counted = [], []

    def note(self, message):
        self.notes.append(message)

    @contextmanager
    def progress(self, what, total):
        steps = []
        yield steps.append
        self.counted.append((what, sum(steps), total))


def run(folder, told=None, **wanted):
    return correct_files(
        folder / "ct.nii.gz",
        CorrectionRequest(
            folder / "before.nii.gz", folder / "after.nii.gz", names=folder / "names.json", **wanted
        ),
        lambda: ShadeSegmenter(capabilities=BOXES_ONLY),
        options=ReadOptions(modality="CT"),
        listener=told or Told(),
    )


def test_a_click_from_files_to_files(folder, balls):
    told = Told()
    report = run(folder, told, clicks={"ijk": ["liver@31,17,14", "liver@6,17,14,0"]})
    after = np.asarray(nibabel.load(folder / "after.nii.gz").dataobj).T
    assert after[14, 17, 31] == 5
    assert after[14, 17, 6] == 0
    # what no correction names is as it was
    assert np.argwhere(after == 7).tolist() == [
        [k, j, i] for k in range(3) for j in range(3) for i in range(3)
    ]
    liver, other = report["labels"]
    assert (liver["label"], liver["value"], other["added_voxels"]) == ("liver", 5, 0)
    assert liver["voxels"] == np.count_nonzero(after == 5)
    before = np.count_nonzero(balls.left)
    assert liver["voxels"] == before + liver["added_voxels"] - liver["removed_voxels"]
    assert told.counted == [("corrections", 2, 2)]
    record = json.loads((folder / "after.job.json").read_text())
    # the record is a file of corrections
    named = {name: record[name] for name in ("format", "version", "space", "corrections")}
    volume = read_volume(folder / "ct.nii.gz", modality="CT")
    assert [one.label for one in corrections_from_json(json.dumps(named), volume)] == ["liver"] * 2


def test_a_report_shows_objects_before_and_after(folder):
    run(folder, clicks={"ijk": ["liver@31,17,14"]}, report=folder / "page.html")
    html = (folder / "page.html").read_text()
    assert "1 correction(s)" in html
    assert "voxels added" in html
    assert "2 found" in html
    with pytest.raises(OutputError, match=r"page\.html"):
        run(folder, clicks={"ijk": ["liver@31,17,14"]}, report=folder / "page.html")


def test_the_record_of_a_run_repeats_it(folder):
    run(folder, clicks={"ijk": ["liver@31,17,14", "liver@6,17,14,0"]})
    once = (folder / "after.nii.gz").read_bytes()
    record = json.loads((folder / "after.job.json").read_text())
    kept = {name: record[name] for name in ("format", "version", "space", "corrections")}
    (folder / "again.json").write_text(json.dumps(kept))
    run(folder, files=(folder / "again.json",), overwrite=True)
    assert (folder / "after.nii.gz").read_bytes() == once


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, "nothing to correct: give --corrections or a click"),
        (
            {"clicks": {"ijk": ["kidney@31,17,14"]}},
            "a correction of an object that does not exist: kidney (there: liver, other)",
        ),
        (
            {"clicks": {"ijk": ["31,17,14"]}},
            "a correction belongs to which of liver, other? give its label",
        ),
        (
            {"clicks": {"ijk": ["liver@99,17,14"]}},
            "the click lies outside the volume: ijk 99,17,14",
        ),
        (
            {"clicks": {"ijk": ["liver@31,17,14", "liver@31,17,14,0"]}},
            "the negative click at ijk 31,17,14 says that voxel ijk 31,17,14 is outside of the",
        ),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_written(wanted, expected, folder):
    with pytest.raises(PromptError) as caught:
        run(folder, **wanted)
    assert str(caught.value).startswith(expected)
    assert not (folder / "after.nii.gz").exists()


def test_an_output_that_is_there_is_kept(folder):
    (folder / "after.nii.gz").write_bytes(b"x")
    with pytest.raises(OutputError):
        run(folder, clicks={"ijk": ["liver@31,17,14"]})


def test_objects_in_python(balls):
    left = Segment("liver", 1, balls.slices.volume.window, balls.left)
    spot = Segment("spot", 2, balls.slices.volume.window, balls.right)
    mark = GivenCorrection("liver", Mark("click", ((14, 17, 31),)))
    one, other = correct_segments(balls.slices, [left, spot], [mark])
    assert other is spot
    assert (one.name, one.value, one.slices) == ("liver", 1, ())
    assert one.full(SHAPE)[14, 17, 31]
    assert one.voxels > left.voxels
    everything = Mark(
        "lasso", ((14, -1, -1), (14, -1, 50), (14, 40, 50), (14, 40, -1)), positive=False
    )
    assert (
        not correct_segments(balls.slices, [left], [GivenCorrection(None, everything)])[0]
        .full(SHAPE)[14]
        .any()
    )


def test_a_segmentation_of_slicer_keeps_its_names(folder):
    report = correct_files(
        folder / "ct.nii.gz",
        CorrectionRequest(
            folder / "before.nii.gz",
            folder / "after.seg.nrrd",
            names=folder / "names.json",
            clicks={"ijk": ["liver@31,17,14"]},
        ),
        lambda: ShadeSegmenter(capabilities=BOXES_ONLY),
        options=ReadOptions(modality="CT"),
        listener=Told(),
    )
    found = read_segmentation(folder / "after.seg.nrrd")
    assert [segment.name for segment in found.segments] == ["liver", "other"]
    assert report["labels"][0]["status"] == "ok"

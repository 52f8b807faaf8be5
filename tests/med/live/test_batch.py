from __future__ import annotations

import json
from contextlib import contextmanager

import nibabel
import numpy as np
import pytest

from sam_common.errors import InputError, OutputError
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.server.files.held import Held
from sam_common.server.files.roots import RefusedPathError
from sam_med.live.batch import CASE_STEPS, BatchFiles, cases_in, run_batch
from sam_med.run.methods import DEFAULT_MODEL

BOXES = {
    "format": "sam-med-prompts",
    "version": 1,
    "space": "ijk",
    "objects": [
        {"label": "one", "value": 1, "box": [1, 1, 1, 4, 4, 4]},
        {"label": "two", "value": 2, "box": [5, 5, 1, 8, 8, 4]},
    ],
}


@pytest.fixture
def job(tmp_path):
    (tmp_path / "job").mkdir()
    return tmp_path / "job"


@pytest.fixture
def files(folder, tmp_path):
    """Opens the files of a folder with a scan and its prompts."""
    array = np.random.default_rng(1).integers(-200, 300, (10, 10, 6)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(array, np.diag([-1.0, -1, 2, 1])), folder / "scan.nii")
    (folder / "p.json").write_text(json.dumps(BOXES))
    private = tmp_path / "private"

    @contextmanager
    def holding():
        private.mkdir()
        held = Held(private, lambda path: path.resolve().is_relative_to(folder))
        try:
            yield held
        finally:
            held.close()

    def resolve(name):
        return folder / name

    return BatchFiles(resolve, holding)


def row(**more):
    return {"input": "scan.nii", "prompts": "p.json", "modality": "CT", **more}


def test_cases_go_on_after_one_that_fails(job, files, told):
    loaded = []

    def load(name):
        loaded.append(name)
        return FakeSegmenter()

    rows = [
        row(name="a"),
        row(input="none.nii", name="b"),
        row(output="mine.nrrd", model="mobile_sam", method="litemedsam"),
    ]
    report = run_batch(rows, job, load, told, files)
    first, second, third = report["cases"]
    assert first == {"case": "a", "status": "done", "objects": 2}
    assert (second["case"], second["status"], second["objects"]) == ("b", "failed", 0)
    assert "none.nii" not in second["message"]
    assert third == {"case": "case 3", "status": "done", "objects": 2}
    assert loaded == [DEFAULT_MODEL, "mobile_sam"]
    assert sorted(path.name for path in job.iterdir()) == [
        "case-1.job.json",
        "case-1.seg.nrrd",
        "mine.job.json",
        "mine.nrrd",
    ]
    assert json.loads((job / "mine.job.json").read_text())["method"] == "litemedsam"
    assert told.begun == [("cases, in hundredths", 3 * CASE_STEPS)]
    assert sum(told.steps) == 3 * CASE_STEPS
    # a note is a chance to cancel
    assert 0 in told.steps


def test_each_case_says_whose_voxels_a_later_object_takes(job, files, folder, told):
    boxes = [{**one, "box": [1, 1, 1, 8, 8 - 3 * n, 4]} for n, one in enumerate(BOXES["objects"])]
    (folder / "p.json").write_text(json.dumps({**BOXES, "objects": boxes}))
    rows = [row(output=f"{rule}.nii.gz", overwrite_labels=rule) for rule in ("none", "all")]
    run_batch(rows, job, lambda _name: FakeSegmenter(), told, files)
    none, every = (nibabel.load(job / f"{rule}.nii.gz").get_fdata() for rule in ("none", "all"))
    assert set(np.unique(none)) == {0, 1}
    assert set(np.unique(every)) == {0, 1, 2}


def test_a_case_whose_folder_was_changed_leaves_no_file(job, files, folder, told, dicom):
    dicom.folder = folder / "scan"
    dicom.series([(10, 20, 30 + 2 * n) for n in range(5)])
    (folder / "p.json").write_text(
        json.dumps({**BOXES, "objects": [{"label": "a", "value": 1, "box": [1, 1, 1, 4, 4, 3]}]})
    )

    def load(_name):
        (folder / "scan" / "more.dcm").write_bytes(b"x")
        return FakeSegmenter()

    report = run_batch([row(input="scan", output="a.nrrd")], job, load, told, files)
    assert report["cases"][0]["status"] == "failed"
    assert "changed while it was read" in report["cases"][0]["message"]
    assert list(job.iterdir()) == []


def test_files_that_may_not_be_opened_fail_their_case(job, files, told):
    def refuse(_name):
        raise RefusedPathError("no")

    files.resolve = refuse
    report = run_batch([row()], job, lambda _n: FakeSegmenter(), told, files)
    assert report["cases"][0]["status"] == "failed"


def test_a_cancelled_job_ends_at_once(job, files, told):
    class Cancelled(BaseException):
        pass

    def step(_done):
        raise Cancelled

    told.step = step
    with pytest.raises(Cancelled):
        run_batch([row()], job, lambda _n: FakeSegmenter(), told, files)


def test_outputs_are_bare_names_in_the_folder_of_the_job(job):
    rows = [row(output="../../up.nrrd"), row(output="")]
    first, second = cases_in(rows, job)
    assert (first.output, second.output) == (job / "up.nrrd", job / "case-2.seg.nrrd")
    assert str(first.input) == "scan.nii"
    assert dict(first.options) == {"modality": "CT"}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], "the list has no cases"),
        ([{"input": "scan.nii"}], "case 1 of the list has no prompts"),
        ([row(colour="red")], "case 1 of the list has an unknown column 'colour'"),
        ([row(name="a"), row(name="a")], "cases 1 and 2 of the list have the same name 'a'"),
        (
            [row(output="a.nrrd"), row(output="A.nrrd")],
            "the output of case 2 of the list is that of case 1",
        ),
    ],
)
def test_lists_that_make_no_sense(rows, expected, job):
    with pytest.raises((InputError, OutputError)) as caught:
        cases_in(rows, job)
    assert str(caught.value).startswith(expected)

from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest
from med_program import LESION, invoke
from pages import Page

from sam_common.errors import DiskError, OutputError
from sam_med.report import study_report
from sam_med.run.batch_report import BatchReport


def test_batch_goes_on_after_a_failure_and_resumes(brain, segmenter, tmp_path):
    prompts = tmp_path / "p.json"
    box = [int(v) for v in LESION.split(",")]
    prompts.write_text(
        json.dumps(
            {
                "format": "sam-med-prompts",
                "version": 1,
                "space": "ijk",
                "objects": [{"label": "lesion", "value": 1, "box": box}],
            }
        )
    )
    listing = tmp_path / "list.csv"
    listing.write_text(
        "name,input,prompts,output,modality\n"
        f"bad,{tmp_path / 'none.nii'},p.json,bad.nii.gz,\n"
        f"good,{brain},p.json,good.nii.gz,MR\n"
    )
    result = invoke("batch", listing, "-o", tmp_path / "state", "--json")
    assert result.exit_code == 3
    bad, good = json.loads(result.stdout)
    assert (bad["status"], bad["message"]) == ("failed", "no such file: the input")
    assert (good["status"], good["objects"]) == ("done", 1)
    assert nibabel.load(tmp_path / "good.nii.gz").shape == (256, 256, 25)
    calls = len(segmenter.embedded)
    again = invoke("batch", listing, "-o", tmp_path / "state", "--resume", "--json")
    assert [row["status"] for row in json.loads(again.stdout)] == ["failed", "kept"]
    assert len(segmenter.embedded) == calls


def test_each_row_says_whose_voxels_a_later_object_takes(brain, segmenter, tmp_path):
    del segmenter
    i0, j0, k0, i1, j1, k1 = (int(v) for v in LESION.split(","))
    middle = (i0 + i1) // 2
    objects = [
        {"label": "lesion", "value": 1, "box": [i0, j0, k0, i1, j1, k1]},
        {"label": "cyst", "value": 2, "box": [middle, j0, k0, i1, j1, k1]},
    ]
    record = {"format": "sam-med-prompts", "version": 1, "space": "ijk", "objects": objects}
    (tmp_path / "p.json").write_text(json.dumps(record))
    listing = tmp_path / "list.csv"
    listing.write_text(
        "name,input,prompts,output,modality,overwrite_labels\n"
        f"row,{brain},p.json,row.nii.gz,MR,all\n"
        f"option,{brain},p.json,option.nii.gz,MR,\n"
        f"wrong,{brain},p.json,wrong.nii.gz,MR,some\n"
    )
    run = ("batch", listing, "-o", tmp_path / "state", "--overwrite-labels", "none", "--json")
    result = invoke(*run)
    rows = {row["case"]: row for row in json.loads(result.stdout)}
    found = {
        name: nibabel.load(tmp_path / f"{name}.nii.gz").get_fdata() for name in ("row", "option")
    }
    assert (found["row"] == 2).any()
    # the cyst lies inside of the lesion, which came first
    assert set(np.unique(found["option"])) == {0, 1}
    assert rows["wrong"]["message"] == "labels overwrite none, other, all, got 'some'"


def test_what_the_list_shows_to_be_wrong_is_told_before_the_first_case(brain, segmenter, tmp_path):
    (tmp_path / "p.json").write_text("{}")
    rows = [
        f"late,{brain},p.json,late.nii.gz,MR,,",
        "gone,Doe^Jane.nii,p.json,gone.nii.gz,,,",
        f"wide,{brain},p.json,wide.nii.gz,MR,broad,",
        f"way,{brain},p.json,way.nii.gz,MR,,best",
        f"none,{brain},,none.nii.gz,MR,,",
        f"form,{brain},p.json,form.doc,MR,,",
        f"cut,{brain},missing.json,cut.nii.gz,MR,,",
    ]
    listing = tmp_path / "list.csv"
    listing.write_text("\n".join(["name,input,prompts,output,modality,window,method", *rows, ""]))
    result = invoke("batch", listing, "-o", tmp_path / "state", "--json")
    assert result.exit_code == 3
    assert not segmenter.embedded
    told = result.stderr.splitlines()
    first = next(n for n, line in enumerate(told) if line.startswith("late: failed"))
    warnings = [line for line in told[:first] if line.startswith("warning: ")]
    assert warnings == [
        "warning: gone will fail: no such file: the input",
        "warning: wide will fail: window of a case must be a number, got 'broad'",
        "warning: way will fail: unknown method: best (known: planes, litemedsam, memory)",
        "warning: none will fail: none of the list has no prompts",
        warnings[4],
        "warning: and 1 more of 7 cases",
    ]
    assert warnings[4].startswith("warning: form will fail: ")
    assert "Doe" not in result.stderr
    failed = {row["case"]: row["message"] for row in json.loads(result.stdout)}
    assert all(
        f"warning: {case} will fail: {failed[case]}" in warnings[:5]
        for case in failed
        if case not in ("late", "cut")
    )
    again = invoke("batch", listing, "-o", tmp_path / "other", "--json", "--quiet")
    assert again.stderr == ""


@pytest.fixture
def study(tmp_path, segmenter):
    """A list of two small volumes and one that is missing; the page goes into the new folder."""
    del segmenter
    box = {"label": "lesion", "value": 1, "box": [4, 4, 1, 9, 10, 3]}
    record = {"format": "sam-med-prompts", "version": 1, "space": "ijk", "objects": [box]}
    (tmp_path / "p.json").write_text(json.dumps(record))
    rng = np.random.default_rng(0)
    rows = ["name,input,prompts,output,modality", "gone,none.nii,p.json,gone.nii.gz,MR"]
    for n in range(2):
        volume = rng.integers(0, 200, (16, 16, 5)).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / f"v{n}.nii.gz")
        rows.append(f"c{n},v{n}.nii.gz,p.json,o{n}.nii.gz,MR")
    (tmp_path / "list.csv").write_text("\n".join([*rows, ""]))
    page = tmp_path / "state" / "page.html"
    return ("batch", tmp_path / "list.csv", "-o", page.parent, "--report", page), page


def test_the_page_is_written_and_made_anew_by_a_later_run(study):
    run, path = study
    assert invoke(*run, "-q").exit_code == 3
    first = Page(path.read_text())
    assert len(first.find("img")) == 2
    assert "gone: no such file: the input" in first.text
    assert [each.name for each in path.parent.iterdir() if each.name.startswith(".")] == []
    # without --resume a page that is there is kept
    path.with_name("batch.json").unlink()
    kept = invoke(*run)
    assert isinstance(kept.exception, OutputError)
    assert str(kept.exception).startswith(f"output exists: {path}")
    assert invoke(*run, "--overwrite").exit_code == 3
    assert invoke(*run, "--resume").exit_code == 3
    later = Page(path.read_text())
    assert [each["src"] for each in later.find("img")] == [
        each["src"] for each in first.find("img")
    ]
    assert "2 done earlier, 1 failed" in later.text


def test_a_page_that_the_disk_does_not_take_fails_no_batch(study, monkeypatch):
    def full(_study, path):
        raise OutputError(f"cannot write {path}: no")

    run, path = study
    monkeypatch.setattr("sam_med.run.batch_report.write_study_report", full)
    result = invoke(*run, "--json", "-q")
    assert result.exit_code == 3
    assert [row["status"] for row in json.loads(result.stdout)] == ["failed", "done", "done"]
    assert result.stderr == f"warning: the report was not written: cannot write {path}: no\n"


def test_a_batch_that_ends_early_says_on_its_page_how_far_it_came(study, monkeypatch):
    def full(_work, case):
        raise DiskError(f"cannot write {case.output}: No space left on device (make room)")

    run, path = study
    monkeypatch.setattr("sam_med.run.case_work.CaseWork.segment", full)
    assert isinstance(invoke(*run).exception, DiskError)
    page = Page(path.read_text())
    assert "1 failed, 2 left over" in page.text
    assert page.find("img") == []


def test_the_page_is_no_output_of_a_case(study, tmp_path):
    run, _ = study
    (tmp_path / "list.csv").write_text("input,prompts,output\nv0.nii.gz,p.json,state/page.html\n")
    assert str(invoke(*run).exception) == (
        "the output of case 1 of the list is a file of the batch itself"
    )


def test_pictures_are_for_the_first_cases_only(study, monkeypatch):
    monkeypatch.setattr(study_report, "MOST_PICTURES", 1)
    drawn = []
    shot = BatchReport._shot
    monkeypatch.setattr(
        BatchReport, "_shot", lambda page, told: drawn.append(told.name) or shot(page, told)
    )
    run, path = study
    assert invoke(*run).exit_code == 3
    assert len(drawn) == len(Page(path.read_text()).find("img")) == 1

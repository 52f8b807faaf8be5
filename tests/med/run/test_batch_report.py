"""Batch report: what the records and results of cases say, whatever is wrong with one of them."""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest
from pages import Page, picture, words

from sam_common.errors import OutputError
from sam_common.segmenter.fake import FakeSegmenter
from sam_med.cli.segment import Terminal
from sam_med.run import batch_report
from sam_med.run.batch import run_batch
from sam_med.run.batch_report import NO_RECORD, TOO_EARLY, BatchReport
from sam_med.run.case_list import read_cases
from sam_med.run.case_work import CaseWork

BOX = {
    "format": "sam-med-prompts",
    "version": 1,
    "space": "ijk",
    "objects": [
        {"label": "lesion", "value": 1, "box": [4, 4, 1, 9, 10, 3]},
        {"label": "cyst", "value": 2, "box": [2, 2, 1, 5, 5, 3]},
    ],
}
COUNT = 3
IN_INPUT = (
    "the output lies in the folder of the input: choose another one (the folder is read as a "
    "whole, and the result would be taken for a part of it)"
)


@pytest.fixture
def report(tmp_path):
    """The page about small volumes, of which none is segmented yet."""
    rng = np.random.default_rng(0)
    (tmp_path / "p.json").write_text(json.dumps(BOX))
    rows = ["name,input,prompts,output,modality"]
    for n in range(COUNT):
        volume = rng.integers(0, 200, (24, 24, 5)).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / f"DOE_{n}.nii.gz")
        rows.append(f"c{n},DOE_{n}.nii.gz,p.json,out{n}.nii.gz,MR")
    (tmp_path / "list.csv").write_text("\n".join([*rows, ""]))
    work = CaseWork(lambda _method: FakeSegmenter(), Terminal(quiet=True))
    cases = read_cases(tmp_path / "list.csv")
    return BatchReport(tmp_path / "page.html", cases, work, {"method": "planes"})


def run(report, folder, **more):
    return run_batch(report.cases, report.work.segment, folder, outputs=report.work.outputs, **more)


def page_of(report, results, **more):
    report.write(results, Terminal(quiet=True), **more)
    return Page(report.path.read_text())


def figures(page):
    return [words(each) for each in page.find("figure")]


def test_all_is_read_from_what_the_cases_left(report, tmp_path):
    results = run(report, tmp_path / "state")
    page = page_of(report, results)
    facts = dict(zip(map(words, page.find("dt")), map(words, page.find("dd")), strict=False))
    assert facts["Cases"] == "3 done"
    assert facts["Objects"] == "6 found"
    assert facts["Made by"] == "fake (planes)"
    record = json.loads((tmp_path / "out1.job.json").read_text())
    for row in record["labels"]:
        assert f"{row['label']} {row['volume_ml']:.3g} {row['confidence']:.3g}" in page.text
    drawn = [picture(each["src"]) for each in page.find("img")]
    assert [shot.shape for shot in drawn] == [(330, 330, 4)] * COUNT
    order = [min(row["confidence"] for row in _rows(tmp_path, n)) for n in range(COUNT)]
    names = [text.split(":")[0] for text in figures(page)]
    assert names == [f"c{n}" for n in np.argsort(order, kind="stable")]
    assert "DOE_" not in report.path.read_text()
    # the same results in a later run, which segments nothing
    again = run(report, tmp_path / "state", resume=True)
    later = page_of(report, again)
    assert [each["src"] for each in later.find("img")] == [each["src"] for each in page.find("img")]
    assert later.text.count("done earlier") == COUNT + 1


def _rows(folder, n):
    return json.loads((folder / f"out{n}.job.json").read_text())["labels"]


@pytest.mark.parametrize("text", ["", "[]", '{"written": ["out1.nii.gz"]}', "of another job", None])
def test_a_record_that_cannot_be_read(report, tmp_path, text):
    results = run(report, tmp_path / "state")
    record = tmp_path / "out1.job.json"
    if text == "of another job":
        text = record.read_text().replace("out1.nii.gz", "other.nii.gz")
    record.unlink() if text is None else record.write_text(text)
    page = page_of(report, results)
    assert f"2 c1 done {NO_RECORD}" in page.text
    assert "1 finished case without a record" in page.text
    assert len(page.find("img")) == COUNT - 1


def test_a_picture_that_cannot_be_drawn_is_told_without_names(report, tmp_path):
    results = run(report, tmp_path / "state")
    (tmp_path / "DOE_0.nii.gz").write_bytes(b"damaged")
    (tmp_path / "DOE_2.nii.gz").unlink()
    other = np.zeros((24, 24, 9), np.uint8)
    nibabel.save(nibabel.Nifti1Image(other, np.eye(4)), tmp_path / "out1.nii.gz")
    page = page_of(report, results)
    assert page.find("img") == []
    told = [text for text in figures(page) if text.startswith("This picture could not be drawn: ")]
    assert len(told) == COUNT
    assert any("the grids differ" in text for text in told)
    assert any("no such file: the input" in text for text in told)
    assert "DOE_" not in report.path.read_text()


def test_a_batch_that_ended_early_has_a_page_without_pictures(report, tmp_path):
    results = run(report, tmp_path / "state")
    page = page_of(report, results[:1], has_ended=False)
    assert figures(page)[0].startswith(TOO_EARLY)
    assert page.find("img") == []
    rows = [words(each) for each in page.find("tr")]
    assert [row[:14] for row in rows if "left over" in row] == ["2 c1 left over", "3 c2 left over"]
    assert "2 cases left over, because the batch ended before" in page.text


def test_one_scan_is_held_at_a_time(report, tmp_path, monkeypatch):
    """Each picture is drawn before the next scan is read."""
    results, seen = run(report, tmp_path / "state"), []
    read, draw = batch_report.read_options_of, batch_report.draw_doubtful
    monkeypatch.setattr(
        batch_report, "read_options_of", lambda case: seen.append("read") or read(case)
    )
    monkeypatch.setattr(
        batch_report, "draw_doubtful", lambda *given: seen.append("draw") or draw(*given)
    )
    page_of(report, results)
    assert seen == ["read", "draw"] * COUNT


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("page.txt", "the report is a page, so give an .html, got {path}"),
        ("page.html", "output exists: {path} (give --overwrite to replace it)"),
        ("no/page.html", "no such folder for the output: {folder} (make it first)"),
        ("scan/page.html", IN_INPUT),
    ],
)
def test_a_page_that_could_not_be_written_is_refused(report, tmp_path, name, message):
    (tmp_path / "scan").mkdir()
    (tmp_path / "page.html").write_text("mine")
    (tmp_path / "list.csv").write_text("input,prompts,output\nscan,p.json,o.nii\n")
    cases = read_cases(tmp_path / "list.csv")
    path = tmp_path / name
    with pytest.raises(OutputError) as caught:
        BatchReport(path, cases, report.work, {}).check(tmp_path / "list.csv", overwrite=False)
    assert str(caught.value) == message.format(path=path, folder=path.parent)
    report.check(tmp_path / "list.csv", overwrite=True)

from __future__ import annotations

import csv
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from sam_common.errors import DiskError, InputError, OutputError
from sam_common.executors.executor import Outcome
from sam_med.run.batch import EXIT_FAILED, CaseResult, case_sha256, exit_code, run_batch
from sam_med.run.case_list import Case, read_cases


class Segmenting:
    """Writes the output, remembers what was asked for, and fails where told to."""

    def __init__(self, **failing):
        self.failing = failing
        self.seen = []

    def __call__(self, case):
        self.seen.append(case.name)
        if case.name in self.failing:
            raise self.failing[case.name]
        case.output.write_text("done")
        return len(case.options) + 1


def rows_of(folder):
    with (folder / "summary.csv").open() as file:
        return [
            (row["case"], row["status"], row["objects"], row["message"])
            for row in csv.DictReader(file)
        ]


def test_all_are_done(cases, tmp_path):
    told = []
    segmenting = Segmenting()
    results = run_batch(cases, segmenting, tmp_path / "batch", on_result=told.append)
    assert [(r.case, r.status, r.objects) for r in results] == [
        ("first", "done", 1),
        ("case 2", "done", 2),
        ("third", "done", 1),
    ]
    assert told == results
    assert exit_code(results) == 0
    assert rows_of(tmp_path / "batch") == [
        ("first", "done", "1", ""),
        ("case 2", "done", "2", ""),
        ("third", "done", "1", ""),
    ]
    summary = json.loads((tmp_path / "batch" / "summary.json").read_text())
    assert [row["case"] for row in summary] == ["first", "case 2", "third"]
    assert all(row["seconds"] >= 0 for row in summary)


class TwiceAtEach:
    """An executor whose first worker dies at each case, after it wrote its files."""

    def run(self, task, items, *, kind, retried):
        assert (kind, retried) == ("case", (DiskError,))
        for item in items:
            task(item.question)
            yield Outcome(item.number, task(item.question))

    def facts_from_now(self):
        return lambda: {"kind": "twice"}


def test_what_a_worker_wrote_that_died_is_written_anew(cases, tmp_path):
    there = cases[1].output
    there.write_text("of somebody else")

    def segment(case):
        if case.output.exists():
            raise OutputError("output exists: the output")
        case.output.write_text("done")
        return 1

    results = run_batch(cases, segment, tmp_path / "batch", executor=TwiceAtEach())
    assert [r.status for r in results] == ["done", "failed", "done"]
    # what was there before the batch is not replaced
    assert (results[1].message, there.read_text()) == (
        "output exists: the output",
        "of somebody else",
    )
    assert json.loads((tmp_path / "batch" / "executor.json").read_text()) == {"kind": "twice"}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (InputError("no voxel is above 0"), "no voxel is above 0"),
        (OSError(5, "Input/output error", "/scans/DOE"), "OSError: Input/output error"),
        (FileNotFoundError(2, "No such file", "DOE"), "FileNotFoundError: No such file"),
        (ValueError("John Doe"), "unexpected ValueError"),
        (KeyError("PatientName"), "unexpected KeyError"),
        (AttributeError("x"), "unexpected AttributeError"),
        (TypeError("x"), "unexpected TypeError"),
        (MemoryError(), "unexpected MemoryError"),
        (RuntimeError("x"), "unexpected RuntimeError"),
        (NotImplementedError("x"), "unexpected NotImplementedError"),
        (ZeroDivisionError("x"), "unexpected ZeroDivisionError"),
        (ModuleNotFoundError("x"), "unexpected ModuleNotFoundError"),
    ],
)
def test_a_failure_does_not_stop_the_rest(cases, tmp_path, error, expected):
    results = run_batch(cases, Segmenting(**{"case 2": error}), tmp_path / "batch")
    assert [r.status for r in results] == ["done", "failed", "done"]
    assert results[1].message == expected
    assert exit_code(results) == EXIT_FAILED == 3
    assert rows_of(tmp_path / "batch")[1] == ("case 2", "failed", "0", expected)


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device", "/scans/DOE"),
        OSError(122, "Disk quota exceeded"),
        DiskError("cannot write CASE: No space left on device (make room on the disk of /out)"),
    ],
)
def test_a_full_disk_ends_the_batch_at_once(cases, tmp_path, error):
    segmenting = Segmenting(**{"case 2": error})
    with pytest.raises(DiskError) as caught:
        run_batch(cases, segmenting, tmp_path / "batch")
    text = str(caught.value)
    assert text.endswith("; the batch ends here")
    assert "make room on the disk" in text
    assert "\n" not in text
    assert "DOE" not in text
    assert segmenting.seen == ["first", "case 2"]
    assert [row[:2] for row in rows_of(tmp_path / "batch")] == [("first", "done")]
    again = Segmenting()
    results = run_batch(cases, again, tmp_path / "batch", resume=True)
    assert [r.status for r in results] == ["kept", "done", "done"]


def test_two_batches_never_work_in_one_folder(cases, tmp_path):
    def nested(_case):
        refused = pytest.raises(OutputError, match=r"^another job writes .*batch\.json: wait")
        with ThreadPoolExecutor(1) as pool, refused:
            pool.submit(run_batch, cases, Segmenting(), tmp_path / "batch").result()
        return 1

    results = run_batch(cases[:1], nested, tmp_path / "batch")
    assert [r.status for r in results] == ["done"]
    assert not list((tmp_path / "batch").glob(".*"))


def test_a_case_is_finished_when_all_its_files_are_there(cases, tmp_path):
    more = cases[0].output.with_suffix(".more")

    def again():
        (result,) = run_batch(
            cases[:1],
            Segmenting(),
            tmp_path / "batch",
            resume=True,
            outputs=lambda case: (case.output, more),
        )
        return result.status

    assert [again(), again()] == ["done", "done"]
    more.touch()
    assert again() == "kept"


def test_the_voxels_beside_a_header_count(tmp_path):
    (tmp_path / "a.mhd").write_text("NDims = 3\nElementDataFile = a.raw\n")
    (tmp_path / "a.raw").write_bytes(b"one")
    case = Case("a", tmp_path / "a.mhd", tmp_path / "out.nii")
    first = case_sha256(case, {})
    (tmp_path / "a.raw").write_bytes(b"two")
    assert case_sha256(case, {}) != first
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "DICOMDIR").write_bytes(b"list")
    (tmp_path / "study" / "1.dcm").write_bytes(b"one")
    case = Case("a", tmp_path / "study" / "DICOMDIR", tmp_path / "out.nii")
    first = case_sha256(case, {})
    (tmp_path / "study" / "1.dcm").write_bytes(b"two")
    assert case_sha256(case, {}) != first


def test_messages_name_no_files(cases, tmp_path):
    path = cases[1].input
    error = InputError(f"cannot decode {path / '2.dcm'} of {path}, nor {cases[0].input.name}")
    results = run_batch(cases, Segmenting(**{"case 2": error}), tmp_path / "batch")
    assert results[1].message == "cannot decode file 2 of 2 of the input of the input, nor a.nii"


def test_inputs_that_are_missing(cases, tmp_path):
    cases[0].input.unlink()
    cases[2].prompts.unlink()
    segmenting = Segmenting()
    results = run_batch(cases, segmenting, tmp_path / "batch")
    assert [r.message for r in results] == [
        "no such file: the input",
        "",
        "no such file: the prompts",
    ]
    assert segmenting.seen == ["case 2"]


def test_it_goes_on_where_it_failed(cases, tmp_path):
    first = Segmenting(third=InputError("x"))
    run_batch(cases, first, tmp_path / "batch")
    second = Segmenting()
    results = run_batch(cases, second, tmp_path / "batch", resume=True)
    assert second.seen == ["third"]
    assert [(r.status, r.objects) for r in results] == [("kept", 1), ("kept", 2), ("done", 1)]


def test_it_goes_on_after_an_interrupt(cases, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run_batch(cases, Segmenting(**{"case 2": KeyboardInterrupt()}), tmp_path / "batch")
    assert rows_of(tmp_path / "batch") == [("first", "done", "1", "")]
    again = Segmenting()
    run_batch(cases, again, tmp_path / "batch", resume=True)
    assert again.seen == ["case 2", "third"]


def test_without_resume_nothing_is_taken_over(cases, tmp_path, message_of):
    run_batch(cases, Segmenting(), tmp_path / "batch")
    assert message_of(run_batch, cases, Segmenting(), tmp_path / "batch") == (
        f"a batch lies in {tmp_path / 'batch'}: go on with it by --resume, or give another folder"
    )


@pytest.mark.parametrize("change", ["input", "folder", "prompts", "output", "option", "settings"])
def test_what_changed_is_done_again(cases, tmp_path, change):
    run_batch(cases, Segmenting(), tmp_path / "batch", settings={"model": "a"})
    settings, expected = {"model": "a"}, {"input": "first", "folder": "case 2"}.get(change, "third")
    if change == "input":
        cases[0].input.write_bytes(b"other")
    if change == "folder":
        (cases[1].input / "2.dcm").write_bytes(b"other")
    if change == "prompts":
        cases[2].prompts.write_text("{ }")
    if change == "output":
        cases[2].output.unlink()
    if change == "option":
        third = cases[2]
        cases[2] = Case(third.name, third.input, third.output, third.prompts, {"preset": "lung"})
    if change == "settings":
        settings = {"model": "b"}
    again = Segmenting()
    run_batch(cases, again, tmp_path / "batch", resume=True, settings=settings)
    assert again.seen == (["first", "case 2", "third"] if change == "settings" else [expected])


def test_names_of_files_do_not_matter(cases, tmp_path):
    before = [case_sha256(case, {}) for case in cases]
    (tmp_path / "b" / "1.dcm").rename(tmp_path / "b" / "0.dcm")
    (tmp_path / "b").rename(tmp_path / "bb")
    moved = Case("new name", tmp_path / "bb", tmp_path / "elsewhere", None, {"preset": "lung"})
    assert case_sha256(moved, {}) == before[1]
    assert len(set(before)) == 3


def test_what_a_case_is_made_of_may_lie_in_linked_folders(cases, tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "3.dcm").write_bytes(b"b3")
    (tmp_path / "b" / "more").symlink_to(tmp_path / "store")
    before = case_sha256(cases[1], {})
    (tmp_path / "store" / "3.dcm").write_bytes(b"other")
    assert case_sha256(cases[1], {}) != before


def test_a_dicomdir_is_as_old_as_the_files_of_its_folder(cases, tmp_path):
    listing = tmp_path / "b" / "DICOMDIR"
    listing.write_bytes(b"a list")
    case = Case("a", listing, tmp_path / "out")
    before = case_sha256(case, {})
    (tmp_path / "b" / "1.dcm").write_bytes(b"other")
    assert case_sha256(case, {}) != before


DAMAGED = ["", "[]", "{}", '{"version": 1}', '{"version": 1, "done": []}']


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_state(cases, tmp_path, text, message_of):
    (tmp_path / "batch").mkdir()
    (tmp_path / "batch" / "batch.json").write_text(text)
    assert message_of(run_batch, cases, Segmenting(), tmp_path / "batch", resume=True) == (
        f"batch.json in {tmp_path / 'batch'} is damaged: delete it to begin anew"
    )


@pytest.mark.parametrize(
    "text", ['{"version": 2, "done": {}}', '{"version": 1, "done": {"a": {}}}']
)
def test_a_state_of_another_version(cases, tmp_path, text, message_of):
    (tmp_path / "batch").mkdir()
    (tmp_path / "batch" / "batch.json").write_text(text)
    assert message_of(run_batch, cases, Segmenting(), tmp_path / "batch", resume=True) == (
        f"batch.json in {tmp_path / 'batch'} is of another version: give another folder"
    )


def test_a_folder_that_cannot_be_made(cases, tmp_path, message_of):
    (tmp_path / "file").write_text("")
    assert message_of(run_batch, cases, Segmenting(), tmp_path / "file" / "x") == (
        f"cannot write {tmp_path / 'file' / 'x'}: Not a directory"
    )


def test_nothing_of_the_inputs_is_in_the_folder(tmp_path):
    (tmp_path / "DOE_JOHN").mkdir()
    (tmp_path / "DOE_JOHN" / "19800101.dcm").write_bytes(b"x")
    (tmp_path / "l.csv").write_text("input,prompts,output\nDOE_JOHN,no_SMITH.json,o_MILLER\n")
    cases = read_cases(tmp_path / "l.csv")
    run_batch(cases, Segmenting(), tmp_path / "batch")
    (tmp_path / "no_SMITH.json").write_text("{}")
    error = OSError(5, "Input/output error", str(tmp_path / "DOE_JOHN" / "19800101.dcm"))
    run_batch(cases, Segmenting(**{"case 1": error}), tmp_path / "batch", resume=True)
    run_batch(cases, Segmenting(), tmp_path / "batch", resume=True)
    text = "".join(f"{path.name} {path.read_text()}" for path in (tmp_path / "batch").iterdir())
    for name in ("DOE", "JOHN", "1980", "SMITH", "MILLER", str(tmp_path)):
        assert name not in text
    assert "case 1" in text


def test_exit_codes():
    good, bad = CaseResult("a", "kept", 1, 1), CaseResult("b", "failed", 1, 0, "x")
    assert exit_code([]) == exit_code([good]) == 0
    assert exit_code([good, bad]) == 3

from __future__ import annotations

import pytest

from sam_common.errors import OutputError
from sam_med.run.batch import files_in
from sam_med.run.case_list import Case, read_cases
from sam_med.run.case_outputs import check_cases, outputs_of


@pytest.mark.parametrize(
    ("rows", "formats", "told"),
    [
        ("a,o1.nii\nb,O1.nii", (), "output of case 2 of the list is that of case 1"),
        ("a,o1.nii\nb,o1.nrrd", ("nifti", "nrrd"), "case 2 of the list is that of case 1"),
        ("a.nii,o1.nii\nb,A.nii", (), "output of case 2 of the list is an input of case 1"),
        ("a.nii,b.nii\nb.nii,c.nii", (), "output of case 1 of the list is an input of case 2"),
        ("a.nii,a.nii", (), "output of case 1 of the list is an input of case 1"),
        ("b,o1.nii\na,b/deeper/o.nii", (), "case 2 of the list lies in the folder that case 1"),
        ("a,batch/summary.csv", (), "output of case 1 of the list is a file of the batch itself"),
        ("a,list.csv", (), "output of case 1 of the list is a file of the batch itself"),
    ],
)
def test_cases_that_get_into_each_other_s_way(tmp_path, rows, formats, told, message_of):
    (tmp_path / "deeper").mkdir()
    listing = tmp_path / "list.csv"
    listing.write_text(f"input,output\n{rows}\n")
    found = read_cases(listing)
    kept = (listing, *files_in(tmp_path / "batch"))
    assert told in message_of(check_cases, found, formats, kept)


def test_cases_side_by_side(tmp_path):
    listing = tmp_path / "list.csv"
    listing.write_text("input,output\na.nii,a.seg.nrrd\nb.nii,b.seg.nrrd\na.nii,a.nrrd\nc,d\n")
    check_cases(read_cases(listing), (), (listing, *files_in(tmp_path)))


def test_a_case_writes_one_file_for_each_format(tmp_path):
    case = Case("a", tmp_path / "a.nii", tmp_path / "out")
    assert outputs_of(case, ("nifti", "seg.nrrd")) == (
        tmp_path / "out.nii.gz",
        tmp_path / "out.seg.nrrd",
    )
    with pytest.raises(OutputError, match=r"^unknown format"):
        outputs_of(case, ())


def test_a_link_to_an_input_is_that_input(tmp_path, message_of):
    (tmp_path / "a.nii").write_bytes(b"a")
    (tmp_path / "b.nii").hardlink_to(tmp_path / "a.nii")
    (tmp_path / "p.json").write_text("{}")
    first = Case("a", tmp_path / "a.nii", tmp_path / "o.nii")
    second = Case("b", tmp_path / "c.nii", tmp_path / "b.nii")
    told = message_of(check_cases, [first, second], ())
    assert told == "the output of case 2 of the list is an input of case 1"
    prompts = Case("b", tmp_path / "c.nii", tmp_path / "P.JSON", tmp_path / "p.json")
    told = message_of(check_cases, [prompts], ())
    assert told == "the output of case 1 of the list is an input of case 1"

from __future__ import annotations

import json

import pytest

from sam_med.run.case_list import Case, cases_of, read_cases


def test_a_list_in_csv(cases, tmp_path):
    assert cases == [
        Case("first", tmp_path / "a.nii", tmp_path / "a_out"),
        Case("case 2", tmp_path / "b", tmp_path / "b_out", options={"preset": "lung"}),
        Case("third", tmp_path / "c.nii", tmp_path / "c_out", tmp_path / "c.json"),
    ]


def test_a_list_in_json_is_the_same(cases, tmp_path):
    path = tmp_path / "list.json"
    rows = [
        {"name": "first", "input": "a.nii", "output": "a_out"},
        {"input": "b", "output": str(tmp_path / "b_out"), "preset": "lung", "prompts": None},
        {"name": "third", "input": "c.nii", "prompts": "c.json", "output": "c_out"},
    ]
    path.write_text(json.dumps(rows))
    assert read_cases(path, options=("preset",)) == cases


def test_a_spreadsheet_s_csv(cases, tmp_path):
    """With a mark of its encoding, spaces, capitals and Windows line ends."""
    path = tmp_path / "sheet.csv"
    path.write_bytes('\ufeffInput , Output\r\n a.nii ,"a_out"\r\n'.encode())
    assert read_cases(path) == [Case("case 1", tmp_path / "a.nii", tmp_path / "a_out")]


def test_lists_of_spreadsheets(tmp_path):
    """Semicolons, as where a comma is a decimal point; and rows of empty cells at the end."""
    path = tmp_path / "cases.csv"
    path.write_text("name;input;output\n007;a,1.nii;b\n;;\n", encoding="utf-8-sig")
    assert read_cases(path) == [Case("007", tmp_path / "a,1.nii", tmp_path / "b")]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("l.csv", "", "the list needs the columns input, output, got none"),
        ("l.csv", "input,x\na,b\n", "the list needs the columns input, output, got input, x"),
        ("l.csv", "input,output\n", "the list has no cases"),
        ("l.csv", "input,output\n,b\n", "case 1 of the list has no input"),
        (
            "l.csv",
            "input,output\na,b\na\n",
            (
                "row 2 of the list of cases has 1 cells, and its header 2: empty cells need their "
                "separator, and text with one needs quotes"
            ),
        ),
        (
            "l.csv",
            "input,output\na,b,c\n",
            (
                "row 1 of the list of cases has 3 cells, and its header 2: empty cells need their "
                "separator, and text with one needs quotes"
            ),
        ),
        (
            "l.csv",
            "input,output,prest\na,b,lung\n",
            (
                "case 1 of the list has an unknown column 'prest' "
                "(known: name, input, output, prompts, preset)"
            ),
        ),
        ("l.csv", "input,output\na,b\nc,b\n", "cases 1 and 2 of the list have the same output"),
        (
            "l.csv",
            "name,input,output\nx,a,b\ny,c,d\nx,e,f\n",
            "cases 1 and 3 of the list have the same name 'x'",
        ),
        ("l.csv", 'input,output\n"a"x,b\n', "the list of cases: no CSV: ',' expected after '\"'"),
        ("l.json", "[", "the list of cases: no JSON: Expecting value in line 1, column 2"),
        (
            "l.csv",
            "input,output,Input\na,b,c\n",
            "the list of cases has 2 columns 'input': which one is meant?",
        ),
        (
            "l.json",
            '[{"input": "a", "output": "b", "input": "c"}]',
            "the list of cases: the field 'input' is there twice in one object",
        ),
        (
            "l.csv",
            "input,output\na,b.nii\nc,x/../b.nii\n",
            "cases 1 and 2 of the list have the same output",
        ),
        ("l.json", "{}", "the list must be a JSON list of objects, one a case"),
        ("l.json", "[]", "the list has no cases"),
        (
            "l.json",
            '[{"input": 3, "output": "b"}]',
            "input of case 1 of the list must be a string, got int",
        ),
    ],
)
def test_wrong_lists(tmp_path, name, text, expected, message_of):
    path = tmp_path / name
    path.write_text(text)
    assert message_of(read_cases, path, options=("preset",)) == expected


def test_lists_that_cannot_be_read(tmp_path, message_of):
    assert message_of(read_cases, tmp_path / "x.csv") == "no such file: the list of cases"
    assert message_of(read_cases, tmp_path) == "cannot read the list of cases: Is a directory"
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe")
    assert message_of(read_cases, tmp_path / "x.csv") == (
        "the list of cases: no text in UTF-8 (save it in UTF-8; spreadsheets have the format CSV "
        "UTF-8)"
    )


def test_rows_of_a_request_are_read_as_those_of_a_list(tmp_path, message_of):
    rows = [{"input": "a.nii", "output": "/o.nii", "model": "mobile_sam", "name": ""}]
    (case,) = cases_of(rows, tmp_path, options=("model",))
    assert (case.name, case.input, str(case.output)) == ("case 1", tmp_path / "a.nii", "/o.nii")
    assert dict(case.options) == {"model": "mobile_sam"}
    assert message_of(cases_of, [], tmp_path, options=()) == "the list has no cases"

from __future__ import annotations

import json

import pytest

from sam_common.errors import InputError
from sam_med.finetuning.example_list import TaughtVolume, read_examples
from sam_med.run.request import ReadOptions


def test_a_list_in_csv_and_the_same_in_json(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(
        "name,input,labels,part,preset\nc1,a.nii,a_seg.nii,learn,lung\n,b,b.nrrd,judge,\n"
    )
    expected = [
        TaughtVolume(
            "c1", tmp_path / "a.nii", tmp_path / "a_seg.nii", ReadOptions(preset="lung"), "learn"
        ),
        TaughtVolume("case 2", tmp_path / "b", tmp_path / "b.nrrd", ReadOptions(), "judge"),
    ]
    assert read_examples(path) == expected
    other = tmp_path / "list.json"
    rows = [
        {"name": "c1", "input": "a.nii", "labels": "a_seg.nii", "part": "learn", "preset": "lung"},
        {"input": "b", "labels": "b.nrrd", "part": "judge"},
    ]
    other.write_text(json.dumps(rows))
    assert read_examples(other) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("input,labels\n", "the list of examples has no rows"),
        ("input,labels\na,\n", "row 1 of the list of examples has no labels"),
        (
            "input,labels,part\na,b,train\n",
            "part of row 1 of the list of examples must be one of learn, stop, judge, got 'train'",
        ),
        (
            "input,labels,part\na,b,learn\nc,d,\n",
            "give a part for every row of the list of examples, or for none: 1 have one",
        ),
        (
            "name,input,labels\nx,a,b\nx,c,d\n",
            "two rows of the list of examples have the name 'x'",
        ),
    ],
)
def test_lists_that_cannot_be_used(tmp_path, text, message):
    path = tmp_path / "list.csv"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_examples(path)
    assert str(caught.value) == message


def test_an_unknown_column(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("input,labels,method\na,b,planes\n")
    with pytest.raises(InputError, match="has an unknown column 'method' "):
        read_examples(path)

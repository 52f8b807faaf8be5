from __future__ import annotations

from pathlib import Path

import pytest

from sam_med.run.case_list import OPTIONS, Case
from sam_med.run.request import (
    OutputRequest,
    PromptSources,
    ReadOptions,
    prompt_sources_of,
    read_options_of,
)


def test_whether_series_are_joined_is_yes_or_no(tmp_path, message_of):
    case = Case("a", tmp_path, tmp_path / "out", options={"join_series": "yes"})
    assert read_options_of(case).join_series
    assert not read_options_of(Case("a", tmp_path, tmp_path / "out")).join_series
    wrong = Case("a", tmp_path, tmp_path / "out", options={"join_series": "maybe"})
    assert (
        message_of(read_options_of, wrong) == "join_series of a case must be yes or no, got 'maybe'"
    )


def case_with(**options):
    return Case("c01", Path("a.nii"), Path("o.nii"), Path("p.json"), options)


def test_columns_of_a_case_become_options_of_reading():
    every = {
        "series": "1.2.3",
        "join_series": "YES",
        "time": "3",
        "modality": "MR",
        "preset": "lung",
        "window": "400",
        "level": "-5.5",
        "method": "planes",
        "labels_as": "mask",
        "seg_type": "labelmap",
        "overwrite_labels": "all",
    }
    assert set(every) == set(OPTIONS)
    assert read_options_of(case_with(**every)) == ReadOptions(
        "1.2.3", 3, "MR", "lung", 400.0, -5.5, join_series=True
    )
    assert read_options_of(case_with()) == ReadOptions()


@pytest.mark.parametrize(
    ("name", "text"), [("time", "1.5"), ("time", "one"), ("window", "wide"), ("level", "4,5")]
)
def test_a_column_of_numbers_without_one(message_of, name, text):
    told = message_of(read_options_of, case_with(**{name: text}))
    assert told == f"{name} of a case must be a number, got '{text}'"


def test_prompts_of_a_case_are_boxes_or_masks(message_of):
    assert prompt_sources_of(case_with()) == PromptSources(file=Path("p.json"))
    masks = prompt_sources_of(case_with(labels_as="mask"))
    assert masks == PromptSources(file=Path("p.json"), use="mask")
    told = message_of(prompt_sources_of, case_with(labels_as="points"))
    assert told == "labels_as of c01 must be box or mask, got 'points'"
    without = Case("c01", Path("a.nii"), Path("o.nii"))
    assert message_of(prompt_sources_of, without) == "c01 of the list has no prompts"


def test_picture_review_and_report_are_files_beside_the_result():
    wanted = OutputRequest(
        Path("o.nii"), report=Path("r.html"), review=Path("r.csv"), overlay=Path("o.png")
    )
    assert wanted.others == (Path("o.png"), Path("r.csv"), Path("r.html"))
    assert OutputRequest(Path("o.nii")).others == ()

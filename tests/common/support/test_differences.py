"""What differs between two descriptions of a job, in words."""

from __future__ import annotations

import pytest

from sam_common.support.differences import LONG, differences

FILE = {"path": "/data/a.gpkg", "bytes": 3, "mtime_ns": 5, "sha256": "ab"}


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"b": 1, "a": "x"}, {"b": 2, "a": "y"}, ["a was x, is y", "b was 1, is 2"]),
        ({}, {"a": 0}, ["a was none, is 0"]),
        ({"a": [1, 2]}, {"a": []}, ["a was 1, 2, is none"]),
        (
            {"training": {"seed": 0, "samples": FILE}},
            {"training": {"seed": 1, "samples": FILE}},
            ["training seed was 0, is 1"],
        ),
        (
            {"samples": FILE},
            {"samples": {**FILE, "sha256": "cd"}},
            ["samples /data/a.gpkg has changed"],
        ),
        (
            {"samples": FILE},
            {"samples": {**FILE, "path": "b.gpkg"}},
            ["samples was /data/a.gpkg, is b.gpkg"],
        ),
        ({"objects": None}, {"objects": FILE}, ["objects was none, is /data/a.gpkg"]),
        # a job of samples that became one of a model
        (
            {"training": {"seed": 0}},
            {"training": {"model": FILE}},
            ["training model was none, is /data/a.gpkg", "training seed was 0, is none"],
        ),
        ({"a": {"b": {"c": 1}}}, {"a": 2}, ["a was b c 1, is 2"]),
    ],
)
def test_phrases(before, now, expected):
    assert differences(before, now) == expected


def test_a_long_value_is_cut():
    (phrase,) = differences({"options": "x" * 500}, {"options": "y"})
    assert phrase == f"options was {'x' * (LONG - 1)}…, is y"

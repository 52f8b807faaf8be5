"""Requests of protocol 1: what is taken, and what is refused with a reason."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from sam_common.server.sessions.protocol import (
    EditModel,
    LoggedEdit,
    MaskModel,
    OpenSource,
)

EDIT, SOURCE = TypeAdapter(EditModel), TypeAdapter(OpenSource)
WINDOW = [[2, 3], [4, 6]]


def refused(adapter, value, expected):
    with pytest.raises(ValidationError, match=expected):
        adapter.validate_python(value)


def test_an_edit_goes_back_to_what_the_client_sent():
    sent = {"op": "add_object", "name": "tree", "class": "plant"}
    known = EDIT.validate_python(sent)
    assert known.model_dump(by_alias=True, exclude_none=True) == sent


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ({"op": "add_object", "name": ""}, "at least 1 character"),
        ({"op": "add_object", "name": "a", "colour": "red"}, "Extra inputs are not permitted"),
        ({"op": "add_object", "name": "a", "object": "a b"}, "should match pattern"),
        ({"op": "add_point", "object": "o1", "point": [1.0]}, "at least 2 items"),
        ({"op": "add_mark", "object": "o1", "mark": "click", "points": []}, "at least 1 item"),
        (
            {"op": "add_mark", "object": "o1", "mark": "dot", "points": [[1, 2, 3]]},
            "Input should be 'click', 'scribble'",
        ),
        (
            {"op": "add_mark", "object": "o1", "mark": "click", "points": [[1, 2, 3]], "axis": 3},
            "Input should be 0, 1 or 2",
        ),
        ({"op": "choose_candidate", "object": "o1", "candidate": 0}, "greater than or equal to 1"),
        ({"op": "add_point", "object": "o1", "point": [1, float("nan")]}, "finite number"),
        ({"op": "add_point", "object": "o1", "point": [1, 2], "label": 2}, "Input should be 0 or"),
        ({"op": "move_point", "object": "o1", "index": -1, "point": [1, 2]}, "greater than or"),
        ({"op": "set_box", "object": "o1", "box": [0, 0, 9]}, "at least 4 items"),
        ({"op": "set_box", "object": "o1", "box": [0, 0, 9, 9], "axis": 3, "index": 1}, "0, 1 or"),
        ({"op": "set_box", "object": "o1", "box": [0, 0, 9, 9], "axis": 0}, "axis and index go to"),
        ({"op": "propagated", "objects": ["o1"], "method": "planes"}, "does not match any"),
    ],
)
def test_edits_that_make_no_sense_are_refused(edit, expected):
    refused(EDIT, edit, expected)


def test_only_a_log_may_hold_a_propagation():
    edit = {"op": "propagated", "objects": ["o1"], "method": "planes"}
    assert TypeAdapter(LoggedEdit).validate_python(edit).method == "planes"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"size": [3, 2]}, r"size \[3, 2\] is not that of window"),
        ({"window": [[4, 3], [4, 6]], "size": [0, 3], "counts": []}, "is not that of window"),
        ({"counts": [1, 2]}, r"counts sum to 3, the window has \(2, 3\) pixels"),
        ({"index": 4}, "axis and index go together"),
        ({"counts": [-1, 7]}, "greater than or equal to 0"),
    ],
)
def test_a_mask_fits_its_window(change, expected):
    mask = {"window": WINDOW, "size": [2, 3], "counts": [1, 2, 3]}
    assert MaskModel.model_validate(mask).counts == [1, 2, 3]
    refused(TypeAdapter(MaskModel), mask | change, expected)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"kind": "raster"}, "give either path or upload"),
        ({"kind": "raster", "path": "/a", "upload": "u1"}, "give either path or upload"),
        ({"kind": "raster", "path": "/a", "frame": {"affine": [1] * 6}}, "frame goes with upload"),
        ({"kind": "raster", "path": "/a\0b"}, "should match pattern"),
        ({"kind": "raster", "path": "/a", "bands": [0]}, "greater than or equal to 1"),
        ({"kind": "raster", "path": "/a", "series": 1}, "Extra inputs"),
        ({"kind": "volume", "upload": "u1", "frame": {"affine": [1] * 5}}, "at least 6 items"),
        (
            {"kind": "volume", "upload": "u1", "frame": {"affine": [[1] * 4] * 4, "nodata": 0}},
            "nodata is for rasters: this is a volume",
        ),
        ({"kind": "picture", "path": "/a"}, "does not match any"),
    ],
)
def test_sources_that_make_no_sense_are_refused(source, expected):
    refused(SOURCE, source, expected)

from __future__ import annotations

import json

import pytest

from sam_common.errors import InputError
from sam_common.tiled_job.plan import Plan
from sam_common.tiled_job.plan_file import check_same, described, encoded
from sam_common.window import Window


def plan(side=4, **signature):
    return Plan((side, side), (Window((0, 0), (side, side)),), signature)


def test_the_file_holds_the_plan_without_its_windows():
    known = json.loads(encoded(plan(model="a")))
    assert known == {
        "digest": plan(model="a").digest,
        "image_hw": [4, 4],
        "windows": 1,
        "signature": {"model": "a"},
    }
    assert described(plan(), "s3://b/o.parts")["parts_at"] == "s3://b/o.parts"


def test_tuples_of_a_signature_are_the_lists_of_the_file():
    check_same(encoded(plan(bands=(1, 2))), plan(bands=(1, 2)), "o.parts")


@pytest.mark.parametrize(
    ("written", "kept_at", "message"),
    [
        (
            encoded(plan(model="a")),
            None,
            (
                "o.parts belongs to another job (model was a, is b): delete it, or run with the "
                "same inputs and options"
            ),
        ),
        (
            encoded(plan(model="b"), "s3://b/o.parts"),
            None,
            (
                "the parts of the job in o.parts are kept in s3://b/o.parts, not in that "
                "folder: give --parts-at s3://b/o.parts, or delete o.parts to begin anew"
            ),
        ),
        (
            encoded(plan(model="b")),
            "s3://b/o.parts",
            (
                "the parts of the job in o.parts are kept in that folder, not in "
                "s3://b/o.parts: leave --parts-at out, or delete o.parts to begin anew"
            ),
        ),
        (
            b"{",
            None,
            "o.parts/plan.json cannot be read, so the job cannot go on: delete o.parts",
        ),
        (
            b"[1]",
            None,
            "o.parts/plan.json cannot be read, so the job cannot go on: delete o.parts",
        ),
    ],
)
def test_another_plan_or_place_is_told(written, kept_at, message):
    with pytest.raises(InputError) as told:
        check_same(written, plan(model="b"), "o.parts", kept_at)
    assert str(told.value) == message

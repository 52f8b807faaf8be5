"""Requests of jobs: what is taken, and what is refused with a reason."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from sam_common.server.sessions.job_requests import JobModel

JOB = TypeAdapter(JobModel)
TAUGHT = {
    "kind": "finetune",
    "session": "s1",
    "name": "roofs",
    "segments": [{"name": "liver", "upload": "u1", "start": [0, 0, 0]}],
}


def refused(adapter, value, expected):
    with pytest.raises(ValidationError, match=expected):
        adapter.validate_python(value)


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ({"kind": "prompts", "prompts": {}}, "give either path or session"),
        ({"kind": "words", "session": "s1", "text": []}, "at least 1 item"),
        ({"kind": "words", "session": "s1", "text": [" "]}, "at least 1 character"),
        ({"kind": "words", "session": "s1", "text": ["car"], "window": 3}, "or equal to 32"),
        ({"kind": "words", "session": "s1", "text": ["car"], "threshold": 2}, "or equal to 1"),
        ({"kind": "automatic", "path": "/a", "session": "s1"}, "give either path or session"),
        ({"kind": "propagate", "session": "s1", "objects": []}, "at least 1 item"),
        ({"kind": "propagate", "session": "s1", "method": "slices"}, "'planes' or 'litemedsam'"),
        ({"kind": "export", "session": "s1", "formats": []}, "at least 1 item"),
        ({"kind": "batch", "cases": []}, "at least 1 item"),
        (TAUGHT | {"objects": {}}, "give objects, of a raster, or segments, of a volume"),
        ({"kind": "finetune", "session": "s1", "name": "a"}, "give objects, of a raster, or seg"),
        ({**TAUGHT, "session": None, "path": "/a"}, "segments go with session"),
        (TAUGHT | {"name": "../roofs"}, "should match pattern"),
        (TAUGHT | {"options": {"epoch": 3}}, "Extra inputs are not permitted"),
        ({"kind": "replay", "log": {"protocol": 2}}, "Input should be 1"),
    ],
)
def test_jobs_that_make_no_sense_are_refused(job, expected):
    refused(JOB, job, expected)


def test_jobs_are_told_apart_by_their_kind():
    log = {
        "protocol": 1,
        "source": {"fingerprint": "f", "request": {"kind": "raster", "path": "/a"}},
        "model": {"name": "mobile_sam", "sha256": "0"},
        "edits": [{"op": "clear", "object": "o1"}],
        "cursor": 1,
    }
    job = JOB.validate_python({"kind": "replay", "log": log})
    assert job.log.source.request.path == "/a"
    opened = JOB.validate_python({"kind": "open", "source": {"kind": "volume", "path": "/a"}})
    assert opened.source.model == "lite_medsam"
    refused(JOB, {"kind": "replay", "log": log | {"cursor": -1}}, "greater than or equal to 0")


def test_options_of_a_training_have_the_values_of_the_command_line():
    options = JOB.validate_python(TAUGHT).options.model_dump(exclude_none=True)
    assert options == {"parts": "decoder", "prompts": ("boxes", "points"), "views": 8, "seed": 0}

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest

import sam_common.support.traces
from sam_common.support.traces import MOST_CALLS, log_trace, module_of, trace_of

TYPED = "/home/jane/Doe^John.dcm"


def failing(depth=0):
    if depth:
        failing(depth - 1)
    raise ValueError(TYPED)


def caught(action):
    with pytest.raises(Exception) as found:  # noqa: PT011 - of any kind
        action()
    return found.value


def test_a_trace_has_the_kind_and_the_calls_and_not_the_message():
    lines = trace_of(caught(failing)).splitlines()
    assert lines[0] == "unexpected ValueError in"
    # the innermost call comes first
    assert lines[1].endswith(", in failing")
    assert lines[-1].endswith(", in caught")
    assert not any(TYPED in line for line in lines)
    assert all(f"{Path(__file__).name}, line " in line for line in lines[1:])


def test_causes_follow_and_what_was_left_out_on_purpose_does_not():
    def with_cause():
        try:
            failing()
        except ValueError as error:
            raise KeyError(TYPED) from error

    def on_the_way():
        try:
            failing()
        except ValueError:
            raise KeyError(TYPED)  # noqa: B904

    def alone():
        try:
            failing()
        except ValueError:
            raise KeyError(TYPED) from None

    for action, kinds in (
        (with_cause, ["unexpected KeyError in", "because of ValueError in"]),
        (on_the_way, ["unexpected KeyError in", "because of ValueError in"]),
        (alone, ["unexpected KeyError in"]),
    ):
        lines = trace_of(caught(action)).splitlines()
        assert [line for line in lines if not line.startswith("  ")] == kinds


def test_only_the_innermost_calls_are_told():
    lines = trace_of(caught(lambda: failing(2 * MOST_CALLS))).splitlines()
    assert len(lines) == 1 + MOST_CALLS
    assert {line.rpartition(", in ")[2] for line in lines[1:]} == {"failing"}


def test_causes_that_go_round_end():
    one, two = ValueError(), KeyError()
    one.__cause__, two.__cause__ = two, one
    assert trace_of(one) == "unexpected ValueError in\nbecause of KeyError in\n"


def test_a_file_is_told_from_its_package_on(tmp_path):
    assert module_of(Path(sam_common.support.traces.__file__)) == Path(
        "sam_common/support/traces.py"
    )
    assert module_of(Path(np.__file__)) == Path("numpy/__init__.py")
    assert module_of(tmp_path / "script.py") == Path("script.py")


def test_a_trace_is_logged_and_a_closed_stderr_changes_nothing(capsys, monkeypatch):
    error = caught(failing)
    log_trace(error, "job 7: ")
    assert capsys.readouterr().err == f"job 7: {trace_of(error)}"
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    log_trace(error)

"""The choice of a time point of 4-D data."""

from __future__ import annotations

import pytest

from sam_common.errors import InputError
from sam_med.geometry.diagnostics import RefusedError, found
from sam_med.geometry.time_points import (
    REPEATED,
    as_chosen,
    check_dimensions,
    check_time,
    time_diagnostics,
)


@pytest.mark.parametrize("time", [None, 1])
def test_one_time_point_needs_no_choice_and_no_word(time):
    assert time_diagnostics(1, time) == []


def test_several_time_points_are_refused_without_a_choice():
    with pytest.raises(RefusedError) as caught:
        time_diagnostics(3, None)
    (said,) = caught.value.diagnostics
    assert (said.code, said.severity, dict(said.numbers)) == (REPEATED, "error", {"time_points": 3})


def test_a_choice_makes_a_note_of_the_error():
    (said,) = time_diagnostics(3, 2)
    assert (said.severity, said.action) == ("note", "time point 2 is read")
    assert (said.message, dict(said.numbers)) == (
        "the file holds 3 time points",
        {"time_points": 3},
    )
    told = found(REPEATED, "four", time_points=4)
    assert as_chosen(told, 4).line == "repeated-positions: four (time point 4 is read)"


@pytest.mark.parametrize("time", [0, -1, 4])
def test_no_such_time_point(time):
    with pytest.raises(InputError) as caught:
        check_time(3, time)
    assert str(caught.value) == f"no time point {time}: there are 3 (from 1 to 3)"
    check_time(3, 3)
    check_time(1, None)


def test_a_volume_has_three_axes_or_time_points_too():
    check_dimensions((4, 5, 6), "the file")
    check_dimensions((4, 5, 6, 2), "the file")
    with pytest.raises(InputError) as caught:
        check_dimensions((4, 5, 6, 2, 3), "the file")
    assert str(caught.value) == (
        "the file has 5 axes (4 x 5 x 6 x 2 x 3), where a volume has 3: give one part of it"
    )

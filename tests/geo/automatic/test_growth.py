"""What a job does beside its network goes by what there is, not by its square.

Calls are counted, not seconds, so that a busy machine changes nothing.
"""

from __future__ import annotations

import sys

import pytest

from tests.benchmarks.growth import CASES, MOST, SIDE, strip

FEW, MANY = 40, 400


def calls(case, count, folder):
    """Function calls of a case, those of C included."""
    counted = 0

    def count_one(_frame, event, _argument):
        nonlocal counted
        counted += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count_one)
    try:
        case(count, folder)
    finally:
        sys.setprofile(before)
    return counted


@pytest.mark.parametrize("name", CASES)
def test_ten_times_as_much_takes_at_most_twelve_times_the_calls(name, tmp_path):
    few = calls(CASES[name], FEW, tmp_path / "few")
    many = calls(CASES[name], MANY, tmp_path / "many")
    assert many <= MOST * few


def test_a_strip_has_as_many_windows_as_asked_for():
    windows, size = strip(7)
    assert len(windows) == 7
    assert size[0] == SIDE

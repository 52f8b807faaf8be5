from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sam_common.errors import GeometryError, InputError
from sam_med.series import SliceHeader, only_series, stack

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
IRREGULAR = "do not form a regular grid: "


def header(position, *, orientation=AXIAL, series="1.2", number="3", size=(4, 5)):
    return SliceHeader(
        path=Path("slice.dcm"),
        series=series,
        number=number,
        modality="CT",
        size=size,
        pixel_spacing_mm=(0.5, 0.75),
        orientation=orientation,
        position=tuple(position),
    )


def at(*heights):
    return [header((10.0, 20.0, z)) for z in heights]


def problem_of(headers):
    with pytest.raises(GeometryError) as caught:
        stack(headers)
    message = str(caught.value)
    assert message.startswith(f"the {len(headers)} slices {IRREGULAR}")
    assert message.endswith(" (such series are not read yet)")
    return message.split(IRREGULAR)[1].removesuffix(" (such series are not read yet)")


def test_order_is_by_position_whatever_the_order_of_files():
    ordered, frame = stack(at(4, 0, 6, 2))
    assert [h.position[2] for h in ordered] == [0, 2, 4, 6]
    assert_allclose(frame.array, [[0, 0, 0.75, 10], [0, 0.5, 0, 20], [2, 0, 0, 0], [0, 0, 0, 1]])


@given(st.permutations(range(7)), st.sampled_from([AXIAL, (0, 1, 0, 0, 0, -1), (0, 0, 1, 1, 0, 0)]))
def test_slices_go_along_the_normal(order, orientation):
    normal = np.cross(orientation[:3], orientation[3:])
    headers = [header(normal * 2.5 * n + (1, 2, 3), orientation=orientation) for n in order]
    ordered, frame = stack(headers)
    assert_allclose(frame.array[:3, 0], normal * 2.5)
    for k, one in enumerate(ordered):
        assert_allclose(frame.to_world((k, 0, 0)), one.position)


def test_one_slice_has_no_spacing():
    expected = (
        "only 1 slice: the distance to the next one is unknown, and a volume needs at least 2"
    )
    with pytest.raises(GeometryError, match=f"^{re.escape(expected)}$"):
        stack(at(0))


def test_a_gap_is_named():
    assert problem_of(at(0, 2, 4, 8, 10)) == (
        "uneven spacing, usually 2.000 mm but 4.000 mm from 4.000 to 8.000"
    )


def test_a_duplicate_is_named():
    assert problem_of(at(0, 2, 2, 4)) == "2 slices at 2.000 mm"


def test_repeated_positions_are_time_points():
    assert problem_of(at(0, 0, 0, 2, 2, 2)) == (
        "each of 2 positions occurs 3 times (4-D, 3 time points)"
    )


def test_all_slices_at_one_position():
    assert problem_of(at(5, 5)) == "2 slices at 5.000 mm"


def test_tilt_is_named():
    tilted = [header((0, 0.5 * n, 2.0 * n)) for n in range(4)]
    assert problem_of(tilted) == "slices are sheared by 14.04 degrees (gantry tilt)"


def test_one_slice_aside_is_named():
    aside = [*at(0, 2, 4)[:1], header((10.0, 21.5, 2)), header((10.0, 20.0, 4))]
    assert problem_of(aside) == "slices are shifted sideways by up to 1.500 mm"


def test_steps_that_add_up_are_named():
    # each step is within 1 % of the usual one, but together they leave the even grid
    heights = np.cumsum([0, 2.0, 2.019, 2.019, 2.0, 1.99, 1.981, 1.981]).tolist()
    assert problem_of(at(*heights)) == "uneven spacing, 8.038 mm is +0.044 mm off the even grid"


def test_rounded_positions_pass():
    stack(at(0, 2.0005, 3.9996, 6.0001))


@pytest.mark.parametrize("orientation", [(1, 0, 0, 0.1, 0.995, 0), (2, 0, 0, 0, 1, 0), (0,) * 6])
def test_axes_must_be_unit_and_perpendicular(orientation):
    expected = "ImageOrientationPatient must be two perpendicular unit vectors, got ["
    with pytest.raises(GeometryError, match=f"^{re.escape(expected)}"):
        stack([header((0, 0, z), orientation=orientation) for z in (0, 1)])


def test_one_series_is_taken_as_it_is():
    headers = at(0, 2, 4)
    assert only_series(headers) == headers


def test_several_series_are_listed():
    other = [header((0, 0, z), series="9", number="12", size=(8, 8)) for z in (0, 1)]
    scout = [header((0, 0, 0), orientation=(1, 0, 0, 0, 0, -1))]
    expected = (
        "the folder holds 3 series: 1) series number 3, CT, 3 slice(s) of 5 x 4 pixels; "
        "2) series number 3, CT, 1 slice(s) of 5 x 4 pixels; "
        "3) series number 12, CT, 2 slice(s) of 8 x 8 pixels "
        "(put the one to segment into a folder of its own)"
    )
    with pytest.raises(InputError, match=f"^{re.escape(expected)}$"):
        only_series([*other, *scout, *at(0, 2, 4)])

"""Moves: vectors that are possible, and the pixels that fit them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sam_common.errors import InputError
from sam_geo.comparison.common_grid import Offset
from sam_geo.comparison.moves import (
    check_misregistration,
    fitting,
    margin_of,
    possible_shifts,
    weights_of,
)

ONE_GRID = Offset((0.0, 0.0), (0.0, 0.0))


def test_the_vectors_of_one_grid_are_the_eight_of_half_a_pixel():
    found = possible_shifts(ONE_GRID, 0.5)
    assert sorted(found) == sorted(
        set(itertools.product((-0.5, 0.0, 0.5), repeat=2)) - {(0.0, 0.0)}
    )
    assert possible_shifts(ONE_GRID, 0) == []


def test_the_offset_of_the_grids_is_a_part_of_every_vector():
    found = possible_shifts(Offset((0.4, 0.0), (0.0, 0.0)), 0.5)
    assert sorted({round(down, 3) for down, _ in found}) == [-0.1, 0, 0.9]
    assert possible_shifts(Offset((0.4, -0.2), (0.0, 0.0)), 0) == [(0.4, -0.2)]
    coarse = possible_shifts(Offset((0.0, 0.0), (7.5, 0.0)), 0.5)
    downs = sorted({down for down, _ in coarse})
    assert (downs[0], downs[-1], len(downs)) == (-8, 8, 7)


@given(st.tuples(st.floats(-3, 3), st.floats(-3, 3)))
def test_weights_are_those_of_squares(shift):
    weights = weights_of(shift)
    assert sum(weights.values()) == pytest.approx(1)
    for axis in (0, 1):
        mean = sum(step[axis] * weight for step, weight in weights.items())
        assert mean == pytest.approx(shift[axis])
    assert all(abs(k - s) <= 1 for step in weights for k, s in zip(step, shift, strict=True))


def test_more_than_half_a_pixel_is_bounded():
    check_misregistration(0)
    check_misregistration(5)
    for px in (-0.1, 5.1, float("nan")):
        with pytest.raises(InputError) as caught:
            check_misregistration(px)
        assert str(caught.value) == (
            f"--misregistration must be from 0 to 5 pixels, got {px:g}: put maps that lie further "
            f"apart over each other first"
        )


def fits(before, after, shifts):
    """The pixels of two small maps that fit a move by one of some vectors."""
    padded = [
        np.pad(one.astype(np.int16), margin_of(shifts), constant_values=-1)
        for one in (before, after)
    ]
    return fitting(*padded, shifts)


def test_pixels_fit_a_move_that_explains_them():
    before = np.zeros((6, 8), dtype=int)
    before[:, 5:] = 1
    after = np.roll(before, -1, axis=1)
    after[:, -1] = 1
    half_right, half_left = [(0.0, 0.5)], [(0.0, -0.5)]
    # a map that is read half a pixel further to the right, or one of the half circle around it
    expected = np.zeros((6, 8), dtype=bool)
    expected[:, 4] = True
    assert (fits(before, after, half_right) == expected).all()
    assert not fits(before, after, half_left).any()
    assert (fits(before, after, possible_shifts(ONE_GRID, 0.5)) == expected).all()
    assert not fits(before, after, []).any()
    assert (fits(after, before, half_left) == expected).all()


def test_a_clearing_and_a_pond_that_vanished_fit_no_move():
    before, after = np.zeros((2, 9, 9), dtype=int)
    after[3:6, 3:6] = 1
    shifts = possible_shifts(ONE_GRID, 1.5)
    assert not fits(before, after, shifts).any()
    assert not fits(after, before, shifts).any()

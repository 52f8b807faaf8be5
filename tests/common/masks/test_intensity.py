from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sam_common.errors import InputError
from sam_common.masks.intensity import to_uint8

floats = st.floats(allow_nan=True, allow_infinity=True, width=32)
arrays = hnp.arrays(np.float32, hnp.array_shapes(max_dims=2, max_side=8), elements=floats)


@given(arrays, st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_a_byte_depends_on_the_value_alone(array, lo, width):
    whole = to_uint8(array, lo, lo + width)
    one_by_one = [int(to_uint8(value, lo, lo + width)) for value in array.ravel()]
    assert whole.ravel().tolist() == one_by_one


@given(arrays)
def test_not_finite_becomes_zero(array):
    bytes_ = to_uint8(array, -1e9, -1e8)  # every finite value is far above hi
    finite = np.isfinite(array) & (array > -1e8)
    assert (bytes_[~np.isfinite(array)] == 0).all()
    assert (bytes_[finite] == 255).all()


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20))
def test_order_is_kept(values):
    bytes_ = to_uint8(np.sort(values), -1e5, 1e5)
    assert (np.diff(bytes_.astype(int)) >= 0).all()


def test_ends_and_middle():
    assert to_uint8(np.array([10, 20, 15, 0, 99], dtype=np.uint16), 10, 20).tolist() == [
        0,
        255,
        128,
        0,
        255,
    ]
    assert to_uint8(np.array([False, True]), 0, 1).tolist() == [0, 255]
    assert to_uint8(np.array([-300, 0, 300], dtype=np.int16), -300, 300).tolist() == [0, 128, 255]


def test_the_largest_floats_do_not_overflow():
    top = float(np.finfo(np.float64).max)
    assert to_uint8([-top, 0.0, top], -top, top).tolist() == [0, 128, 255]


def test_constant_is_zero():
    assert to_uint8([0.0, 5e-324], 0, 5e-324).tolist() == [0, 0]
    assert to_uint8(np.full((2, 2), 7.0), 7, 7).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(("lo", "hi"), [(2.0, 1.0), (float("nan"), 1.0), (0.0, float("inf"))])
def test_limits_must_make_sense(lo, hi):
    with pytest.raises(
        InputError, match=f"^limits must be finite with lo <= hi, got {lo} and {hi}$"
    ):
        to_uint8([1.0], lo, hi)


def test_complex_is_refused():
    with pytest.raises(
        InputError, match=r"^complex values have no grey level, got dtype complex128$"
    ):
        to_uint8([1j], 0, 1)

"""Rescaling in place is what plain arithmetic gives, whatever overflows on the way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sam_med.geometry.rescale import rescale_integers, smallest_type, volume_values

INTEGERS = [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32]


@st.composite
def volumes(draw):
    dtype = draw(st.sampled_from(INTEGERS))
    return draw(arrays(dtype, (2, 3, 2)))


@settings(deadline=None)
@given(volumes(), st.integers(-40000, 40000).filter(bool), st.integers(-100000, 100000))
def test_whole_scales_are_exact(stored, slope, intercept):
    wide = stored.astype(np.int64) * slope + intercept
    out = rescale_integers(stored.copy(), slope, intercept)
    if out.dtype == np.float32:
        fits = wide.min() >= -(2**31) and wide.max() < 2**31
        assert not fits
        assert np.array_equal(out, wide.astype(np.float32))
    else:
        assert np.array_equal(out, wide)


def test_nothing_to_do_keeps_the_array():
    stored = np.arange(8, dtype=np.uint32).reshape(2, 2, 2)
    assert rescale_integers(stored) is stored
    assert volume_values(stored) is stored


def test_the_same_width_is_done_in_place():
    stored = np.arange(8, dtype=np.uint16).reshape(2, 2, 2)
    out = rescale_integers(stored, 1, -1024)
    assert np.shares_memory(out, stored)
    assert out.ravel().tolist() == list(range(-1024, -1016))


@pytest.mark.parametrize(
    ("low", "high", "dtype"),
    [
        (-32768, 32767, np.int16),
        (0, 32768, np.uint16),
        (-1, 32768, np.int32),
        (-(2**31), 2**31 - 1, np.int32),
        (0, 2**31, np.float32),
    ],
)
def test_the_smallest_type(low, high, dtype):
    assert smallest_type(low, high) is dtype


@pytest.mark.parametrize("dtype", [np.float16, np.float64, ">f4", ">f8", np.longdouble])
def test_floats_become_float32(dtype):
    stored = np.linspace(-1, 1, 8).astype(dtype).reshape(2, 2, 2)
    out = volume_values(stored.copy())
    assert out.dtype == np.dtype("=f4")
    assert np.array_equal(out, stored.astype(np.float32))
    scaled = volume_values(stored.copy(), 0.1, 3.0)
    expected = (stored.astype(np.float64) * 0.1 + 3.0).astype(np.float32)
    assert np.array_equal(scaled, expected)

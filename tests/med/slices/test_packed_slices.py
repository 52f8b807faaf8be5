from __future__ import annotations

import numpy as np
import pytest

from sam_med.slices import packed_slices
from sam_med.slices.packed_slices import Mixed, Packed, kept, mixed, padded, rows_of, signs_of

SIDES = (300, 260)


def hills(seed, sides=SIDES):
    rows, columns = np.ogrid[: sides[0], : sides[1]]
    height = np.sin(rows / 40 + seed) + np.cos(columns / 30 + seed)
    return np.clip(np.round(200 * height), -127, 127).astype(np.int8)


def test_a_large_slice_is_packed_without_loss_and_a_small_one_stays():
    large, small = hills(1), hills(1, (100, 90))
    assert kept(small) is small
    packed = kept(large)
    assert isinstance(packed, Packed)
    assert packed.shape == SIDES
    assert np.array_equal(rows_of(packed), large)
    assert np.array_equal(signs_of(packed), large > 0)
    assert packed.nbytes < large.nbytes / 3
    noise = np.random.default_rng(1).integers(-127, 128, SIDES).astype(np.int8)
    assert np.array_equal(rows_of(kept(noise)), noise)


@pytest.mark.parametrize("sides", [SIDES, (40, 30)])
@pytest.mark.parametrize("share", [0.25, 1 / 3, 0.5])
def test_a_slice_between_two_has_the_rounded_mean_of_both(sides, share):
    left, right = hills(1, sides), hills(2, sides)
    between = mixed(kept(left), kept(right), share)
    assert isinstance(between, Mixed) == (sides == SIDES)
    exact = (1 - share) * left.astype(float) + share * right
    assert np.abs(rows_of(between) - exact).max() <= 0.5 + 1e-4
    assert np.array_equal(signs_of(between), rows_of(between) > 0)
    assert np.array_equal(rows_of(between, slice(7, 19)), rows_of(between)[7:19])
    again = mixed(between, kept(right), 0.5)
    assert np.abs(rows_of(again) - (exact + right) / 2).max() <= 0.75 + 1e-4


def test_slices_in_larger_ones_have_one_number_around_them():
    left, right, small = kept(hills(1)), kept(hills(2)), hills(3)
    between = mixed(left, right, 0.3)
    place = (slice(2, 302), slice(5, 265))
    wider = padded([left, between, small], (310, 270), place, -127)
    assert isinstance(wider[1], Mixed)
    # both mixed and unmixed ones share what they are made of
    assert wider[1].left is wider[0]
    for one, before in zip(wider, (left, between, small), strict=True):
        assert one.shape == (310, 270)
        inside = rows_of(one)
        assert np.array_equal(inside[place], rows_of(before))
        around = np.ones((310, 270), dtype=bool)
        around[place] = False
        assert (inside[around] == -127).all()


def test_few_slices_stay_unpacked():
    packed_slices._unpacked.cache_clear()
    for seed in range(20):
        rows_of(kept(hills(seed)))
    assert packed_slices._unpacked.cache_info().currsize == packed_slices.UNPACKED

"""The bounds that `tests.benchmarks.calibration` makes, on objects whose Dice is known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.calibration import (
    Sample,
    _quantile,
    _rising,
    bound_of,
    chosen_share,
    coverage,
    fit,
)


def drawn(volumes, members, seed=1):
    """Objects whose Dice is around their certainty, of volumes that are alike."""
    rng = np.random.default_rng(seed)
    certainty = rng.uniform(0.3, 1, volumes * members)
    dices = np.clip(certainty + rng.normal(0, 0.08, len(certainty)), 0, 1)
    names = np.repeat([f"v{n}" for n in range(volumes)], members)
    return Sample(certainty, dices, names, np.full(len(names), "CT"))


def test_nine_of_ten_left_out_objects_have_their_bound():
    known = drawn(7, 150)
    held = coverage(known, "slices")
    assert 0.88 <= held.mean() <= 0.92
    # wherever the certainty is, not on the whole alone
    for low in (0.5, 0.7, 0.85):
        assert held[(known.certainty >= low) & (known.certainty < low + 0.1)].mean() > 0.8


def test_bounds_rise_and_lie_below_what_they_bound():
    known = drawn(6, 100)
    steps = fit(known, "slices", chosen_share(known, "slices"))
    assert [least for least, _ in steps] == sorted({least for least, _ in steps})
    bounds = [bound for _, bound in steps]
    assert bounds == sorted(bounds)
    assert bounds[-1] > bounds[1] + 0.2
    assert bound_of(np.array([0.95, 0.0, 2.0]), steps).tolist() == [
        bounds[-1],
        bounds[0],
        bounds[-1],
    ]


def test_every_volume_counts_the_same_however_many_members_it_has():
    one, many = np.full(2, 0.9), np.full(98, 0.5)
    names = np.array(["a"] * 2 + ["b"] * 98)
    known = Sample(np.full(100, 0.95), np.concatenate([one, many]), names, np.full(100, "CT"))
    assert known.weights.tolist() == [0.5] * 2 + [1 / 98] * 98
    assert fit(known, "slices", 0.52)[-1][1] == 0.9
    assert fit(known, "slices", 0.48)[-1][1] == 0.5


def test_few_members_go_with_the_next_bin_above_and_the_lowest_stays():
    certainty = np.array([0.1] + [0.72] * 10 + [0.95] * 30)
    dices = np.array([0.3] + [0.6] * 10 + [0.9] * 30)
    volumes = np.array(["a"] + ["b"] * 40)
    known = Sample(certainty, dices, volumes, np.full(41, "CT"))
    assert fit(known, "slices", 0.1) == ((0.0, 0.0), (0.3, 0.6))
    # of one nothing can be said with 90 %, and of forty not with 99 %
    assert fit(known, "slices", 0.01) == ((0.0, 0.0), (0.3, 0.0))


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 0), (0.19, 0), (0.2, 1), (0.39, 1), (0.4, 2), (0.99, 4)]
)
def test_a_bound_of_four_is_the_rank_that_conformal_prediction_says(share, value):
    """The floor of share times (4 + 1), from the lowest; 0 where that is none."""
    assert _quantile(np.array([3.0, 1, 4, 2]), np.ones(4), share) == value
    assert _quantile(np.array([]), np.array([]), share) == 0


def test_what_would_fall_gets_the_mean():
    assert _rising([0.2, 0.6, 0.4, 0.9], [1, 1, 3, 1]) == pytest.approx([0.2, 0.45, 0.45, 0.9])

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shaded_objects import ball, prediction, scan, slices_of, stack

from sam_common.metrics.agreement import dice
from sam_common.window import Window
from sam_med.propagate.paths import NEIGHBOURS, _path, interpolate, likeness, settle
from sam_med.propagate.prediction import SlicePredictor
from sam_med.propagate.vote import by_axis

WINDOW = Window((0, 0, 0), (5, 4, 6))


class Told(SlicePredictor):
    """Has seen what it is told to have."""

    def __init__(self, window, predictions):
        super().__init__(slices_of(scan(ball())), window)
        for one in predictions:
            self._seen.setdefault((one.axis, one.index), []).append(one)


def told(body, axis, quality=0.5):
    """Predictions that show a body on every slice along an axis."""
    window = Window.full(body.shape)
    for index, part in enumerate(np.moveaxis(body, axis, 0)):
        yield prediction((axis, index), part, window, quality)


def test_of_two_tracks_each_gives_the_slices_on_which_it_is_right():
    """The first loses the body behind slice 14, the second before slice 10."""
    body = np.zeros((30, 34, 38), dtype=bool)
    body[4:24, 10:20, 8:18] = True
    window = Window.full(body.shape)
    offered = []
    for index, part in enumerate(body):
        for lost, sure in ((index > 14, 0.5), (index < 10, 0.6)):
            mask = np.zeros_like(part) if lost else part
            offered.append(prediction((0, index), mask, window, 0.2 if lost else sure))
    found = settle(Told(window, offered), {0: range(30)}, {})
    assert np.array_equal(found.mask, body)
    # where both are right the surer one counts
    assert all(found.predictions[0, k].quality == pytest.approx(0.6) for k in range(10, 15))


def test_a_surer_neighbour_that_two_axes_do_not_see_is_outvoted():
    body, stray = ball(), ball(centre=(14, 27, 8), radii=(4, 5, 6))
    offered = [one for axis in range(3) for one in told(body, axis)]
    offered += told(stray, 0, quality=0.55)
    shown = {axis: range(body.shape[axis]) for axis in range(3)}
    found = settle(Told(Window.full(body.shape), offered), shown, {})
    assert np.array_equal(found.mask, body)
    own = stack(by_axis(found.predictions)[0].values(), found.window)
    assert dice(own, body) > 0.99


def test_what_a_person_gave_is_on_the_path_whatever_else_was_seen():
    body = ball()
    window = Window.full(body.shape)
    drawn = np.zeros((34, 38), dtype=bool)
    drawn[15:19, 18:22] = True
    one = prediction((0, 14), drawn, window, 0.1, given=True)
    found = settle(Told(window, told(body, 0)), {0: range(30)}, {(0, 14): one})
    assert found.predictions[0, 14] is one
    assert np.array_equal(found.mask[14], drawn)
    assert np.array_equal(found.mask[13], body[13])


@given(seed=st.integers(0, 10_000), voted=st.booleans())
def test_no_other_path_has_a_larger_sum(seed, voted):
    """Against every path, one by one."""
    rng = np.random.default_rng(seed)
    offered = [
        [
            prediction((0, k), rng.random((4, 6)) < rng.random(), WINDOW, rng.random())
            for _ in range(rng.integers(1, 4))
        ]
        for k in range(5)
    ]
    mask = rng.random((5, 4, 6)) < 0.5 if voted else None

    def total(path):
        merits = [
            one.quality * (1 if mask is None else (1 + dice(one.mask, mask[one.index])) / 2)
            for one in path
        ]
        return sum(merits) + NEIGHBOURS * sum(dice(a.mask, b.mask) for a, b in pairwise(path))

    found = total(_path(offered, likeness(offered), WINDOW, mask))
    assert found == pytest.approx(max(total(path) for path in product(*offered)), abs=1e-5)


def test_between_two_slices_a_prediction_lies_between_theirs():
    mask = np.zeros((4, 6), dtype=bool)
    mask[1:3, 2:5] = True
    left = prediction((0, 0), mask, WINDOW, 0.9)
    right = prediction((0, 4), ~mask, WINDOW, 0.5, given=True)
    other = prediction((2, 3), np.ones((5, 4), dtype=bool), WINDOW)
    found = interpolate({(0, 0): left, (0, 4): right, (2, 3): other}, WINDOW)
    assert sorted(found) == [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (2, 3)]
    assert (found[0, 0], found[0, 4], found[2, 3]) == (left, right, other)
    quarter, middle = found[0, 1], found[0, 2]
    assert np.array_equal(np.unique(quarter.certainty), [-50, 50])
    assert np.array_equal(quarter.mask, mask)
    assert quarter.box_xyxy == (1.5, 0.5, 4.5, 2.5)
    assert quarter.quality == pytest.approx(0.8)
    assert not middle.mask.any()
    assert not any(found[0, k].given for k in (1, 2, 3))
    assert [one.index for one in by_axis(found)[0].values()] == [0, 1, 2, 3, 4]
    assert stack([found[0, 3]], WINDOW)[3].sum() == 24 - 6

from __future__ import annotations

import numpy as np
import pytest

from sam_common.errors import GeometryError
from sam_common.window import Window


@pytest.mark.parametrize(
    ("start", "stop", "message"),
    [
        ((), (), "start and stop must have the same length of at least 1, got () and ()"),
        (
            (0,),
            (1, 2),
            "start and stop must have the same length of at least 1, got (0,) and (1, 2)",
        ),
        ((0, 3), (4, 3), "shape must be positive, got start (0, 3) stop (4, 3)"),
        ((2,), (1,), "shape must be positive, got start (2,) stop (1,)"),
    ],
)
def test_impossible_windows(start, stop, message):
    with pytest.raises(GeometryError) as caught:
        Window(start, stop)
    assert str(caught.value) == message


def test_a_window_of_the_drawing():
    window = Window((2,), (5,))
    assert np.arange(10)[window.slices].tolist() == [2, 3, 4]
    assert window.shape == (3,)


def test_windows_that_only_touch_share_nothing():
    assert Window((0, 0), (4, 4)).intersect(Window((0, 4), (4, 8))) is None
    assert Window((0, 0), (4, 4)).intersect(Window((0, 3), (4, 8))) == Window((0, 3), (4, 4))


def test_a_window_of_more_axes_is_no_part_of_another():
    with pytest.raises(ValueError, match="shorter"):
        Window((0, 0), (4, 4)).intersect(Window((0,), (4,)))
    with pytest.raises(ValueError, match="shorter"):
        Window((0, 0), (4, 4)).shift([1])


def test_a_margin_may_reach_below_zero_but_not_shrink_to_nothing():
    assert Window((1, 1), (2, 3)).expand(2) == Window((-1, -1), (4, 5))
    with pytest.raises(GeometryError, match="shape must be positive"):
        Window((1, 1), (2, 3)).expand(-1)

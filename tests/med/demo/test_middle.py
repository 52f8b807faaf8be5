"""Middle of the organs: the slice and the row that show most of them."""

from __future__ import annotations

import numpy as np

from sam_common.window import Window
from sam_med.demo.middle import middle_row, middle_slice
from sam_med.objects.segments import Segment


def block(name, value, start, stop):
    window = Window(start, stop)
    return Segment(name, value, window, np.ones(window.shape, bool))


def test_the_slice_that_shows_most():
    truth = [block("a", 1, (0, 0, 0), (6, 4, 4)), block("b", 2, (4, 6, 6), (9, 8, 8))]
    assert middle_slice(truth) in {4, 5}
    mask = truth[1].mask.copy()
    mask[0, 1:] = False
    truth[1] = Segment("b", 2, truth[1].window, mask)
    assert middle_slice(truth) == 5
    assert (
        middle_row([block("a", 1, (0, 2, 0), (1, 10, 1)), block("b", 2, (0, 4, 0), (1, 8, 1))]) == 6
    )

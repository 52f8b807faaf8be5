"""Painted masks: their box and outline against the pixels themselves."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from sam_common.errors import PromptError
from sam_common.masks.decoded import MaskRegion
from sam_common.masks.rle import encode
from sam_common.server.sessions.history import MaskState
from sam_common.window import Window
from sam_geo.live.masks import box_of, outline_of


def painted(mask, start=(0, 0)):
    """A mask as it comes from a client: run lengths of its window."""
    stop = tuple(s + n for s, n in zip(start, mask.shape, strict=True))
    whole = MaskRegion(Window.full(mask.shape), mask)
    return MaskState((start, stop), tuple(encode(whole, mask.shape).counts.tolist()))


def test_the_box_lies_along_the_outer_edges_of_the_pixels():
    mask = np.zeros((6, 9), dtype=np.bool_)
    mask[2:4, 3:8] = mask[5, 1] = True
    # rows 2 to 5 and columns 1 to 7 of a window that begins at (10, 20)
    assert box_of(painted(mask, (10, 20))) == (20.5, 11.5, 27.5, 15.5)


@pytest.mark.parametrize("seed", range(4))
def test_the_outline_covers_the_pixels_and_nothing_else(seed):
    mask = np.random.default_rng(seed).random((7, 8)) > 0.5
    found = outline_of(painted(mask, (3, 5)))
    squares = [
        shapely.box(col + 4.5, row + 2.5, col + 5.5, row + 3.5)
        for row, col in zip(*np.nonzero(mask), strict=True)
    ]
    assert found.area == mask.sum()
    assert found.symmetric_difference(shapely.union_all(squares)).area == 0
    assert found.bounds == box_of(painted(mask, (3, 5)))


def test_an_empty_mask_has_no_outline_and_no_box():
    empty = painted(np.zeros((4, 4), dtype=np.bool_))
    assert outline_of(empty) is None
    with pytest.raises(PromptError, match="the painted mask is empty"):
        box_of(empty)

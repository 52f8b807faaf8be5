from __future__ import annotations

import numpy as np
import pytest

from sam_common.errors import PromptError
from sam_common.masks.decoded import MaskRegion
from sam_common.masks.rle import encode
from sam_common.server.sessions.object_state import Asked, BoxState, MaskState, PointState
from sam_common.window import Window
from sam_med.geometry.slice_box import SliceBox
from sam_med.live.prompts import is_on, nearest, object_prompt, painted_slice, slice_box
from sam_med.prompts.object_prompt import VoxelPoint


def painted(mask, start, place):
    window = Window(start, tuple(a + n for a, n in zip(start, mask.shape, strict=True)))
    counts = encode(MaskRegion(Window.full(mask.shape), mask), mask.shape).counts
    return MaskState((window.start, window.stop), tuple(counts.tolist()), place)


def test_all_kinds_of_prompts_of_an_object():
    asked = Asked(
        points=(PointState((1.0, 2.0, 3.0), 1), PointState((4.0, 5.0, 6.0), 0)),
        boxes=(BoxState((10, 8, 2, 30, 28, 9)), BoxState((10, 8, 30, 28), (1, 7))),
    )
    prompt = object_prompt(asked)
    assert prompt.box == Window((2, 8, 10), (10, 29, 31))
    assert prompt.slice_boxes == (SliceBox(1, 7, Window((8, 10), (29, 31))),)
    assert prompt.points == (VoxelPoint((3, 2, 1)), VoxelPoint((6, 5, 4), positive=False))


def test_a_painted_slice_counts_by_its_box_unless_one_was_drawn_there():
    mask = np.zeros((5, 6), dtype=bool)
    mask[1:3, 2:5] = True
    state = painted(mask, (10, 20), (0, 4))
    (box,) = object_prompt(Asked(masks=(state,))).slice_boxes
    assert box == SliceBox(0, 4, Window((11, 22), (13, 25)))
    drawn = BoxState((1, 2, 3, 4), (0, 4))
    (box,) = object_prompt(Asked(boxes=(drawn,), masks=(state,))).slice_boxes
    assert box == slice_box(drawn)


def test_an_empty_mask_gives_no_box():
    state = painted(np.zeros((2, 2), dtype=bool), (0, 0), (2, 4))
    with pytest.raises(PromptError) as caught:
        object_prompt(Asked(masks=(state,)))
    assert str(caught.value) == (
        "the mask painted on slice i=4 is empty: there is nothing to follow"
    )


def test_a_painted_mask_comes_back_from_its_run_lengths():
    mask = np.random.default_rng(0).random((7, 9)) < 0.5
    found = painted_slice(painted(mask, (3, 4), (1, 20)))
    assert (found.axis, found.index) == (1, 20)
    assert found.window == Window((3, 4), (10, 13))
    assert np.array_equal(found.mask, mask)


@pytest.mark.parametrize(("axis", "index"), [(0, 4), (1, 2), (2, 1)])
def test_the_slice_of_a_point(axis, index):
    point = (1.4, 2.4, 3.5)
    assert nearest(point, axis) == index
    assert is_on(point, (axis, index))
    assert not is_on(point, (axis, index + 1))
    assert not is_on(point, None)

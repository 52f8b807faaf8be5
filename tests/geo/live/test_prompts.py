"""Prompts of a live object: one prompt of a job, and painted masks to the pixel."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from live_objects import painted

from sam_common.errors import PromptError
from sam_common.server.sessions.object_state import Asked, BoxState, PointState
from sam_geo.live.prompts import box_of, outline_of, prompt_of


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


SIZE = (50, 60)


def test_all_prompts_of_an_object_are_one():
    mask = np.ones((3, 4), dtype=np.bool_)
    asked = Asked(
        points=(PointState((5.0, 6.0), 1), PointState((7.0, 8.0), 0)),
        boxes=(BoxState((2.0, 3.0, 20.0, 30.0)),),
        masks=(painted(mask, (5, 6)),),
    )
    prompt = prompt_of(asked, SIZE)
    assert prompt.box_xyxy == (2.0, 3.0, 20.0, 30.0)
    assert prompt.points_xy == ((5.0, 6.0), (7.0, 8.0))
    assert prompt.point_labels == (1, 0)
    assert prompt.outline.equals(shapely.box(5.5, 4.5, 9.5, 7.5))
    assert prompt.status == "ok"


def test_a_mask_alone_brings_its_box_and_with_points_it_does_not():
    mask = painted(np.ones((3, 4), dtype=np.bool_), (5, 6))
    assert prompt_of(Asked(masks=(mask,)), SIZE).box_xyxy == (5.5, 4.5, 9.5, 7.5)
    asked = Asked(points=(PointState((7.0, 6.0), 1),), masks=(mask,))
    assert prompt_of(asked, SIZE).box_xyxy is None


def test_what_asks_for_no_object_is_no_prompt():
    assert prompt_of(Asked(), SIZE) is None
    assert prompt_of(Asked(points=(PointState((7.0, 6.0), 0),)), SIZE) is None


def test_what_lies_outside_is_cut_off_and_said():
    clipped = prompt_of(Asked(boxes=(BoxState((-10.0, 3.0, 20.0, 30.0)),)), SIZE)
    assert (clipped.status, clipped.box_xyxy) == ("clipped", (-0.5, 3.0, 20.0, 30.0))
    outside = prompt_of(Asked(points=(PointState((-5.0, 3.0), 1),)), SIZE)
    assert outside.status == "outside"

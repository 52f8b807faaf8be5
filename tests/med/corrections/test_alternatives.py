from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from balls_to_correct import Balls

from sam_common.errors import PromptError
from sam_common.metrics.agreement import dice
from sam_med.corrections.alternatives import next_best, ranked
from sam_med.corrections.before import ObjectBefore

PLACE = (0, 14)


@pytest.fixture
def before():
    balls = Balls()
    return ObjectBefore.of(balls.found(balls.both), balls.slices)


def test_masks_are_unlike_each_other_and_the_surest_comes_first(before):
    masks = ranked(before, PLACE)
    assert len(masks) > 1
    assert all(dice(a.mask, b.mask) < 0.9 for a, b in combinations(masks, 2))
    qualities = [one.quality for one in masks]
    assert qualities == sorted(qualities, reverse=True)


def test_whoever_refuses_often_enough_sees_all_of_them(before):
    masks = ranked(before, PLACE)
    seen = []
    now = before
    for _ in masks:
        one = next_best(now, PLACE)
        seen.append(
            next(
                n
                for n, other in enumerate(masks)
                if other is one or dice(other.mask, one.mask) >= 0.9
            )
        )
        whole = before.result.mask.copy()
        whole[14] = one.mask
        now = ObjectBefore(
            type(before.result)(before.result.window, whole, {}), before.slices, before.predictor
        )
    assert len(set(seen)) > 1


def test_there_is_nothing_to_refuse_or_nothing_else(before):
    with pytest.raises(PromptError, match=r"^the object is not on slice k=0: there is nothing"):
        next_best(before, (0, 0))
    balls = Balls()
    mask = np.zeros_like(balls.left)
    mask[14, 17, 14] = True
    one = ObjectBefore.of(balls.found(mask), balls.slices)
    masks = ranked(one, PLACE)
    now = balls.found(mask)
    now.mask[14] = masks[0].mask
    if len(masks) == 1:
        with pytest.raises(PromptError, match="no other mask was found on slice k=14"):
            next_best(ObjectBefore.of(now, balls.slices), PLACE)

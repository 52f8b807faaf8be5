"""Progress of a server job: hundredths of a window that only go up, and end at the whole."""

from __future__ import annotations

import numpy as np
import pytest

from sam_common.prompts import Prompts
from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.live.progress import MOST_WITHIN, WHOLE, Steps


def one_window(segmenter, points=4):
    embedding = segmenter.embed(np.zeros((20, 20, 3), dtype=np.uint8))
    prompts = Prompts.from_points([[n, n] for n in range(points)])
    return list(segmenter.decode_batches(embedding, prompts))


def test_a_window_is_told_in_parts_and_adds_up_to_a_hundred(heard):
    steps = Steps(heard)
    segmenter = steps.segmenter(FakeSegmenter(model_size=64))
    with steps.progress("windows", 2) as advance:
        for _ in range(2):
            heard.steps.clear()
            assert len(one_window(segmenter)) == 4
            within = list(heard.steps)
            advance(1)
            # embedded: a fifth of what is told within, then each of four points
            assert within == [0, 19, 19, 19, 19, 19]
            assert sum(within) == MOST_WITHIN
            assert sum(heard.steps) == WHOLE
    assert heard.begun == [("windows, in hundredths", 200)]


def test_windows_that_were_there_already_count_whole(heard):
    steps = Steps(heard)
    with steps.progress("windows", 3) as advance:
        advance(3)
    assert heard.steps == [300]


def test_two_workers_never_take_a_step_back(heard):
    steps = Steps(heard)
    segmenter = steps.segmenter(FakeSegmenter(model_size=64))
    with steps.progress("windows", 2) as advance:
        first = segmenter.embed(np.zeros((20, 20, 3), dtype=np.uint8))
        one_window(segmenter)
        # the other worker is behind: what it tells is known
        list(segmenter.decode_batches(first, Prompts.from_points([[1, 1], [2, 2]])))
        advance(1)
        advance(1)
    assert min(heard.steps) == 0
    assert sum(heard.steps) == 2 * WHOLE


@pytest.mark.parametrize("total", [0, 5])
def test_calls_between_steps_and_in_empty_ones_tell_nothing(heard, total):
    steps = Steps(heard)
    segmenter = steps.segmenter(FakeSegmenter(model_size=64))
    with steps.progress("links", total):
        if not total:
            one_window(segmenter)
    one_window(segmenter)
    assert sum(heard.steps) == 0


def test_whoever_hears_of_a_step_may_end_the_job():
    class Ends:
        def begin(self, what, total):
            pass

        def step(self, _done):
            raise KeyboardInterrupt

    steps = Steps(Ends())
    with steps.progress("windows", 1), pytest.raises(KeyboardInterrupt):
        one_window(steps.segmenter(FakeSegmenter(model_size=64)))

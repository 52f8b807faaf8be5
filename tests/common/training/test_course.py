from __future__ import annotations

from dataclasses import replace

import numpy as np
from lessons import lesson_of

from sam_common.training.options import TrainingOptions

QUICK = TrainingOptions(epochs=3, patience=3, views=2, rank=2, batch=3)


def test_steps_of_an_epoch(make_course):
    assert make_course(QUICK).batches == 2  # four objects, three at once
    lesson = lesson_of(("learn",) * 7 + ("stop",) * 2 + ("judge",) * 3)
    assert make_course(QUICK, lesson=lesson).batches == 3


def test_the_network_is_asked_as_it_is_now(make_course):
    course = make_course(replace(QUICK, parts="both"))
    before = course.embedding(course.segmenter(), 0).features.copy()
    values = course.trainable.values()
    course.trainable.load({name: value + 0.1 for name, value in values.items()})
    after = course.embedding(course.segmenter(), 0).features
    assert not np.array_equal(before, after)


def test_a_frozen_encoder_is_not_run_again(make_course, monkeypatch):
    course = make_course(QUICK)
    course.embedding(course.segmenter(), 0)
    monkeypatch.setattr(course.trainable.network, "image_encoder", None)
    assert course.embedding(course.segmenter(), 0).features.shape == (1, 256, 64, 64)

from __future__ import annotations

import numpy as np
import pytest

from sam_common.window import Window
from sam_med.memory.course import Course
from sam_med.memory.joined_slices import joined
from sam_med.prompts.object_prompt import ObjectPrompt

SHAPE = (6, 7, 8)
PROMPT = ObjectPrompt("a", 3, Window((1, 2, 3), (2, 3, 4)))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_of_any_axis_become_one_mask(axis):
    whole = np.random.default_rng(axis).random(SHAPE) > 0.7
    whole[:1] = whole[:, :2] = whole[:, :, -1:] = False
    slices = {n: whole.take(n, axis) for n in range(SHAPE[axis])}
    masks = {n: mask for n, mask in slices.items() if mask.any()}
    scores = {n: (0.5 + n / 100, 0.9) for n in masks}
    found = joined(PROMPT, Course(axis, range(SHAPE[axis]), has_ends=False), masks, scores)
    assert (found.name, found.value) == ("a", 3)
    assert np.array_equal(found.full(SHAPE), whole)
    assert found.mask.any(axis=(1, 2))[[0, -1]].all()
    assert [at.k for at in found.slices] == found.occupied_slices
    first = found.slices[0]
    mean = np.mean([score for score, _ in scores.values()])
    assert first.predicted_iou == pytest.approx(0.5 + first.k / 100 if axis == 0 else mean)
    assert first.confidence == min(first.predicted_iou, first.stability, first.neighbours)


def test_an_object_on_one_slice():
    mask = np.ones((7, 8), dtype=np.bool_)
    found = joined(PROMPT, Course(0, range(6), has_ends=True), {2: mask}, {2: (0.8, 0.7)})
    assert found.window == Window((2, 0, 0), (3, 7, 8))
    assert [(at.k, at.neighbours, at.confidence) for at in found.slices] == [(2, 1.0, 0.7)]


def test_nothing_has_the_window_of_the_prompt():
    found = joined(PROMPT, Course(0, range(6), has_ends=True), {}, {})
    assert (found.window, found.voxels, found.slices) == (PROMPT.window, 0, ())

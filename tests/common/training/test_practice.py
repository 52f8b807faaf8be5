from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sam_common.segmenter.capabilities import Capabilities
from sam_common.training import practice
from sam_common.training.options import TrainingOptions
from sam_common.training.practice import practise

QUICK = TrainingOptions(epochs=3, patience=3, views=2, rank=2)


def asked(monkeypatch, course, corrected):
    """Prompts that are decoded, and what `practise` returns."""
    monkeypatch.setattr(practice, "CORRECTED", float(corrected))
    seen, decode = [], course.trainable.decode

    def watching(features, prompts, scale_xy, *, multimask):
        seen.append((prompts, multimask))
        return decode(features, prompts, scale_xy, multimask=multimask)

    monkeypatch.setattr(course.trainable, "decode", watching)
    image = course.views.images[0]
    regions = [course.views.region(0, 1, one) for one in image.of("learn")]
    loss, count = practise(course, 0, 1, regions, np.random.default_rng(0))
    return seen, loss, count


def test_boxes_clicks_and_corrections(make_course, monkeypatch):
    seen, loss, count = asked(monkeypatch, make_course(QUICK), corrected=True)
    kinds = [(sorted(prompts.kinds), several) for prompts, several in seen]
    assert kinds == [
        (["boxes"], False),
        (["boxes", "masks", "points"], False),
        (["points"], True),
        (["masks", "points"], False),
    ]
    assert seen[3][0].points_xy.shape[1] == 2
    assert count == 8  # four objects, twice each
    assert loss > 0


def test_without_corrections(make_course, monkeypatch):
    seen, _, count = asked(monkeypatch, make_course(QUICK), corrected=False)
    assert [sorted(prompts.kinds) for prompts, _ in seen] == [["boxes"], ["points"]]
    assert count == 4


def test_a_network_of_boxes_is_asked_by_boxes(make_course, monkeypatch):
    boxes = Capabilities(points=False, boxes=True, masks=False, multimask=False)
    course = replace(make_course(QUICK), capabilities=boxes)
    seen, _, count = asked(monkeypatch, course, corrected=True)
    assert [sorted(prompts.kinds) for prompts, _ in seen] == [["boxes"]]
    assert count == 4


@pytest.mark.parametrize("parts", ["decoder", "encoder"])
def test_gradients_reach_what_learns(make_course, monkeypatch, parts):
    course = make_course(replace(QUICK, parts=parts))
    asked(monkeypatch, course, corrected=True)
    parameters = course.trainable.parameters()
    reached = [n for n, p in parameters.items() if p.grad is not None and torch.any(p.grad != 0)]
    # the second factor of a low-rank change is zero at first, so the first one has no gradient yet
    assert len(reached) >= len(parameters) / 2

"""Decoding of one window."""

from __future__ import annotations

import numpy as np
import pytest

from sam_common.masks.decoded import Masks
from sam_common.window import Window
from sam_geo.prompted.decode import likeliest


def candidates(*boxes_and_scores):
    """Masks of one prompt in a 256-px image whose candidates are boxes (y0, x0, y1, x1)."""
    logits = np.full((1, len(boxes_and_scores), 256, 256), -8.0, dtype=np.float32)
    for c, ((y0, x0, y1, x1), _) in enumerate(boxes_and_scores):
        logits[0, c, y0:y1, x0:x1] = 8.0
    scores = np.array([[score for _, score in boxes_and_scores]], dtype=np.float32)
    return Masks(logits, scores, (256, 256), (256, 256), 256)


def test_a_point_is_not_answered_with_the_whole_window():
    tree, scene = (40, 40, 60, 70), (0, 0, 256, 250)
    answer = likeliest(candidates((tree, 0.8), (tree, 0.5), (scene, 1.0)), 0)
    assert answer.region.window == Window((40, 40), (60, 70))
    assert answer.score == pytest.approx(0.8)
    assert answer.stability == pytest.approx(1.0)


def test_the_whole_window_is_taken_where_nothing_else_is_left():
    scene, strip, empty = (0, 0, 256, 256), (100, 0, 110, 256), (0, 0, 0, 0)
    answer = likeliest(candidates((scene, 0.7), (strip, 0.9), (empty, 1.0)), 0)
    assert answer.region.window == Window((100, 0), (110, 256))
    assert answer.score == pytest.approx(0.9)
    assert likeliest(candidates((empty, 0.7), (empty, 0.9), (empty, 0.8)), 0).region is None

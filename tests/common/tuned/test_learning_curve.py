from __future__ import annotations

import cv2
import numpy as np
from cards import CARD

from sam_common.tuned.learning_curve import BLUE, BOTTOM, LEFT, RIGHT, TOP, draw_curve, write_curve


def test_the_stopping_score_is_drawn_at_its_height():
    picture = draw_curve(CARD)
    for share, value in ((0.02, 0.5), (0.98, 0.55)):
        column = picture[TOP:BOTTOM, round(LEFT + (RIGHT - LEFT) * share)]
        rows = np.flatnonzero((column == BLUE).all(axis=1)) + TOP
        assert abs(rows.mean() - (BOTTOM - (BOTTOM - TOP) * value)) < 5


def test_a_curve_is_a_picture(tmp_path):
    write_curve({**CARD, "history": CARD["history"][:1]}, tmp_path / "c.png")
    write_curve(CARD, tmp_path / "d.png")
    assert cv2.imread(str(tmp_path / "d.png")).shape == (420, 720, 3)

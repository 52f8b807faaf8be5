from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from sam_common.evaluation.worst import FOUND_RGB, SIDE_PX, TRUE_RGB, write_worst
from sam_common.masks.decoded import MaskRegion
from tests.oracles.lessons import disc


def picture_in(path):
    with Image.open(path) as image:
        return np.array(image)


@pytest.mark.parametrize("grey", [False, True])
def test_both_outlines_are_drawn_around_the_object(tmp_path, grey):
    image = np.full((300, 400) if grey else (300, 400, 3), 100, dtype=np.uint8)
    wanted = MaskRegion.tight((0, 0), disc((300, 400), (150, 200), 20))
    found = wanted.shift((0, 10))
    write_worst(tmp_path / "w.png", image, wanted, found)
    picture = picture_in(tmp_path / "w.png")
    assert max(picture.shape[:2]) == SIDE_PX
    for rgb in (TRUE_RGB, FOUND_RGB):
        rows, cols = np.nonzero((picture == rgb).all(axis=2))
        assert len(rows) > 200
        # in the middle, with room around it
        assert rows.min() > 50
        assert cols.max() < SIDE_PX - 50


def test_nothing_found_and_an_object_at_the_edge(tmp_path):
    image = np.zeros((30, 40, 3), dtype=np.uint8)
    mask = np.zeros((30, 40), dtype=np.bool_)
    mask[:4, :6] = True
    write_worst(tmp_path / "w.png", image, MaskRegion.tight((0, 0), mask), None)
    picture = picture_in(tmp_path / "w.png")
    assert (picture == TRUE_RGB).all(axis=2).any()
    assert not (picture == FOUND_RGB).all(axis=2).any()

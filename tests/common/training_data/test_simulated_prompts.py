from __future__ import annotations

import numpy as np

from sam_common.masks.decoded import MaskRegion
from sam_common.training_data.simulated_prompts import (
    EXACT,
    click,
    correction,
    drawn_box,
    middle,
    true_box,
)
from tests.oracles.lessons import disc

SIZE = (60, 80)
REGION = MaskRegion.tight((0, 0), disc(SIZE, (30, 50), 10))


def test_the_true_box_reaches_the_outer_edges_of_the_pixels():
    assert true_box(REGION) == [39.5, 19.5, 60.5, 40.5]


def test_drawn_boxes_are_often_exact_and_else_near():
    random = np.random.default_rng(0)
    boxes = np.array([drawn_box(REGION, SIZE, random) for _ in range(400)])
    off = np.abs(boxes - true_box(REGION)).max(axis=1)
    assert abs((off == 0).mean() - EXACT) < 0.08
    assert 1 < off[off > 0].mean() < 4
    assert (boxes[:, 0] < boxes[:, 2]).all()


def test_drawn_boxes_stay_in_the_image():
    corner = MaskRegion.tight((0, 0), disc(SIZE, (2, 3), 9))
    random = np.random.default_rng(0)
    boxes = np.array([drawn_box(corner, SIZE, random) for _ in range(100)])
    assert boxes.min() >= -0.5


def test_clicks_fall_well_inside():
    random = np.random.default_rng(0)
    assert middle(REGION) == [50.0, 30.0]
    spots = np.array([click(REGION, random) for _ in range(100)])
    assert np.hypot(*(spots - [50, 30]).T).max() <= 6
    assert len(np.unique(spots, axis=0)) > 20


def test_a_correction_is_on_the_larger_error():
    wanted, found = np.zeros((2, 256, 256), dtype=bool)
    wanted[40:60, 40:60] = True
    found[50:56, 40:60] = True
    random = np.random.default_rng(0)
    (x, y), label = correction(found, wanted, (0.5, 0.25), random)
    # 0.5 cells a pixel: column 40 to 59 is 79.5 to 119.5; row 40 to 49, 0.25 cells, is 159.5 to
    assert label == 1
    assert 79 < x < 120
    assert 159 < y < 200
    found[:] = False
    found[30:70, 30:90] = True
    (x, _), label = correction(found, wanted, (1, 1), random)
    assert label == 0
    assert not wanted[45, int(x)]
    assert correction(wanted, wanted, (1, 1), random)[1] == 1

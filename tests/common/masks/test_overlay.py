from __future__ import annotations

import itertools
import weakref

import numpy as np
import pytest

from sam_common.errors import InputError
from sam_common.masks.decoded import MaskRegion
from sam_common.masks.overlay import Overlay, colour, draw_overlay
from sam_common.window import Window

GREY = np.full((8, 10, 3), 100, dtype=np.uint8)


def square(row: int, col: int, side: int) -> MaskRegion:
    return MaskRegion(Window((row, col), (row + side, col + side)), np.ones((side, side), bool))


def test_mask_is_outlined_in_full_colour_and_tinted_inside():
    picture = draw_overlay(GREY, [square(1, 2, 4)], alpha=0.5)
    red = colour(0)
    assert picture.shape == GREY.shape
    assert picture.dtype == np.uint8
    # rows 1-4 and columns 2-5: the rim is pure, the inner 2 x 2 is half grey
    assert (picture[1, 2:6] == red).all()
    assert (picture[4, 2:6] == red).all()
    assert (picture[1:5, [2, 5]] == red).all()
    assert picture[2:4, 3:5].reshape(-1, 3).tolist() == [[178, 76, 76]] * 4
    rest = np.ones((8, 10), bool)
    rest[1:5, 2:6] = False
    assert (picture[rest] == 100).all()


def test_hole_is_outlined_and_not_tinted():
    mask = np.ones((7, 7), bool)
    mask[3, 3] = False
    picture = draw_overlay(GREY, [MaskRegion(Window((0, 0), (7, 7)), mask)], alpha=0.0)
    assert (picture[3, 3] == 100).all()
    assert (picture[2, 3] == colour(0)).all()
    assert (picture[2, 2] == 100).all()


def test_input_is_not_changed():
    before = GREY.copy()
    draw_overlay(GREY, [square(0, 0, 3)], boxes_xyxy=[[0, 0, 3, 3]])
    assert (before == GREY).all()


def test_box_covers_its_corner_samples_in_the_colour_of_its_mask():
    picture = draw_overlay(GREY, [None, None], boxes_xyxy=[[0, 0, 2, 1], [4, 3, 8, 6]])
    assert (picture[3, 4:9] == colour(1)).all()
    assert (picture[6, 4:9] == colour(1)).all()
    assert (picture[3:7, [4, 8]] == colour(1)).all()
    assert (picture[4:6, 5:8] == 100).all()
    assert (picture[0, 0] == colour(0)).all()


def test_absent_masks_keep_the_colours_of_the_others():
    picture = draw_overlay(GREY, [None, square(2, 2, 2)])
    assert (picture[2, 2] == colour(1)).all()


def test_parts_outside_the_image_are_cut_off():
    picture = draw_overlay(
        GREY, [square(-2, -2, 4), square(20, 20, 3)], boxes_xyxy=[[-5, -5, 100, 100]], alpha=1.0
    )
    assert (picture[:2, :2] == colour(0)).all()
    assert (picture[2:, 2:] == 100).all()


def test_overlapping_neighbour_does_not_hide_an_outline():
    big, small = square(0, 0, 7), square(2, 2, 3)
    picture = draw_overlay(GREY, [small, big], alpha=1.0)
    assert (picture[2, 2] == colour(0)).all()
    assert (picture[3, 3] == colour(1)).all()


def test_masks_are_drawn_when_they_come_and_not_kept():
    overlay = Overlay(GREY, alpha=0.3)
    masks = [square(0, 0, 7), None, square(2, 2, 3), square(-1, 5, 4)]
    for n, mask in enumerate(masks, 1):
        overlay.add(mask)
        assert (overlay.picture() == draw_overlay(GREY, masks[:n], alpha=0.3)).all()
    kept = [weakref.ref(mask.mask) for mask in masks if mask is not None]
    del masks, mask
    assert [each() for each in kept] == [None] * 3


def test_colours_are_stable_and_distinct():
    colours = np.array([colour(n) for n in range(12)], dtype=float)
    assert colours[0].tolist() == [255, 51, 51]
    gaps = [np.abs(a - b).max() for a, b in itertools.combinations(colours, 2)]
    assert min(gaps) > 40


def test_bad_input_is_named():
    with pytest.raises(InputError) as caught:
        draw_overlay(np.zeros((4, 4), np.uint8), [])
    assert str(caught.value) == "image must be (H, W, 3) uint8 to draw on, got (4, 4) uint8"
    with pytest.raises(InputError) as caught:
        draw_overlay(GREY, [], alpha=1.5)
    assert str(caught.value) == "alpha must be within 0..1, got 1.5"

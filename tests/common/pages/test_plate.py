"""Plates: lines lie where they were asked for, thin, and nothing else is painted."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from sam_common.pages.plate import (
    BLACK,
    Line,
    Word,
    box_line,
    draw_lines,
    draw_words,
    enlarge,
    outlines,
    placed,
    write_jpeg,
)


@pytest.fixture
def grey():
    return np.full((60, 80, 3), 120, np.uint8)


def changed(before, after):
    return (before.astype(int) != after).any(axis=2)


def test_a_grey_image_becomes_a_picture():
    image = np.array([[0, 255], [255, 0]], np.uint8)
    picture = enlarge(image, (8, 4), smooth=False)
    assert picture.shape == (4, 8, 3)
    assert picture[..., 0].tolist() == np.repeat(np.repeat(image, 2, 0), 4, 1).tolist()
    # interpolation may overshoot, but keeps to bytes
    assert enlarge(image, (80, 40)).dtype == np.uint8


def test_a_large_image_is_averaged():
    image = np.tile(np.array([[0, 200], [200, 0]], np.uint8), (50, 50))
    assert np.unique(enlarge(image, (50, 50))).tolist() == [100]


def test_places_of_an_image_are_scaled_about_its_outer_edges():
    corners = placed([(-0.5, -0.5), (99.5, 49.5)], (50, 100), (400, 300))
    assert corners.tolist() == [[-0.5, -0.5], [399.5, 299.5]]


def test_the_outline_of_a_mask_runs_half_way_between_pixels():
    mask = np.zeros((30, 40), bool)
    mask[10:20, 5:25] = True
    (line,) = outlines(mask, (400, 300))
    # pixel edges 5 and 25, 10 and 20, ten times as large
    assert line.min(axis=0) == pytest.approx((50, 100), abs=1.5)
    assert line.max(axis=0) == pytest.approx((249, 199), abs=1.5)
    found = cv2.contourArea(line.astype(np.float32))
    assert found == pytest.approx(mask.sum() * 100, rel=0.03)


def test_a_hole_has_an_outline_of_its_own_and_an_empty_mask_has_none():
    mask = np.zeros((30, 30), bool)
    mask[5:25, 5:25] = True
    mask[12:18, 12:18] = False
    assert len(outlines(mask, (300, 300))) == 2
    assert outlines(np.zeros((5, 5), bool), (50, 50)) == []


def test_a_mask_that_fills_the_image_is_outlined_along_its_edge():
    (line,) = outlines(np.ones((4, 6), bool), (60, 40))
    assert line.min(axis=0).tolist() == [0, 0]
    assert line.max(axis=0).tolist() == [59, 39]


def test_a_line_is_thin_and_on_a_darker_one(grey):
    picture = draw_lines(grey, [Line(box_line((20, 10, 60, 50)), (255, 0, 0), 2)])
    touched = changed(grey, picture)
    assert (grey == 120).all(), "the image itself is not drawn on"
    assert not touched[18:42, 28:52].any(), "the inside stays as it is"
    assert not touched[:5].any()
    assert picture[10, 40].tolist() == [255, 0, 0]
    rows = np.flatnonzero(touched[:30, 40])
    assert (picture[rows[0], 40] < 120).all()
    assert len(rows) <= 7


def test_halos_do_not_lie_on_other_lines(grey):
    lines = [
        Line(np.array([(10.0, 30), (70, 30)]), (255, 0, 0), is_closed=False),
        Line(np.array([(40.0, 10), (40, 50)]), (0, 255, 0), is_closed=False),
    ]
    picture = draw_lines(grey, lines)
    assert picture[30, 34].tolist() == [255, 0, 0]
    assert picture[30, 40].tolist() == [0, 255, 0]


def test_dashes_leave_gaps(grey):
    points = np.array([(5.0, 30), (75, 30)])
    whole, dashed = (
        draw_lines(grey, [Line(points, is_closed=False, is_dashed=dash, width_px=1)])
        for dash in (False, True)
    )
    row = np.flatnonzero((dashed[30] > 180).all(axis=1))
    assert 0.3 < len(row) / np.count_nonzero((whole[30] > 180).all(axis=1)) < 0.85
    assert np.diff(row).max() > 2


def test_a_dashed_line_that_is_closed_comes_back_to_its_start(grey):
    picture = draw_lines(grey, [Line(box_line((20, 10, 60, 50)), is_dashed=True)])
    assert (picture[15:45, 20] == 255).any()


def test_a_line_without_length_is_nothing(grey):
    point = np.array([(5.0, 5), (5, 5)])
    assert not changed(grey, draw_lines(grey, [Line(point, is_closed=False, is_dashed=True)])).any()
    assert not changed(grey, draw_lines(grey, [])).any()


def test_words_are_white_in_a_dark_border(grey):
    picture = draw_words(grey, [Word("R", (40, 30))])
    touched = changed(grey, picture)
    rows, cols = np.nonzero(touched)
    assert abs(rows.mean() - 30) < 3
    assert abs(cols.mean() - 40) < 3
    assert picture.max() == 255
    assert picture.min() == BLACK[0]
    assert not changed(grey, draw_words(grey, [])).any()


def test_a_picture_is_written_whole(grey, tmp_path):
    path = tmp_path / "a.jpg"
    path.write_text("an old one")
    write_jpeg(draw_lines(grey, [Line(box_line((20, 10, 60, 50)), (255, 0, 0))]), path)
    with Image.open(path) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (80, 60), "RGB")
        # thin coloured lines keep their colour
        assert np.asarray(image)[10, 40, 0] > 200
        assert np.asarray(image)[10, 40, 1] < 80

"""Marks: a bar as long as it says, an arrow that points north, sides at their edges."""

from __future__ import annotations

import numpy as np
import pytest

from sam_common.pages.marks import draw_key, draw_north, draw_scale_bar, draw_sides, round_length


@pytest.fixture
def grey():
    return np.full((300, 400, 3), 120, np.uint8)


def changed(before, after):
    return (before.astype(int) != after).any(axis=2)


@pytest.mark.parametrize(
    ("longest", "length"),
    [(1, 1), (1.99, 1), (2, 2), (4.9, 2), (5, 5), (99, 50), (100, 100), (0.012, 0.01), (1e6, 1e6)],
)
def test_round_lengths(longest, length):
    assert round_length(longest) == pytest.approx(length)


def test_a_scale_bar_is_as_long_as_it_says(grey):
    picture = draw_scale_bar(grey, 120, "2 km")
    row = picture[300 - 22 - 4]
    white = np.flatnonzero((row == 255).all(axis=1))
    dark = np.flatnonzero((row == 90).all(axis=1))
    assert (white[0], dark[-1]) == (22, 22 + 120)
    assert len(white) == pytest.approx(60, abs=2)
    rows, cols = np.nonzero(changed(grey, picture))
    assert rows.min() > 220, "bar and word lie in the lower left corner"
    assert cols.max() < 22 + 125


@pytest.mark.parametrize(
    ("degrees", "way"), [(0, (0, -1)), (90, (1, 0)), (180, (0, 1)), (-90, (-1, 0))]
)
def test_the_arrow_points_north(degrees, way, grey):
    picture = draw_north(grey, degrees)
    rows, cols = np.nonzero((picture == 255).all(axis=2))
    away = np.column_stack([cols, rows]) - (400 - 22 - 26, 22 + 26 + 24)
    # the letter N lies beyond the tip
    farthest = away[np.argmax(np.hypot(*away.T))]
    assert farthest @ way > 0.9 * np.hypot(*farthest)
    # a half of the arrow is filled: the left one as seen along its way
    near = away[np.hypot(*away.T) < 27]
    assert (near @ np.array([way[1], -way[0]])).mean() > 0


def test_sides_stand_at_the_edges(grey):
    words = {"left": "R", "right": "L", "top": "A", "bottom": "P"}
    picture = draw_sides(grey, **words)
    touched = changed(grey, picture)
    assert touched[130:170, :45].any()
    assert touched[130:170, -45:].any()
    assert touched[:45, 180:220].any()
    assert touched[-45:, 180:220].any()
    assert not touched[60:240, 60:340].any()
    for side, word in words.items():
        other = draw_sides(grey, **{**words, side: "X"})
        assert (other != picture).any(), word


def test_a_key_has_a_row_for_each_kind_of_line(grey):
    rows = [("found", (255, 221, 51), False), ("truth", (255, 255, 255), True)]
    picture = draw_key(grey, rows)
    assert (picture[:40, 26:58] == (255, 221, 51)).all(axis=2).any()
    assert not (picture[45:75, 26:58] == (255, 221, 51)).all(axis=2).any()
    touched = changed(grey, picture)
    assert touched[12:70, 12:100].all(), "the ground of a key is darkened"
    assert not touched[90:].any()
    assert not touched[:, 200:].any()


def test_lines_of_a_key_may_be_wide(grey):
    rows = [("soil", (200, 0, 0), False)]
    thin, wide = (
        (draw_key(grey, rows, line_px=width) == (200, 0, 0)).all(axis=2).sum() for width in (2, 12)
    )
    assert wide > 4 * thin

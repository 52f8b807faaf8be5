"""Misregistration: what moving a map could explain, on landscapes whose move is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sam_geo.comparison.common_grid import Offset
from sam_geo.comparison.misregistration import Borders
from sam_geo.comparison.moves import possible_shifts

ONE_GRID = Offset((0.0, 0.0), (0.0, 0.0))
CLASSES = 4


def moves(before, after, *, px=0.5, offset=ONE_GRID, areas=None, side=None):
    """Explained areas (K, K), and of all together, of maps of classes from 0; -1 is none."""
    borders = Borders(possible_shifts(offset, px))
    margin = borders.margin
    areas = np.ones(before.shape) if areas is None else areas
    known = (before >= 0) & (after >= 0)
    padded = [
        np.pad(np.where(known, one, -1).astype(np.int16), margin, constant_values=-1)
        for one in (before, after)
    ]
    side = side or max(before.shape)
    for top, left in itertools.product(*(range(0, n, side) for n in before.shape)):
        part = areas[top : top + side, left : left + side]
        rows = slice(top, top + part.shape[0] + 2 * margin)
        cols = slice(left, left + part.shape[1] + 2 * margin)
        borders.add(padded[0][rows, cols], padded[1][rows, cols], part)
    return borders.explained(CLASSES)


def share(before, after, **how):
    """Share of all changes that could be explained."""
    return moves(before, after, **how)[1] / (before != after).sum()


@pytest.mark.parametrize("step", [(0, 1), (1, 0), (-1, 1), (2, -2), (0, 3)])
def test_a_map_moved_by_whole_pixels_is_explained_almost_entirely(photograph, step):
    before = photograph() - 1
    after = np.roll(before, [-part for part in step], axis=(0, 1))
    after[: max(0, -step[0])] = -1
    after[len(after) - max(0, step[0]) :] = -1
    after[:, : max(0, -step[1])] = -1
    after[:, after.shape[1] - max(0, step[1]) :] = -1
    changed = ((before != after) & (after >= 0)).sum()
    _, total = moves(before, after, px=max(map(abs, step)))
    assert 0.94 * changed < total <= changed


@pytest.mark.parametrize("tenths", [(0, 2), (0, 5), (-5, 0), (3, 3), (5, -5)])
def test_a_photograph_that_lies_half_a_pixel_beside_is_explained_almost_entirely(
    photograph, tenths
):
    before, after = photograph() - 1, photograph(*tenths) - 1
    assert 0.92 < share(before, after) <= 1


def test_a_larger_move_is_explained_by_the_part_that_is_possible(photograph):
    before = photograph() - 1
    for tenths, px in ((10, 0.5), (10, 0.25), (8, 0.5), (5, 0.25)):
        found = share(before, photograph(0, tenths) - 1, px=px)
        assert found == pytest.approx(px / (tenths / 10), abs=0.12)
    # a strip of three pixels is more than half a pixel can do
    assert share(before, photograph(0, 30) - 1) < 0.15


def test_more_is_explained_where_more_is_possible(photograph):
    before, after = photograph() - 1, photograph(4, 7) - 1
    found = [share(before, after, px=px) for px in (0, 0.1, 0.3, 0.5, 0.7, 0.9, 1, 1.5, 2)]
    assert found[0] == 0
    assert (np.diff(found) > -1e-9).all()
    assert found[-1] > 0.95


def test_change_in_the_middle_of_a_class_is_not_explained():
    before = np.zeros((60, 60), dtype=int)
    before[:, 30:] = 1  # a long border of both classes is there
    after = before.copy()
    after[20:30, 8:18] = 1  # a clearing in the middle of the first class
    after[40:44, 45:55] = 0
    found, total = moves(before, after)
    assert found.sum() == total == 0
    # what vanished was in the middle before
    assert moves(after, before)[1] == 0


def test_change_and_move_together_are_told_apart(photograph):
    before, after = photograph() - 1, photograph(0, 5) - 1
    alone, moved = moves(before, after)[1], (before != after).sum()
    after = after.copy()
    after[60:90, 60:90] = 3  # a class that was nowhere before
    found, total = moves(before, after)
    assert (found[:, 3] == 0).all()
    assert total == pytest.approx(alone * (before != after)[after != 3].sum() / moved, rel=0.05)


def test_a_strip_along_a_border_is_explained_by_half():
    """A shore that receded by a pixel: half a pixel explains a half of it."""
    before = np.zeros((50, 60), dtype=int)
    before[:, 30:] = 1
    after = np.roll(before, -1, axis=1)
    after[:, -1] = 1
    found, total = moves(before, after)
    assert found[0, 1] == total == pytest.approx(0.5 * 50)
    assert moves(before, after, px=0.25)[1] == pytest.approx(0.25 * 50)
    assert moves(before, after, px=1)[1] == pytest.approx(50)
    assert moves(before, after, offset=Offset((0.0, 0.3), (0.0, 0.0)))[1] == pytest.approx(40)
    # the centres of the pixels lie the other way
    assert moves(before, after, offset=Offset((0.0, -0.3), (0.0, 0.0)))[1] == pytest.approx(10)
    assert moves(before, after, offset=Offset((0.0, 0.0), (0.0, 0.3)))[1] == pytest.approx(40)


def test_a_pond_that_grew_on_all_sides_is_explained_on_one():
    """A move takes on one side what it gives on the other: it makes nothing larger."""
    before = np.zeros((40, 40), dtype=int)
    before[10:30, 10:30] = 1
    after = np.zeros((40, 40), dtype=int)
    after[9:31, 9:31] = 1
    found, total = moves(before, after)
    assert (before != after).sum() == 84
    assert found[1, 0] == 0
    # of the two sides that a diagonal move goes over, a half
    assert total == pytest.approx(20, abs=1)


def test_all_changes_together_come_from_one_move():
    """One border went to the left, another one to the right: no move explains both."""
    before = np.zeros((20, 60), dtype=int)
    before[:, 15:30], before[:, 30:45], before[:, 45:] = 1, 2, 3
    after = before.copy()
    after[:, 14], after[:, 45] = 1, 2
    found, total = moves(before, after)
    assert found[0, 1] == found[3, 2] == pytest.approx(10)
    assert total == pytest.approx(10)


def test_areas_count():
    before = np.zeros((10, 20), dtype=int)
    before[:, 10:] = 1
    after = np.roll(before, -1, axis=1)
    after[:, -1] = 1
    areas = np.linspace(1, 2, 10)[:, None] + np.zeros((1, 20))
    assert moves(before, after, areas=areas)[1] == pytest.approx(0.5 * areas[:, 9].sum())


maps = st.integers(0, 2**32 - 1).map(np.random.default_rng)


@settings(max_examples=25, deadline=None)
@given(maps, st.sampled_from([0.3, 0.5, 1.2]), st.sampled_from([(0, 0), (0.4, -0.3)]))
def test_laws(rng, px, mean):
    before = rng.integers(-1, 3, (12, 14)).repeat(2, axis=0)
    after = np.where(rng.random(before.shape) < 0.7, before, rng.integers(-1, 3, before.shape))
    areas = rng.uniform(1, 3, before.shape)
    there = Offset(mean, (0.0, 0.0))
    back = Offset((-mean[0], -mean[1]), (0.0, 0.0))
    found, total = moves(before, after, px=px, offset=there, areas=areas)
    # both maps exchanged
    other, same = moves(after, before, px=px, offset=back, areas=areas)
    assert other == pytest.approx(found.T)
    assert same == pytest.approx(total)
    # the windows do not matter
    parts, whole = moves(before, after, px=px, offset=there, areas=areas, side=5)
    assert parts == pytest.approx(found)
    assert whole == pytest.approx(total)
    # never more than changed
    known = (before >= 0) & (after >= 0)
    changed = np.zeros((CLASSES, CLASSES))
    np.add.at(changed, (before[known], after[known]), areas[known])
    np.fill_diagonal(changed, 0)
    assert (found <= changed + 1e-9).all()
    assert found.max() - 1e-9 <= total <= found.sum() + 1e-9

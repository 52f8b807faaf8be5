"""Outlines that follow a line, by hand and against the polygons of the masks."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
import squares
from hypothesis import given, settings
from hypothesis import strategies as st
from squares import region

from sam_common.masks.decoded import MaskRegion
from sam_common.stitching.straight_cuts import (
    Cut,
    Line,
    inner_lines,
    parts_not_in_mask,
    straight_cuts,
    unseen_parts,
)
from sam_common.window import Window
from sam_geo.outlines.polygonize import outline

IMAGE = (100, 120)
COLUMN_60 = Line(1, 60, 0, 100, 0)


def square(top: int, left: int, bottom: int, right: int) -> MaskRegion:
    return squares.square(top, left, bottom, right).region


def test_inner_lines_are_the_edges_that_are_not_the_images() -> None:
    lines = list(inner_lines(Window((0, 60), (100, 90)), IMAGE, 3))
    assert lines == [Line(1, 60, 0, 100, 3), Line(1, 90, 0, 100, 3)]
    assert list(inner_lines(Window((0, 0), IMAGE), IMAGE)) == []


@pytest.mark.parametrize(("right", "count"), [(57, 0), (58, 0), (59, 1), (60, 1), (61, 1), (62, 0)])
def test_a_straight_edge_within_a_pixel_of_a_line_is_a_cut(right: int, count: int) -> None:
    found = straight_cuts([square(10, 20, 40, right)], [COLUMN_60])
    assert found == [Cut(COLUMN_60, 10, 40)] * count


@pytest.mark.parametrize(("height", "count"), [(12, 0), (13, 1)])
def test_short_edges_are_none(height: int, count: int) -> None:
    assert len(straight_cuts([square(10, 20, 10 + height, 60)], [COLUMN_60])) == count


def test_what_lies_on_both_sides_is_no_cut() -> None:
    pieces = [square(10, 20, 40, 60), square(10, 60, 40, 90)]
    assert straight_cuts(pieces, [COLUMN_60]) == []


def test_what_one_piece_lacks_of_the_other_is_a_cut() -> None:
    pieces = [square(10, 20, 40, 60), square(10, 60, 25, 90)]
    assert straight_cuts(pieces, [COLUMN_60]) == [Cut(COLUMN_60, 25, 40)]


def test_a_slanted_edge_is_no_cut() -> None:
    rows, cols = np.mgrid[:100, :120]
    assert straight_cuts([region(cols < 40 + rows // 2)], [COLUMN_60]) == []


def test_rows_are_as_columns() -> None:
    line = Line(0, 40, 10, 80, 1)
    (found,) = straight_cuts([square(10, 20, 40, 60)], [line])
    assert (found.line, found.length, found.middle) == (line, 40, (40, 40))


def test_a_cut_that_a_window_saw_from_both_sides_is_none() -> None:
    cut = Cut(COLUMN_60, 10, 90)
    assert unseen_parts(cut, [Window((0, 30), (100, 90))], IMAGE) == []
    assert unseen_parts(cut, [Window((0, 0), (100, 60))], IMAGE) == [cut]
    # four pixels inside of a window's edge it has nothing to say
    assert unseen_parts(cut, [Window((30, 30), (60, 90))], IMAGE) == [
        Cut(COLUMN_60, 10, 34),
        Cut(COLUMN_60, 56, 90),
    ]


def test_an_edge_that_a_mask_has_itself_is_its_own() -> None:
    cut = Cut(COLUMN_60, 10, 90)
    assert parts_not_in_mask(cut, square(10, 20, 60, 60)) == [Cut(COLUMN_60, 60, 90)]
    assert parts_not_in_mask(cut, square(10, 20, 90, 80)) == [cut]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**16), st.integers(10, 110))
def test_cuts_are_those_of_the_polygon(seed: int, at: int) -> None:
    rng = np.random.default_rng(seed)
    blocks = rng.random((5, 6)) < 0.5
    blocks[2, 3] = True
    mask = np.kron(blocks, np.ones((20, 20), dtype=np.bool_))
    line = Line(1, at, 0, 100, 0)
    found = straight_cuts([region(mask)], [line])
    edge = shapely.boundary(outline(region(mask)))
    for cut in found:
        # the outline stays within a pixel of the line, all along
        near = shapely.box(at - 1, cut.start, at + 1, cut.stop)
        assert shapely.intersection(edge, near).length >= cut.length

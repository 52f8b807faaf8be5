"""Galleries: what is kept of many objects is what a sort of all of them would give."""

from __future__ import annotations

import itertools

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from sam_geo.object_report.gallery import MISSING, Gallery
from sam_geo.results.rows import Row, table_of

UTM = pyproj.CRS("EPSG:32633")


def rows_of(scores):
    """A row for each score; None is a prompt for which nothing was found."""
    return [
        Row("empty")
        if score is None
        else Row("ok", score=score, area_px=4.0, geometry=shapely.box(0, 0, 2, 2))
        for score in scores
    ]


def filled(scores, sizes=(), *, most=5, crs=UTM):
    gallery = Gallery(most)
    rows = rows_of(scores)
    ends = sorted({0, len(rows), *(size for size in sizes if size < len(rows))})
    for start, stop in itertools.pairwise(ends):
        part = rows[start:stop]
        table = table_of(part, crs=crs, model="m")
        table["id"] = np.arange(start + 1, stop + 1)
        gallery.add(table, [row.geometry for row in part])
    return gallery


@given(
    st.lists(st.one_of(st.none(), st.integers(0, 9)), min_size=1, max_size=40),
    st.sets(st.integers(0, 40)),
)
def test_batches_change_nothing_and_the_lowest_come_first(numbers, sizes):
    scores = [None if n is None else n / 10 for n in numbers]
    gallery = filled(scores, sizes)
    found = sorted((score, n) for n, score in enumerate(scores) if score is not None)
    missing = [n for n, score in enumerate(scores) if score is None]
    expected = [*missing[:MISSING], *(n for _, n in found[:5])]
    assert [one.row["id"] - 1 for one in gallery.worst] == expected
    assert len(gallery) == len(scores)
    assert gallery.counts["empty"] == len(missing)
    assert gallery.scores.tolist() == pytest.approx([s for s in scores if s is not None])


def test_areas_are_those_of_the_table():
    gallery = filled([0.5, None, 0.7], (1, 2))
    assert gallery.area_px == 8
    expected = table_of(rows_of([0.5, None, 0.7]), crs=UTM, model="m")["area_m2"].sum()
    assert gallery.area_m2 == pytest.approx(expected)
    assert filled([0.5], crs=None).area_m2 is None


def test_a_score_that_is_unknown_is_doubtful():
    gallery = filled([0.1, float("nan"), 0.2])
    assert [one.row["id"] for one in gallery.worst] == [2, 1, 3]


def test_nothing_is_an_empty_gallery():
    gallery = filled([])
    assert (len(gallery), gallery.worst, len(gallery.scores)) == (0, [], 0)

"""Partitions of a grid: rectangles of windows, in the order of the windows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sam_common.tiled_job.plan import tile_grid
from sam_geo.results.partitions import partition_of_windows


@given(
    rows=st.integers(1, 9),
    cols=st.integers(1, 9),
    most=st.integers(1, 90),
)
def test_partitions_are_rectangles_in_order_and_none_is_too_large(rows, cols, most):
    windows = list(tile_grid((rows * 10, cols * 10), side=10, overlap=0))
    found = partition_of_windows(windows, most)
    assert found == sorted(found)
    assert set(found) == set(range(max(found) + 1))
    for number in set(found):
        own = [w for w, each in zip(windows, found, strict=True) if each == number]
        assert len(own) <= most
        box = own[0]
        for window in own:
            box = box.union(window)
        assert box.shape[0] * box.shape[1] == 100 * len(own)


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (1, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (3, [0, 0, 0, 1, 1, 2, 2, 2, 3, 3]),
        (9, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]),
        (10, [0] * 10),
    ],
)
def test_a_row_is_divided_evenly_or_taken_whole(most, expected):
    windows = list(tile_grid((20, 50), side=10, overlap=0))
    assert partition_of_windows(windows, most) == expected

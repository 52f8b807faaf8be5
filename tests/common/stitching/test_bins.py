"""Windows found by the cells of a grid, against looking at all of them."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from sam_common.stitching.bins import Bins, nearby
from sam_common.window import Window

boxes = st.tuples(*[st.integers(-30, 30)] * 2, *[st.integers(1, 20)] * 2).map(
    lambda b: Window((b[0], b[1]), (b[0] + b[2], b[1] + b[3]))
)


@given(st.lists(boxes, max_size=30), boxes, st.integers(1, 25))
def test_bins_miss_nothing_that_overlaps(windows: list[Window], place: Window, side: int) -> None:
    expected = {n for n, window in enumerate(windows) if window.intersect(place) is not None}
    for found in (Bins(side, windows).near(place), list(nearby(windows)(place))):
        assert expected <= set(found)
        assert found == sorted(set(found))


def test_what_is_far_is_not_looked_at() -> None:
    windows = [Window((10 * n, 0), (10 * n + 10, 10)) for n in range(1000)]
    near = nearby(windows)
    assert all(len(list(near(window))) <= 3 for window in itertools.islice(windows, 0, None, 50))

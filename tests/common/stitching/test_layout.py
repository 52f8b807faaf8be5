"""Where windows lie to each other, against looking at all of them."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sam_common.stitching.bins import Bins, nearby
from sam_common.stitching.layout import Layout
from sam_common.tiled_job.plan import tile_grid
from sam_common.window import Window


@st.composite
def grids(draw: st.DrawFn) -> tuple[list[Window], tuple[int, int]]:
    side = draw(st.integers(1, 12))
    size = (draw(st.integers(1, 60)), draw(st.integers(1, 60)))
    return tile_grid(size, side=side, overlap=draw(st.integers(0, side - 1))), size


@settings(deadline=None)
@given(grids())
def test_later_windows_that_overlap(grid: tuple[list[Window], tuple[int, int]]) -> None:
    windows, size = grid
    layout = Layout(windows, size)
    for n in range(0, len(windows), 7):
        expected = [
            m for m in range(n + 1, len(windows)) if windows[n].intersect(windows[m]) is not None
        ]
        assert layout.later(n) == expected


@settings(deadline=None)
@given(grids(), st.data())
def test_cores_that_a_box_reaches_into(
    grid: tuple[list[Window], tuple[int, int]], data: st.DataObject
) -> None:
    windows, size = grid
    layout = Layout(windows, size)
    covered = np.zeros(size, dtype=np.int64)
    for core in layout.cores:
        if min(core.shape) > 0:
            covered[core.slices] += 1
    assert (covered == 1).all()
    start = [data.draw(st.integers(0, side - 1)) for side in size]
    stop = [data.draw(st.integers(a + 1, side)) for a, side in zip(start, size, strict=True)]
    box = Window(tuple(start), tuple(stop))
    expected = [n for n, core in enumerate(layout.cores) if core.intersect(box) is not None]
    found = layout.cores_at(box)
    assert [n for n in found if layout.cores[n].intersect(box) is not None] == expected


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

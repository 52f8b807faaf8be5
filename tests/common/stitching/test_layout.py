"""Where windows lie to each other, against looking at all of them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

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
def test_other_windows_that_overlap(grid: tuple[list[Window], tuple[int, int]]) -> None:
    windows, size = grid
    layout = Layout(windows, size)
    starts, stops = (np.array([getattr(w, end) for w in windows]) for end in ("start", "stop"))
    for n in range(0, len(windows), 7):
        shared = ((starts < stops[n]) & (stops > starts[n])).all(axis=1)
        shared[n] = False
        assert layout.near(n) == np.flatnonzero(shared).tolist()


@settings(deadline=None)
@given(grids(), st.integers(1, 9) | st.just(10**12))
def test_blocks_hold_each_window_once(
    grid: tuple[list[Window], tuple[int, int]], side: int
) -> None:
    windows, size = grid
    blocks = list(Layout(windows, size).blocks(side))
    assert sorted(n for block in blocks for n in block) == list(range(len(windows)))
    for block in blocks:
        assert block == sorted(block)
        for axis in (0, 1):
            assert len({windows[n].start[axis] for n in block}) <= side


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


@settings(deadline=None)
@given(grids(), st.data())
def test_a_part_keeps_the_cores_of_the_whole(
    grid: tuple[list[Window], tuple[int, int]], data: st.DataObject
) -> None:
    windows, size = grid
    layout = Layout(windows, size)
    asked = data.draw(st.integers(0, len(windows) - 1))
    numbers = sorted([asked, *layout.near(asked)])
    part = layout.part(numbers)
    assert part.windows == [windows[n] for n in numbers]
    assert part.cores == [layout.cores[n] for n in numbers]
    here = numbers.index(asked)
    assert [numbers[k] for k in part.near(here)] == layout.near(asked)
    # of what lies in the window all cores are known
    found = [numbers[k] for k in part.cores_at(windows[asked])]
    assert found == layout.cores_at(windows[asked])

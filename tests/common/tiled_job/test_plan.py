"""Plans and their windows."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sam_common.errors import GeometryError
from sam_common.tiled_job.plan import Plan, tile_grid
from sam_common.window import Window


@settings(deadline=None)
@given(st.integers(1, 100), st.integers(1, 100), st.integers(1, 64), st.integers(0, 63))
def test_the_grid_covers_the_image_with_the_overlap(
    height: int, width: int, side: int, overlap: int
) -> None:
    overlap = min(overlap, side - 1)
    windows = tile_grid((height, width), side=side, overlap=overlap)
    assert windows == sorted(windows, key=lambda w: w.start)
    assert {w.shape for w in windows} == {(min(side, height), min(side, width))}
    for axis, length in enumerate((height, width)):
        spans = sorted({(w.start[axis], w.stop[axis]) for w in windows})
        assert spans[0][0] == 0
        assert spans[-1][1] == length
        for (_, stop), (start, _) in itertools.pairwise(spans):
            assert stop - start >= overlap


@pytest.mark.parametrize(("side", "overlap"), [(0, 0), (8, 8), (8, -1), (-3, 0)])
def test_impossible_grids(side: int, overlap: int) -> None:
    with pytest.raises(GeometryError, match=f"got side {side} and overlap {overlap}"):
        tile_grid((10, 10), side=side, overlap=overlap)


def test_the_digest_tells_plans_apart() -> None:
    windows = tuple(tile_grid((20, 20), side=10, overlap=2))
    plan = Plan((20, 20), windows, {"model": "a", "limits": (1, 2)})
    same = Plan((20, 20), windows, {"limits": [1, 2], "model": "a"})
    assert plan.digest == same.digest
    others = [
        Plan((20, 21), windows, plan.signature),
        Plan((20, 20), windows[1:], plan.signature),
        Plan((20, 20), (*windows[:-1], Window((0, 0), (1, 1))), plan.signature),
        Plan((20, 20), windows, {"model": "b", "limits": (1, 2)}),
    ]
    assert len({plan.digest, *(other.digest for other in others)}) == len(others) + 1

"""Linking by neighbourhood: whatever its size, the groups are those of all windows at once."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from squares import square

from sam_common.stitching.evidence import Evidence
from sam_common.stitching.groups import Groups
from sam_common.stitching.layout import Layout
from sam_common.stitching.link import find_groups
from sam_common.stitching.neighbourhood import (
    ends_at_edge,
    joined,
    linked_within,
    neighbourhoods,
)
from sam_common.stitching.overlap import LINK_IOU, Side, Strip, overlap_of
from sam_common.stitching.regions import boxes_of
from sam_common.tiled_job.plan import tile_grid
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from sam_common.masks.instance import Instance

T = TypeVar("T")
SIDE, OVERLAP = 40, 16
STEP = SIDE - OVERLAP


def all_at_once(layout: Layout, parts: Sequence[Sequence[Instance]]) -> Groups:
    """Every overlap is compared first, then everything is decided: the law in its plainest form."""
    groups, found = Groups(), Evidence()
    windows, hw = layout.windows, layout.image_hw
    for window, instances in zip(windows, parts, strict=True):
        groups.add_window((ends_at_edge(i.region.window, window, hw), i.score) for i in instances)
    for n, window in enumerate(windows):
        found.add_window(window, parts[n], groups.offsets[n], hw)
        for earlier in range(n):
            if window.intersect(windows[earlier]) is None or not parts[earlier]:
                continue
            shared = overlap_of(windows[earlier], window)
            strips = [
                Strip.cropped(parts[m], boxes_of(parts[m]), groups.offsets[m], shared, groups)
                for m in (earlier, n)
            ]
            one, two = Side(earlier, windows[earlier], strips[0]), Side(n, window, strips[1])
            found.add_overlap(one, two, LINK_IOU)
    found.decide(groups)
    return groups


def told(groups: Groups) -> dict[str, object]:
    """All that later steps ask groups for."""
    return {
        "offsets": list(groups.offsets),
        "cut": bytes(groups.is_cut),
        "left out": groups.left_out,
        "open ends": sorted(groups.open_ends),
        "groups": [groups.group_using(number) for number in range(groups.offsets[-1])],
        "cut groups": list(groups.cut_groups()),
    }


@st.composite
def scenes(draw: st.DrawFn) -> tuple[Layout, list[list[Instance]]]:
    """Rectangles as several windows see them: moved by pixels, missed, doubled, or invented."""
    rows, cols = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    hw = (OVERLAP + rows * STEP, OVERLAP + cols * STEP)
    layout = Layout(tile_grid(hw, side=SIDE, overlap=OVERLAP), hw)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lows = rng.integers((0, 0), hw, (draw(st.integers(0, 25)), 2))
    sizes = rng.choice([4, 12, 30, 90], lows.shape)
    parts: list[list[Instance]] = []
    for window in layout.windows:
        seen = [square_in(window, *box, rng) for box in zip(lows, lows + sizes, strict=True)]
        extra = rng.integers(window.start, window.stop, (int(rng.integers(0, 3)), 2))
        seen += [square_in(window, low, low + 20, rng) for low in extra]
        parts.append([each for each in seen if each is not None])
    return layout, parts


def square_in(
    window: Window,
    low: np.ndarray[tuple[int], np.dtype[np.int64]],
    high: np.ndarray[tuple[int], np.dtype[np.int64]],
    rng: np.random.Generator,
) -> Instance | None:
    """A rectangle as a window sees it, or None where it is missed."""
    moved = rng.integers(-1, 2, 4) * (rng.random() < 0.5)
    low, high = np.maximum(low + moved[:2], window.start), np.minimum(high + moved[2:], window.stop)
    if (low >= high).any() or rng.random() < 0.1:
        return None
    return square(*low.tolist(), *high.tolist(), round(float(rng.random()), 1))


@settings(max_examples=60, deadline=None)
@given(scenes(), st.integers(1, 5))
def test_groups_are_those_of_all_windows_at_once_whatever_the_side(
    scene: tuple[Layout, list[list[Instance]]], side: int
) -> None:
    layout, parts = scene
    expected = told(all_at_once(layout, parts))
    assert told(find_groups(layout, parts.__getitem__, side=side)) == expected
    assert told(find_groups(layout, parts.__getitem__)) == expected


def sent(what: T) -> T:
    """What another process gets."""
    again: T = pickle.loads(pickle.dumps(what))  # noqa: S301  # bytes of our own
    return again


@settings(max_examples=20, deadline=None)
@given(scenes(), st.integers(1, 3), st.randoms(use_true_random=False))
def test_neighbourhoods_may_come_back_in_any_order_and_through_pickle(
    scene: tuple[Layout, list[list[Instance]]], side: int, random: Random
) -> None:
    layout, parts = scene
    places = [sent(place) for place in neighbourhoods(layout, side)]
    random.shuffle(places)
    found = [sent(linked_within(place, parts.__getitem__, LINK_IOU)) for place in places]
    groups = joined(len(layout.windows), found)
    assert told(groups) == told(all_at_once(layout, parts))


def road(rows: int, cols: int) -> tuple[Layout, Callable[[int], list[Instance]]]:
    """A grid with one object through the middle of its first row, and one alone in each window."""
    hw = (OVERLAP + rows * STEP, OVERLAP + cols * STEP)
    layout = Layout(tile_grid(hw, side=SIDE, overlap=OVERLAP), hw)

    def load(n: int) -> list[Instance]:
        window = layout.windows[n]
        (top, left), (_, right) = window.start, window.stop
        alone = square(top + 18, left + 18, top + 22, left + 22)
        return [square(4, left, 10, right), alone] if top == 0 else [alone]

    return layout, load


def test_what_lies_inside_a_neighbourhood_is_decided_there() -> None:
    layout, load = road(4, 8)
    places = list(neighbourhoods(layout, 4))
    assert [place.own[0] for place in places] == [0, 4]
    assert places[1].numbers[:5] == (3, 4, 5, 6, 7)
    west, east = (linked_within(place, load, LINK_IOU) for place in places)
    assert len(west.undecided.links) == 3
    assert len(east.undecided.links) == 4
    assert [len(each.members) for each in (west, east)] == [0, 0]
    whole = linked_within(next(neighbourhoods(layout, 8)), load, LINK_IOU)
    assert len(whole.undecided.links) == 0
    assert whole.sizes.tolist() == [8]
    groups = joined(len(layout.windows), [east, west])
    group = groups.group_using(0)
    assert group is not None
    assert [n for n, _ in groups.members_of(group)] == list(range(8))


def test_each_overlap_is_in_one_neighbourhood_and_no_mask_leaves_it() -> None:
    layout, load = road(5, 7)
    pairs = [
        (place.numbers[j], place.numbers[k])
        for place in neighbourhoods(layout, 3)
        for k, earlier in enumerate(place.earlier)
        for j in earlier
    ]
    everything = {(m, n) for n in range(35) for m in layout.near(n) if m < n}
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == everything
    found = linked_within(next(neighbourhoods(layout, 3)), load, LINK_IOU)
    assert len(pickle.dumps(found)) < 3000


@pytest.mark.parametrize("side", [1, 2, 3])
def test_a_worse_twin_is_left_out_though_only_it_reaches_beyond(side: int) -> None:
    hw = (SIDE, OVERLAP + 3 * STEP)
    layout = Layout(tile_grid(hw, side=SIDE, overlap=OVERLAP), hw)
    # the first two are one object; the third ends at the edge between them without a partner,
    # and it alone reaches into the overlap with the last window
    parts = [
        [square(10, 20, 20, 40)],
        [square(10, 24, 20, 47), square(10, 24, 20, 51)],
        [],
    ]
    groups = find_groups(layout, parts.__getitem__, side=side)
    assert groups.left_out == {2}
    assert told(groups) == told(all_at_once(layout, parts))


@pytest.mark.parametrize("side", [1, 16])
def test_a_grid_without_instances_has_no_groups(side: int) -> None:
    layout, _ = road(2, 2)
    groups = find_groups(layout, lambda _n: [], side=side)
    assert list(groups.offsets) == [0] * 5
    assert list(groups.cut_groups()) == []


def test_progress_counts_each_window_once() -> None:
    layout, load = road(3, 5)
    done: list[int] = []
    find_groups(layout, load, side=2, advance=done.append)
    assert sum(done) == 15

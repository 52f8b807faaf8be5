"""What overlaps say together: links, pieces that a neighbour has, open ends and twins."""

from __future__ import annotations

import numpy as np
import pytest
from squares import square

from sam_common.masks.instance import Instance
from sam_common.stitching.evidence import Evidence, Findings
from sam_common.stitching.groups import Groups
from sam_common.stitching.neighbourhood import ends_at_edge
from sam_common.stitching.overlap import Side, Strip, overlap_of
from sam_common.stitching.regions import boxes_of
from sam_common.window import Window

IMAGE = (40, 100)
WINDOWS = [Window((0, 0), (40, 60)), Window((0, 40), (40, 100))]


def decided(left: list[Instance], right: list[Instance]) -> Groups:
    groups, found, sides = Groups(), Evidence(), []
    for n, (window, instances) in enumerate(zip(WINDOWS, (left, right), strict=True)):
        groups.add_window(
            (ends_at_edge(i.region.window, window, IMAGE), i.score) for i in instances
        )
        first, boxes = groups.offsets[n], boxes_of(instances)
        found.add_window(window, instances, first, IMAGE)
        strip = Strip.cropped(instances, boxes, first, overlap_of(*WINDOWS), groups)
        sides.append(Side(n, window, strip))
    found.add_overlap(sides[0], sides[1], 0.5)
    found.decide(groups)
    return groups


def members(groups: Groups, number: int) -> tuple[int, ...]:
    group = groups.group_using(number)
    return () if group is None else group.members


def test_masks_that_agree_are_linked() -> None:
    groups = decided([square(10, 20, 30, 60)], [square(10, 40, 30, 80)])
    assert members(groups, 0) == members(groups, 1) == (0, 1)
    assert groups.open_ends == []


@pytest.mark.parametrize(("covered", "left_out"), [(5, {0}), (4, set())])
def test_a_cut_piece_is_left_out_where_the_neighbour_has_half_of_it(
    covered: int, left_out: set[int]
) -> None:
    # ten columns, of which the neighbour's other object has so many
    groups = decided([square(10, 50, 30, 60)], [square(0, 60 - covered, 40, 90)])
    assert groups.left_out == left_out


def test_a_sliver_at_the_edge_is_left_out_though_nobody_else_has_it() -> None:
    groups = decided([square(10, 57, 30, 60), square(0, 50, 8, 60)], [])
    assert groups.left_out == {0}


@pytest.mark.parametrize(("rows", "ends"), [(5, [(0, 1)]), (4, [])])
def test_an_open_end_has_a_hundred_pixels_in_the_overlap(
    rows: int, ends: list[tuple[int, int]]
) -> None:
    groups = decided([square(10, 10, 10 + rows, 60)], [])
    assert groups.open_ends == ends
    assert groups.left_out == set()


def test_the_scene_around_objects_is_left_out_where_the_neighbour_has_something() -> None:
    scene = square(0, 0, 40, 60)
    assert decided([scene], [square(2, 70, 9, 80)]).left_out == {0}
    assert decided([scene], []).left_out == set()
    assert decided([scene], [square(0, 40, 40, 99)]).left_out == set()


def test_the_twin_with_an_open_end_is_left_out() -> None:
    river, again = square(10, 4, 30, 60), square(10, 4, 28, 60)
    groups = decided([river, again], [square(10, 40, 30, 96)])
    assert members(groups, 0) == (0, 2)
    assert groups.left_out == {1}


def links_of(*pairs: tuple[int, int]) -> Findings:
    """Links that are as sure as each other, and nothing else."""
    none = np.zeros((0, 2), dtype=np.int64)
    sure, area = np.ones(len(pairs)), np.full(len(pairs), 50.0)
    links = np.array(pairs, dtype=np.int64)
    return Findings(links, sure, area, none, none, none, np.zeros(0, dtype=np.int64))


def test_of_equal_links_that_of_earlier_windows_counts_wherever_it_was_found() -> None:
    # instances 3 and 4 are of one window, the last: only one of them can be in the group
    offsets = np.array([0, 1, 2, 3, 5])
    parts = [links_of((2, 3), (0, 1)), links_of((1, 4), (0, 2))]
    for several in (parts, parts[::-1]):
        groups = Groups.numbered(offsets, np.ones(5, dtype=np.uint8), np.ones(5))
        found = Findings.joined(several, lambda n: np.searchsorted(offsets, n, side="right"))
        Evidence.of(found).decide(groups)
        assert members(groups, 0) == (0, 1, 2, 4)
        assert members(groups, 3) == (3,)

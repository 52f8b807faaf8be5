"""Masks of two windows compared inside their overlap, by the three rules of agreement."""

from __future__ import annotations

import numpy as np
import pytest
from squares import region, square

from sam_common.masks.instance import Instance
from sam_common.stitching.groups import Groups
from sam_common.stitching.neighbourhood import ends_at_edge
from sam_common.stitching.overlap import Comparison, Side, Strip, mutual_best, overlap_of
from sam_common.stitching.regions import boxes_of, crop, mask_iou
from sam_common.window import Window

IMAGE = (40, 100)
LEFT, RIGHT = Window((0, 0), (40, 60)), Window((0, 40), (40, 100))
OVERLAP = Window((0, 40), (40, 60))


def strip_of(instances: list[Instance], window: Window) -> Strip:
    groups = Groups()
    groups.add_window((ends_at_edge(i.region.window, window, IMAGE), i.score) for i in instances)
    return Strip.cropped(instances, boxes_of(instances), 0, overlap_of(LEFT, RIGHT), groups)


def compared(left: list[Instance], right: list[Instance]) -> Comparison:
    return Comparison.of(strip_of(left, LEFT), strip_of(right, RIGHT))


def test_the_overlap_and_the_axis_across_its_seam() -> None:
    assert overlap_of(LEFT, RIGHT) == (OVERLAP, (1,))
    below = Window((30, 40), (70, 100))
    assert overlap_of(LEFT, below) == (Window((30, 40), (40, 60)), (0,))
    # of a narrow image only the axis counts along which the windows differ
    assert overlap_of(Window((0, 0), (2, 60)), Window((0, 40), (2, 100)))[1] == (1,)
    with pytest.raises(ValueError, match="windows do not overlap"):
        overlap_of(LEFT, Window((0, 60), (40, 100)))


def test_a_strip_holds_the_parts_inside_the_overlap() -> None:
    mask = np.random.default_rng(0).random((20, 30)) < 0.5
    odd = Instance(region(mask, (5, 25)), 0.9, 0.9)
    strip = strip_of([square(0, 0, 5, 40), odd, square(30, 45, 36, 60)], LEFT)
    assert strip.numbers.tolist() == [1, 2]
    inside = crop(odd.region, OVERLAP)
    assert inside is not None
    assert np.array_equal(strip.mask(0), inside.mask)
    assert strip.areas.tolist() == [mask.sum(), 6 * 15]
    assert strip.inner_areas().tolist() == [inside.mask.sum(), 6 * 15]
    # the second ends at its window's edge and lies in the overlap as a whole
    assert strip.is_cut_inside.tolist() == [False, True]


def test_a_sliver_is_thin_across_the_seam_and_a_road_along_it_is_none() -> None:
    strip = strip_of([square(0, 57, 30, 60), square(0, 56, 30, 60), square(10, 40, 12, 60)], LEFT)
    assert strip.slivers().tolist() == [True, False, False]


def test_the_edges_that_count_are_those_beyond_which_the_other_window_goes_on() -> None:
    masks = [square(0, 40, 5, 57), square(10, 40, 15, 56), square(0, 44, 40, 50)]
    side = Side(0, LEFT, strip_of(masks, LEFT))
    assert side.reaching_edge(RIGHT).tolist() == [True, False, False]
    side = Side(1, RIGHT, strip_of([square(0, 43, 5, 60), square(9, 44, 12, 60)], RIGHT))
    assert side.reaching_edge(LEFT).tolist() == [True, False]


def test_figures_are_those_of_the_cropped_masks() -> None:
    left, right = [square(10, 20, 30, 60), square(0, 50, 8, 60)], [square(14, 40, 34, 90)]
    pairs = compared(left, right)
    for i, one in enumerate(left):
        a, b = crop(one.region, OVERLAP), crop(right[0].region, OVERLAP)
        assert a is not None
        assert b is not None
        assert pairs.iou[i, 0] == pytest.approx(mask_iou(a, b))
    assert pairs.shared.tolist() == [[16 * 20], [0]]
    assert pairs.apart.tolist() == [[4], [26]]
    assert pairs.least.tolist() == [[400], [80]]


@pytest.mark.parametrize(("shift", "agree"), [(3, True), (4, False)])
def test_outlines_agree_within_three_pixels(shift: int, agree: bool) -> None:
    # a road eight pixels wide: three pixels off, its IoU is 0.45
    pairs = compared([square(10, 20, 18, 60)], [square(10 + shift, 40, 18 + shift, 90)])
    assert pairs.iou[0, 0] < 0.5
    assert pairs.outlines_agree().tolist() == [[agree]]
    assert pairs.agreeing(0.5).tolist() == [[agree]]


@pytest.mark.parametrize(("side", "agree"), [(10, False), (12, True)])
def test_a_mask_inside_another_agrees_where_it_is_a_good_part_of_it(side: int, agree: bool) -> None:
    pairs = compared([square(10, 40, 30, 60)], [square(12, 42, 12 + side, 42 + side)])
    assert pairs.iou[0, 0] == side**2 / 400
    assert pairs.nested().tolist() == [[agree]]
    assert pairs.agreeing(0.5).tolist() == [[agree]]


def test_masks_that_are_neither_similar_nor_nested_do_not_agree() -> None:
    pairs = compared([square(0, 40, 20, 60)], [square(10, 40, 30, 60)])
    assert pairs.iou[0, 0] == pytest.approx(1 / 3)
    assert pairs.agreeing(0.5).tolist() == [[False]]
    assert pairs.agreeing(0.3).tolist() == [[True]]


def pairs_of(iou: list[list[float]], areas_a: list[int], areas_b: list[int]) -> list:
    table = np.array(iou)
    return list(mutual_best(table, table >= 0.5, np.array(areas_a), np.array(areas_b)))


def test_partners_are_each_others_best() -> None:
    found = pairs_of([[0.9, 0.6], [0.8, 0.0]], [10, 10], [10, 10])
    # the second would have the first column too, and gets nothing
    assert [(i, j) for i, j, _ in found] == [(0, 0)]
    assert found[0][2] == 30
    assert pairs_of([[0.4]], [1], [1]) == []
    assert pairs_of([], [], []) == []


def test_of_equal_partners_the_smaller_one_is_taken() -> None:
    # 0.90 and 0.91 round to the same step
    assert [j for _, j, _ in pairs_of([[0.91, 0.9]], [10], [500, 20])] == [1]
    assert [j for _, j, _ in pairs_of([[0.98, 0.9]], [10], [500, 20])] == [0]

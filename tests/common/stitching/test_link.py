"""Linking by hand: a few squares in two windows."""

from __future__ import annotations

import numpy as np
import pytest
from squares import square

from sam_common.masks.decoded import MaskRegion
from sam_common.masks.instance import Instance
from sam_common.stitching.link import LinkedObject, link
from sam_common.stitching.regions import mask_iou
from sam_common.window import Window

IMAGE = (40, 100)
LEFT, RIGHT = Window((0, 0), (40, 60)), Window((0, 40), (40, 100))


def linked(left: list[Instance], right: list[Instance]) -> list[LinkedObject]:
    parts = [left, right]
    return list(link([LEFT, RIGHT], parts.__getitem__, image_hw=IMAGE))


def boxes(found: LinkedObject) -> list[tuple[int, ...]]:
    return [(*piece.window.start, *piece.window.stop) for piece in found.pieces]


def test_an_object_of_both_windows_is_stitched_in_the_middle() -> None:
    (found,) = linked([square(10, 20, 30, 60)], [square(10, 40, 30, 80)])
    assert boxes(found) == [(10, 20, 30, 50), (10, 50, 30, 80)]
    assert found.seam_merged
    assert found.members == ((0, 0), (1, 0))


def test_an_object_that_one_window_saw_whole_has_no_seam() -> None:
    (found,) = linked([square(10, 24, 30, 54)], [square(10, 40, 30, 54)])
    assert boxes(found) == [(10, 24, 30, 54)]
    assert not found.seam_merged


def test_of_two_whole_views_the_better_one_is_taken() -> None:
    (found,) = linked([square(10, 44, 30, 54, 0.7)], [square(10, 46, 30, 54, 0.8)])
    assert boxes(found) == [(10, 46, 30, 54)]
    assert found.score == pytest.approx(0.8)


def test_neighbours_that_only_touch_stay_two() -> None:
    found = linked(
        [square(10, 20, 20, 60), square(20, 20, 30, 60)],
        [square(10, 40, 20, 80), square(20, 40, 30, 80)],
    )
    assert [len(f.pieces) for f in found] == [2, 2]
    assert [f.members for f in found] == [((0, 0), (1, 0)), ((0, 1), (1, 1))]


def test_a_part_is_not_joined_with_its_whole() -> None:
    found = linked([square(4, 10, 36, 60)], [square(4, 40, 36, 90), square(12, 46, 18, 56)])
    assert len(found) == 2
    assert ((1, 1),) in [f.members for f in found]


def test_overlapping_objects_of_one_window_both_stay() -> None:
    found = linked([square(4, 4, 20, 20), square(8, 8, 24, 24)], [])
    assert [boxes(f) for f in found] == [[(4, 4, 20, 20)], [(8, 8, 24, 24)]]


def test_a_cut_piece_that_the_neighbour_knows_is_left_out() -> None:
    # the right window saw a corner of two objects as one
    found = linked([square(4, 10, 18, 54), square(18, 10, 32, 54)], [square(8, 40, 28, 48)])
    assert [f.members for f in found] == [((0, 0),), ((0, 1),)]


def test_a_piece_that_nobody_else_saw_is_kept() -> None:
    (found,) = linked([], [square(10, 40, 30, 56)])
    assert boxes(found) == [(10, 40, 30, 56)]


def test_pixels_of_a_core_whose_window_did_not_see_the_object_are_kept() -> None:
    (found,) = linked([square(10, 20, 30, 60)], [])
    assert boxes(found) == [(10, 20, 30, 60)]


def test_the_order_within_a_window_does_not_matter() -> None:
    left = [square(2, 6, 8, 60), square(12, 6, 18, 60), square(24, 6, 36, 44)]
    right = [square(2, 40, 8, 66), square(12, 40, 18, 98), square(22, 80, 36, 88)]
    straight, turned = linked(left, right), linked(left[::-1], right[::-1])
    assert sorted(map(boxes, straight)) == sorted(map(boxes, turned))


def test_no_instances_no_objects() -> None:
    assert linked([], []) == []


# one object, several tries


def test_parts_are_linked_with_parts_where_both_look_alike_in_the_overlap() -> None:
    # inside the overlap a roof and its block are the same; beyond it the block goes on
    roof, block = square(10, 30, 30, 60), square(10, 4, 30, 60)
    found = linked([block, roof], [square(10, 40, 30, 90), square(10, 40, 30, 70)])
    assert ((0, 1), (1, 1)) in [f.members for f in found]
    assert ((0, 0), (1, 1)) not in [f.members for f in found]


def test_the_better_agreement_is_linked_first() -> None:
    # the third window would put two instances of the second into one object
    windows = [Window((0, 0), (40, 60)), Window((0, 40), (40, 100)), Window((0, 80), (40, 140))]
    poor = square(12, 10, 30, 60)
    parts = [[poor], [square(10, 40, 30, 100), square(9, 44, 36, 100)], [square(10, 80, 30, 130)]]
    found = list(link(windows, parts.__getitem__, image_hw=(40, 140)))
    assert ((0, 0), (1, 0), (2, 0)) in [f.members for f in found]


def test_a_worse_try_that_nobody_confirms_is_left_out() -> None:
    river, again = square(10, 4, 30, 60), square(10, 4, 28, 60)
    beyond = square(10, 40, 30, 96)
    found = linked([river, again], [beyond])
    assert [f.members for f in found] == [((0, 0), (1, 0))]


def test_the_scene_around_objects_is_left_out_where_the_neighbour_denies_it() -> None:
    scene, tree = square(0, 0, 40, 60), square(4, 4, 10, 10)
    found = linked([scene, tree], [square(10, 70, 20, 80)])
    assert [f.members for f in found] == [((0, 1),), ((1, 0),)]


def test_beside_a_window_without_anything_all_stays() -> None:
    scene = square(0, 0, 40, 60)
    (found,) = linked([scene], [])
    assert boxes(found) == [(0, 0, 40, 60)]


def test_mask_iou_is_that_of_the_pixels() -> None:
    a, b = square(0, 0, 4, 4).region, square(2, 2, 6, 6).region
    assert mask_iou(a, b) == pytest.approx(4 / 28)
    assert mask_iou(a, square(8, 8, 9, 9).region) == 0
    assert mask_iou(a, a) == 1


@pytest.mark.parametrize("turned", [False, True])
def test_an_image_narrower_than_any_overlap_is_linked_along_its_length(turned: bool) -> None:
    # one pixel high: each part in the overlap is as thin as the image, and spans it
    windows = [Window((0, 0), (1, 256)), Window((0, 128), (1, 384)), Window((0, 256), (1, 512))]
    spans = [[(20, 256), (130, 140)], [(128, 300), (130, 140)], [(256, 300), (400, 512)]]

    def turn(window: Window) -> Window:
        return Window(window.start[::-1], window.stop[::-1]) if turned else window

    def load(n: int) -> list[Instance]:
        places = [turn(Window((0, left), (1, right))) for left, right in spans[n]]
        return [
            Instance(MaskRegion(place, np.ones(place.shape, dtype=np.bool_)), 0.9, 0.9)
            for place in places
        ]

    found = list(link([turn(w) for w in windows], load, image_hw=(512, 1) if turned else (1, 512)))
    assert sorted(f.members for f in found) == [
        ((0, 0), (1, 0), (2, 0)),
        ((0, 1), (1, 1)),
        ((2, 1),),
    ]

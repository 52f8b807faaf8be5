"""Scene: objects over all windows, each once, whole, and the same however it is asked for."""

from __future__ import annotations

import numpy as np
import pytest
import scenes

from sam_common.masks.decoded import MaskRegion
from sam_common.stitching.layout import Layout
from sam_common.stitching.link import LinkedObject, find_groups
from sam_common.tiled_job.plan import Plan, tile_grid
from sam_common.window import Window
from sam_geo.automatic.scene import Scene, box_of, overlap

SIZE = (240, 240)


@pytest.fixture(scope="module")
def truth():
    return scenes.parcels(SIZE[0], 12)


def scene_of(labels, *, side=96, overlap_px=32):
    """The scene of a perfect segmenter."""
    windows = tuple(tile_grid(labels.shape, side=side, overlap=overlap_px))
    parts = [[found for _, found in scenes.seen_in(labels, window)] for window in windows]
    load = parts.__getitem__
    plan = Plan(labels.shape, windows, {})
    return Scene(plan, load, find_groups(Layout(windows, labels.shape), load))


def drawn(found):
    mask = np.zeros(SIZE, dtype=np.bool_)
    for piece in found.pieces:
        assert not mask[piece.window.slices][piece.mask].any()  # pieces are disjoint
        mask[piece.window.slices] |= piece.mask
    return mask


def test_every_object_comes_once_and_whole(truth):
    passed = []
    objects = list(scene_of(truth).objects(passed.append))
    masks = [drawn(found) for found in objects]
    assert {tuple(np.unique(truth[mask])) for mask in masks} == {(n,) for n in np.unique(truth)}
    assert sum(mask.sum() for mask in masks) == truth.size
    assert sum(passed) == len(tile_grid(SIZE, side=96, overlap=32))


def test_a_cut_object_is_by_itself_what_it_is_among_all(truth):
    scene = scene_of(truth)
    among_all = {found.members[0]: found for found in scene.objects()}
    several = [found.members[0] for found, _ in scene.cut_objects()]
    assert len(several) > 3
    for key in several:
        alone, found = scene.object(key), among_all[key]
        assert (drawn(alone) == drawn(found)).all()
        assert (alone.score, alone.members) == (found.score, found.members)


def test_what_is_left_out_or_known_does_not_come_and_what_is_cut_says_so(truth):
    scene = scene_of(truth)
    keys = [found.members[0] for found in scene.objects()]
    scene.left_out.add(keys[0])
    scene.known.add(keys[1])
    scene.cut.add(keys[2])
    objects = list(scene.objects())
    assert [found.members[0] for found in objects] == keys[2:]
    assert [found.is_cut for found in objects] == [True] + [False] * (len(keys) - 3)
    assert scene.counts == {"mended": 0, "known": 1, "left_out": 1, "cut": 1}
    assert scene.passes == len(scene.plan)


def test_objects_that_a_window_saw_whole_are_not_looked_at_again(truth):
    scene = scene_of(truth)
    again = {found.members[0] for found, _ in scene.cut_objects()}
    for found in scene.objects():
        box = box_of(found)
        inside = [
            window
            for window in scene.plan.windows
            if all(
                (s < a or s == 0) and (b < e or e == size)
                for s, e, a, b, size in zip(
                    window.start, window.stop, box.start, box.stop, SIZE, strict=True
                )
            )
        ]
        if inside:
            assert found.members[0] not in again


def objects_of(*windows):
    pieces = tuple(MaskRegion(window, np.ones(window.shape, np.bool_)) for window in windows)
    return LinkedObject(pieces, 0.9, 0.9, len(pieces) > 1, ((0, 0),), 0)


def test_overlap_is_the_iou_of_all_pieces():
    one = objects_of(Window((0, 0), (10, 10)), Window((10, 0), (20, 10)))
    two = objects_of(Window((5, 0), (15, 10)), Window((15, 0), (25, 5)))
    masks = [drawn(found) for found in (one, two)]
    expected = (masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum()
    assert overlap(one, two) == overlap(two, one) == expected
    assert overlap(one, objects_of(Window((50, 50), (60, 60)))) == 0


def test_the_box_of_an_object_is_around_all_pieces():
    assert box_of(objects_of(Window((5, 9), (7, 10)), Window((2, 11), (3, 14)))) == Window(
        (2, 9), (7, 14)
    )

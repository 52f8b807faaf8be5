"""Blocks of a scene: block by block, in other processes, the objects are those of the scene."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import scenes

from sam_common.masks.decoded import MaskRegion
from sam_common.masks.instance import Instance
from sam_common.stitching.layout import Layout
from sam_common.stitching.link import find_groups
from sam_common.tiled_job.parts import Part, PartStore, pack
from sam_common.tiled_job.plan import Plan, tile_grid
from sam_common.window import Window
from sam_geo.automatic.linked_windows import unpacked
from sam_geo.automatic.scene import Answer, Scene
from sam_geo.automatic.scene_block import scene_block

SIZE = (240, 300)


def scene_of(labels, jitter=None, *, side=96, overlap_px=32):
    windows = tuple(tile_grid(labels.shape, side=side, overlap=overlap_px))
    parts = [
        [pack(Part([found for _, found in scenes.seen_in(labels, window, jitter, n)]))]
        for n, window in enumerate(windows)
    ]

    def load(n):
        return unpacked(parts[n])

    plan = Plan(labels.shape, windows, {})
    groups = find_groups(Layout(windows, labels.shape), load)
    return Scene(plan, load, groups, packed=parts.__getitem__)


def told(objects):
    """Everything about objects, as values."""
    return [
        (
            [(piece.window, piece.mask.tobytes()) for piece in found.pieces],
            found.score,
            found.stability,
            found.seam_merged,
            found.members,
            found.last,
            found.is_cut,
        )
        for found in objects
    ]


def by_blocks(scene, size):
    for first in range(0, len(scene.plan), size):
        block = scene_block(scene, first, min(first + size, len(scene.plan)))
        yield from pickle.loads(pickle.dumps(block)).objects()  # noqa: S301  # bytes of our own


@pytest.mark.parametrize("size", [1, 3, 5, 100])
@pytest.mark.parametrize("jitter", [None, "edge"])
@pytest.mark.parametrize(("side", "overlap_px"), [(96, 32), (80, 48)])
def test_blocks_give_the_objects_of_the_scene_in_their_order(size, jitter, side, overlap_px):
    labels = scenes.parcels(300, 30)[: SIZE[0], : SIZE[1]]
    scene = scene_of(labels, jitter, side=side, overlap_px=overlap_px)
    objects = list(scene.objects())
    # some lie in one window, some in several, and some of these reach into other blocks
    assert 5 < sum(found.seam_merged for found in objects) < len(objects)
    assert told(by_blocks(scene, size)) == told(objects)


def test_what_is_left_out_known_or_cut_stays_so():
    scene = scene_of(scenes.parcels(300, 30)[: SIZE[0], : SIZE[1]])
    keys = [found.members[0] for found in scene.objects()]
    scene.left_out, scene.known, scene.cut = {keys[3]}, {keys[7]}, {keys[4], keys[8]}
    objects = list(scene.objects())
    assert len(objects) == len(keys) - 2
    assert sum(found.is_cut for found in objects) == 2
    assert told(by_blocks(scene, 4)) == told(objects)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_moved_windows_mend_the_objects_of_a_block(tmp_path, size):
    """What lies beyond the cut comes from the moved window, in every process."""
    seen = {
        Window((0, 0), (128, 128)): Window((30, 90), (100, 128)),
        Window((0, 96), (128, 224)): Window((5, 200), (20, 220)),
    }
    windows = list(seen)
    hw = (128, 224)

    def packed(n):
        region = MaskRegion(seen[windows[n]], np.ones(seen[windows[n]].shape, dtype=np.bool_))
        return [pack(Part([Instance(region, 0.9, 0.96)]))]

    def load(n):
        return unpacked(packed(n))

    groups = find_groups(Layout(windows, hw), load)
    scene = Scene(Plan(hw, tuple(windows), {}), load, groups, packed=packed)
    around = Window((0, 48), (128, 176))
    store = PartStore(tmp_path / "round", Plan(hw, (around,), {}), resume=False)
    square = Window((30, 90), (100, 150))
    whole = Instance(MaskRegion(square, np.ones(square.shape, dtype=np.bool_)), 0.95, 0.97)
    store.write(0, Part([whole]))
    scene.seam((0, 0)).answers.append(Answer(around, store, "", 0, 0))
    found = list(by_blocks(scene, size))
    assert [piece.window for piece in found[0].pieces] == [square]
    assert told(found) == told(scene.objects())


def test_parts_are_sent_for_windows_that_objects_lie_in_alone():
    scene = scene_of(scenes.parcels(300, 30)[: SIZE[0], : SIZE[1]])
    last = len(scene.plan) - 1
    block = scene_block(scene, last, last + 1)
    needed = {n for found in scene.objects() if found.last == last for n, _ in found.members}
    sent = {block.numbers[n] for n, parts in enumerate(block.parts) if parts}
    assert sent == needed
    assert last in sent
    assert len(sent) < len(block.numbers)


def test_a_scene_in_memory_cannot_be_sent():
    scene = scene_of(scenes.parcels(300, 30)[: SIZE[0], : SIZE[1]])
    scene.packed = None
    with pytest.raises(ValueError, match="in memory"):
        scene_block(scene, 0, 1)

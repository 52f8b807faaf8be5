"""Segments made up for tests."""

from __future__ import annotations

import numpy as np

from sam_common.window import Window
from sam_med.objects.provenance import Provenance
from sam_med.objects.segments import Segment
from sam_med.segmentations.read import read_segmentation

NAMES = ["liver", "left kidney", "thing"]
MADE_BY = Provenance("0.1.0", "lite_medsam", "7" * 64, "planes", "a" * 64)


def flat(name, value, *slices):
    """An object of one rectangle on each of some slices, another one on each."""
    mask = np.zeros((max(slices) + 1 - min(slices), 20, 20), bool)
    for k in slices:
        mask[k - min(slices), k % 5 : 15, 3:18] = True
    start = (min(slices), 30, 40)
    return Segment(name, value, Window(start, (max(slices) + 1, 50, 60)), mask)


def same_as(path, expected):
    """Assert that a file holds the objects that were read from another one."""
    found = read_segmentation(path)
    assert [(s.name, s.value, s.window) for s in found.segments] == [
        (s.name, s.value, s.window) for s in expected.segments
    ]
    for one, other in zip(found.segments, expected.segments, strict=True):
        assert np.array_equal(one.mask, other.mask)


def make_segments(shape, seed=1):
    """Three objects of random voxels: two that overlap, one on inner slices; no symmetry."""
    rng = np.random.default_rng(seed)
    parts = zip(NAMES, ((0, 0.7), (0.3, 1), (0.5, 0.9)), (3, 1, 700), strict=True)
    segments = []
    for name, (low, high), value in parts:
        start = tuple(int(low * n) for n in shape)
        stop = tuple(max(s + 1, int(np.ceil(high * n))) for s, n in zip(start, shape, strict=True))
        window = Window(start, stop)
        segments.append(Segment(name, value, window, rng.random(window.shape) < 0.4))
    return segments


def overlapping(shape, patch=1):
    """Two objects in all of a volume, of random voxels or of random square patches of a slice."""
    whole = Window((0, 0, 0), shape)
    rng = np.random.default_rng(6)
    grid = (shape[0], *(-(-side // patch) for side in shape[1:]))
    square = np.ones((1, patch, patch), dtype=bool)
    return [
        Segment(name, value, whole, np.kron(rng.random(grid) < 0.5, square)[whole.slices])
        for name, value in (("liver", 9), ("cyst", 2))
    ]


def boxed(name, value, slices, window=None):
    """A box with a confidence on some slices."""
    window = window or Window((1, 100, 60), (4, 150, 130))
    return Segment(name, value, window, np.ones(window.shape, bool), slices=tuple(slices))

"""The map from its parts: rows of blocks, objects across them, and small pieces."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from sam_common.tiled_job.parts import Part
from sam_geo.bands import blocks as module
from sam_geo.bands.blocks import blocks
from sam_geo.classification import map_rows
from sam_geo.classification.decision import object_sums
from sam_geo.classification.map_rows import decide
from sam_geo.classification.speckle import without_speckle

SIDE = 16


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(module, "SIDE", SIDE)
    monkeypatch.setattr(map_rows, "SIDE", SIDE)


class Numbers:
    """Objects as an array."""

    def __init__(self, numbers):
        self.numbers = numbers

    def read(self, window):
        return self.numbers[window.slices]


def decided(classes, per_cent, *, least=1, objects=None, chances=None, lost=()):
    """The map of an array of classes that is cut into blocks."""
    windows = blocks(classes.shape)
    work = SimpleNamespace(
        windows=windows,
        stack=SimpleNamespace(size_hw=classes.shape),
        objects=None if objects is None else Numbers(objects),
    )
    parts = {}
    for n, window in enumerate(windows):
        arrays = {"classes": classes[window.slices], "per_cent": per_cent[window.slices]}
        if objects is not None:
            inside = classes[window.slices] > 0
            arrays |= object_sums(
                objects[window.slices][inside], chances[window.slices][inside].astype(np.float32)
            )
        parts[n] = None if n in lost else Part(arrays=arrays)
    found = np.full((2, *classes.shape), 99, dtype=np.uint8)
    written = []

    def write(window, *arrays):
        found[(..., *window.slices)] = arrays
        written.append(window)

    decide(work, SimpleNamespace(read=parts.get), write, least=least, advance=lambda _: None)
    assert written == list(windows)
    return found


@pytest.mark.parametrize("size", [(16, 16), (5, 7), (17, 33), (64, 50)])
def test_each_block_is_written_as_it_is(size):
    rng = np.random.default_rng(0)
    classes, per_cent = rng.integers(0, 5, (2, *size), dtype=np.uint8)
    found = decided(classes, per_cent)
    assert np.array_equal(found, [classes, per_cent])


@pytest.mark.parametrize("size", [(40, 50), (64, 15), (16, 90)])
@pytest.mark.parametrize("least", [2, 4])
def test_small_pieces_are_those_of_the_whole_map(size, least):
    rng = np.random.default_rng(1)
    classes = rng.integers(0, 4, size, dtype=np.uint8)
    per_cent = rng.integers(1, 101, size, dtype=np.uint8)
    found = decided(classes, per_cent, least=least)
    assert np.array_equal(found, without_speckle(classes, per_cent, least))


def test_an_object_across_blocks_has_one_class():
    rng = np.random.default_rng(2)
    chances = rng.dirichlet([4, 4, 4], (40, 50))
    objects = np.full((40, 50), -1)
    objects[3:37, 5:44] = 6
    classes = (chances.argmax(axis=2) + 1).astype(np.uint8)
    per_cent = np.full((40, 50), 50, dtype=np.uint8)
    found = decided(classes, per_cent, objects=objects, chances=chances)[0]
    best = chances[3:37, 5:44].reshape(-1, 3).mean(axis=0).argmax() + 1
    assert (found[3:37, 5:44] == best).all()
    outside = objects == -1
    assert np.array_equal(found[outside], classes[outside])


def test_a_block_that_failed_is_nodata():
    classes = np.full((40, 40), 2, dtype=np.uint8)
    found = decided(classes, classes, lost={4}, least=4)
    expected = classes.copy()
    expected[16:32, 16:32] = 0
    assert np.array_equal(found[0], expected)

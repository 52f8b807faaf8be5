"""Outlines that wait in a file, in parts, until they are joined."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from sam_geo.class_maps.outline_store import OutlineStore
from sam_geo.outlines import spooled_items

WIDTH = 10
NONE = np.empty(0, dtype=np.int64)


def shapes_of(*shapes):
    return np.array(shapes, dtype=object)


def number(col, row):
    return row * (WIDTH + 1) + col


def test_parts_are_joined_and_lose_their_seam():
    with OutlineStore(WIDTH, None) as store:
        store.add(shapes_of(shapely.box(0, 0, 5, 3), shapely.box(5, 3, 9, 9)), NONE)
        store.add(shapes_of(shapely.box(5, 0, 8, 3)), np.array([number(5, 0), number(5, 3)]))
        whole, other = store.joined([np.array([0, 2]), np.array([1])])
    assert whole.normalize().equals_exact(shapely.box(0, 0, 8, 3).normalize(), 0)
    assert other.equals(shapely.box(5, 3, 9, 9))


def test_corners_that_were_not_named_stay():
    with OutlineStore(WIDTH, None) as store:
        store.add(
            shapes_of(shapely.box(0, 0, 5, 3), shapely.box(5, 0, 8, 3)), np.array([number(5, 0)])
        )
        (whole,) = store.joined([np.array([0, 1])])
    assert (5.0, 3.0) in whole.exterior.coords
    assert (5.0, 0.0) not in whole.exterior.coords


@pytest.mark.parametrize("size", [1, 2**20])
def test_memory_or_file_make_no_difference(tmp_path, monkeypatch, size):
    monkeypatch.setattr(spooled_items, "IN_MEMORY", size)
    boxes = shapes_of(*(shapely.box(n, 0, n + 1, 1) for n in range(8)))
    boxes[3] = None
    with OutlineStore(WIDTH, tmp_path) as store:
        store.add(boxes, NONE)
        found = store.joined([np.array([n]) for n in (7, 0, 4)])
    assert [shape.bounds[0] for shape in found] == [7, 0, 4]
    assert list(tmp_path.iterdir()) == []

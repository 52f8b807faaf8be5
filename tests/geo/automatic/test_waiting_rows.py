"""Rows that wait in a file until their neighbours are known."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from sam_geo.automatic.waiting_rows import WaitingRows
from sam_geo.outlines import spooled_items
from sam_geo.results.rows import Row


def scattered(count, seed=0):
    rng = np.random.default_rng(seed)
    shapes = shapely.buffer(shapely.points(rng.random((count, 2)) * 100), rng.random(count) * 4)
    return [
        Row(geometry=shape, score=n / count, pixels=bytes([n]), window=n)
        for n, shape in enumerate(shapes)
    ]


@pytest.mark.parametrize("in_memory", [1, 2**20])
@pytest.mark.parametrize("distance", [0.0, 3.0])
def test_a_block_has_all_that_lies_near_it(tmp_path, monkeypatch, in_memory, distance):
    monkeypatch.setattr(spooled_items, "IN_MEMORY", in_memory)
    rows = scattered(90)
    blocks = [rows[:30], [], rows[30:31], rows[31:70], rows[70:]]
    with WaitingRows(tmp_path) as waiting:
        for block in blocks:
            waiting.add(block)
        assert len(waiting) == len(blocks)
        for n, block in reversed(list(enumerate(blocks))):
            found = waiting.with_neighbours(n, distance)
            assert found.rows == block
            others = [row.geometry for row in rows if row not in block]
            near = {
                other.wkb
                for other in others
                if any(shapely.dwithin(other, row.geometry, distance) for row in block)
            }
            assert len(found.others) == len(near)
            assert {other.wkb for other in found.others} == near
    assert list(tmp_path.iterdir()) == []


def test_only_outlines_that_may_be_near_are_read(monkeypatch):
    near, far = (Row(geometry=shapely.box(x, 0, x + 1, 1)) for x in (1, 50))
    with WaitingRows() as waiting:
        waiting.add([Row(geometry=shapely.box(0, 0, 1, 1))])
        waiting.add([near, *[far] * 100])
        read = []
        items = waiting._items.read
        monkeypatch.setattr(
            waiting._items, "read", lambda numbers: read.extend(numbers) or items(numbers)
        )
        assert waiting.with_neighbours(0, 0.5).others.tolist() == [near.geometry]
    assert read == [0, 1, 2]

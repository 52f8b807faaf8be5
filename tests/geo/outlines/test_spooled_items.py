"""Bytes that wait in a file, by number."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest

from sam_common.errors import DiskError
from sam_geo.outlines import spooled_items
from sam_geo.outlines.spooled_items import SpooledItems


@pytest.mark.parametrize("in_memory", [1, 2**20])
def test_items_come_back_by_their_numbers(tmp_path, monkeypatch, in_memory):
    monkeypatch.setattr(spooled_items, "IN_MEMORY", in_memory)
    rng = np.random.default_rng(0)
    given = [rng.bytes(int(size)) for size in rng.integers(0, 20, 60)]
    items = SpooledItems("rows", tmp_path)
    items.add(given[:25])
    items.add([])
    items.add(given[25:40])
    # reading in between moves the place in the file
    assert items.read(np.array([39, 0, 0])) == [given[39], given[0], given[0]]
    items.add(given[40:])
    assert len(items) == len(given)
    order = rng.permutation(len(given))
    assert items.read(order) == [given[n] for n in order.tolist()]
    assert items.read(np.empty(0, dtype=np.int64)) == []
    assert items._file._rolled == (in_memory == 1)
    items.close()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    items = SpooledItems("rows", tmp_path)

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(items._file, "write", full)
    with pytest.raises(DiskError, match=f"make room on the disk of {tmp_path}"):
        items.add([b"one"])
    items.close()

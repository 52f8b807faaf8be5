"""Pixels that a map was learned from, in its record."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sam_geo.class_maps.training_pixels import pack_pixels, training_pixels, unpack_pixels


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 10**6)), max_size=30))
def test_packing_keeps_everything(cells):
    found = unpack_pixels(pack_pixels(np.array(cells, dtype=np.int64).reshape(-1, 2)))
    assert found.tolist() == [list(cell) for cell in cells]


@pytest.mark.parametrize("text", ["", "no", "AAAA", "###"])
def test_a_damaged_text(text):
    with pytest.raises(ValueError, match="no packed pixels"):
        unpack_pixels(text)


def test_those_of_a_map(tmp_path):
    path = tmp_path / "map.tif"
    assert training_pixels(path).shape == (0, 2)
    record = {"training": {"pixels": pack_pixels(np.array([[3, 4]]))}}
    path.with_suffix(".job.json").write_text(json.dumps(record))
    assert training_pixels(path).tolist() == [[3, 4]]
    for other in ({}, {"training": None}, {"training": {"pixels": "x"}}, []):
        path.with_suffix(".job.json").write_text(json.dumps(other))
        assert training_pixels(path).shape == (0, 2)

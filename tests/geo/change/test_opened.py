"""Two maps, open to be compared."""

from __future__ import annotations

import numpy as np
import pytest

from sam_common.errors import InputError
from sam_geo.change.opened import opened_pair


def test_they_lie_on_the_grid_of_the_first(make_map):
    one, two = make_map("a.tif", np.ones((20, 30))), make_map("b.tif", np.full((15, 30), 2))
    with opened_pair(one, two) as grid:
        assert grid.extent.shape == (15, 30)
        assert grid.before.source.path == str(one)


def test_one_that_is_missing(make_map, tmp_path):
    one = make_map("a.tif", np.ones((20, 30)))
    with pytest.raises(InputError, match=r"b\.tif"), opened_pair(one, tmp_path / "b.tif"):
        pass

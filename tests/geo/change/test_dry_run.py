"""What a comparison of two maps would cost; of images see `test_classified`."""

from __future__ import annotations

import numpy as np
import pytest

from sam_common.errors import InputError, OutputError
from sam_geo.change.dry_run import dry_run_change
from sam_geo.change.request import ChangeRequest


@pytest.fixture
def pair(make_map):
    one = np.ones((60, 90))
    two = one.copy()
    two[5:20, 30:50] = 2
    return make_map("one.tif", one), make_map("two.tif", two)


def request_of(pair, output, **more):
    return ChangeRequest(before=str(pair[0]), after=str(pair[1]), output=output, **more)


def test_figures_and_nothing_written(pair, tmp_path):
    before = set(tmp_path.iterdir())
    found = dry_run_change(request_of(pair, tmp_path / "c.gpkg"))
    assert found["windows"] == 1
    assert found["seconds"] > 0
    assert found["ram_bytes"] >= 60 * 90 * 20
    assert set(tmp_path.iterdir()) == before


def test_what_is_wrong_is_told(pair, tmp_path):
    (tmp_path / "there.gpkg").touch()
    with pytest.raises(OutputError, match=r"there\.gpkg"):
        dry_run_change(request_of(pair, tmp_path / "there.gpkg"))
    with pytest.raises(InputError, match="--resume is about --apply"):
        dry_run_change(request_of(pair, tmp_path / "c.gpkg", resume=True))
    with pytest.raises(InputError, match="--band-names is about --apply"):
        dry_run_change(request_of(pair, tmp_path / "c.gpkg", band_names=("a", "b")))

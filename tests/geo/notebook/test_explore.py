"""What of a raster can be explored: a file, or an array with its place."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from explorer_server import COMMAND
from live_server import AFFINE

from sam_common.errors import InputError
from sam_common.notebook import explorer as module
from sam_geo import explore


def test_an_array_with_its_place(monkeypatch):
    monkeypatch.setattr(module, "COMMAND", COMMAND)
    pixels = np.full((30, 40, 3), 100, dtype=np.uint8)
    with explore(pixels, affine=Affine(*AFFINE), crs="EPSG:32633", nodata=0, height=300) as shown:
        session = shown.session
        assert session.size == (30, 40)
        assert session.frame["affine"] == list(AFFINE)
        assert shown.objects.crs.to_epsg() == 32633
        assert shown.widget.height == 300


@pytest.fixture
def no_server(monkeypatch):
    monkeypatch.setattr(module, "COMMAND", ("no such program",))


def test_a_file_has_its_own_place(no_server):
    with pytest.raises(InputError) as raised:
        explore("a.tif", affine=AFFINE, crs="EPSG:4326")
    assert str(raised.value) == "affine, crs go with an array: a.tif has its own"


def test_a_reference_system_needs_an_affine(no_server):
    with pytest.raises(InputError) as raised:
        explore(np.zeros((3, 3), np.uint8), crs="EPSG:4326")
    assert str(raised.value) == "crs and nodata go with affine, got crs='EPSG:4326', nodata=None"


def test_a_missing_file_is_told_at_once(no_server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"no such file: .*missing\.tif"):
        explore("missing.tif")

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sam_common.errors import InputError
from sam_common.server.page.drawable import raster_of, volume_of
from sam_geo.live.raster import LiveRaster
from sam_med.live.volume import LiveVolume


def test_a_source_is_given_where_it_can_be_drawn():
    for kind, of in ((LiveRaster, raster_of), (LiveVolume, volume_of)):
        source = object.__new__(kind)
        assert of(SimpleNamespace(source=source)) is source


def test_a_source_that_cannot_be_drawn_is_refused():
    session = SimpleNamespace(source=SimpleNamespace(kind="table"))
    with pytest.raises(InputError, match="a table has no tiles"):
        raster_of(session)
    with pytest.raises(InputError, match="a table has no voxels"):
        volume_of(session)

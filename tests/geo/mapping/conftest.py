"""A scene and requests for it, for every test of this folder."""

from __future__ import annotations

import numpy as np
import pytest
from cover_scenes import cover_scene

from sam_geo.bands import blocks
from sam_geo.classification import map_rows
from sam_geo.learning import sample_pixels
from sam_geo.mapping.request import LandcoverRequest, SampleChoice


@pytest.fixture(scope="package")
def scene(tmp_path_factory):
    return cover_scene(tmp_path_factory.mktemp("scene"), nodata=np.s_[40:60, :90])


@pytest.fixture(scope="package")
def quiet(tmp_path_factory):
    """The scene without noise, in which a network that sees colours finds few objects."""
    return cover_scene(tmp_path_factory.mktemp("quiet"), noise=0)


@pytest.fixture
def request_of(scene, tmp_path):
    """Make a request on the scene, with the quickest classifier."""

    def make(**options):
        quick = {"class_field": "cover", "classifier": "discriminant", **options.pop("learn", {})}
        return LandcoverRequest(
            rasters=(str(options.pop("raster", scene.raster)),),
            output=tmp_path / "map.tif",
            learn=SampleChoice(samples=options.pop("samples", scene.samples), **quick),
            **options,
        )

    return make


@pytest.fixture
def small_blocks(monkeypatch):
    for module in (blocks, map_rows, sample_pixels):
        monkeypatch.setattr(module, "SIDE", 48)

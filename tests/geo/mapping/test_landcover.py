"""A map in one call."""

from __future__ import annotations

import rasterio

from sam_geo.mapping.landcover import landcover
from sam_geo.mapping.request import LandcoverRequest, SampleChoice
from sam_geo.mapping.run import run_landcover


def test_one_raster(scene, tmp_path):
    record = landcover(scene.raster, scene.samples, tmp_path / "a.tif", class_field="cover")
    assert set(record["classes"].values()) == {"field", "town", "water"}
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.shape == scene.truth.shape


def test_options_are_those_of_a_request(scene, request_of, tmp_path):
    choice = SampleChoice(samples=scene.samples, class_field="cover", classifier="discriminant")
    usual = LandcoverRequest(
        rasters=("no.tif",), output=tmp_path / "no.tif", smallest=9, learn=choice
    )
    record = landcover([str(scene.raster)], str(scene.samples), tmp_path / "a.tif", options=usual)
    other = run_landcover(request_of(smallest=9))
    assert record["areas"] == other["areas"]
    assert record["parameters"]["classifier"] == "discriminant"
    assert not (tmp_path / "no.tif").exists()

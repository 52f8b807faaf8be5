"""Jobs on small rasters without a network, and the fields that an automatic job has to find."""

from __future__ import annotations

import numpy as np
import pyproj
import rasterio
import shapely
from affine import Affine
from rasterio import features
from rasterio.control import GroundControlPoint

from sam_common.automatic.options import EverythingOptions
from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.automatic.options import AutoOptions
from sam_geo.jobs.request import AutoRequest, PromptRequest
from sam_geo.jobs.run import run_auto, run_request

TRANSFORM = Affine(0.5, 0, 500_000, 0, -0.5, 5_800_000)
"""Geotransform of the fields."""


ROTATED = (
    'GEOGCRS["r",BASEGEOGCRS["b",DATUM["World Geodetic System 1984",'
    'ELLIPSOID["WGS 84",6378137,298.257223563]]],DERIVINGCONVERSION["Pole rotation",'
    'METHOD["PROJ ob_tran o_proj=longlat"],'
    'PARAMETER["o_lat_p",39.25,ANGLEUNIT["degree",0.0174532925199433]],'
    'PARAMETER["o_lon_p",0,ANGLEUNIT["degree",0.0174532925199433]],'
    'PARAMETER["lon_0",18,ANGLEUNIT["degree",0.0174532925199433]]],CS[ellipsoidal,2],'
    'AXIS["longitude",east],AXIS["latitude",north],ANGLEUNIT["degree",0.0174532925199433]]'
)


OPTIONS = AutoOptions(64, 16, EverythingOptions(points_per_side=2), join=False)


def ask(image, prompts, output, **options):
    """Run a job of prompts."""
    request = PromptRequest(image=str(image), prompts=prompts, output=output, **options)
    return run_request(request, lambda: FakeSegmenter(model_size=64))


def auto(image, output, **options):
    """Run an automatic job of a few small windows."""
    request = AutoRequest(image=str(image), output=output, options=OPTIONS, **options)
    return run_auto(request, lambda: FakeSegmenter(model_size=64))


def request_of(image, output, **options):
    """Everything in fields, with points enough that each field has one."""
    settings = {
        "options": AutoOptions(None, 32, EverythingOptions(points_per_side=12)),
        **options,
    }
    return AutoRequest(image=str(image), output=output, **settings)


def truth_of(labels):
    """The outline of each field by its number."""
    shapes = features.shapes(labels.astype(np.int32), transform=TRANSFORM)
    return {int(value): shapely.geometry.shape(shape) for shape, value in shapes}


MOON = "IAU_2015:30110"


def moon(make_raster, name="moon.tif"):
    """A raster on the Moon."""
    crs = rasterio.crs.CRS.from_wkt(pyproj.CRS(MOON).to_wkt())
    values = np.arange(8000, dtype=np.uint8).reshape(1, 80, 100)
    return make_raster(values, name=name, crs=crs, transform=Affine(50, 0, 10_000, 0, -50, 20_000))


def placed_by_points(folder):
    """A raster with ground control points in place of a geotransform."""
    path = folder / "points.tif"
    points = [GroundControlPoint(r, c, 10.0 + c, 50.0 - r) for r, c in ((0, 0), (0, 9), (9, 0))]
    with rasterio.open(
        path, "w", driver="GTiff", height=10, width=10, count=1, dtype="uint8",
        gcps=points, crs="EPSG:4326",
    ) as file:  # fmt: skip
        file.write(np.zeros((1, 10, 10), dtype=np.uint8))
    return str(path)

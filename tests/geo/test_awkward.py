"""Every raster of the awkward collection: its metadata, and a box prompt on it or its refusal."""

from __future__ import annotations

import json

import geopandas
import numpy as np
import pytest
import rasterio
import shapely

from sam_common.errors import GeometryError
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.window import Window
from sam_geo.jobs.raster_info import describe_raster
from sam_geo.prompted.segment import run_prompts
from sam_geo.prompts.geo_prompt import load_prompts
from sam_geo.raster.frame import corners_to_world, world_to_corners
from sam_geo.raster.source import open_raster

NAMES = [
    "RGB.byte.gcp.vrt",
    "RGB.byte.tif",
    "RGBA.uint16.tif",
    "all-nodata.tif",
    "alpha.tif",
    "au-3577-rotated.tif",
    "cog_dateline.tif",
    "cog_gcps.tif",
    "cog_landsat_uint16.tif",
    "cog_rgb_mask.tif",
    "cog_scale.tif",
    "cogeo.tif",
    "corrupt.tif",
    "float_nan.tif",
    "float_raster_with_nodata.tif",
    "image_colormap.tif",
    "no_georef.jpg",
    "rotated.tif",
]
CONTROL_POINTS = {"RGB.byte.gcp.vrt", "cog_gcps.tif"}
STATUS = {"all-nodata.tif": "nodata", "corrupt.tif": "failed"}


@pytest.fixture(scope="module")
def expected(data):
    listed = json.loads((data / "geo/awkward/awkward_rasters.json").read_text())["rasters"]
    return {item["file"]: item for item in listed}


def test_the_list_is_whole(expected):
    assert sorted(expected) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_metadata(data, expected, name):
    item = expected[name]
    with open_raster(data / "geo/awkward" / name) as source:
        facts = describe_raster(source)
    for key in ("driver", "width", "height", "bands", "dtypes", "crs", "overviews", "gcps"):
        assert facts[key] == item[key], key
    np.testing.assert_allclose(facts["transform"], item["transform"], rtol=1e-12)
    np.testing.assert_allclose(facts["bounds"], item["bounds"], rtol=1e-9)
    assert str(facts["nodata"]) == str(item["nodata"])


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"corrupt.tif"}))
def test_valid_pixels(data, expected, name):
    item = expected[name]
    with open_raster(data / "geo/awkward" / name) as source:
        valid = source.read(Window.full(source.size_hw)).valid.sum()
        floats = source.dtype.kind == "f"
    assert valid == item["band1_valid_finite" if floats else "valid_pixels"]


@pytest.mark.parametrize("name", sorted(set(NAMES) - CONTROL_POINTS))
def test_index_is_rasterios_pixel_centre(data, name):
    with open_raster(data / "geo/awkward" / name) as source:
        frame, transform = source.frame, source.header.transform
        corners = [(0, 0), (source.size_hw[0] - 1, source.size_hw[1] - 1)]
    for row, col in corners:
        x, y = rasterio.transform.xy(transform, row, col)
        np.testing.assert_allclose(frame.to_index([float(x), float(y)]), [row, col], atol=1e-6)


@pytest.mark.parametrize("name", sorted(set(NAMES) - CONTROL_POINTS))
def test_a_box_prompt(data, name):
    segmenter = FakeSegmenter()
    with open_raster(data / "geo/awkward" / name) as source:
        height, width = source.size_hw
        frame = source.frame
        # the middle fifth, where nearly all have data
        x0, y0, x1, y1 = width * 2 // 5, height * 2 // 5, width * 3 // 5 + 1, height * 3 // 5 + 1
        if name == "alpha.tif":
            x0, y0, x1, y1 = 100, 1100, 220, 1223
        ring = corners_to_world([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], frame)
        shapes = geopandas.GeoDataFrame(geometry=[shapely.Polygon(ring)], crs=source.crs)
        job = run_prompts(source, load_prompts(shapes, source), segmenter)
    (row,) = job.table.itertuples()
    assert row.status == STATUS.get(name, "ok")
    if row.status != "ok":
        assert row.geometry is None
        return
    assert row.area_px == (x1 - x0) * (y1 - y0)
    assert shapely.is_valid(row.geometry)
    found = shapely.transform(row.geometry, lambda world: world_to_corners(world, frame))
    np.testing.assert_allclose(found.bounds, (x0, y0, x1, y1), atol=1e-6)
    assert job.table.crs == shapes.crs
    assert np.isfinite(row.area_m2) == (shapes.crs is not None)
    assert [image.dtype for image in segmenter.embedded] == [np.uint8]


@pytest.mark.parametrize(("name", "points"), [("cog_gcps.tif", 210), ("RGB.byte.gcp.vrt", 4)])
def test_control_points_are_refused(data, name, points):
    path = data / "geo/awkward" / name
    message = (
        f"^{path} is placed by {points} ground control points, not by a geotransform; warp it "
        f"first: gdalwarp -t_srs EPSG:4326 {path} .*[.]warped[.]tif$"
    )
    shapes = geopandas.GeoDataFrame(geometry=[shapely.Point(0, 0)], crs="EPSG:4326")
    with open_raster(path) as source:
        prompts = load_prompts(shapes, source, crs="pixel")
        with pytest.raises(GeometryError, match=message):
            run_prompts(source, prompts, FakeSegmenter())


def test_the_damaged_file_says_what_cannot_be_read(data):
    path = data / "geo/awkward/corrupt.tif"
    shapes = geopandas.GeoDataFrame(geometry=[shapely.box(700, 700, 800, 800)], crs="EPSG:3857")
    with open_raster(path) as source:
        job = run_prompts(source, load_prompts(shapes, source, crs="pixel"), FakeSegmenter())
    assert job.counts == {"failed": 1}
    (message,) = job.failures
    assert message.startswith(f"cannot read rows 0-1023, columns 0-1023 of {path}: ")
    assert "IReadBlock failed" in message


def test_palette_colours_reach_the_network(data):
    segmenter = FakeSegmenter()
    shapes = geopandas.GeoDataFrame(geometry=[shapely.box(300, 300, 400, 400)], crs="EPSG:3857")
    with open_raster(data / "geo/awkward/image_colormap.tif") as source:
        run_prompts(source, load_prompts(shapes, source, crs="pixel"), segmenter)
        colours = set(source.header.palettes[1].values())
    (image,) = segmenter.embedded
    found = {(*colour, 255) for colour in np.unique(image.reshape(-1, 3), axis=0).tolist()}
    assert found <= colours
    assert len(found) > 5

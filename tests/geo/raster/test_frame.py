from __future__ import annotations

import numpy as np
import pytest
import rasterio.control
import rasterio.transform
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.rpc import RPC

from sam_common.errors import GeometryError
from sam_common.frame import Frame
from sam_common.window import Window
from sam_geo.jobs.opened import opened_job
from sam_geo.jobs.raster_info import describe_raster
from sam_geo.jobs.request import EncodeRequest, PromptRequest
from sam_geo.raster.frame import (
    affine_from_frame,
    corners_to_index,
    corners_to_world,
    frame_from_affine,
    index_to_corners,
    raster_bounds,
    world_to_corners,
)
from sam_geo.raster.source import open_raster

signs = st.sampled_from([-1.0, 1.0])
origins = st.floats(-2e7, 2e7)


@st.composite
def transforms(draw: st.DrawFn) -> Affine:
    """Rotated, sheared, south-up and non-square geotransforms."""
    size = draw(st.floats(0.1, 5000))  # finer than 2 cm at 2e7 m is beyond float64's 1e-6 px
    shape = Affine.scale(size * draw(signs), size * draw(st.floats(0.2, 5)) * draw(signs))
    turn = Affine.rotation(draw(st.floats(-180, 180)))
    lean = Affine.shear(draw(st.floats(-40, 40)), 0)
    a, b, _, d, e, _ = tuple(_product(turn, _product(lean, shape)))[:6]
    return Affine(a, b, draw(origins), d, e, draw(origins))


def _product(left: Affine, right: Affine) -> Affine:
    product = np.reshape(tuple(left), (3, 3)) @ np.reshape(tuple(right), (3, 3))
    return Affine(*product.ravel()[:6])


indices = st.tuples(st.integers(-100, 100_000), st.integers(-100, 100_000))


@given(transforms(), indices)
def test_index_is_rasterios_pixel_centre_to_a_millionth_of_a_pixel(transform, index):
    frame = frame_from_affine(transform)
    x, y = rasterio.transform.xy(transform, *index)
    np.testing.assert_allclose(frame.to_index([float(x), float(y)]), index, atol=1e-6)


@given(transforms(), indices)
def test_world_round_trip_to_a_millionth_of_a_pixel(transform, index):
    frame = frame_from_affine(transform)
    np.testing.assert_allclose(frame.to_index(frame.to_world(index)), index, atol=1e-6)


@given(transforms())
def test_affine_comes_back(transform):
    back = affine_from_frame(frame_from_affine(transform))
    np.testing.assert_allclose(tuple(back)[:6], tuple(transform)[:6], rtol=1e-12, atol=1e-8)


@given(transforms(), indices, st.integers(1, 500))
def test_crop_moves_the_origin_to_the_windows_corner(transform, start, side):
    window = Window(start, (start[0] + side, start[1] + side))
    cropped = affine_from_frame(frame_from_affine(transform).crop(window))
    a, b, c, d, e, f = tuple(transform)[:6]
    row, col = start
    expected = (a, b, a * col + b * row + c, d, e, d * col + e * row + f)
    np.testing.assert_allclose(tuple(cropped)[:6], expected, rtol=1e-12, atol=1e-4)


def test_first_pixel_by_hand():
    frame = frame_from_affine(Affine(0.5, 0, 100, 0, -0.25, 200))
    assert frame.to_world([0, 0]).tolist() == [100.25, 199.875]  # its centre
    assert frame.to_world([-0.5, -0.5]).tolist() == [100, 200]  # its outer corner
    assert frame.to_world([3, 1]).tolist() == [100.75, 199.125]  # row 3, column 1


def test_corners_and_indices_are_half_a_pixel_apart():
    box = np.array([[203.0, 67.0], [227.0, 90.0]])
    assert corners_to_index(box).tolist() == [[202.5, 66.5], [226.5, 89.5]]
    assert index_to_corners(corners_to_index(box)).tolist() == box.tolist()


@given(transforms(), indices)
def test_corners_are_where_the_geotransform_puts_them(transform, corner):
    row, col = corner
    a, b, c, d, e, f = tuple(transform)[:6]
    expected = [a * col + b * row + c, d * col + e * row + f]
    frame = frame_from_affine(transform)
    np.testing.assert_allclose(corners_to_world([col, row], frame), expected, atol=1e-4)
    np.testing.assert_allclose(world_to_corners(expected, frame), [col, row], atol=1e-6)


def test_singular_transform_is_refused():
    with pytest.raises(GeometryError, match="matrix is singular"):
        frame_from_affine(Affine(0, 0, 1, 0, 0, 1))


def test_a_volume_frame_is_no_raster_frame():
    with pytest.raises(GeometryError, match=r"^a raster frame has 2 axes, got 3$"):
        affine_from_frame(Frame.identity(3))


def test_control_points_are_refused_with_the_command_that_helps(data):
    path = data / "geo/awkward/cog_gcps.tif"
    message = (
        f"^{path} is placed by 210 ground control points, not by a geotransform; warp it first: "
        f"gdalwarp -t_srs EPSG:4326 {path} cog_gcps.warped.tif$"
    )
    with open_raster(path) as source, pytest.raises(GeometryError, match=message):
        _ = source.frame


def test_rational_polynomials_are_no_geotransform(make_raster, bands_of):
    path = make_raster(bands_of(1), crs=None, transform=rasterio.Affine.identity())
    ones, zeros = [1.0, *[0.0] * 19], [0.0] * 20
    with rasterio.open(path, "r+") as dataset:
        dataset.rpcs = RPC(
            height_off=0, height_scale=1, lat_off=50, lat_scale=1, long_off=10, long_scale=1,
            line_off=2, line_scale=2, samp_off=2, samp_scale=2, line_num_coeff=zeros,
            line_den_coeff=ones, samp_num_coeff=zeros, samp_den_coeff=ones,
        )  # fmt: skip
    message = r"is placed by rational polynomials \(RPC\), .*: gdalwarp -rpc .* image\.warped\.tif$"
    with open_raster(path) as source:
        with pytest.raises(GeometryError, match=message):
            source.frame  # noqa: B018
        assert any("gdalwarp -rpc" in note for note in describe_raster(source)["notes"])
    for request in (
        PromptRequest(image=str(path), prompts=path, output=path.with_name("o.gpkg")),
        EncodeRequest(image=str(path), output=path.with_name("embeddings")),
    ):
        with (
            pytest.raises(GeometryError, match=message),
            opened_job(request, lambda: pytest.fail("the model was loaded")),
        ):
            pass


def test_arrays_of_coordinates_are_no_geotransform(make_raster, bands_of):
    path = make_raster(bands_of(1), crs=None, transform=rasterio.Affine.identity())
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(ns="GEOLOCATION", X_DATASET="lon.tif", Y_DATASET="lat.tif")
    with (
        open_raster(path) as source,
        pytest.raises(GeometryError, match=r"arrays of coordinates, .*: gdalwarp -geoloc "),
    ):
        source.frame  # noqa: B018


def test_a_name_with_a_blank_can_be_copied_from_the_way_out(tmp_path, make_raster, bands_of):
    path = make_raster(bands_of(1), crs=None, transform=rasterio.Affine.identity(), name="a b.tif")
    with rasterio.open(path, "r+") as dataset:
        points = [
            rasterio.control.GroundControlPoint(r, c, c, r) for r, c in ((0, 0), (0, 4), (3, 0))
        ]
        dataset.gcps = (points, "EPSG:32633")
    with (
        open_raster(path) as source,
        pytest.raises(GeometryError, match=rf"-t_srs EPSG:32633 '{path}' 'a b\.warped\.tif'$"),
    ):
        source.frame  # noqa: B018


def test_bounds_of_a_rotated_raster_are_the_box_around_it():
    assert raster_bounds(Affine(2, 0, 100, 0, -3, 50), (10, 20)) == (100, 20, 140, 50)
    turned = Affine(0, 1, 0, 1, 0, 0)  # rows go east, columns north
    assert raster_bounds(turned, (10, 20)) == (0, 0, 10, 20)
    slanted = Affine(1, 1, 0, 1, -1, 0)
    assert raster_bounds(slanted, (10, 20)) == (0, -10, 30, 20)

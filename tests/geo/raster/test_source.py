from __future__ import annotations

import numpy as np
import pytest
import rasterio
import rasterio.control
from rasterio.enums import ColorInterp
from rasterio.rpc import RPC

from sam_common.errors import GeometryError, InputError
from sam_common.window import Window
from sam_geo.jobs.opened import opened_job
from sam_geo.jobs.raster_info import describe_raster
from sam_geo.jobs.request import EncodeRequest, PromptRequest
from sam_geo.raster.header import default_bands
from sam_geo.raster.source import open_raster

WHOLE = Window((0, 0), (4, 5))


def bands_of(count, dtype=np.uint8):
    """(count, 4, 5): band n is full of 10 n."""
    return np.stack([np.full((4, 5), 10 * (n + 1), dtype=dtype) for n in range(count)])


@pytest.mark.parametrize(
    ("count", "expected"), [(1, (1,)), (2, (1,)), (3, (1, 2, 3)), (4, (1, 2, 3)), (13, (1, 2, 3))]
)
def test_bands_without_colours(make_raster, count, expected):
    path = make_raster(bands_of(count, np.uint16), photometric="minisblack")
    with open_raster(path) as source:
        assert source.bands == expected
        assert source.read(WHOLE).values[:, 0, 0].tolist() == [10 * band for band in expected]


def test_bands_by_colour(make_raster):
    path = make_raster(bands_of(5))
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = [
            ColorInterp.alpha,
            ColorInterp.blue,
            ColorInterp.undefined,
            ColorInterp.green,
            ColorInterp.red,
        ]
    with open_raster(path) as source:
        assert source.bands == (5, 4, 2)


def test_alpha_is_no_image_band():
    assert default_bands([ColorInterp.alpha, ColorInterp.gray]) == (2,)
    undefined = [ColorInterp.undefined] * 2
    assert default_bands([ColorInterp.alpha, ColorInterp.gray, *undefined]) == (2, 3, 4)


def test_bands_by_choice(make_raster):
    path = make_raster(bands_of(4))
    with open_raster(path, bands=(4, 3, 2)) as source:
        assert source.read(WHOLE).values[:, 0, 0].tolist() == [40, 30, 20]
    with open_raster(path, bands=(2,)) as source:
        assert source.read(WHOLE).values.shape == (1, 4, 5)


def test_a_band_that_is_not_there(make_raster):
    path = make_raster(bands_of(3))
    with (
        pytest.raises(InputError, match=f"^no band 4 in {path}: it has bands 1 to 3$"),
        open_raster(path, bands=(4, 3, 2)),
    ):
        pass


def test_two_bands_make_no_image(make_raster):
    path = make_raster(bands_of(3))
    message = r"^choose one band \(grey\) or three \(red, green, blue\), got 1,2$"
    with pytest.raises(InputError, match=message), open_raster(path, bands=(1, 2)):
        pass


@pytest.mark.parametrize(
    ("dtype", "name"), [("complex64", "complex64"), ("complex_int16", "complex_int16")]
)
def test_complex_is_refused(tmp_path, dtype, name):
    path = tmp_path / "sar.tif"
    profile = {"driver": "GTiff", "width": 5, "height": 4, "count": 1, "crs": "EPSG:32633"}
    with rasterio.open(
        path, "w", dtype=dtype, transform=rasterio.Affine(1, 0, 9, 0, -1, 9), **profile
    ) as dataset:
        dataset.write(np.ones((1, 4, 5), dtype=np.complex64))
    message = (
        f"^band 1 of {path} has complex samples \\({name}\\): write amplitude or intensity to a "
        f"real raster first$"
    )
    with pytest.raises(InputError, match=message), open_raster(path):
        pass


def test_no_such_file():
    with (
        pytest.raises(InputError, match=r"^no such file: nowhere\.tif$"),
        open_raster("nowhere.tif"),
    ):
        pass


def test_a_text_file_named_tif(tmp_path):
    path = tmp_path / "notes.tif"
    path.write_text("hello")
    with (
        pytest.raises(InputError, match=f"^not a raster that GDAL can read: {path}$"),
        open_raster(path),
    ):
        pass


def test_windows_are_read_where_they_are(make_raster):
    values = np.arange(20, dtype=np.uint8).reshape(1, 4, 5)
    with open_raster(make_raster(values)) as source:
        pixels = source.read(Window((1, 2), (3, 5)))
    assert pixels.values.tolist() == [[[7, 8, 9], [12, 13, 14]]]
    assert pixels.valid.all()


def test_coarse_reads_average(make_raster):
    values = np.array([[[0, 4, 10, 10], [0, 4, 10, 10]]], dtype=np.uint8)
    with open_raster(make_raster(values)) as source:
        pixels = source.read(Window.full((2, 4)), out_hw=(1, 2))
    assert pixels.values.tolist() == [[[2, 10]]]


def test_nodata_hides_a_pixel_only_where_all_bands_have_it(make_raster):
    values = np.full((3, 4, 5), 255, dtype=np.uint8)
    values[1, 0, 0] = 254
    with open_raster(make_raster(values, nodata=255)) as source:
        assert source.mask_kind == "nodata"
        assert source.nodatas == (255, 255, 255)
        pixels = source.read(WHOLE)
    assert pixels.valid.sum() == 1
    assert pixels.valid[0, 0]
    assert (pixels.values[0] == 255).all()  # a nodata value that is a colour stays a colour


def test_a_dataset_mask_hides_pixels_and_their_values(make_raster):
    mask = np.full((4, 5), 255, dtype=np.uint8)
    mask[2, 3] = 0
    with open_raster(make_raster(bands_of(3), mask=mask)) as source:
        assert source.mask_kind == "mask"
        pixels = source.read(WHOLE)
    assert np.argwhere(~pixels.valid).tolist() == [[2, 3]]
    assert pixels.values[:, 2, 3].tolist() == [0, 0, 0]


def test_alpha_hides_pixels_and_their_values(make_raster):
    values = bands_of(4)
    values[3] = 255
    values[3, 1, 1] = 0
    with open_raster(make_raster(values, photometric="rgb", alpha="yes")) as source:
        assert source.mask_kind == "alpha"
        assert source.bands == (1, 2, 3)
        pixels = source.read(WHOLE)
    assert np.argwhere(~pixels.valid).tolist() == [[1, 1]]
    assert pixels.values[:, 1, 1].tolist() == [0, 0, 0]


def test_a_pixel_without_a_finite_sample_is_not_valid(make_raster):
    values = bands_of(3, np.float32)
    values[:, 0, 0] = [np.nan, np.inf, -np.inf]
    values[0, 0, 1] = np.nan
    with open_raster(make_raster(values)) as source:
        pixels = source.read(WHOLE)
    assert np.argwhere(~pixels.valid).tolist() == [[0, 0]]


def test_a_palette_becomes_its_colours(make_raster):
    path = make_raster(np.array([[[0, 1, 2], [2, 1, 7]]], dtype=np.uint8))
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {0: (9, 8, 7), 1: (255, 0, 0), 2: (0, 0, 255)})
    with open_raster(path) as source:
        assert source.is_palette
        assert source.dtype == np.uint8
        pixels = source.read(Window.full((2, 3)))
    assert pixels.values.shape == (3, 2, 3)
    assert pixels.values[:, 0].T.tolist() == [[9, 8, 7], [255, 0, 0], [0, 0, 255]]
    assert pixels.values[:, 1, 2].tolist() == [0, 0, 0]


def test_control_points_are_refused_with_the_command_that_helps(data):
    path = data / "geo/awkward/cog_gcps.tif"
    message = (
        f"^{path} is placed by 210 ground control points, not by a geotransform; warp it first: "
        f"gdalwarp -t_srs EPSG:4326 {path} cog_gcps.warped.tif$"
    )
    with open_raster(path) as source, pytest.raises(GeometryError, match=message):
        _ = source.frame


def test_a_damaged_block_is_named(data):
    path = data / "geo/awkward/corrupt.tif"
    message = f"^cannot read rows 600-609, columns 605-624 of {path}: .*IReadBlock failed"
    with open_raster(path) as source, pytest.raises(InputError, match=message):
        source.read(Window((600, 605), (610, 625)))


def test_a_container_names_its_parts(tmp_path):
    # a GeoTIFF with two pages has none of its own beyond the first: use a real container
    path = tmp_path / "two.gpkg"
    for name in ("a", "b"):
        with rasterio.open(
            path,
            "w",
            driver="GPKG",
            width=5,
            height=4,
            count=1,
            dtype="uint8",
            crs="EPSG:32633",
            transform=rasterio.Affine(1, 0, 9, 0, -1, 9),
            RASTER_TABLE=name,
            APPEND_SUBDATASET="YES",
        ) as dataset:
            dataset.write(np.ones((1, 4, 5), dtype=np.uint8))
    message = (
        f"^{path} has no bands of its own; open one of its subdatasets, by its name or by "
        f"--page: "
        f"GPKG:{path}:a, GPKG:{path}:b$"
    )
    with pytest.raises(InputError, match=message), open_raster(path):
        pass
    with open_raster(f"GPKG:{path}:a") as source:
        assert source.size_hw == (4, 5)


def test_crs_is_kept(make_raster):
    with open_raster(make_raster(bands_of(1), crs="EPSG:3395")) as source:
        assert source.crs.to_epsg() == 3395
    with open_raster(make_raster(bands_of(1), crs=None)) as source:
        assert source.crs is None


def test_an_alpha_band_alone_is_no_image(make_raster):
    path = make_raster(bands_of(1))
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = [ColorInterp.alpha]
    message = f"^{path} has an alpha band only, no image$"
    with pytest.raises(InputError, match=message), open_raster(path):
        pass


def test_a_crs_without_code_is_kept(data):
    with open_raster(data / "geo/awkward/cog_scale.tif") as source:
        assert source.crs.coordinate_operation.method_name == "Transverse Mercator"
        assert source.crs.get_geod().a == 6378137


def test_rational_polynomials_are_no_geotransform(make_raster):
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


def test_arrays_of_coordinates_are_no_geotransform(make_raster):
    path = make_raster(bands_of(1), crs=None, transform=rasterio.Affine.identity())
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(ns="GEOLOCATION", X_DATASET="lon.tif", Y_DATASET="lat.tif")
    with (
        open_raster(path) as source,
        pytest.raises(GeometryError, match=r"arrays of coordinates, .*: gdalwarp -geoloc "),
    ):
        source.frame  # noqa: B018


def test_a_name_with_a_blank_can_be_copied_from_the_way_out(tmp_path, make_raster):
    path = make_raster(bands_of(1), crs=None, transform=rasterio.Affine.identity(), name="a b.tif")
    with rasterio.open(path, "r+") as dataset:
        points = [
            rasterio.control.GroundControlPoint(r, c, c, r) for r, c in ((0, 0), (0, 4), (3, 0))
        ]
        dataset.gcps = (points, "EPSG:4326")
    with (
        open_raster(path) as source,
        pytest.raises(GeometryError, match=rf"EPSG:4326 '{path}' 'a b\.warped\.tif'$"),
    ):
        source.frame  # noqa: B018

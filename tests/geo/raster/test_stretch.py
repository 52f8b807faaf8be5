from __future__ import annotations

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sam_common.errors import InputError
from sam_common.window import Window
from sam_geo.raster.pixels import Pixels
from sam_geo.raster.sample import SAMPLE_SIDE, sample_bands
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import Stretch, choose_stretch, to_uint8


def stretch_of(path, **options):
    with open_raster(path, **options) as source:
        return choose_stretch(source)


def test_bytes_stay_as_they_are(make_raster):
    values = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    path = make_raster(values, nodata=7)
    assert stretch_of(path) == Stretch(None)
    with open_raster(path) as source:
        image = Stretch(None).apply(source.read(Window.full((4, 5))))
    assert image.tolist() == np.moveaxis(values, 0, -1).tolist()


@pytest.mark.parametrize("dtype", ["uint16", "int16", "uint32", "int32", "float32", "float64"])
def test_percentiles_per_band(make_raster, dtype):
    ramp = np.arange(10_000).reshape(100, 100)
    path = make_raster(np.stack([ramp, ramp * 2, ramp * 3]).astype(dtype), photometric="rgb")
    expected = [np.percentile(ramp * n, (2, 98)).tolist() for n in (1, 2, 3)]
    assert [list(pair) for pair in stretch_of(path).limits] == expected


def test_signed_values_with_nodata_use_the_whole_range(make_raster):
    values = np.full((1, 100, 100), -9999, dtype=np.int16)
    values[0, :50] = np.linspace(-200, 300, 5000).reshape(50, 100)
    lo, hi = stretch_of(make_raster(values, nodata=-9999)).limits[0]
    assert -200 < lo < -180
    assert 280 < hi < 300


def test_nodata_of_one_band_is_no_brightness(make_raster):
    values = np.full((3, 50, 50), 500, dtype=np.uint16)
    values[:, :, 25:] = 900
    values[0, :10] = 0  # hidden only in red, so the pixels count, but not as dark reds
    assert stretch_of(make_raster(values, nodata=0)).limits[0] == (500.0, 900.0)


def test_not_finite_samples_do_not_count(make_raster):
    values = np.linspace(0, 1, 10_000, dtype=np.float32).reshape(1, 100, 100)
    values[0, ::7, ::3] = np.nan
    values[0, 1::7, ::3] = np.inf
    values[0, 2::7, ::3] = -np.inf
    lo, hi = stretch_of(make_raster(values)).limits[0]
    assert 0.0 < lo < 0.05
    assert 0.95 < hi < 1.0


def test_mostly_constant_falls_back_to_its_range(make_raster):
    values = np.zeros((1, 50, 50), dtype=np.uint16)
    values[0, 0, 0] = 700
    assert stretch_of(make_raster(values)).limits == ((0.0, 700.0),)


def test_constant_gives_zeros(make_raster):
    path = make_raster(np.full((1, 4, 5), 42, dtype=np.uint16))
    with open_raster(path) as source:
        stretch = choose_stretch(source)
        image = stretch.apply(source.read(Window.full((4, 5))))
    assert stretch.limits == ((42.0, 42.0),)
    assert image.tolist() == np.zeros((4, 5)).tolist()


def test_nothing_valid_gives_zeros(make_raster):
    path = make_raster(np.full((1, 4, 5), -9999, dtype=np.float32), nodata=-9999)
    with open_raster(path) as source:
        stretch = choose_stretch(source)
        image = stretch.apply(source.read(Window.full((4, 5))))
    assert stretch.limits == ((0.0, 0.0),)
    assert not image.any()


def test_booleans_become_black_and_white(make_raster):
    board = (np.indices((4, 5)).sum(axis=0) % 2)[None].astype(np.uint8)
    for path in (
        make_raster(board, name="bits.tif", nbits=1),  # GDAL gives these a palette
        make_raster(board, name="bytes.tif"),
        make_raster(board * 3, name="two.tif", nbits=2),
    ):
        with open_raster(path) as source:
            image = choose_stretch(source).apply(source.read(Window.full((4, 5))))
        image = image if image.ndim == 2 else image[..., 0]
        assert image.tolist() == (board[0] * 255).tolist()


def test_dark_bytes_are_no_booleans(make_raster):
    assert stretch_of(make_raster(np.full((1, 4, 5), 2, dtype=np.uint8))) == Stretch(None)


def test_invalid_and_not_finite_are_zero_where_values_are_stretched():
    pixels = Pixels(
        np.array([[[1.0, 2.0], [np.nan, 2.0]]]), np.array([[True, True], [True, False]])
    )
    assert Stretch(((0.0, 2.0),)).apply(pixels).tolist() == [[128, 255], [0, 0]]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.tuples(st.integers(0, 30), st.integers(0, 30)))
def test_the_same_value_is_the_same_byte_in_every_window(memory_raster, seed, start):
    values = np.random.default_rng(seed).normal(size=(3, 64, 64)).astype(np.float32)
    window = Window(start, (start[0] + 20, start[1] + 30))
    with memory_raster(values) as path, open_raster(path) as source:
        stretch = choose_stretch(source)
        whole = stretch.apply(source.read(Window.full((64, 64))))
        part = stretch.apply(source.read(window))
    assert (part == whole[window.slices]).all()


@pytest.mark.parametrize("overviews", [False, True])
def test_the_sample_is_bounded_whatever_the_size(tmp_path, overviews, monkeypatch):
    path = tmp_path / "large.tif"
    options = {"tiled": True, "sparse_ok": True, "blockxsize": 256, "blockysize": 256}
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=20_000,
        height=12_000,
        count=1,
        dtype="uint16",
        crs="EPSG:32633",
        transform=rasterio.Affine(1, 0, 9, 0, -1, 9),
        **options,
    ) as dataset:
        ramp = np.arange(64 * 64, dtype=np.uint16).reshape(1, 64, 64)
        dataset.write(ramp + 1, window=rasterio.windows.Window(0, 0, 64, 64))
        if overviews:
            dataset.build_overviews([16, 32])
    sizes = []
    with open_raster(path) as source:
        read = type(source).read

        def spy(self, window, **options):
            pixels = read(self, window, **options)
            sizes.append(pixels.valid.size)
            return pixels

        monkeypatch.setattr(type(source), "read", spy)
        samples = sample_bands(source)
    assert sum(sizes) <= SAMPLE_SIDE**2
    assert len(sizes) == (1 if overviews else 64)
    if not overviews:
        assert samples[0].max() == 64 * 64  # the first tile is one of them


def test_a_damaged_file_of_bytes_still_has_a_stretch(make_raster):
    """The sample only tells booleans from bytes: a job's other windows can still be read."""
    values = np.random.default_rng(0).integers(0, 255, (1, 300, 300), dtype=np.uint8)
    path = make_raster(values, compress="deflate")
    path.write_bytes(path.read_bytes()[:50_000])
    with open_raster(path) as source:
        with pytest.raises(InputError, match=f"^cannot read rows 0-299, columns 0-299 of {path}: "):
            sample_bands(source)
        assert choose_stretch(source) == Stretch(None)


def test_a_damaged_file_that_needs_a_stretch_is_refused(make_raster):
    values = np.random.default_rng(0).integers(0, 9999, (1, 300, 300), dtype=np.uint16)
    path = make_raster(values, compress="deflate")
    path.write_bytes(path.read_bytes()[:50_000])
    with pytest.raises(InputError, match=f"^cannot read rows 0-299, columns 0-299 of {path}: "):
        stretch_of(path)


@pytest.mark.parametrize("scale", [0.0, np.nan])
def test_a_scale_that_makes_no_values_is_refused(make_raster, scale):
    path = make_raster(np.arange(64, dtype=np.uint16).reshape(1, 8, 8))
    with rasterio.open(path, "r+") as dataset:
        dataset.scales = (scale,)
    with (
        open_raster(path) as source,
        pytest.raises(InputError, match=r"band 1 of .* has the scale"),
    ):
        choose_stretch(source, given="0,5")


floats = st.floats(allow_nan=True, allow_infinity=True, width=32)
arrays = hnp.arrays(np.float32, hnp.array_shapes(max_dims=2, max_side=8), elements=floats)


@given(arrays, st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_a_byte_depends_on_the_value_alone(array, lo, width):
    whole = to_uint8(array, lo, lo + width)
    one_by_one = [int(to_uint8(value, lo, lo + width)) for value in array.ravel()]
    assert whole.ravel().tolist() == one_by_one


@given(arrays)
def test_not_finite_becomes_zero(array):
    bytes_ = to_uint8(array, -1e9, -1e8)  # every finite value is far above hi
    finite = np.isfinite(array) & (array > -1e8)
    assert (bytes_[~np.isfinite(array)] == 0).all()
    assert (bytes_[finite] == 255).all()


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20))
def test_order_is_kept(values):
    bytes_ = to_uint8(np.sort(values), -1e5, 1e5)
    assert (np.diff(bytes_.astype(int)) >= 0).all()


def test_ends_and_middle():
    assert to_uint8(np.array([10, 20, 15, 0, 99], dtype=np.uint16), 10, 20).tolist() == [
        0,
        255,
        128,
        0,
        255,
    ]
    assert to_uint8(np.array([False, True]), 0, 1).tolist() == [0, 255]
    assert to_uint8(np.array([-300, 0, 300], dtype=np.int16), -300, 300).tolist() == [0, 128, 255]


def test_the_largest_floats_do_not_overflow():
    top = float(np.finfo(np.float64).max)
    assert to_uint8([-top, 0.0, top], -top, top).tolist() == [0, 128, 255]


def test_constant_is_zero():
    assert to_uint8([0.0, 5e-324], 0, 5e-324).tolist() == [0, 0]
    assert to_uint8(np.full((2, 2), 7.0), 7, 7).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(("lo", "hi"), [(2.0, 1.0), (float("nan"), 1.0), (0.0, float("inf"))])
def test_limits_must_make_sense(lo, hi):
    with pytest.raises(
        InputError, match=f"^limits must be finite with lo <= hi, got {lo} and {hi}$"
    ):
        to_uint8([1.0], lo, hi)


def test_complex_is_refused():
    with pytest.raises(
        InputError, match=r"^complex values have no grey level, got dtype complex128$"
    ):
        to_uint8([1j], 0, 1)

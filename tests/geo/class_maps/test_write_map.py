"""Written class maps, as rasterio and GDAL read them."""

from __future__ import annotations

import errno
import itertools
import os

import defusedxml.ElementTree
import numpy as np
import pytest
import rasterio
import rasterio.shutil
from geo_jobs import ROTATED
from rasterio.enums import ColorInterp

from sam_common.errors import DiskError, InputError, OutputError
from sam_common.window import Window
from sam_geo.class_maps.class_map import open_class_map
from sam_geo.class_maps.legend import legend_of, legend_of_names
from sam_geo.class_maps.write_map import class_map_writer
from sam_geo.raster.source import open_raster

SIZE = (620, 740)
LEGEND = legend_of(["Wald & <Wiese>", "Wässer", "Stadt"])


@pytest.fixture
def image(make_raster):
    return make_raster(np.zeros((1, *SIZE), dtype=np.uint8))


@pytest.fixture
def bands():
    """(2, h, w) classes with holes, and their probabilities."""
    rng = np.random.default_rng(5)
    classes = np.kron(rng.integers(0, 4, (31, 37)), np.ones((20, 20))).astype(np.uint8)
    return np.stack([classes, rng.integers(30, 101, SIZE).astype(np.uint8) * (classes > 0)])


def windows(side):
    rows, cols = (range(0, size, side) for size in SIZE)
    return [
        Window((row, col), (min(row + side, SIZE[0]), min(col + side, SIZE[1])))
        for row, col in itertools.product(rows, cols)
    ]


def write(image, path, bands, *, order=None, legend=LEGEND, **options):
    with (
        open_raster(image) as source,
        class_map_writer(path, source, legend, **options) as draw,
    ):
        for window in windows(256) if order is None else order:
            draw(window, *bands[(slice(None), *window.slices)])


def categories(path, folder):
    """Category names of the first band, as GDAL copies them to a VRT."""
    copy = folder / "copy.vrt"
    rasterio.shutil.copy(path, copy, driver="VRT")
    root = defusedxml.ElementTree.parse(copy).getroot()
    return [each.text or "" for each in root.find("VRTRasterBand").iter("Category")]


def test_pixels_grid_and_descriptions_are_kept(image, tmp_path, bands):
    path = tmp_path / "map.tif"
    write(image, path, bands)
    with rasterio.open(path) as found, rasterio.open(image) as source:
        np.testing.assert_array_equal(found.read(), bands)
        assert (found.crs, found.transform) == (source.crs, source.transform)
        assert found.dtypes == ("uint8", "uint8")
        assert found.nodatavals == (0, 0)
        assert found.descriptions == ("class", "probability, per cent")
        assert found.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert found.tags(ns="IMAGE_STRUCTURE")["COMPRESSION"] == "DEFLATE"


def test_overviews_hold_pixels_of_the_map(image, tmp_path, bands):
    path = tmp_path / "map.tif"
    write(image, path, bands)
    with rasterio.open(path) as found:
        assert found.overviews(1) == [2]
    with rasterio.open(path, overview_level=0) as found:
        half = found.read()
    # nearest: each is one of the four below
    below = bands.reshape(2, SIZE[0] // 2, 2, SIZE[1] // 2, 2)
    assert (half[:, :, None, :, None] == below).any(axis=(2, 4)).all()


def test_gdal_sees_colours_and_names(image, tmp_path, bands):
    path = tmp_path / "map.tif"
    write(image, path, bands)
    with rasterio.open(path) as found:
        assert found.colorinterp == (ColorInterp.palette, ColorInterp.undefined)
        colours = found.colormap(1)
    assert colours[0] == (0, 0, 0, 0)
    assert {value: colours[value] for value in LEGEND.names} == {
        value: (*rgb, 255) for value, rgb in LEGEND.colours.items()
    }
    assert categories(path, tmp_path) == ["", "Wald & <Wiese>", "Wässer", "Stadt"]


def test_codes_with_gaps_keep_their_colours(image, tmp_path, bands):
    legend = legend_of(["3", "255", "1", "2"])
    path = tmp_path / "map.tif"
    bands[0][bands[0] == 3] = 255
    write(image, path, bands, legend=legend)
    with rasterio.open(path) as found:
        assert found.colormap(1)[255] == (*legend.colours[255], 255)
        assert found.colormap(1)[77] == (0, 0, 0, 0)
    names = categories(path, tmp_path)
    assert (len(names), names[3], names[4], names[255]) == (256, "3", "", "255")


def test_the_suite_reads_it_as_a_class_map(image, tmp_path, bands):
    path = tmp_path / "map.tif"
    write(image, path, bands)
    with open_class_map(path) as classes:
        (window,) = classes.windows()
        values, valid = classes.read(window)
        assert np.array_equal(values, bands[0])
        assert np.array_equal(valid, bands[0] > 0)
        assert np.array_equal(classes.probability(window), bands[1] / 100)


def test_bytes_do_not_depend_on_windows_or_their_order(image, tmp_path, bands):
    order = sorted(windows(100), key=lambda window: (window.start[0] * 7 + window.start[1]) % 11)
    one, two = tmp_path / "one.tif", tmp_path / "two.tif"
    write(image, one, bands)
    write(image, two, bands, order=order)
    for suffix in (".tif", ".tif.aux.xml"):
        assert one.with_suffix(suffix).read_bytes() == two.with_suffix(suffix).read_bytes()


def test_pixels_that_are_never_written_have_no_class(image, tmp_path, bands):
    path = tmp_path / "map.tif"
    write(image, path, bands, order=windows(256)[1:3])
    with rasterio.open(path) as found:
        assert not found.read()[:, 256:].any()
        assert np.array_equal(found.read()[:, :256, 256:], bands[:, :256, 256:])


def test_windows_that_overlap_are_noticed(image, tmp_path, bands):
    window = Window((0, 0), (20, 20))
    with pytest.raises(OutputError, match=r"were read back than were given \(or windows overlap"):
        write(image, tmp_path / "map.tif", np.maximum(bands, 1), order=[window, window])
    assert [each.name for each in tmp_path.iterdir()] == ["image.tif"]


def test_a_pixel_that_moved_is_noticed(image, tmp_path, bands, monkeypatch):
    copy = rasterio.shutil.copy

    def move(source, part, **options):
        with rasterio.open(source, "r+") as drawn:
            values = drawn.read()
            values[:, [3, 4]] = values[:, [4, 3]]
            values[:, 3, 7], values[:, 4, 7] = (1, 50), (2, 50)
            drawn.write(values)
        copy(source, part, **options)

    bands[:, 3, 7], bands[:, 4, 7] = (2, 50), (1, 50)
    monkeypatch.setattr("rasterio.shutil.copy", move)
    with pytest.raises(OutputError, match="other classes or probabilities were read back"):
        write(image, tmp_path / "map.tif", bands)


def test_a_map_that_is_cut_short_is_no_output(image, tmp_path, bands, monkeypatch):
    copy, path = rasterio.shutil.copy, tmp_path / "map.tif"
    path.write_bytes(b"old")

    def cut(source, part, **options):
        copy(source, part, **options)
        with part.open("r+b") as file:
            file.truncate(part.stat().st_size // 2)

    monkeypatch.setattr("rasterio.shutil.copy", cut)
    with pytest.raises(OutputError, match=f"^cannot write {path}: "):
        write(image, path, bands, overwrite=True)
    assert path.read_bytes() == b"old"


def test_a_full_disk_is_named(image, tmp_path, bands, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("rasterio.shutil.copy", full)
    with pytest.raises(DiskError, match="No space left on device"):
        write(image, tmp_path / "map.tif", bands)
    assert [each.name for each in tmp_path.iterdir()] == ["image.tif"]


def test_colours_that_gdal_does_not_read_are_no_output(image, tmp_path, bands):
    with (
        rasterio.Env(GDAL_PAM_ENABLED="NO"),
        pytest.raises(OutputError, match="leave GDAL_PAM_ENABLED unset"),
    ):
        write(image, tmp_path / "map.tif", bands)


def test_what_is_there_is_not_replaced_unasked(image, tmp_path, bands):
    path, beside = tmp_path / "map.tif", tmp_path / "map.tif.aux.xml"
    write(image, path, bands)
    with pytest.raises(OutputError, match=f"output exists: {path}"):
        write(image, path, bands)
    path.unlink()
    with pytest.raises(OutputError, match=f"output exists: {beside}"):
        write(image, path, bands)
    other = legend_of(["a", "b", "c"])
    write(image, path, bands, legend=other, overwrite=True)
    assert categories(path, tmp_path) == ["", "a", "b", "c"]


def test_a_link_leads_to_the_map_and_its_colours(image, tmp_path, bands):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    link = tmp_path / "map.tif"
    link.symlink_to(folder / "real.tif")
    write(image, link, bands, overwrite=True)
    assert link.is_symlink()
    with rasterio.open(folder / "real.tif") as found:
        assert found.colormap(1)[1] == (*LEGEND.colours[1], 255)


def test_a_system_that_a_geotiff_cannot_say_stands_beside_the_colours(make_raster, tmp_path, bands):
    crs = rasterio.crs.CRS.from_wkt(ROTATED)
    image = make_raster(np.zeros((1, *SIZE), dtype=np.uint8), crs=crs)
    path = tmp_path / "map.tif"
    write(image, path, bands)
    with rasterio.open(path) as found:
        assert found.crs == crs
        assert found.colormap(1)[3] == (*LEGEND.colours[3], 255)
    assert categories(path, tmp_path)[1:] == list(LEGEND.names.values())


def test_a_raster_without_a_reference_system_of_one_pixel(make_raster, tmp_path):
    image = make_raster(np.zeros((1, 1, 1), dtype=np.uint8), crs=None)
    path = tmp_path / "map.tif"
    bands = np.array([[[2]], [[99]]], dtype=np.uint8)
    write(image, path, bands, order=[Window((0, 0), (1, 1))])
    with rasterio.open(path) as found:
        assert (found.crs, found.read().tolist()) == (None, bands.tolist())


def test_names_that_xml_cannot_hold_are_shown_as_far_as_can_be(image, tmp_path, bands):
    path = tmp_path / "map.tif"
    write(image, path, bands, legend=legend_of(["a\x01b", "c", "d"]))
    assert categories(path, tmp_path)[1] == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize(
    ("window", "classes", "per_cent", "message"),
    [
        (((0, 0), (2, 3)), np.ones((2, 2), np.uint8), np.ones((2, 3), np.uint8), "classes of a"),
        (((0, 0), (2, 3)), np.ones((2, 3), np.uint8), np.ones((2, 3)), "per_cent of a window of"),
        (((0, 739), (1, 741)), np.ones((1, 2), np.uint8), np.ones((1, 2), np.uint8), "not inside"),
        (((-1, 0), (1, 1)), np.ones((2, 1), np.uint8), np.ones((2, 1), np.uint8), "not inside"),
        (((0, 0), (1, 1)), np.full((1, 1), 4, np.uint8), np.ones((1, 1), np.uint8), "no value 4"),
    ],
)
def test_pixels_that_do_not_fit_are_refused(image, tmp_path, window, classes, per_cent, message):
    with (
        open_raster(image) as source,
        pytest.raises(InputError, match=message),
        class_map_writer(tmp_path / "map.tif", source, LEGEND) as draw,
    ):
        draw(Window(*window), classes, per_cent)
    assert [each.name for each in tmp_path.iterdir()] == ["image.tif"]


@pytest.mark.parametrize("value", [0, 256, -3])
def test_values_that_a_byte_cannot_hold_are_refused(image, tmp_path, value):
    legend = legend_of_names({1: "a", value: "b"})
    with (
        open_raster(image) as source,
        pytest.raises(InputError, match=rf"values of a class map are 1 to 255, got {value} \(b\)"),
        class_map_writer(tmp_path / "map.tif", source, legend),
    ):
        pass

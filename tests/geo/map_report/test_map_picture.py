"""Pictures of class maps: every colour where it belongs, whatever the size and the grid."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine
from pages import picture

from sam_geo.class_maps.class_map import open_class_map
from sam_geo.map_report.ground import measure_ground
from sam_geo.map_report.map_picture import (
    CHIP_SIDE,
    DARK,
    LONGEST_PX,
    PALE,
    PROBABILITY_STEPS,
    MapView,
    draw_chip,
    draw_map,
    ramp,
    sheet_facts,
)

COLOURS = {1: (70, 107, 159), 2: (0, 100, 0), 7: (235, 0, 0)}
CLEAR = [0, 0, 0, 0]
SOUTH_UP = Affine(10, 0, 465_000, 0, 10, 5_080_000)
DEGREES = Affine(0.001, 0, 10, 0, -0.001, 60.05)


def drawn(path, colours=COLOURS):
    """The pictures of a map, how it is drawn, and what is told of it."""
    with open_class_map(path) as classes:
        source = classes.source
        ground = measure_ground(source.crs, source.frame, source.size_hw)
        view = MapView.of(source.size_hw, ground)
        return draw_map(classes, view, colours), view, sheet_facts(classes, view, ground)


def colours_of(values):
    """(h, w, 4) what is to be drawn for (h, w) values."""
    table = np.zeros((256, 4), dtype=np.uint8)
    for value, rgb in COLOURS.items():
        table[value] = (*rgb, 255)
    return table[values]


def test_every_pixel_of_a_small_map_has_its_colour(write_map, thirds):
    pictures, view, facts = drawn(write_map(thirds))
    assert view.size_hw == (900, 1200)
    expected = np.kron(colours_of(thirds), np.ones((10, 10, 1), dtype=np.uint8))
    np.testing.assert_array_equal(picture(pictures.classes), expected)
    assert (pictures.probability, pictures.shares) == (None, ())
    assert not facts["is_reduced"]
    assert not facts["is_wide"]


def test_values_without_a_colour_are_transparent(write_map, thirds):
    colours = {7: COLOURS[7], 1: COLOURS[1]}
    pictures, *_ = drawn(write_map(thirds), colours)
    pixels = picture(pictures.classes)
    assert pixels[300, 300].tolist() == [*COLOURS[7], 255]
    assert pixels[50, 300].tolist() == [*COLOURS[1], 255]
    assert pixels[600, 300].tolist() == CLEAR


def test_probabilities_have_the_colour_of_their_step(write_map):
    per_cent = np.array([[1, 49, 50, 59], [60, 79, 80, 89], [90, 99, 100, 0]])
    values = np.full((3, 4), 2)
    values[2, 3] = 0
    pictures, *_ = drawn(write_map(values, probability=per_cent))
    pixels = picture(pictures.probability)[150::300, 150::300]
    steps = np.array([[0, 0, 1, 1], [2, 3, 4, 4], [5, 5, 5, 0]])
    expected = np.concatenate([np.array(ramp())[steps], np.full((3, 4, 1), 255)], axis=-1)
    expected[2, 3] = CLEAR
    np.testing.assert_array_equal(pixels, expected)
    assert pictures.shares == pytest.approx([2 / 11, 2 / 11, 1 / 11, 1 / 11, 2 / 11, 3 / 11])


def test_a_class_of_probability_nought_is_drawn(write_map):
    """Per cent are rounded; the nodata value of the second band is not what counts."""
    pictures, *_ = drawn(write_map([[1, 2]], probability=[[0, 100]]))
    assert picture(pictures.probability)[0, 0].tolist() == [*PALE, 255]


def test_the_ramp_goes_one_way():
    colours = np.array(ramp())
    assert colours[0].tolist() == list(PALE)
    assert colours[-1].tolist() == list(DARK)
    assert len(colours) == len(PROBABILITY_STEPS)
    assert (np.diff(colours.sum(axis=1)) < -20).all()


def test_a_large_map_is_drawn_smaller(write_map):
    values = np.full((2000, 4000), 2)
    values[:, 2000:] = 7
    pictures, view, facts = drawn(write_map(values))
    pixels = picture(pictures.classes)
    assert pixels.shape == (600, LONGEST_PX, 4)
    assert view.size_hw == (600, LONGEST_PX)
    np.testing.assert_array_equal(pixels[:, :598, :3], np.broadcast_to(COLOURS[2], (600, 598, 3)))
    np.testing.assert_array_equal(pixels[:, 602:, :3], np.broadcast_to(COLOURS[7], (600, 598, 3)))
    assert facts["is_reduced"]
    assert facts["is_wide"]


def test_memory_is_that_of_the_picture(tmp_path):
    """A map of 400 million pixels, most of which no block was written for."""
    path = tmp_path / "large.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=20_000, height=20_000, count=2, dtype="uint8", nodata=0,
        tiled=True, blockxsize=512, blockysize=512, sparse_ok=True, crs="EPSG:32633",
        transform=Affine(10, 0, 465_000, 0, -10, 5_080_000),
    ) as dataset:  # fmt: skip
        block = np.full((2, 512, 512), 7, dtype=np.uint8)
        dataset.write(block, window=rasterio.windows.Window(9728, 9728, 512, 512))
    tracemalloc.start()
    pictures, *_ = drawn(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6
    pixels = picture(pictures.classes)
    assert pixels[598, 598].tolist() == [*COLOURS[7], 255]
    assert pixels[300, 300].tolist() == CLEAR


def test_a_map_from_south_to_north_is_not_mirrored(write_map, thirds):
    pictures, view, facts = drawn(write_map(thirds, transform=SOUTH_UP))
    assert view.is_flipped
    assert facts["is_flipped"]
    expected = np.kron(colours_of(thirds[::-1]), np.ones((10, 10, 1), dtype=np.uint8))
    np.testing.assert_array_equal(picture(pictures.classes), expected)
    way = pyproj.Transformer.from_crs("EPSG:32633", "EPSG:4326", always_xy=True)
    lon, lat = way.transform(465_000, 5_080_900)
    assert facts["corners"][0] == f"{lon:.6f}° E, {lat:.6f}° N"
    assert abs(facts["north"]) < 1


def test_pixels_of_a_map_in_degrees_are_as_tall_as_on_the_ground(write_map):
    values = np.full((100, 100), 1)
    values[:50] = 2
    pictures, view, facts = drawn(write_map(values, crs="EPSG:4326", transform=DEGREES))
    rows, cols = view.size_hw
    assert (rows, cols) == (LONGEST_PX, pytest.approx(LONGEST_PX * 0.501, abs=1))
    pixels = picture(pictures.classes)
    assert pixels.shape == (rows, cols, 4)
    assert pixels[599, 0, :3].tolist() == list(COLOURS[2])
    assert pixels[600, 0, :3].tolist() == list(COLOURS[1])
    # a bar is as long across as down, where a tenth of a degree is 11.14 km
    assert facts["bar_share"] * cols / facts["bar"].metres == pytest.approx(rows / 11_141, rel=0.01)
    assert facts["corners"] == ["10.000000° E, 60.050000° N", "10.100000° E, 59.950000° N"]


def test_one_row_is_a_picture_too(write_map):
    pictures, view, _ = drawn(write_map(np.full((1, 3000), 7)))
    assert view.size_hw == (1, LONGEST_PX)
    assert picture(pictures.classes).shape == (1, LONGEST_PX, 4)


def test_a_map_without_a_system_is_drawn_by_its_pixels(write_map, thirds):
    pictures, view, facts = drawn(write_map(thirds, crs=None))
    assert picture(pictures.classes).shape == (*view.size_hw, 4)
    assert [facts[name] for name in ("bar", "bar_share", "edges", "north", "corners")] == [None] * 5


def test_all_255_classes_have_their_colours(write_map):
    values = np.arange(1, 256).reshape(15, 17)
    colours = {n: (n, 255 - n, n // 2) for n in range(1, 256)}
    pictures, *_ = drawn(write_map(values), colours)
    step = 1200 // 17
    pixels = picture(pictures.classes)[step // 2 :: step, step // 2 :: step]
    expected = [[[*colours[value], 255] for value in row] for row in values.tolist()]
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("cell", [(45, 60), (0, 0), (89, 118), (10, 119)])
def test_a_chip_has_its_pixel_in_the_middle(write_map, thirds, cell):
    path = write_map(thirds)
    reach = CHIP_SIDE // 2
    wide = np.pad(thirds, reach)
    expected = colours_of(wide[cell[0] : cell[0] + CHIP_SIDE, cell[1] : cell[1] + CHIP_SIDE])
    with open_class_map(path) as classes:
        chip = draw_chip(classes, MapView((900, 1200), is_flipped=False), COLOURS, cell)
        turned = draw_chip(classes, MapView((900, 1200), is_flipped=True), COLOURS, cell)
    np.testing.assert_array_equal(picture(chip), expected)
    np.testing.assert_array_equal(picture(turned), expected[::-1])


def test_a_chip_of_a_place_that_is_not_in_the_map_is_empty(write_map, thirds):
    with open_class_map(write_map(thirds)) as classes:
        chip = draw_chip(classes, MapView((900, 1200), is_flipped=False), COLOURS, (500, 500))
    assert not picture(chip).any()

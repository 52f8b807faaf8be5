"""FromTo: areas from class to class, against a count of all pixels at once."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.enums import Resampling
from rasterio.warp import reproject

from sam_common.errors import InputError
from sam_geo.comparison.from_to import count_changes

GRID = Affine(10, 0, 465_000, 0, -10, 5_080_000)


@pytest.fixture
def pair(make_map):
    """Two maps of three classes with holes; the second lies 4.3 columns and 2.8 rows away."""
    rng = np.random.default_rng(3)
    one = rng.integers(0, 4, (24, 31)).repeat(4, axis=0).repeat(3, axis=1)
    two = np.where(rng.random(one.shape) < 0.6, one, rng.integers(0, 4, one.shape))
    moved = GRID @ Affine.translation(4.3, 2.8)
    return make_map("one.tif", one), make_map("two.tif", two, transform=moved)


def brute_force(before, after):
    """(3, 3) pixels and areas on the ellipsoid, without windows and with other libraries."""
    with rasterio.open(before) as one, rasterio.open(after) as two:
        first, second = one.read(1), np.zeros(one.shape, dtype=np.uint8)
        reproject(
            two.read(1), second, src_transform=two.transform, src_crs=two.crs, dst_crs=one.crs,
            dst_transform=one.transform, resampling=Resampling.nearest, src_nodata=0, dst_nodata=0,
        )  # fmt: skip
        geod = pyproj.Geod(ellps="WGS84")
        way = pyproj.Transformer.from_crs(one.crs, "EPSG:4326", always_xy=True)
        pixels, areas = np.zeros((3, 3), dtype=int), np.zeros((3, 3))
        for row, col in zip(*np.nonzero((first > 0) & (second > 0)), strict=True):
            corners = [(col, row), (col + 1, row), (col + 1, row + 1), (col, row + 1)]
            ring = [way.transform(*(one.transform @ corner)) for corner in corners]
            pair = first[row, col] - 1, second[row, col] - 1
            pixels[pair] += 1
            areas[pair] += abs(geod.geometry_area_perimeter(shapely.Polygon(ring))[0])
    return pixels, areas


def test_the_table_is_that_of_counting_all_pixels(pair, open_pair):
    with open_pair(*pair) as grid:
        found, _ = count_changes(grid)
    pixels, areas = brute_force(*pair)
    assert found.names == ("land", "water", "town")
    assert found.pixels.tolist() == pixels.tolist()
    assert found.areas == pytest.approx(areas, rel=1e-6)
    assert found.changed == pytest.approx(areas.sum() - np.trace(areas), rel=1e-6)


@pytest.mark.parametrize("side", [7, 16, 50])
def test_windows_do_not_matter(pair, open_pair, side):
    with open_pair(*pair) as grid:
        whole, _ = count_changes(grid, misregistration=0.8)
        parts, _ = count_changes(grid, misregistration=0.8, side=side)
    assert parts.pixels.tolist() == whole.pixels.tolist()
    assert parts.areas == pytest.approx(whole.areas, rel=1e-12)
    assert parts.explained == pytest.approx(whole.explained, rel=1e-12)
    assert parts.explained_total == pytest.approx(whole.explained_total, rel=1e-12)
    assert (parts.names, parts.notes) == (whole.names, whole.notes)


def test_the_maps_exchanged_give_the_table_on_its_side(make_map, open_pair):
    rng = np.random.default_rng(3)
    one = rng.integers(0, 4, (60, 70))
    two = np.where(rng.random(one.shape) < 0.6, one, rng.integers(0, 4, one.shape))
    paths = make_map("one.tif", one), make_map("two.tif", two)
    with open_pair(*paths) as grid:
        there, _ = count_changes(grid)
    with open_pair(*reversed(paths)) as grid:
        back, _ = count_changes(grid)
    assert back.pixels.tolist() == there.pixels.T.tolist()
    assert back.areas == pytest.approx(there.areas.T, rel=1e-12)
    assert back.explained == pytest.approx(there.explained.T, rel=1e-12)
    assert back.explained_total == pytest.approx(there.explained_total, rel=1e-12)


def test_a_map_that_lies_half_a_pixel_beside_is_explained(make_map, open_pair, photograph):
    """Its georeference is wrong by half a pixel; nearest pixels then are one of the next."""
    values = photograph()
    one = make_map("one.tif", values)
    for right, down in ((0.5, 0), (0, -0.5), (0.5, 0.5), (-0.5, 0.5)):
        moved = GRID @ Affine.translation(right, down)
        with open_pair(one, make_map("two.tif", values, transform=moved)) as grid:
            found, _ = count_changes(grid)
        assert found.explained_total >= 0.95 * found.changed
        assert found.explained_total <= found.changed


def test_pairs_are_sorted_by_their_area(make_map, open_pair):
    one, two = np.full((40, 50), 1), np.full((40, 50), 1)
    one[:, 25:] = two[:, 25:] = 3
    one[5:8, 5:8], two[5:8, 5:8] = 2, 3
    two[20:30, 5:20] = 2
    two[:, 24] = 3
    with open_pair(make_map("one.tif", one), make_map("two.tif", two)) as grid:
        found, _ = count_changes(grid)
    assert [(pair.before, pair.after, pair.pixels) for pair in found.pairs] == [
        ("land", "water", 150),
        ("land", "town", 40),
        ("water", "town", 9),
    ]
    assert [pair.share for pair in found.pairs] == pytest.approx([0, 0.5, 0])
    assert found.pairs[1].area == pytest.approx(4000, rel=1e-3)
    assert found.explained_total == pytest.approx(2000, rel=1e-3)


def test_classes_that_are_met_late_have_their_own_numbers(make_map, open_pair):
    one = np.full((40, 50), 3)
    one[20:], one[20:, 25:] = 1, 2
    two = np.roll(one, -1, axis=1)
    with open_pair(make_map("one.tif", one), make_map("two.tif", two)) as grid:
        whole, _ = count_changes(grid)
        parts, names = count_changes(grid, side=10)
    assert parts.names == tuple(names.names) == ("land", "water", "town")
    assert parts.pixels.tolist() == whole.pixels.tolist()
    assert parts.explained == pytest.approx(whole.explained)
    assert parts.explained[0, 1] == pytest.approx(1_000, rel=1e-2)


def test_maps_that_agree_have_no_pairs(make_map, open_pair):
    one = make_map("one.tif", np.full((40, 50), 2))
    with open_pair(one, one) as grid:
        found, _ = count_changes(grid)
    assert found.pairs == []
    assert (found.changed, found.explained_total) == (0, 0)
    assert (found.names, found.before, found.after) == (("water",), (2,), (2,))


@pytest.mark.parametrize(("scale", "told"), [(0.4, False), (1.2, False), (2.2, True), (9, True)])
def test_a_second_map_of_larger_pixels_is_told(make_map, open_pair, scale, told):
    one = make_map("one.tif", np.ones((90, 90)))
    two = make_map("two.tif", np.ones((90, 90)), transform=GRID @ Affine.scale(scale))
    with open_pair(one, two) as grid:
        found, _ = count_changes(grid, misregistration=0)
    expected = (
        f"the pixels of {two} are larger than those of {one}, which shows as change along all "
        f"borders: compare them the other way round, and exchange from and to"
    )
    assert found.notes == ((expected,) if told else ())


def test_pixels_are_counted_without_a_reference_system(make_map, open_pair):
    one = make_map("one.tif", np.full((4, 5), 1), crs=None)
    two = make_map("two.tif", np.full((4, 5), 2) - np.eye(4, 5, dtype=int), crs=None)
    with open_pair(one, two) as grid:
        found, _ = count_changes(grid)
    assert found.areas.tolist() == found.pixels.tolist() == [[4, 16], [0, 0]]


def test_refusals(make_map, open_pair):
    one = make_map("one.tif", np.eye(40))
    two = make_map("two.tif", 1 - np.eye(40))
    with open_pair(one, two) as grid, pytest.raises(InputError) as caught:
        count_changes(grid)
    assert str(caught.value) == f"{one} and {two} do not overlap: no pixel has a class in both maps"
    other = make_map("other.tif", np.ones((40, 40)), names={1: "snow"})
    with open_pair(one, other) as grid, pytest.raises(InputError, match="no class in common"):
        count_changes(grid)
    strange = make_map("strange.tif", np.full((40, 40), 7))
    with open_pair(strange, other) as grid, pytest.raises(InputError) as caught:
        count_changes(grid)
    assert str(caught.value) == (
        f"{strange} has pixels of value 7, which is no class of its record: 1 land, 2 water, 3 town"
    )

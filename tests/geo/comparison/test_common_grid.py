"""CommonGrid: pixels of the second map at those of the first, against GDAL's own warping."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.warp import reproject

from sam_common.errors import InputError
from sam_common.window import Window
from sam_geo.comparison import common_grid as module
from sam_geo.comparison.common_grid import EDGE_PX

GRID = Affine(10, 0, 465_000, 0, -10, 5_080_000)
OTHERS = {
    "the same": ("EPSG:32633", GRID),
    "moved by a part of a pixel": ("EPSG:32633", Affine(10, 0, 465_013, 0, -10, 5_079_996)),
    "finer": ("EPSG:32633", Affine(3.3, 0, 465_300, 0, -3.3, 5_079_000)),
    "coarser": ("EPSG:32633", Affine(27, 0, 464_000, 0, -27, 5_081_000)),
    "south up": ("EPSG:32633", Affine(10, 0, 465_004, 0, 10, 5_077_003)),
    "rotated": ("EPSG:32633", Affine(9, 2, 465_100, 2.5, -9, 5_079_500)),
    "zone 34": ("EPSG:32634", Affine(10, 0, -1_600, 0, -10, 5_101_000)),
    "degrees": ("EPSG:4326", Affine(1e-4, 0, 14.55, 0, -1e-4, 45.87)),
}


@pytest.fixture
def noise():
    rng = np.random.default_rng(1)
    return rng.integers(0, 4, (200, 260)), rng.integers(0, 4, (300, 400))


def on_grid(grid):
    """(200, 260) values of the second map where both have a class, on the first's grid; or -1."""
    found = np.full(grid.before.source.size_hw, -1)
    for window in grid.windows(64):
        pixels = grid.read(window)
        found[window.slices] = np.where(pixels.valid, pixels.after, -1)
        assert (pixels.before == grid.before.read(window)[0]).all()
    return found


@pytest.mark.parametrize("other", OTHERS)
def test_the_pixel_is_the_one_that_gdal_takes(make_map, open_pair, noise, other):
    crs, transform = OTHERS[other]
    one = make_map("one.tif", noise[0])
    two = make_map("two.tif", noise[1], crs=crs, transform=transform)
    with open_pair(one, two) as grid:
        found = on_grid(grid)
    with rasterio.open(two) as dataset, WarpedVRT(
        dataset, crs="EPSG:32633", transform=GRID, height=200, width=260,
        resampling=Resampling.nearest, tolerance=1e-6,
    ) as warped:  # fmt: skip
        # both maps have 0 where they have no class
        expected = np.where(noise[0] > 0, warped.read(1).astype(int), 0)
    expected[expected == 0] = -1
    assert (expected > 0).sum() > 5_000
    # a centre on the edge of a pixel belongs to the next one here
    near_an_edge = (found != expected).mean()
    assert near_an_edge <= (4 * EDGE_PX if crs != "EPSG:32633" else 0)
    if crs == "EPSG:32633":
        again = np.zeros((200, 260), dtype=np.uint8)
        reproject(
            noise[1].astype(np.uint8), again, src_transform=transform, src_crs=crs, dst_crs=crs,
            dst_transform=GRID, resampling=Resampling.nearest, src_nodata=0, dst_nodata=0,
        )  # fmt: skip
        assert (found == np.where((noise[0] > 0) & (again > 0), again.astype(int), -1)).all()


@pytest.mark.parametrize("other", OTHERS)
def test_a_pixel_is_read_once_and_windows_do_not_matter(
    make_map, open_pair, noise, other, monkeypatch
):
    crs, transform = OTHERS[other]
    one = make_map("one.tif", noise[0])
    two = make_map("two.tif", noise[1], crs=crs, transform=transform)
    with open_pair(one, two) as grid:
        expected = on_grid(grid)
        seen = np.zeros((200, 260), dtype=int)
        for window in grid.windows(64):
            seen[window.slices] += 1
        assert seen.max() == 1
        assert (expected[seen == 0] == -1).all()
        # windows that would read too much of the second map are divided
        monkeypatch.setattr(module, "MOST_READ", 500)
        assert (on_grid(grid) == expected).all()


def test_reads_of_a_much_finer_map_are_bounded(make_map, open_pair, monkeypatch):
    one = make_map("one.tif", np.ones((20, 20)), transform=Affine(100, 0, 0, 0, -100, 0))
    fine = np.random.default_rng(0).integers(1, 4, (400, 400))
    two = make_map("two.tif", fine, transform=Affine(5, 0, 0, 0, -5, 0))
    monkeypatch.setattr(module, "MOST_READ", 2_000)
    sizes = []
    with open_pair(one, two) as grid:
        read = grid.after.read

        def watched(window):
            sizes.append(window.shape[0] * window.shape[1])
            return read(window)

        found = grid._at_places(Window((0, 0), (20, 20)), watched, np.int64)[0]
    assert max(sizes) <= 2_000
    assert (found == fine[10::20, 10::20]).all()


def test_probabilities_lie_on_the_same_pixels(make_map, open_pair):
    values = np.ones((30, 40))
    share = np.arange(1200).reshape(30, 40) % 101
    one = make_map("one.tif", values, probability=share)
    two = make_map(
        "two.tif", values, probability=share, transform=GRID @ Affine.translation(5.2, 3.1)
    )
    with open_pair(one, two) as grid:
        window = Window((4, 6), (20, 30))
        first, second = grid.probabilities(window)
    assert first == pytest.approx(share[4:20, 6:30] / 100)
    assert second == pytest.approx(share[1:17, 1:25] / 100)
    bare = make_map("bare.tif", values)
    with open_pair(bare, bare) as grid:
        assert grid.probabilities(window) == (None, None)


@pytest.mark.parametrize(
    ("right", "down", "mean"),
    [(0, 0, (0, 0)), (3, 7, (0, 0)), (0.3, -0.2, (-0.2, 0.3)), (0.6, 0, (0, -0.4))],
)
def test_the_distance_of_shifted_grids(make_map, open_pair, right, down, mean):
    one = make_map("one.tif", np.ones((50, 60)))
    moved = GRID @ Affine.translation(right, down)
    with open_pair(one, make_map("two.tif", np.ones((50, 60)), transform=moved)) as grid:
        assert grid.offset.mean == pytest.approx(mean, abs=1e-6)
        assert grid.offset.spread == (0, 0)


def test_half_a_pixel_is_the_same_half_everywhere(make_map, open_pair):
    """The centre lies on an edge: rounding errors do not decide, and the offset says which."""
    values = np.arange(1, 201).reshape(1, 200) + np.zeros((100, 1))
    one = make_map("one.tif", values)
    for right, row in ((0.5, -1), (-0.5, 0), (0.5 + 1e-7, -1), (-0.5 - 1e-7, 0)):
        moved = GRID @ Affine.translation(right, 0)
        with open_pair(one, make_map("two.tif", values, transform=moved)) as grid:
            pixels = grid.read(Window((0, 20), (100, 180)))
            differences = np.unique(pixels.after - pixels.before)
            # the pixel after the edge: to the right of the centre
            assert differences.tolist() == [1 + row]
            assert grid.offset.mean == pytest.approx((0, 0.5), abs=1e-3)
            assert grid.offset.spread == (0, 0)


def test_the_distance_of_a_coarser_grid_is_spread(make_map, open_pair):
    one = make_map("one.tif", np.ones((90, 90)))
    two = make_map("two.tif", np.ones((30, 30)), transform=GRID @ Affine.scale(3))
    with open_pair(one, two) as grid:
        assert grid.offset.mean == pytest.approx((0, 0), abs=0.05)
        # -1, 0 and 1 pixels away: two thirds in the mean
        assert grid.offset.spread == pytest.approx((2 / 3, 2 / 3), abs=0.02)


def test_only_the_common_extent_is_looked_at(make_map, open_pair):
    one = make_map("one.tif", np.ones((400, 500)))
    two = make_map("two.tif", np.ones((20, 30)), transform=GRID @ Affine.translation(100, 300))
    with open_pair(one, two) as grid:
        assert grid.extent.contains(Window((300, 100), (320, 130)))
        assert grid.extent.shape[0] < 30
        assert sum(grid.read(w).valid.sum() for w in grid.windows()) == 600
    with open_pair(two, one) as grid:
        assert grid.extent == Window((0, 0), (20, 30))


def test_a_map_of_the_world_has_a_place_for_a_small_one(make_map, open_pair):
    one = make_map("one.tif", np.ones((40, 50)))
    world = np.arange(1, 1 + 18 * 36).reshape(18, 36) % 250 + 1
    two = make_map("world.tif", world, crs="EPSG:4326", transform=Affine(10, 0, -180, 0, -10, 90))
    with open_pair(one, two) as grid:
        assert grid.extent == Window((0, 0), (40, 50))
        pixels = grid.read(grid.extent)
        assert pixels.valid.all()
        assert (pixels.after == world[4, 19]).all()  # 14.5 E, 45.9 N


def test_an_edge_that_is_a_curve_is_within_the_extent(make_map, open_pair):
    """The parallel of 60 degrees around the pole, where it comes furthest to the right."""
    to_polar = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:3413", always_xy=True)
    edge, _ = to_polar.transform(45, 60)
    near = Affine(5, 0, edge - 100, 0, -5, 100)
    one = make_map("one.tif", np.ones((40, 40)), crs="EPSG:3413", transform=near)
    cap = Affine(0.05, 0, 0, 0, -0.05, 90)
    two = make_map("two.tif", np.ones((600, 1_800)), crs="EPSG:4326", transform=cap)
    with open_pair(one, two) as grid:
        seen = sum(grid.read(window).valid.sum() for window in grid.windows())
        assert seen == grid.read(Window((0, 0), (40, 40))).valid.sum() > 40 * 18


def test_a_map_beyond_its_projection_overlaps_nothing(make_map, open_pair):
    one = make_map("one.tif", np.ones((40, 50)))
    beyond = Affine(1e7, 0, 9e8, 0, -1e7, 9e8)
    two = make_map("two.tif", np.ones((4, 5)), crs="ESRI:54030", transform=beyond)
    with pytest.raises(InputError, match="do not overlap"), open_pair(one, two):
        pass


def test_bad_pairs(make_map, open_pair):
    one = make_map("one.tif", np.ones((40, 50)))
    bare = make_map("bare.tif", np.ones((40, 50)), crs=None)
    far = make_map("far.tif", np.ones((40, 50)), transform=GRID @ Affine.translation(50, 0))
    moon = make_map("moon.tif", np.ones((40, 50)), crs="IAU_2015:30100")
    for pair, told in {
        (one, bare): f"{bare} has no reference system and {one} has one: nothing says where one "
        f"map lies on the other (gdal_edit.py -a_srs gives a file its reference system)",
        (bare, one): f"{bare} has no reference system and {one} has one: nothing says where one "
        f"map lies on the other (gdal_edit.py -a_srs gives a file its reference system)",
        (one, moon): f"there is no way from the reference system of {one}, WGS 84 / UTM zone 33N, "
        f"to that of {moon}, Moon (2015) - Sphere / Ocentric",
    }.items():
        with pytest.raises(InputError) as caught, open_pair(*pair):
            pass
        assert str(caught.value) == told
    with pytest.raises(InputError) as caught, open_pair(one, far):
        pass
    assert str(caught.value) == (
        f"{one} and {far} do not overlap: no pixel of the one lies on the other"
    )


def test_two_maps_without_a_reference_system_lie_in_one_world(make_map, open_pair):
    one = make_map("one.tif", np.ones((40, 50)), crs=None)
    two = make_map(
        "two.tif", np.ones((40, 50)), crs=None, transform=GRID @ Affine.translation(5, 0)
    )
    with open_pair(one, two) as grid:
        assert sum(grid.read(w).valid.sum() for w in grid.windows()) == 40 * 45

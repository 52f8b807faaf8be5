"""Pictures: what a block shows, and how it is painted."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from affine import Affine
from PIL import Image
from pyproj import Geod

from sam_geo.change import pictures as module
from sam_geo.change.pictures import (
    UNCHANGED,
    change_rgba,
    class_rgba,
    data_uri,
    draw_pictures,
    scale_bar,
)
from sam_geo.comparison.from_to import count_changes

GRID = Affine(10, 0, 465_000, 0, -10, 5_080_000)
COLOURS = [(1, 2, 3), (40, 50, 60), (70, 80, 90)]


@pytest.fixture
def drawn(make_map, open_pair):
    """Pictures of two arrays of values, as `drawn(one, two, max_side)`."""

    def draw(one, two, max_side, **how):
        before = make_map("one.tif", one, **how)
        after = make_map("two.tif", two, **how)
        with open_pair(before, after) as grid:
            _, names = count_changes(grid)
            found = draw_pictures(grid, names, max_side=max_side)
            return found, scale_bar(grid, found), names.names

    return draw


def test_a_small_map_is_shown_as_it_is(drawn):
    rng = np.random.default_rng(0)
    one, two = rng.integers(0, 4, (2, 30, 40))
    found, _, names = drawn(one, two, 100)
    both = (one > 0) & (two > 0)
    assert names == ["land", "water", "town"]
    assert found.block == 1
    assert (found.before == np.where(both, one - 1, -1)).all()
    assert (found.after == np.where(both, two - 1, -1)).all()
    assert (found.became == np.where(both & (one != two), two - 1, -1)).all()
    assert (found.share == (both & (one != two))).all()


def test_a_block_shows_the_class_of_most_and_any_change(drawn):
    one = np.full((7, 10), 1)
    one[:3, :3] = [[2, 2, 2], [2, 2, 1], [1, 1, 3]]
    two = one.copy()
    two[2, 2] = 1
    two[4, 4] = 2
    two[3:6, 6:9] = [[3, 3, 2], [0, 0, 0], [0, 0, 0]]
    found, _, _ = drawn(one, two, 4)
    assert found.block == 3
    assert found.before.tolist() == [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert found.after.tolist() == [[1, 0, 0, 0], [0, 0, 2, 0], [0, 0, 0, 0]]
    assert found.became.tolist() == [[0, -1, -1, -1], [-1, 1, 2, -1], [-1, -1, -1, -1]]
    # of the pixels that have a class in both maps
    assert found.share == pytest.approx(
        np.array([[1 / 9, 0, 0, 0], [0, 1 / 9, 1, 0], [0, 0, 0, 0]])
    )


def test_windows_do_not_matter(drawn, monkeypatch):
    rng = np.random.default_rng(0)
    one, two = rng.integers(0, 4, (2, 101, 143))
    whole, _, _ = drawn(one, two, 40)
    monkeypatch.setattr(module, "SIDE", 9)
    parts, _, _ = drawn(one, two, 40)
    for name in ("before", "after", "became", "share"):
        assert (getattr(parts, name) == getattr(whole, name)).all()


def test_colours(drawn):
    one = np.array([[1, 2, 0], [1, 1, 3]]).repeat(2, axis=0).repeat(2, axis=1)
    two = one.copy()
    two[0, 0] = 3
    found, _, _ = drawn(one, two, 3)
    assert class_rgba(found.before, COLOURS).tolist() == [
        [[1, 2, 3, 255], [40, 50, 60, 255], [0, 0, 0, 0]],
        [[1, 2, 3, 255], [1, 2, 3, 255], [70, 80, 90, 255]],
    ]
    change = change_rgba(found, COLOURS)
    assert change[0, 0].tolist() == [70, 80, 90, round(255 * (0.35 + 0.65 / 4))]
    assert change[0, 1].tolist() == list(UNCHANGED)
    assert change[0, 2].tolist() == [0, 0, 0, 0]


def test_a_picture_as_text():
    picture = np.random.default_rng(0).integers(0, 255, (4, 5, 4)).astype(np.uint8)
    kind, _, text = data_uri(picture).partition(",")
    assert kind == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(text))) as image:
        assert (np.asarray(image) == picture).all()


def test_the_scale_bar_is_as_long_as_it_says(drawn):
    one = np.ones((20, 640))
    _, bar, _ = drawn(one, one, 100)
    # 640 pixels of 10 m in 92 blocks of 7
    assert (bar.label, bar.share) == ("1 km", pytest.approx(1000 / (92 * 7 * 10), rel=1e-3))
    _, bar, _ = drawn(one, one, 100, transform=GRID @ Affine.scale(0.05))
    assert bar.label == "50 m"
    _, bar, _ = drawn(one, one, 1000, crs=None)
    assert (bar.label, bar.share) == ("100 pixels", pytest.approx(100 / 640))
    _, bar, _ = drawn(one, one, 1000, crs="EPSG:4326", transform=Affine(0.01, 0, 7, 0, -0.01, 60))
    length = Geod(ellps="WGS84").inv(7, 59.9, 13.4, 59.9)[2]
    assert bar.label == "100 km"
    assert bar.share == pytest.approx(1e5 / length, rel=0.01)


def test_a_map_whose_middle_is_beyond_the_projection_has_pixels_as_its_scale(drawn):
    far = Affine(1e7, 0, -3.2e9, 0, -1e7, 1e8)
    one = np.ones((20, 640))
    _, bar, _ = drawn(one, one, 1000, crs="ESRI:54030", transform=far)
    assert bar.label == "100 pixels"

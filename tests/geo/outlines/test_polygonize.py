from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sam_common.masks.decoded import MaskRegion
from sam_common.stitching.regions import crop
from sam_common.window import Window
from sam_geo.outlines import polygonize as polygonize_module
from sam_geo.outlines.polygonize import outline, outline_of_pieces, polygonize
from sam_geo.raster.frame import PIXELS, frame_from_affine
from sam_geo.raster.read_window import ReadWindow

TURNED = frame_from_affine(Affine(0.4, 0.3, 500_000, 0.3, -0.4, 5_800_000))
masks = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12)).filter(
    lambda mask: bool(mask.any())
)


def region(rows, start=(0, 0)):
    """A region from a drawing: # is object."""
    mask = np.array([[sign == "#" for sign in row] for row in rows])
    return MaskRegion(Window((0, 0), mask.shape).shift(start), mask)


@given(masks, st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)))
def test_outlines_are_valid_and_have_the_area_of_their_pixels(mask, start):
    shape = outline(MaskRegion(Window((0, 0), mask.shape).shift(start), mask))
    assert shapely.is_valid(shape)
    assert shape.area == mask.sum()


@given(masks)
def test_outlines_hold_the_centres_of_their_pixels_and_no_others(mask):
    shape = outline(MaskRegion(Window((0, 0), mask.shape), mask))
    rows, cols = np.indices(mask.shape)
    inside = shapely.contains_xy(shape, cols + 0.5, rows + 0.5)
    assert (inside == mask).all()


@given(masks)
def test_polygons_are_valid_on_a_turned_raster(mask):
    read = ReadWindow(Window((5, 7), (105, 207)), (100, 200), ())
    shape = polygonize(MaskRegion(Window((0, 0), mask.shape), mask), read, TURNED)
    assert shapely.is_valid(shape)
    assert shape.area == pytest.approx(mask.sum() * 0.25, rel=1e-6)


def test_a_square_by_hand():
    shape = outline(region(["....", ".##.", ".##."], start=(10, 20)))
    assert shape.equals(shapely.box(21, 11, 23, 13))
    assert shape.geom_type == "Polygon"
    assert len(shape.exterior.coords) == 5  # no vertex where the outline goes straight on


def test_holes_are_kept():
    shape = outline(region(["###", "#.#", "###"]))
    assert len(shape.interiors) == 1
    assert shape.area == 8


def test_corner_neighbours_are_parts_of_their_own():
    shape = outline(region(["#.", ".#"]))
    assert shape.geom_type == "MultiPolygon"
    assert len(shape.geoms) == 2


def test_two_holes_that_touch_stay_valid():
    shape = outline(region(["####", "#.##", "##.#", "####"]))
    assert shapely.is_valid(shape)
    assert shape.area == 14


def test_polygons_lie_where_rasterio_puts_the_pixels():
    transform = Affine(0.4, 0.3, 500_000, 0.3, -0.4, 5_800_000)
    read = ReadWindow(Window((10, 20), (60, 90)), (50, 70), ())
    shape = polygonize(region(["#"], start=(3, 4)), read, frame_from_affine(transform))
    x, y = rasterio.transform.xy(transform, 13, 24)
    centroid = shapely.centroid(shape)
    assert (centroid.x, centroid.y) == pytest.approx((float(x), float(y)), abs=1e-6)


@given(st.tuples(st.integers(0, 40), st.integers(0, 40)))
def test_a_pixel_has_the_same_vertices_in_every_window(start):
    drawing = ["##.", ".##"]
    whole = ReadWindow(Window((0, 0), (500, 500)), (500, 500), ())
    part = ReadWindow(Window(start, (400, 400)), (400 - start[0], 400 - start[1]), ())
    here = polygonize(region(drawing, (100, 200)), whole, TURNED)
    there = polygonize(region(drawing, (100 - start[0], 200 - start[1])), part, TURNED)
    assert shapely.equals_exact(here, there, 0.0)


def test_coarse_reads_are_scaled_back():
    read = ReadWindow(Window((10, 20), (50, 100)), (20, 20), ())  # 4 columns, 2 rows a pixel
    shape = polygonize(region(["#"], start=(1, 1)), read, PIXELS)
    assert shape.equals(shapely.box(24, 12, 28, 14))


@pytest.mark.parametrize("transform", [Affine(1, 0, 0, 0, 1, 0), Affine(1, 0, 0, 0, -1, 0)])
def test_outer_rings_run_counterclockwise(transform):
    read = ReadWindow(Window((0, 0), (9, 9)), (9, 9), ())
    shape = polygonize(region(["###", "#.#", "###"]), read, frame_from_affine(transform))
    assert shape.exterior.is_ccw
    assert not shape.interiors[0].is_ccw


# real masks


def test_real_fields_keep_area_and_number(data):
    with rasterio.open(data / "geo/field_mask_to_polygons/field_mask.tif") as dataset:
        mask = dataset.read(1) == 1
        frame = frame_from_affine(dataset.transform)
    read = ReadWindow(Window.full(mask.shape), mask.shape, ())
    shape = polygonize(MaskRegion(Window.full(mask.shape), mask), read, frame)
    assert shapely.is_valid(shape)
    assert len(shape.geoms) == 272
    assert shape.area == 2_983_400.0  # 29,834 pixels of 10 m, to the last square metre


def test_real_marks_keep_their_area(data):
    folder = data / "geo/drone_field_painted_marks"
    items = json.loads((folder / "drone_field_painted_marks.json").read_text())["prompts"]
    with rasterio.open(folder / "marks.tif") as dataset:
        marks = dataset.read(1)
    for item in items:
        mask = marks == item["value_in_marks_tif"]
        shape = outline(MaskRegion(Window.full(mask.shape), mask))
        assert shape.area == item["area_px"]
        assert list(shape.bounds) == item["box_xyxy_px"]


@pytest.mark.parametrize("most_px", [0, 2**22])
@given(mask=masks, at=st.tuples(st.integers(0, 12), st.integers(0, 12)))
def test_the_outline_of_pieces_is_that_of_their_union(most_px, mask, at):
    """Of far pieces outlines are united, near ones are drawn as one mask: the same vertices."""
    whole = MaskRegion(Window((30, 40), (30 + mask.shape[0], 40 + mask.shape[1])), mask)
    quarters = [
        Window((top, left), (bottom, right))
        for top, bottom in itertools.pairwise((30, 30 + at[0], 60))
        for left, right in itertools.pairwise((40, 40 + at[1], 60))
        if top < bottom and left < right
    ]
    pieces = [piece for place in quarters if (piece := crop(whole, place)) is not None]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(polygonize_module, "MOST_DRAWN_PX", most_px)
        found = outline_of_pieces(pieces)
    assert found.normalize() == outline(whole).normalize()

"""What is done to outlines: simplified with their neighbours, straightened, styled, numbered."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import rasterio.features
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import parcels

from sam_common.errors import InputError
from sam_geo.outlines.regularize import regularize
from sam_geo.outlines.simplify import simplify
from sam_geo.results.finish import Finish, finish_prompts, finished_tables
from sam_geo.results.rows import Row

UTM = pyproj.CRS("EPSG:32633")


def iou(a, b):
    return shapely.area(shapely.intersection(a, b)) / shapely.area(shapely.union(a, b))


def stairs_of(shape, pixel=0.5):
    """The outline of a shape's pixels."""
    left, bottom, right, top = shapely.bounds(shape)
    transform = Affine(pixel, 0, left - pixel, 0, -pixel, top + pixel)
    size = (int((top - bottom) / pixel) + 4, int((right - left) / pixel) + 4)
    mask = rasterio.features.rasterize([shape], out_shape=size, transform=transform, dtype="uint8")
    found = rasterio.features.shapes(mask, mask=mask > 0, transform=transform)
    return shapely.union_all([shapely.geometry.shape(part) for part, _ in found])


HOUSE = shapely.Polygon(
    [(0, 0), (20, 0), (20, 10), (10, 10), (10, 18), (0, 18)], [[(3, 3), (7, 3), (7, 7), (3, 7)]]
)


# regularisation


@pytest.mark.parametrize("angle", [0, 10, 25, 44, 80])
def test_a_house_gets_its_walls_back(angle):
    house = shapely.affinity.rotate(HOUSE, angle, origin=(0, 0))
    house = shapely.affinity.translate(house, 500_000, 5_800_000)
    stairs = stairs_of(house)
    (walls,) = regularize(np.array([stairs], dtype=object), 1.0)
    assert walls.is_valid
    assert len(walls.interiors) == 1
    assert len(walls.exterior.coords) <= 9 < len(stairs.exterior.coords) or angle == 0
    assert iou(walls, house) > 0.9
    corners = np.asarray(walls.exterior.coords)
    directions = np.degrees(np.arctan2(*np.diff(corners, axis=0).T[::-1])) % 45
    spread = np.ptp(np.sort((directions - directions[0] + 22.5) % 45))
    assert spread < 1.0


def test_every_shape_stays_in_its_place_in_the_list():
    small = shapely.box(100, 0, 101, 1)
    twins = shapely.MultiPolygon([HOUSE, shapely.affinity.translate(HOUSE, 40, 0)])
    shapes = np.array([HOUSE, small, twins], dtype=object)
    result = regularize(shapes, 1.0)
    assert len(result) == 3
    for before, after in zip(shapes, result, strict=True):
        assert after.is_valid
        assert iou(before, after) >= 0.7
    assert result[2].geom_type == "MultiPolygon"


def test_right_angles_need_a_projected_system():
    with pytest.raises(InputError, match="--regularize needs a projected reference system"):
        Finish(regularize=1.0).check(pyproj.CRS("EPSG:4326"))
    Finish(regularize=1.0).check(UTM)
    Finish(regularize=1.0).check(None)
    Finish(simplify=1.0).check(pyproj.CRS("EPSG:4326"))


def test_only_one_way_to_straighten():
    with pytest.raises(InputError, match="give --simplify or --regularize"):
        Finish(simplify=1.0, regularize=1.0)


@pytest.mark.parametrize("option", ["min_area_m2", "simplify", "regularize"])
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_tolerances_are_finite_and_positive(option, value):
    with pytest.raises(InputError, match=option.replace("_", "-")):
        Finish(**{option: value})


# simplification


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.5, 1.0, 3.0, 20.0]))
def test_coverages_stay_coverages(seed, tolerance):
    labels = parcels(120, 40, seed)
    shapes = np.array(
        [
            shapely.geometry.shape(part)
            for part, _ in rasterio.features.shapes(labels.astype("int32"))
        ],
        dtype=object,
    )
    result = simplify(shapes, tolerance)
    assert shapely.is_valid(result).all()
    assert not shapely.is_empty(result).any()
    # no overlap, no gap: corners of the outer frame may go, nothing inside it
    whole = shapely.union_all(result)
    assert shapely.area(result).sum() == pytest.approx(shapely.area(whole))
    assert whole.geom_type == "Polygon"
    assert len(whole.interiors) == 0
    assert shapely.area(whole) >= 120 * 120 - 4 * tolerance**2
    assert shapely.get_num_coordinates(result).sum() <= shapely.get_num_coordinates(shapes).sum()


def test_overlapping_masks_are_simplified_by_themselves():
    stairs = stairs_of(shapely.Point(0, 0).buffer(20))
    other = shapely.affinity.translate(stairs, 12.25, 0)
    apart = shapely.affinity.translate(stairs, 100, 0)
    shapes = np.array([stairs, other, apart], dtype=object)
    result = simplify(shapes, 1.0)
    counts = shapely.get_num_coordinates(result)
    assert (counts < shapely.get_num_coordinates(shapes) / 3).all()
    for before, after in zip(shapes, result, strict=True):
        assert iou(before, after) > 0.93


# tables


def rows_of(shapes):
    return [Row("ok", n, geometry=shape, area_px=4.0) for n, shape in enumerate(shapes)]


def test_prompts_keep_their_row_whatever_its_size():
    rows = [*rows_of([shapely.box(0, 0, 1, 1)]), Row("empty", 1)]
    table = finish_prompts(rows, Finish(min_area_m2=100), crs=UTM, model="m")
    assert table["status"].tolist() == ["ok", "empty"]
    straight = finish_prompts(rows, Finish(regularize=1.0), crs=UTM, model="m")
    assert straight.geometry.isna().tolist() == [False, True]


@pytest.mark.parametrize("finish", [Finish(), Finish(simplify=0.5), Finish(regularize=0.5)])
def test_batches_are_numbered_through(finish):
    shapes = [shapely.box(500_000 + 20 * n, 5e6, 500_010 + 20 * n, 5e6 + 10) for n in range(2100)]
    tables = [table for table, _ in finished_tables(rows_of(shapes), finish, crs=UTM, model="m")]
    assert [len(table) for table in tables] == [1000, 1000, 100]
    assert np.concatenate([table["id"] for table in tables]).tolist() == list(range(1, 2101))
    assert iou(tables[1].geometry[0], shapes[1000]) > 0.999


def test_nothing_found_is_an_empty_table():
    ((table, _),) = finished_tables([], Finish(dst_crs="EPSG:4326"), crs=UTM, model="m")
    assert len(table) == 0
    assert table.crs == "EPSG:4326"

"""Regularisation of rasterised houses."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from rasterised import iou, stairs_of

from sam_geo.outlines.regularize import regularize

HOUSE = shapely.Polygon(
    [(0, 0), (20, 0), (20, 10), (10, 10), (10, 18), (0, 18)], [[(3, 3), (7, 3), (7, 7), (3, 7)]]
)


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


def test_a_circle_becomes_one_and_a_lost_shape_stays():
    disc = shapely.Point(0, 0).buffer(20)
    thread = shapely.LineString([(0, 0), (30, 2), (60, -3), (90, 4)]).buffer(0.4)
    result = regularize(np.array([stairs_of(disc), thread], dtype=object), 1.0)
    assert iou(result[0], disc) > 0.97
    assert iou(result[1], thread) >= 0.7

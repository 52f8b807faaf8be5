"""Columns that place rows, and columns that may mean more than is read."""

from __future__ import annotations

import pyproj
import pytest

from sam_common.errors import PromptError
from sam_geo.prompt_files.place_columns import (
    BOX_SPELLINGS,
    DEGREES,
    KNOWN,
    POINT_COLUMNS,
    check_beside_boxes,
    check_beside_points,
    doubt_of_system,
)

UTM, LONLAT = pyproj.CRS(32633), pyproj.CRS("OGC:CRS84")


def columns_of(*names, cells=("7",)):
    return [(name, list(cells)) for name in names]


def test_every_column_that_places_a_row_is_known():
    assert {"x", "y", "wkt", "the_geom", "xmin", "ybr", "lng", "latitude"} <= KNOWN
    assert len(set(BOX_SPELLINGS)) == len(BOX_SPELLINGS)
    assert ("long", "lat") in DEGREES


@pytest.mark.parametrize(
    "name",
    [
        *("x2", "Y 1", "xmax", "x_min", "maxx", "lon_to", "dx", "cy", "x_px", "bbox", "W", "west"),
        *("geo_bounds", "bounding box", "Top", "width_px", "radius_m", "diameter", "polygon"),
    ],
)
def test_columns_that_may_make_more_than_a_point(name):
    columns = columns_of("x", "y", "class", name)
    with pytest.raises(PromptError, match=f"^t has {name} beside x, y: write boxes as xmin, ymin,"):
        check_beside_points(columns, "t", POINT_COLUMNS)


def test_columns_of_points_make_no_more_of_themselves():
    for names in (POINT_COLUMNS, *DEGREES):
        check_beside_points(columns_of(*names, "class"), "t", names)


def test_red_is_no_radius_beside_green_and_blue():
    check_beside_points(columns_of("x", "y", "R", "G", "B"), "t", POINT_COLUMNS)
    with pytest.raises(PromptError, match="has R beside"):
        check_beside_points(columns_of("x", "y", "R", "G"), "t", POINT_COLUMNS)


@pytest.mark.parametrize(
    ("name", "cells", "is_refused"),
    [
        ("x3", ("7",), True),
        ("y_12", ("7",), True),
        ("x2", ("7",), False),
        ("angle", ("0", None, "0.0"), False),
        ("angle", ("0", "30"), True),
        ("Rotation", ("-0.5",), True),
        ("theta", ("north",), False),
        ("width", ("7",), False),
    ],
)
def test_columns_that_make_a_box_another_shape(name, cells, is_refused):
    columns = columns_of("x1", "y1", "x2", "y2", name, cells=cells)
    if not is_refused:
        check_beside_boxes(columns, "t")
        return
    with pytest.raises(PromptError, match=f"^t has {name} beside the corners of boxes: write"):
        check_beside_boxes(columns, "t")


@pytest.mark.parametrize(
    ("name", "cell", "crs", "is_doubtful"),
    [
        ("crs", "EPSG:32633", UTM, False),
        ("srid", "32633", UTM, False),
        ("epsg", "3857", UTM, True),
        ("crs", "EPSG:4326", LONLAT, False),  # whatever the order of its axes
        ("crs", "EPSG:4326", None, True),
        ("crs", "Pixels", None, False),
        ("crs", "pixel", UTM, True),
        ("srid", "0", None, False),
        ("srid", "-1", UTM, False),
        ("spatialReference", "nonsense", UTM, True),
        ("system", "EPSG:3857", UTM, False),
        ("crs", None, UTM, False),
    ],
)
def test_a_column_may_name_another_system(name, cell, crs, is_doubtful):
    found = doubt_of_system(columns_of("x", "y", name, cells=(cell,)), "t", crs)
    assert found == (
        f"column {name} of t names a reference system ({cell})" if is_doubtful else None
    )

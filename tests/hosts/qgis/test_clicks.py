"""Clicks, boxes and keys on the canvas."""

from __future__ import annotations

import numpy as np
import pytest
from osgeo import gdal, osr
from qgis.core import QgsCoordinateReferenceSystem
from qgis.PyQt.QtCore import Qt

TREE = (214, 78)
"""Column and row of a crown."""
BOX = ((203, 67), (227, 90))
VIEWS = [
    pytest.param("EPSG:32617", 0.0, id="layer-crs"),
    pytest.param("EPSG:3857", 0.0, id="web-mercator"),
    pytest.param("EPSG:4326", 0.0, id="degrees"),
    pytest.param("EPSG:32617", 37.0, id="rotated"),
    pytest.param("EPSG:3857", -120.0, id="web-mercator-rotated"),
]


@pytest.mark.parametrize(("crs", "rotation"), VIEWS)
def test_a_click_outlines_what_the_session_found_on_the_pixel_grid(
    desk, rasterised, iou, crs, rotation
):
    desk.look(QgsCoordinateReferenceSystem(crs), rotation)
    desk.click(*TREE)
    assert desk.outline.status == "ok"
    ((point, is_positive),) = desk.outline.points
    back = gdal.ApplyGeoTransform(gdal.InvGeoTransform(desk.geotransform()), *point)
    # a screen pixel is a raster's pixel here, or a little less
    assert np.allclose(back, np.add(TREE, 0.5), atol=1.5)
    assert is_positive
    mask = desk.mask()
    assert mask[TREE[1], TREE[0]]
    assert iou(rasterised(desk.outline.geometry.asWkb(), desk.layer.source()), mask) == 1
    inverse = gdal.InvGeoTransform(desk.geotransform())
    corners = [
        gdal.ApplyGeoTransform(inverse, v.x(), v.y()) for v in desk.outline.geometry.vertices()
    ]
    assert np.abs(np.array(corners) - np.round(corners)).max() < 0.01


@pytest.mark.parametrize(("crs", "rotation"), VIEWS)
def test_the_preview_on_the_screen_covers_the_mask(desk, iou, crs, rotation):
    desk.look(QgsCoordinateReferenceSystem(crs), rotation)
    before = _screen(desk)
    desk.drag(*BOX)
    shown = np.abs(_screen(desk) - before).max(axis=2) > 8
    expected = _on_screen(desk, desk.mask(), crs)
    # the line around it is two pixels wide, and the box is drawn too
    grown = _grown(expected, 2)
    inside = ~_grown(~expected, 2)
    assert inside.sum() > 100
    assert shown[inside].mean() > 0.98
    box = np.zeros_like(desk.mask())
    box[BOX[0][1] : BOX[1][1], BOX[0][0] : BOX[1][0]] = True
    edge = _grown(_on_screen(desk, box, crs), 25)
    assert not (shown & ~grown & ~edge).any()
    desk.picture(f"preview_{crs.replace(':', '_')}_{rotation:.0f}")


def test_a_drag_sends_the_box_that_was_drawn(desk):
    desk.drag(*BOX)
    ring = desk.outline.box.asPolygon()[0]
    inverse = gdal.InvGeoTransform(desk.geotransform())
    pixels = np.array([gdal.ApplyGeoTransform(inverse, p.x(), p.y()) for p in ring]) - 0.5
    found = (*pixels.min(axis=0), *pixels.max(axis=0))
    assert np.allclose(found, [*BOX[0], *BOX[1]], atol=1.0)
    assert desk.outline.status == "ok"


@pytest.mark.parametrize(
    ("button", "modifier"),
    [
        (Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier),
        (Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier),
    ],
)
def test_right_and_ctrl_clicks_do_not_belong_to_the_object(desk, button, modifier):
    desk.click(*TREE)
    desk.click(150, 150, button=button, modifier=modifier)
    assert [is_positive for _, is_positive in desk.outline.points] == [True, False]
    assert not desk.mask()[150, 150]


def test_undo_redo_and_clear_by_keys_walk_through_the_prompts(desk):
    desk.click(*TREE)
    one = desk.outline.geometry.asWkt(3)
    desk.click(224, 84)
    assert len(desk.outline.points) == 2
    desk.key(Qt.Key.Key_Z)
    assert desk.outline.geometry.asWkt(3) == one
    desk.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ShiftModifier)
    assert len(desk.outline.points) == 2
    desk.key(Qt.Key.Key_Escape)
    assert desk.outline.points == ()
    assert desk.outline.geometry is None
    desk.key(Qt.Key.Key_Z)
    assert len(desk.outline.points) == 2
    for _ in range(5):
        desk.key(Qt.Key.Key_Z)
    assert (desk.outline.points, desk.outline.can_undo) == ((), False)
    assert not desk.dock.undo_button.isEnabled()
    assert desk.dock.redo_button.isEnabled()


def test_delete_takes_the_prompt_under_the_pointer_only(desk):
    desk.drag(*BOX)
    desk.click(*TREE)
    desk.click(150, 150, button=Qt.MouseButton.RightButton)
    # the pointer is still on the last click
    desk.key(Qt.Key.Key_Delete)
    assert [is_positive for _, is_positive in desk.outline.points] == [True]
    desk.key(Qt.Key.Key_Delete)
    assert len(desk.outline.points) == 1
    assert desk.outline.box is not None


def test_a_click_outside_the_image_is_told_in_words(desk):
    desk.canvas.zoomByFactor(2)
    desk.drawn()
    desk.click(-60, 200)
    assert desk.outline.status == "outside"
    assert "outside the image" in desk.status
    assert not desk.dock.accept_button.isEnabled()
    desk.picture("outside")


def test_a_click_on_nodata_is_told_in_words(desk_of, tmp_path, trees_tif):
    path = tmp_path / "half.tif"
    source = gdal.Open(str(trees_tif))
    half = gdal.GetDriverByName("GTiff").CreateCopy(str(path), source)
    for band in range(1, 4):
        pixels = source.GetRasterBand(band).ReadAsArray()
        pixels[:, :200] = 0
        half.GetRasterBand(band).WriteArray(pixels)
        half.GetRasterBand(band).SetNoDataValue(0)
    half.FlushCache()
    del half
    desk_of.open(path)
    desk_of.click(60, 200)
    assert desk_of.outline.status == "nodata"
    assert "nodata" in desk_of.status


def test_another_project_crs_while_an_object_is_shown_moves_the_preview(desk):
    desk.click(*TREE)
    desk.look(QgsCoordinateReferenceSystem("EPSG:4326"))
    box = desk.window.preview.geometry.boundingBox()
    assert -82.1 < box.xMinimum() < box.xMaximum() < -81.9
    assert 29.6 < box.yMinimum() < box.yMaximum() < 29.8


def _screen(desk) -> np.ndarray:
    desk.drawn()
    image = desk.canvas.grab().toImage().convertToFormat(4)
    raw = image.constBits().asarray(image.sizeInBytes())
    return (
        np.frombuffer(bytes(raw), np.uint8)
        .reshape(image.height(), image.width(), 4)[:, :, :3]
        .astype(int)
    )


def _on_screen(desk, mask, crs) -> np.ndarray:
    """The mask as it must appear: from each screen pixel to a raster pixel, by PROJ."""
    rows, cols = _screen(desk).shape[:2]
    matrix = desk.canvas.getCoordinateTransform()
    places = [
        matrix.toMapCoordinatesF(col + 0.5, row + 0.5) for row in range(rows) for col in range(cols)
    ]
    source, target = osr.SpatialReference(), osr.SpatialReference()
    source.SetFromUserInput(crs)
    target.ImportFromEPSG(32617)
    for each in (source, target):
        each.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    moved = osr.CoordinateTransformation(source, target).TransformPoints(
        [(p.x(), p.y()) for p in places]
    )
    inverse = gdal.InvGeoTransform(desk.geotransform())
    x, y = np.array(moved)[:, 0], np.array(moved)[:, 1]
    col = np.floor(inverse[0] + inverse[1] * x + inverse[2] * y).astype(int)
    row = np.floor(inverse[3] + inverse[4] * x + inverse[5] * y).astype(int)
    is_in = (row >= 0) & (row < mask.shape[0]) & (col >= 0) & (col < mask.shape[1])
    found = np.zeros(rows * cols, dtype=bool)
    found[is_in] = mask[row[is_in], col[is_in]]
    return found.reshape(rows, cols)


def _grown(mask, by) -> np.ndarray:
    padded = np.pad(mask, by)
    found = np.zeros_like(mask)
    rows, cols = mask.shape
    for dr in range(2 * by + 1):
        for dc in range(2 * by + 1):
            found |= padded[dr : dr + rows, dc : dc + cols]
    return found

"""Layers that the server cannot open by itself, and rasters without a place."""

from __future__ import annotations

import http.server
import threading

import numpy as np
import pytest
from osgeo import gdal
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsPointXY,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
)

TREE = (214, 78)


def source_of(layer, view=None):
    from sam_geomed.raster_source import raster_source

    return raster_source(layer, view)


def test_the_window_of_a_virtual_raster_is_sent_and_gives_the_same_outline(
    desk_of, trees_tif, tmp_path, rasterised, iou
):
    from sam_geomed.raster_source import PixelSource

    path = tmp_path / "trees.vrt"
    gdal.BuildVRT(str(path), [str(trees_tif)]).FlushCache()
    desk_of.open(path)
    desk_of.click(*TREE)
    assert isinstance(desk_of.session.opened.source, PixelSource)
    assert desk_of.outline.status == "ok"
    sent = rasterised(desk_of.outline.geometry.asWkb(), trees_tif)
    opened = desk_of.session.opened
    assert opened.remote.size == (400, 400)
    desk_of.session.choose("mobile_sam")
    desk_of.open(trees_tif)
    desk_of.click(*TREE)
    assert iou(sent, desk_of.mask()) == 1


def test_nodata_of_a_virtual_raster_is_known_to_the_server(desk_of, data, tmp_path):
    path = tmp_path / "red.vrt"
    source = data / "geo" / "awkward" / "RGB.byte.tif"
    gdal.BuildVRT(str(path), [str(source)]).FlushCache()
    desk_of.open(path)
    desk_of.click(5, 5)
    assert desk_of.outline.status == "nodata"
    assert "nodata" in desk_of.status


def test_a_part_of_a_virtual_raster_lies_on_its_pixel_grid(trees_tif, tmp_path):
    from sam_geomed.raster_source import View

    path = tmp_path / "trees.vrt"
    gdal.BuildVRT(str(path), [str(trees_tif)]).FlushCache()
    layer = QgsRasterLayer(str(path), "trees")
    part = QgsRectangle(404220.03, 3285110.04, 404230.07, 3285130.02)
    source = source_of(layer, View(part, 500))
    assert source.size_hw == (201, 101)
    whole = gdal.Open(str(trees_tif)).ReadAsArray()
    expected = np.moveaxis(whole[:, 128:329, 81:182], 0, -1)
    assert np.array_equal(source.read(), expected)
    assert source.nodata == 255
    assert not source.holds(QgsPointXY(404219.9, 3285120))


def test_a_click_outside_of_what_was_sent_sends_what_is_visible_then(desk_of, trees_tif, tmp_path):
    path = tmp_path / "trees.vrt"
    gdal.BuildVRT(str(path), [str(trees_tif)]).FlushCache()
    desk_of.open(path)
    desk_of.canvas.setExtent(QgsRectangle(404212, 3285123, 404232, 3285142))
    desk_of.drawn()
    desk_of.session.choose("mobile_sam")
    desk_of.click(60, 60)
    first = desk_of.session.opened.remote.id
    desk_of.canvas.setExtent(QgsRectangle(404232, 3285103, 404251, 3285122))
    desk_of.drawn()
    # the click comes before the answer to the clear
    desk_of.session.clear()
    desk_of.click(300, 300)
    assert desk_of.session.opened.remote.id != first
    assert desk_of.outline.status in {"ok", "empty"}


def test_too_many_pixels_are_refused_with_what_to_do(tmp_path):
    from sam_geomed.raster_source import SourceError

    big = tmp_path / "big.tif"
    made = gdal.GetDriverByName("GTiff").Create(str(big), 5000, 5000, 1)
    made.SetGeoTransform((0, 1, 0, 0, 0, -1))
    del made
    gdal.BuildVRT(str(tmp_path / "big.vrt"), [str(big)]).FlushCache()
    layer = QgsRasterLayer(str(tmp_path / "big.vrt"), "big")
    with pytest.raises(SourceError, match=r"5000 x 5000 pixels of big .* zoom in"):
        source_of(layer)


def test_a_tile_layer_is_seen_as_it_is_drawn(desk_of, trees_tif, tmp_path, qtbot):
    """XYZ tiles from a server on this machine, each the image of the trees."""
    gdal.Translate(str(tmp_path / "t.png"), str(trees_tif), width=256, height=256)
    tile = (tmp_path / "t.png").read_bytes()

    class Tiles(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.end_headers()
            self.wfile.write(tile)

        def log_message(self, *_arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tiles)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"type=xyz&url=http://127.0.0.1:{server.server_port}/{{z}}/{{x}}/{{y}}.png&zmax=3"
        layer = QgsRasterLayer(url, "tiles", "wms")
        assert layer.isValid()
        QgsProject.instance().addMapLayer(layer)
        desk_of.layer = layer
        desk_of.dock.raster_box.setLayer(layer)
        desk_of.look(QgsCoordinateReferenceSystem("EPSG:3857"))
        desk_of.window.activate()
        desk_of.answered()
        at = desk_of.canvas.viewport().rect().center()
        from qgis.PyQt.QtCore import Qt
        from qgis.PyQt.QtTest import QTest

        QTest.mouseClick(
            desk_of.canvas.viewport(),
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
            at,
        )
        desk_of.answered()
        assert desk_of.outline.status in {"ok", "empty"}, desk_of.status
        pixels = desk_of.session.opened.source.read()
        assert pixels.shape[2] == 3
        assert pixels.std() > 20
        desk_of.picture("tiles")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_map_that_shows_more_than_the_world_does_not_keep_a_file_from_opening(desk):
    crs = QgsCoordinateReferenceSystem("EPSG:4326")
    QgsProject.instance().setCrs(crs)
    desk.canvas.setDestinationCrs(crs)
    desk.canvas.setExtent(QgsRectangle(404211, 3285102, 404251, 3285142))
    desk.drawn()
    desk.session.choose("mobile_sam")
    desk.session.click(QgsPointXY(404233.4, 3285135.0), is_positive=True)
    desk.answered()
    assert desk.outline.status == "ok", desk.status


def test_a_photo_without_a_place_is_clicked_where_it_is_drawn(desk_of, data):
    path = data / "geo" / "awkward" / "no_georef.jpg"
    layer = desk_of.open(path, crs=QgsCoordinateReferenceSystem())
    # QGIS draws it from y = 0 downwards
    at = QgsPointXY(500.5, -300.5)
    desk_of.session.click(at, is_positive=True)
    desk_of.answered()
    assert desk_of.outline.status == "ok"
    mask = desk_of.mask()
    assert mask[300, 500]
    ((shown, _),) = desk_of.outline.points
    assert (shown.x(), shown.y()) == (500.5, -300.5)
    assert layer.extent().contains(desk_of.outline.geometry.boundingBox())
    assert desk_of.outline.geometry.area() == mask.sum()
    assert desk_of.outline.geometry.contains(at)


def test_a_rotated_raster_is_clicked_where_qgis_draws_it(desk_of, data, rasterised, iou):
    path = data / "geo" / "awkward" / "au-3577-rotated.tif"
    desk_of.open(path)
    desk_of.click(80, 60)
    assert desk_of.outline.status in {"ok", "empty"}
    ((point, _),) = desk_of.outline.points
    back = gdal.ApplyGeoTransform(
        gdal.InvGeoTransform(desk_of.geotransform()), point.x(), point.y()
    )
    assert np.allclose(back, (80.5, 60.5), atol=1)
    if desk_of.outline.geometry is not None:
        assert iou(rasterised(desk_of.outline.geometry.asWkb(), path), desk_of.mask()) == 1


def test_bands_that_are_drawn_are_the_bands_that_count(data):
    from qgis.core import QgsMultiBandColorRenderer
    from sam_geomed.raster_source import View

    layer = QgsRasterLayer(str(data / "geo" / "naip_wetlands" / "naip_2010.tif"), "naip")
    view = View(layer.extent(), 500)
    assert source_of(layer, view).bands is None
    layer.setRenderer(QgsMultiBandColorRenderer(layer.dataProvider(), 4, 1, 2))
    assert source_of(layer, view).bands == (4, 1, 2)
    assert source_of(layer).bands is None

"""Accepted objects: what stands in the file, by readers that are not QGIS."""

from __future__ import annotations

import json
import sqlite3

import pytest
from qgis.core import QgsCoordinateReferenceSystem, QgsGeometry, QgsProject, QgsVectorLayer
from qgis.PyQt.QtCore import Qt

TREE = (214, 78)
OTHER = (272, 119)
READ = """
import json, sys, geopandas
table = geopandas.read_file(sys.argv[1])
print(json.dumps({
    "crs": table.crs.to_epsg(),
    "kinds": sorted(set(table.geom_type)),
    "valid": bool(table.is_valid.all()),
    "columns": list(table.columns),
    "rows": table.drop(columns="geometry").astype(str).to_dict("records"),
    "wkb": [shape.wkb_hex for shape in table.geometry],
}))
"""


def read(suite, path):
    """By geopandas, in the suite's Python."""
    return json.loads(suite.run("-c", READ, path))


def test_accepted_objects_are_in_a_new_geopackage_with_their_class(desk, suite, rasterised, iou):
    path = desk.new_target()
    desk.dock.class_box.setCurrentText("tree")
    desk.click(*TREE)
    mask, score = desk.mask(), desk.outline.score
    desk.picture("before_accept")
    desk.key(Qt.Key.Key_Return)
    assert "added to accepted" in desk.status
    assert desk.outline.geometry is None
    assert desk.window.preview.geometry.isEmpty()
    desk.click(*OTHER)
    desk.dock.accept_button.click()
    desk.answered()
    desk.picture("accepted")
    found = read(suite, path)
    assert (found["crs"], found["kinds"], found["valid"]) == (32617, ["MultiPolygon"], True)
    assert found["columns"] == ["class", "score", "model", "created", "geometry"]
    assert [row["class"] for row in found["rows"]] == ["tree", "tree"]
    assert {row["model"] for row in found["rows"]} == {"mobile_sam"}
    assert float(found["rows"][0]["score"]) == score
    assert all(row["created"].startswith("20") for row in found["rows"])
    assert iou(rasterised(bytes.fromhex(found["wkb"][0]), desk.layer.source()), mask) == 1
    with sqlite3.connect(path) as database:
        assert database.execute("select count(*) from objects").fetchone() == (2,)


def test_accepted_objects_are_outlines_through_which_the_image_is_seen(desk):
    desk.canvas.setLayers([desk.layer])
    bare = painted(desk)
    desk.new_target("outlined.gpkg")
    desk.click(*TREE)
    mask = desk.mask()
    desk.key(Qt.Key.Key_Return)
    target = desk.dock.target
    symbol = target.renderer().symbol().symbolLayer(0)
    assert symbol.fillColor().alpha() < 60
    assert symbol.strokeColor().alpha() == 255
    desk.canvas.setLayers([target, desk.layer])
    shown = painted(desk)
    desk.picture("outlines")
    # in the middle of the object the image is still what is seen
    from scipy import ndimage

    rows, cols = ndimage.binary_erosion(mask, iterations=12).nonzero()
    assert len(rows) > 30
    places = [desk.screen(col, row) for row, col in zip(rows[::9], cols[::9], strict=True)]
    seen = [(bare.pixelColor(at), shown.pixelColor(at)) for at in places]
    changes = [
        max(abs(a.red() - b.red()), abs(a.green() - b.green()), abs(a.blue() - b.blue()))
        for a, b in seen
    ]
    assert 0 < max(changes) <= 60


def painted(desk):
    """The map as it is drawn."""
    desk.drawn()
    return desk.canvas.grab().toImage()


def test_undo_does_not_reach_into_an_accepted_object(desk):
    desk.new_target()
    desk.click(*TREE)
    desk.key(Qt.Key.Key_Enter)
    desk.click(*OTHER)
    for _ in range(4):
        desk.key(Qt.Key.Key_Z)
    assert desk.outline.points == ()
    assert desk.outline.geometry is None
    desk.key(Qt.Key.Key_Return)
    assert "nothing to accept" in desk.status
    assert desk.dock.target.featureCount() == 1


def test_the_target_may_have_another_reference_system_and_other_columns(desk, rasterised, iou):
    target = QgsVectorLayer(
        "MultiPolygon?crs=EPSG:3857&field=class:string&field=owner:string", "mine", "memory"
    )
    QgsProject.instance().addMapLayer(target)
    desk.dock.target_box.setLayer(target)
    desk.dock.class_box.setCurrentText("oak")
    desk.click(*TREE)
    mask = desk.mask()
    desk.key(Qt.Key.Key_Return)
    (feature,) = target.getFeatures()
    assert feature["class"] == "oak"
    shape = QgsGeometry(feature.geometry())
    assert -9_200_000 < shape.boundingBox().xMinimum() < -9_100_000
    from qgis.core import QgsCoordinateTransform

    back = QgsCoordinateTransform(
        target.crs(), QgsCoordinateReferenceSystem("EPSG:32617"), QgsProject.instance()
    )
    shape.transform(back)
    assert iou(rasterised(shape.asWkb(), desk.layer.source()), mask) == 1


def test_a_layer_that_is_edited_gets_the_object_into_its_edit_buffer(desk):
    path = desk.new_target()
    target = desk.dock.target
    target.startEditing()
    desk.click(*TREE)
    desk.key(Qt.Key.Key_Return)
    assert "not yet saved" in desk.status
    with sqlite3.connect(path) as database:
        assert database.execute("select count(*) from objects").fetchone() == (0,)
    target.undoStack().undo()
    assert target.featureCount() == 0
    target.rollBack()


def test_an_object_that_cannot_be_saved_stays(desk):
    # points in a layer that has lost its file
    desk.new_target()
    desk.click(*TREE)
    before = desk.outline.geometry.asWkt(2)
    desk.dock.target.setReadOnly(True)
    target = desk.dock.target
    target.setDataSource("/nowhere/lost.gpkg|layername=objects", "lost", "ogr")
    desk.dock.target_box.setLayer(target)
    desk.key(Qt.Key.Key_Return)
    assert desk.outline.geometry.asWkt(2) == before
    assert desk.dock.status.styleSheet()


def test_accepting_without_a_target_says_what_to_do(desk):
    desk.click(*TREE)
    desk.key(Qt.Key.Key_Return)
    assert "press New" in desk.status
    assert desk.outline.geometry is not None


def test_nothing_is_written_over(desk):
    path = desk.new_target()
    before = path.read_bytes()
    desk.window.save_to(str(path))
    assert "is there already" in desk.status
    assert path.read_bytes() == before


@pytest.mark.parametrize("target_kind", ["Polygon", "MultiPolygon"])
def test_a_bow_tie_is_made_valid_before_it_is_saved(loaded, target_kind):
    import sam_geomed.accept as module
    from sam_geomed.layer_session import Outline

    target = QgsVectorLayer(f"{target_kind}?crs=EPSG:32617", "t", "memory")
    bow = QgsGeometry.fromWkt("MultiPolygon(((0 0, 2 2, 2 0, 0 2, 0 0)))")
    outline = Outline(bow, "ok")
    if target_kind == "Polygon":
        with pytest.raises(module.AcceptError, match="has 2 parts"):
            module.accept(outline, target.crs(), target, class_name="", model="m")
        return
    feature = module.accept(outline, target.crs(), target, class_name="", model="m")
    assert feature.geometry().isGeosValid()
    assert feature.geometry().area() == 2

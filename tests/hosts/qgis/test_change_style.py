"""Polygons of change in QGIS: the suite writes them, QGIS finds a symbol for each change."""

from __future__ import annotations

import pytest
from qgis.core import (
    QgsExpression,
    QgsExpressionContext,
    QgsExpressionContextUtils,
    QgsVectorLayer,
)

WRITE = """
import json
import sys
import numpy as np
import rasterio
from pathlib import Path
from sam_geo import ChangeRequest, run_change

image, folder = sys.argv[1], Path(sys.argv[2])
with rasterio.open(image) as source:
    place = {"crs": source.crs, "transform": source.transform}
one = np.full((40, 60), 1, dtype=np.uint8)
two = one.copy()
two[:10], two[20:30, :20], one[20:, 40:] = 2, 3, 3
for name, values in (("one", one), ("two", two)):
    with rasterio.open(
        folder / f"{name}.tif", "w", driver="GTiff", count=1, height=40, width=60, dtype="uint8",
        **place,
    ) as file:
        file.write(values, 1)
    classes = {"1": "Wald & <x>", "2": "it's water", "3": "x"}
    (folder / f"{name}.job.json").write_text(json.dumps({"classes": classes}))
run_change(
    ChangeRequest(
        before=str(folder / "one.tif"), after=str(folder / "two.tif"), output=folder / "c.gpkg"
    )
)
"""
SHOWN = {
    "Wald & <x> → it's water": "#466b9f",
    "Wald & <x> → x": "#e69f00",
    "x → Wald & <x>": "#006400",
}


@pytest.fixture(scope="module")
def folder(suite, trees_tif, tmp_path_factory):
    folder = tmp_path_factory.mktemp("change")
    suite.run("-c", WRITE, trees_tif, folder)
    return folder


@pytest.fixture
def layer(qgis_app, folder):
    layer = QgsVectorLayer(str(folder / "c.gpkg"), "change", "ogr")
    assert layer.isValid()
    return layer


def test_each_change_has_a_symbol_in_the_colour_of_what_it_became(layer):
    renderer = layer.renderer()
    assert renderer.type() == "categorizedSymbol"
    assert {one.value(): one.symbol().color().name() for one in renderer.categories()} == SHOWN


def test_every_polygon_finds_its_symbol(layer):
    context = QgsExpressionContext(QgsExpressionContextUtils.globalProjectLayerScopes(layer))
    found = {}
    for row in layer.getFeatures():
        context.setFeature(row)
        label = QgsExpression(layer.renderer().classAttribute())
        found[row["from"], row["to"]] = label.evaluate(context)
    assert len(found) == 3
    assert {f"{before} → {after}" for before, after in found} == set(found.values()) == set(SHOWN)

"""Class maps and their polygons in QGIS: the suite writes them, QGIS finds colours and names."""

from __future__ import annotations

import pytest
from qgis.core import QgsPalettedRasterRenderer, QgsRasterLayer, QgsVectorLayer

SHOWN = {"Wald & <x>": "#006400", "Wässer": "#466b9f", "x": "#e69f00"}
WRITE = """
import sys
import numpy as np
from pathlib import Path
from sam_common.window import Window
from sam_geo.class_maps.class_map import open_class_map
from sam_geo.class_maps.legend import legend_of
from sam_geo.class_maps.map_style import map_style_paths, write_map_style
from sam_geo.class_maps.partition import PartitionOptions, write_partition
from sam_geo.class_maps.write_map import class_map_writer
from sam_geo.raster.source import open_raster

image, folder = sys.argv[1], Path(sys.argv[2])
legend = legend_of(["Wald & <x>", "Wässer", "x"])
raster, polygons = folder / "map.tif", folder / "map.gpkg"
with open_raster(image) as source:
    with class_map_writer(raster, source, legend) as write:
        height, width = source.size_hw
        columns = (np.arange(width) * 3 // width + 1).astype(np.uint8)
        classes = columns[None].repeat(height, axis=0)
        write(Window.full(source.size_hw), classes, np.full_like(classes, 80))
with open_class_map(raster, names=legend.names) as classes:
    write_partition(classes, polygons, PartitionOptions("class"))
for path, table in map_style_paths(raster, polygons).items():
    write_map_style(legend, path, table=table)
"""


@pytest.fixture(scope="module")
def folder(suite, trees_tif, tmp_path_factory):
    folder = tmp_path_factory.mktemp("class_map")
    suite.run("-c", WRITE, trees_tif, folder)
    return folder


def test_the_raster_is_shown_in_its_classes(qgis_app, folder):
    layer = QgsRasterLayer(str(folder / "map.tif"), "map")
    assert layer.isValid()
    assert layer.renderer().type() == "paletted"
    assert {one.label: one.color.name() for one in layer.renderer().classes()} == SHOWN


def test_polygons_are_shown_in_their_classes(qgis_app, folder):
    layer = QgsVectorLayer(str(folder / "map.gpkg"), "map", "ogr")
    assert layer.isValid()
    renderer = layer.renderer()
    assert renderer.type() == "categorizedSymbol"
    assert {one.value(): one.symbol().color().name() for one in renderer.categories()} == SHOWN
    # each polygon has a symbol
    assert {row["class"] for row in layer.getFeatures()} == set(SHOWN)


def test_qgis_finds_colours_and_names_without_the_style(qgis_app, folder):
    layer = QgsRasterLayer(str(folder / "map.tif"), "map")
    table = layer.dataProvider().colorTable(1)
    found = QgsPalettedRasterRenderer.colorTableToClassData(table)
    assert {one.label: one.color.name() for one in found if one.value} == SHOWN

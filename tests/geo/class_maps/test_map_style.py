"""Styles of class maps; `tests/hosts/qgis` loads them in QGIS."""

from __future__ import annotations

import defusedxml.ElementTree

from sam_geo.class_maps.legend import legend_of
from sam_geo.class_maps.map_style import map_style_paths, write_map_style

LEGEND = legend_of(["Wald & <x>", "Wässer", "a\x01b"])


def style(tmp_path, **options):
    path = tmp_path / "map.qml"
    write_map_style(LEGEND, path, **options)
    return defusedxml.ElementTree.parse(path).getroot()


def test_the_raster_has_an_entry_for_each_value(tmp_path):
    renderer = style(tmp_path).find("pipe/rasterrenderer")
    assert (renderer.get("type"), renderer.get("band")) == ("paletted", "1")
    entries = [
        tuple(entry.get(name) for name in ("value", "label", "color", "alpha"))
        for entry in renderer.iter("paletteEntry")
    ]
    assert entries[:2] == [
        ("1", "Wald & <x>", "#006400", "255"),
        ("2", "Wässer", "#466b9f", "255"),
    ]
    assert entries[2][1] == "a\N{REPLACEMENT CHARACTER}b"


def test_polygons_are_filled_with_the_same_colours(tmp_path):
    renderer = style(tmp_path).find("renderer-v2")
    assert (renderer.get("type"), renderer.get("attr")) == ("categorizedSymbol", "class")
    fills = {
        symbol.get("name"): symbol.find("layer/Option/Option[@name='color']").get("value")
        for symbol in renderer.iter("symbol")
    }
    shown = {item.get("value"): fills[item.get("symbol")] for item in renderer.iter("category")}
    # no XML can hold the third name
    assert shown == {"Wald & <x>": "0,100,0,255", "Wässer": "70,107,159,255"}


def test_a_style_names_the_table_that_it_is_for(tmp_path):
    assert style(tmp_path, table="map.gpkg").get("samGeoTable") == "map.gpkg"


def test_raster_and_polygons_of_one_name_share_a_style(tmp_path):
    both = map_style_paths(tmp_path / "map.tif", tmp_path / "map.gpkg")
    assert both == {tmp_path / "map.qml": "map.gpkg"}
    apart = map_style_paths(tmp_path / "map.tif", tmp_path / "parts.gpkg")
    assert apart == {tmp_path / "map.qml": "map.tif", tmp_path / "parts.qml": "parts.gpkg"}
    assert map_style_paths(tmp_path / "map.tif") == {tmp_path / "map.qml": "map.tif"}

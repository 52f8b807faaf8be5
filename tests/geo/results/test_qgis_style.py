"""Styles beside tables."""

from __future__ import annotations

import defusedxml.ElementTree
import pytest

from sam_common.masks.overlay import colour
from sam_geo.results.qgis_style import style_path, write_style


def test_a_class_that_xml_cannot_hold_has_no_symbol(tmp_path):
    path = tmp_path / "out.qml"
    write_style(["oak", "a\x01b"], path)
    renderer, _ = outlines(path)
    assert [item.get("value") for item in renderer.iter("category")] == ["oak"]


def test_a_style_that_a_user_saved_is_no_longer_ours(tmp_path):
    for name in ("out.gpkg", "out.shp"):
        (tmp_path / name).touch()
    path = tmp_path / "out.qml"
    write_style([], path, table="out.gpkg")
    assert style_path(tmp_path / "out.gpkg") == path
    assert style_path(tmp_path / "out.shp").name == "out.shp.qml"
    path.write_text("<qgis version='3.40'/>")
    assert style_path(tmp_path / "out.gpkg").name == "out.gpkg.qml"


def outlines(path):
    root = defusedxml.ElementTree.parse(path).getroot()
    renderer = root.find("renderer-v2")
    symbols = {
        symbol.get("name"): symbol.find("layer/Option/Option[@name='outline_color']").get("value")
        for symbol in renderer.findall("symbols/symbol")
    }
    return renderer, symbols


def test_each_class_has_the_colour_of_the_overlay(tmp_path):
    path = style_path(tmp_path / "out.gpkg")
    write_style(["oak & <ash>", "ä"], path)
    renderer, symbols = outlines(path)
    assert renderer.get("type") == "categorizedSymbol"
    assert renderer.get("attr") == "class"
    names = {item.get("value"): item.get("symbol") for item in renderer.iter("category")}
    assert list(names) == ["oak & <ash>", "ä"]
    for n, symbol in enumerate(names.values()):
        assert symbols[symbol] == ",".join(map(str, colour(n))) + ",255"


@pytest.mark.parametrize("classes", [[], [f"c{n}" for n in range(101)]])
def test_no_class_or_too_many_have_one_symbol(tmp_path, classes):
    path = tmp_path / "out.qml"
    write_style(classes, path)
    renderer, symbols = outlines(path)
    assert renderer.get("type") == "singleSymbol"
    assert len(symbols) == 1

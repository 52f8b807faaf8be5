"""Style of change polygons."""

from __future__ import annotations

import defusedxml.ElementTree
import numpy as np
import pytest

from sam_geo.change.style import write_change_style
from sam_geo.class_maps.class_colours import class_colours
from sam_geo.comparison.from_to import count_changes


@pytest.fixture
def styled(make_map, open_pair, tmp_path):
    """The renderer of the style of two maps."""

    def made(one, two, names):
        before, after = make_map("one.tif", one, names=names), make_map("two.tif", two, names=names)
        with open_pair(before, after) as grid:
            found, _ = count_changes(grid)
        path = tmp_path / "change.qml"
        write_change_style(found, path, table="change.gpkg")
        text = path.read_text(encoding="utf-8")
        assert 'samGeoTable="change.gpkg"' in text
        return defusedxml.ElementTree.fromstring(text.split("\n", 1)[1]).find("renderer-v2")

    return made


def option(symbol, name):
    return symbol.find(f"layer/Option/Option[@name='{name}']").get("value")


def test_each_change_has_the_colours_of_its_classes(styled):
    names = {1: "land", 2: "wa<ter", 3: "town"}
    one = np.array([[1, 1, 1, 2, 2, 3]])
    two = np.array([[2, 2, 3, 1, 2, 3]])
    renderer = styled(one, two, names)
    assert renderer.get("type") == "categorizedSymbol"
    assert renderer.get("attr") == '"from" || \' → \' || "to"'
    values = [category.get("value") for category in renderer.iter("category")]
    assert sorted(values) == ["land → town", "land → wa<ter", "wa<ter → land"]
    assert values[0] == "land → wa<ter"  # the largest area
    colours = dict(zip(names.values(), class_colours(list(names.values())), strict=True))
    symbols = {symbol.get("name"): symbol for symbol in renderer.find("symbols")}
    for category in renderer.iter("category"):
        before, after = category.get("label").split(" → ")
        symbol = symbols[category.get("symbol")]
        assert option(symbol, "color").split(",")[:3] == [str(v) for v in colours[after]]
        assert option(symbol, "outline_color").split(",")[:3] == [str(v) for v in colours[before]]


def test_a_change_that_xml_cannot_hold_has_no_symbol(styled):
    renderer = styled(
        np.array([[1, 1, 2]]), np.array([[2, 3, 2]]), {1: "land", 2: "a\x01b", 3: "town"}
    )
    assert [category.get("value") for category in renderer.iter("category")] == ["land → town"]


def test_no_change_and_too_many_have_one_symbol(styled):
    for one, two in (
        (np.array([[1, 2]]), np.array([[1, 2]])),
        (np.arange(1, 103)[None], np.roll(np.arange(1, 103), 1)[None]),
    ):
        renderer = styled(one, two, None)
        assert renderer.get("type") == "singleSymbol"
        assert len(renderer.find("symbols")) == 1

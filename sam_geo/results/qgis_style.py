"""QGIS style: a layer style beside a table, so that QGIS shows its polygons as outlines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET
from xml.sax.saxutils import quoteattr

from sam_common.masks.overlay import colour
from sam_common.support.files import write_bytes
from sam_geo.tables.side_files import side_path

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from pathlib import Path

OWNER = "samGeoTable"
"""Attribute of the styles that a job writes: the name of the table that a style belongs to."""
NOT_IN_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
"""Characters that no XML document may contain."""
MOST_CLASSES = 100
"""Classes that get a symbol each: with more, a legend is of no use, and all share one symbol."""


def style_path(output: str | os.PathLike[str]) -> Path:
    """Where the style of a table lies: `trees.qml` for `trees.gpkg`, as QGIS looks for it.

    QGIS would take `trees.qml` for the style of a `trees.shp` too: where that lies beside it, the
    style of `trees.gpkg` is `trees.gpkg.qml`, which is loaded by hand.

    >>> style_path("out/trees.gpkg").name
    'trees.qml'
    """
    return side_path(output, ".qml", _is_style_of)


def _is_style_of(path: Path, table: str) -> bool:
    """Whether a file is the style that a job wrote for a table of this name."""
    try:
        # a style that a user saved over it has lost the attribute, and is not replaced
        return f"{OWNER}={quoteattr(table)}" in path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False


def write_style(classes: Sequence[str], path: str | os.PathLike[str], *, table: str = "") -> None:
    """Write a QGIS style: a coloured outline for each class, or one for all.

    Args:
        classes: Values of the column `class`, in the order of the legend; may be empty. A class
            with characters that XML cannot hold gets no symbol.
        path: The .qml file.
        table: Name of the file that the style is written for.
    """
    known = [name for name in classes if not NOT_IN_XML.search(name)]
    shown = known if len(known) <= MOST_CLASSES else []
    root = style_root(table)
    add_polygon_style(root, shown, [_outline(n) for n in range(max(1, len(shown)))])
    write_root(root, path)


def style_root(table: str) -> ET.Element:
    """The root of a style without symbols, which names the file that it is written for."""
    return ET.Element("qgis", {"version": "3.34.0", "styleCategories": "Symbology", OWNER: table})


def add_polygon_style(
    root: ET.Element,
    classes: Sequence[str],
    symbols: Sequence[Mapping[str, str]],
    *,
    by: str = "class",
) -> None:
    """Add the symbols of polygons to a style.

    Args:
        root: The root of the style.
        classes: Values of the column `class` that have a symbol each, in the order of the legend;
            where there are none, all polygons have the one symbol.
        symbols: Properties of QGIS's simple fill for each class, at least for one.
        by: Another column, or an expression of QGIS, that gives these values.
    """
    renderer = ET.SubElement(root, "renderer-v2", type="singleSymbol")
    if classes:
        renderer.attrib.update({"type": "categorizedSymbol", "attr": by})
        categories = ET.SubElement(renderer, "categories")
        for n, name in enumerate(classes):
            ET.SubElement(
                categories, "category", value=name, label=name, symbol=str(n), render="true"
            )
    parent = ET.SubElement(renderer, "symbols")
    for n, properties in enumerate(symbols):
        symbol = ET.SubElement(parent, "symbol", type="fill", name=str(n), alpha="1")
        layer = ET.SubElement(symbol, "layer", {"class": "SimpleFill", "enabled": "1", "pass": "0"})
        options = ET.SubElement(layer, "Option", type="Map")
        for name, value in properties.items():
            ET.SubElement(options, "Option", type="QString", name=name, value=value)


def write_root(root: ET.Element, path: str | os.PathLike[str]) -> None:
    """Write a style as a .qml file."""
    text = ET.tostring(root, encoding="unicode")
    doctype = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
    write_bytes(path, f"{doctype}{text}\n".encode())


def _outline(n: int) -> dict[str, str]:
    """The symbol of class `n`: an outline in its colour, filled with a thin shade of it."""
    red, green, blue = colour(n)
    return {
        "color": f"{red},{green},{blue},50",
        "style": "solid",
        "outline_color": f"{red},{green},{blue},255",
        "outline_style": "solid",
        "outline_width": "0.4",
        "outline_width_unit": "MM",
    }

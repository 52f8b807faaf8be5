"""Style: a QGIS layer style beside the result, so that it opens as an outline over the image."""

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
    from collections.abc import Sequence
    from pathlib import Path

OWNER = "samGeoTable"
"""Attribute of our own styles: the table that they belong to."""
NOT_IN_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
"""Characters that no XML document may contain."""
MOST_CLASSES = 100
"""With more, a legend is of no use: one symbol for all."""


def style_path(output: str | os.PathLike[str]) -> Path:
    """`trees.gpkg` has its style in `trees.qml`, where QGIS looks for it.

    QGIS would take that for the style of `trees.shp` too: beside one it is `trees.gpkg.qml`, to be
    loaded by hand.

    >>> style_path("out/trees.gpkg").name
    'trees.qml'
    """
    return side_path(output, ".qml", _is_style_of)


def _is_style_of(path: Path, table: str) -> bool:
    try:
        # a style that a user saved over ours has lost the attribute: it is the user's
        return f"{OWNER}={quoteattr(table)}" in path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False


def write_style(classes: Sequence[str], path: str | os.PathLike[str], *, table: str = "") -> None:
    """Write a QGIS style: a coloured outline for each class, or one for all.

    Args:
        classes: Values of the column `class`, in the order of the legend; may be empty. One with
            characters that XML cannot hold has no symbol of its own.
        path: The .qml file.
        table: Name of the file whose style it is.
    """
    root = ET.Element("qgis", {"version": "3.34.0", "styleCategories": "Symbology", OWNER: table})
    known = [name for name in classes if not NOT_IN_XML.search(name)]
    shown = known if len(known) <= MOST_CLASSES else ()
    renderer = ET.SubElement(root, "renderer-v2", type="singleSymbol")
    if shown:
        renderer.attrib.update({"type": "categorizedSymbol", "attr": "class"})
        categories = ET.SubElement(renderer, "categories")
        for n, name in enumerate(shown):
            ET.SubElement(
                categories, "category", value=name, label=name, symbol=str(n), render="true"
            )
    symbols = ET.SubElement(renderer, "symbols")
    for n in range(max(1, len(shown))):
        _add_symbol(symbols, n)
    text = ET.tostring(root, encoding="unicode")
    doctype = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
    write_bytes(path, f"{doctype}{text}\n".encode())


def _add_symbol(symbols: ET.Element, n: int) -> None:
    red, green, blue = colour(n)
    symbol = ET.SubElement(symbols, "symbol", type="fill", name=str(n), alpha="1")
    layer = ET.SubElement(symbol, "layer", {"class": "SimpleFill", "enabled": "1", "pass": "0"})
    options = ET.SubElement(layer, "Option", type="Map")
    for name, value in {
        "color": f"{red},{green},{blue},50",
        "style": "solid",
        "outline_color": f"{red},{green},{blue},255",
        "outline_style": "solid",
        "outline_width": "0.4",
        "outline_width_unit": "MM",
    }.items():
        ET.SubElement(options, "Option", type="QString", name=name, value=value)

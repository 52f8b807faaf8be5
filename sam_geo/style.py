"""Style: a QGIS layer style beside the result, so that it opens as an outline over the image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from sam_common.files import atomic_output
from sam_common.overlay import colour

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

MOST_CLASSES = 100
"""With more, a legend is of no use: one symbol for all."""


def style_path(output: str | os.PathLike[str]) -> Path:
    """`trees.gpkg` has its style in `trees.qml`, where QGIS looks for it.

    >>> style_path("out/trees.gpkg").name
    'trees.qml'
    """
    return Path(output).with_suffix(".qml")


def write_style(classes: Sequence[str], path: str | os.PathLike[str]) -> None:
    """Write a QGIS style: a coloured outline for each class, or one for all.

    Args:
        classes: Values of the column `class`, in the order of the legend; may be empty.
        path: The .qml file.
    """
    root = ET.Element("qgis", version="3.34.0", styleCategories="Symbology")
    shown = classes if len(classes) <= MOST_CLASSES else ()
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
    with atomic_output(path) as part:
        part.write_text(f"{doctype}{text}\n", encoding="utf-8")


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

"""QGIS style of a class map: the legend's colours and names, for the raster and its polygons.

QGIS looks for the style of a layer under the name of its file with the suffix .qml. A raster and
polygons of one name, `map.tif` and `map.gpkg`, share it, so that the style has both: QGIS takes the
part for the layer's kind.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from sam_geo.results.qgis_style import (
    NOT_IN_XML,
    add_polygon_style,
    style_path,
    style_root,
    write_root,
)

if TYPE_CHECKING:
    import os

    from sam_geo.class_maps.class_colours import Colour
    from sam_geo.class_maps.legend import Legend


def map_style_paths(
    class_map: str | os.PathLike[str], polygons: str | os.PathLike[str] | None = None
) -> dict[Path, str]:
    """Where the styles of a map and of its polygons lie, and the file that each is written for.

    Args:
        class_map: The raster.
        polygons: The vector file of its polygons, where there is one.

    >>> [path.name for path in map_style_paths("out/map.tif", "out/map.gpkg")]
    ['map.qml']
    """
    files = [Path(class_map), *([] if polygons is None else [Path(polygons)])]
    if len({file.with_suffix("") for file in files}) == 1:
        files = files[-1:]
    return {style_path(file): file.name for file in files}


def write_map_style(legend: Legend, path: str | os.PathLike[str], *, table: str = "") -> None:
    """Write a QGIS style: a paletted raster, and polygons filled by their column `class`.

    Args:
        legend: The classes of the map. Polygons of a class with characters that XML cannot hold
            get no symbol.
        path: The .qml file, see `map_style_paths`.
        table: Name of the file that the style is written for.
    """
    root = style_root(table)
    pipe = ET.SubElement(root, "pipe")
    renderer = ET.SubElement(
        pipe, "rasterrenderer", type="paletted", band="1", opacity="1", alphaBand="-1"
    )
    palette = ET.SubElement(renderer, "colorPalette")
    for value, name in legend.names.items():
        red, green, blue = legend.colours[value]
        ET.SubElement(
            palette,
            "paletteEntry",
            value=str(value),
            label=NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", name),
            color=f"#{red:02x}{green:02x}{blue:02x}",
            alpha="255",
        )
    shown = [value for value, name in legend.names.items() if not NOT_IN_XML.search(name)]
    add_polygon_style(
        root,
        [legend.names[value] for value in shown],
        [_filled(legend.colours[value]) for value in shown],
    )
    write_root(root, path)


def _filled(colour: Colour) -> dict[str, str]:
    """The symbol of a class: filled, with a line of its colour that hides the joints of polygons.

    Where neighbours share an edge, smooth drawing would let the background shine through.
    """
    red, green, blue = colour
    return {
        "color": f"{red},{green},{blue},255",
        "style": "solid",
        "outline_color": f"{red},{green},{blue},255",
        "outline_style": "solid",
        "outline_width": "0.1",
        "outline_width_unit": "MM",
    }

"""QGIS style of change polygons: filled by what a place became, outlined by what it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sam_geo.class_maps.class_colours import class_colours
from sam_geo.results.qgis_style import (
    MOST_CLASSES,
    NOT_IN_XML,
    add_polygon_style,
    style_root,
    write_root,
)

if TYPE_CHECKING:
    import os

    from sam_geo.class_maps.class_colours import Colour
    from sam_geo.comparison.from_to import FromTo

ARROW = "\N{RIGHTWARDS ARROW}"
LABEL = f'"from" || \' {ARROW} \' || "to"'
"""Expression of QGIS that makes the name of a change out of the columns of a table."""


def write_change_style(found: FromTo, path: str | os.PathLike[str], *, table: str = "") -> None:
    """Write a QGIS style with a symbol for each change, the largest area first.

    Args:
        found: The areas from class to class. With more than 100 changes, all share one symbol; a
            change of a class with characters that XML cannot hold has none.
        path: The .qml file, see `sam_geo.results.qgis_style.style_path`.
        table: Name of the file that the style is written for.
    """
    colours = dict(zip(found.names, class_colours(found.names), strict=True))
    shown = [pair for pair in found.pairs if not NOT_IN_XML.search(f"{pair.before}{pair.after}")]
    shown = shown if len(shown) <= MOST_CLASSES else []
    root = style_root(table)
    symbols = [_symbol(colours[pair.before], colours[pair.after]) for pair in shown]
    add_polygon_style(
        root,
        [f"{pair.before} {ARROW} {pair.after}" for pair in shown],
        symbols or [_symbol((60, 60, 60), (220, 50, 47))],
        by=LABEL,
    )
    write_root(root, path)


def _symbol(before: Colour, after: Colour) -> dict[str, str]:
    """A symbol with the colour of the second class, and a thin line of that of the first."""
    return {
        "color": ",".join(map(str, (*after, 255))),
        "style": "solid",
        "outline_color": ",".join(map(str, (*before, 255))),
        "outline_style": "solid",
        # thin: a small polygon is not to be all outline
        "outline_width": "0.1",
        "outline_width_unit": "MM",
    }

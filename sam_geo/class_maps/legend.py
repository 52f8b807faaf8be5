"""Legend: the name and the colour of each value of a class map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sam_common.errors import InputError
from sam_geo.class_maps.class_colours import class_colours

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sam_geo.class_maps.class_colours import Colour
    from sam_geo.class_maps.class_map import ClassMap

NODATA = 0
"""Value of pixels without a class in maps that this suite writes."""
MOST = 255
"""Largest value, and number, of the classes of a map of one byte for each pixel."""


@dataclass(frozen=True, slots=True)
class Legend:
    """The classes of a map; make one with `legend_of`, `legend_of_names` or `legend_of_map`."""

    names: Mapping[int, str]
    """Class of each raster value, in the order of the values."""
    colours: Mapping[int, Colour]
    """Red, green and blue of each raster value, 0 to 255; no two values share a colour."""

    @property
    def record(self) -> dict[str, str]:
        """The classes by their value as text, as `classes` in the record of a map has them."""
        return {str(value): name for value, name in self.names.items()}


def legend_of(classes: Sequence[str]) -> Legend:
    """Make the legend of a map that is to be written, with raster values from 1 to 255.

    Classes that are all whole numbers from 1 to 255 keep these numbers as their values, so that
    users find their codes again; otherwise the values are 1, 2, 3 ... in the order of the classes.

    Args:
        classes: Different names.

    Raises:
        InputError: There is no class, there are more than 255, or two have one name.
    """
    if not classes:
        raise InputError("a map needs a class, and there is none: give samples with a class")
    if len(classes) > MOST:
        raise InputError(
            f"{len(classes)} classes are more than the {MOST} that a map can hold: join some, or "
            f"choose another column with --class-field"
        )
    twice = [name for n, name in enumerate(classes) if name in classes[:n]]
    if twice:
        raise InputError(f"two classes are called {twice[0]!r}: give each a name of its own")
    codes = [int(name) for name in classes if name.isascii() and name.isdigit()]
    kept = [code for code in set(codes) if NODATA < code <= MOST]
    values = codes if len(kept) == len(classes) else range(1, len(classes) + 1)
    return legend_of_names(dict(zip(values, classes, strict=True)))


def legend_of_names(names: Mapping[int, str]) -> Legend:
    """Make a legend from the class of each value, with a colour for each.

    Args:
        names: At least one class; values may be any whole numbers.
    """
    ordered = dict(sorted(names.items()))
    colours = class_colours(list(ordered.values()))
    return Legend(ordered, dict(zip(ordered, colours, strict=True)))


def legend_of_map(class_map: ClassMap, values: Iterable[int]) -> Legend:
    """Make the legend of a map that was read, for the values that its pixels have.

    Its colours are those of the map's own legend, so that a class that no pixel has changes none.

    Args:
        class_map: The open map.
        values: Values that occur in the map.

    Raises:
        InputError: The record of the map names other values, and not this one.
    """
    names = {value: class_map.name_of(value) for value in sorted(set(values))}
    whole = legend_of_names(class_map.names or names)
    return Legend(names, {value: whole.colours[value] for value in names})

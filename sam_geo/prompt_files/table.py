"""PromptTable: geometries and columns of prompts, as a file or a Python object gives them.

What a column means is decided in `sam_geo.prompts`. The cells of a column are checked when the
column is asked for, so that cells which no prompt needs stop no job.
"""

from __future__ import annotations

import re
import reprlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
import shapely

from sam_common.errors import PromptError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt
    import pyproj

Column: TypeAlias = "tuple[str, Sequence[Any]]"
"""The name of a column as it is written, and its value for each row."""

ATTRIBUTES = ("class", "id", "label", "object_id", "prompt_id")
"""Columns that every prompt may have, by the names that `spelled` gives."""
SIGNS = (
    *("point_label", "point_labels", "positive", "is_positive"),
    *("foreground", "is_foreground", "is_object"),
)
"""Columns that tell object from background, beside `label`: 1 or true is the object."""
REVERSED_SIGNS = ("negative", "is_negative", "background", "is_background", "exclude", "neg", "bg")
"""Columns that may mark background points with 1 or true."""
MAYBE_SIGNS = (
    *("type", "kind", "role", "mode", "category", "sign", "polarity", "mark", "click", "value"),
    *("point", "prompt", "point_type", "prompt_type", "click_type", "prompt_label", "labels"),
    *("input_label", "input_labels", "label_type", "pos", "fg", "include", "is_fg", "is_pos"),
)
"""Columns that tell object from background where their values are such words."""
MAYBE_OBJECTS = (
    *("objectid", "obj_id", "objid", "instance_id", "instanceid"),
    *("object_no", "object_nr", "object_number", "object_index"),
)
"""Columns beside `object_id` that may join points to objects, where points share a value."""
IMAGES = (
    *("image_path", "image_name", "image_file", "image_id", "imageid", "image"),
    *("img_path", "img_name", "img", "filename", "file_name", "file", "path"),
)
"""Columns that may name the image in whose pixels the coordinates of a row are."""
MAYBE_IMAGES = (
    *("tile", "tile_name", "tile_path", "scene", "source", "source_file", "raster", "raster_path"),
    *("image_url", "image_uri", "image_filename", "img_file", "img_url", "url", "uri", "asset"),
    *("file_path", "filepath", "photo", "picture", "external_id"),
)
"""Columns that name the image where their values are names of image files."""
SHORT_FLOATS: Mapping[str, type[np.floating[Any]]] = {
    **dict.fromkeys(("float16", "halffloat"), np.float16),
    **dict.fromkeys(("float32", "float"), np.float32),
}
"""Types of floats with fewer than 64 bits, by the names that numpy and Arrow give them."""
EXACT_INTEGERS = 2**53
"""From here on a float may stand for several integers."""
SHAPEFILE_LETTERS = 10
"""Letters of a column's name in a Shapefile, where a longer name is cut off."""
WEAK = frozenset((*REVERSED_SIGNS, *MAYBE_SIGNS, *MAYBE_OBJECTS, *MAYBE_IMAGES))
"""Names of columns that may also be ordinary attributes."""
MEANING = frozenset((*ATTRIBUTES, *SIGNS, *IMAGES, *WEAK))
"""Names of all columns that are read."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a table is read for: how messages call it, and the columns that are read."""

    option: str = "prompts"
    """What the rows are, and the beginning of the options that messages name, as in
    `--prompts-layer`."""
    columns: frozenset[str] = frozenset()
    """Columns beside those of prompts, as `spelled` gives them, such as the class of a sample."""

    def reads(self, name: object) -> bool:
        """Tell whether a column of this name is read, in whatever spelling."""
        return spelled(name) in MEANING or spelled(name) in self.columns

    def whole_name(self, name: str) -> str:
        """Complete the name of a column that a Shapefile cut off, where it is one that is read.

        >>> Wanted().whole_name("point_labe"), Wanted().whole_name("height")
        ('point_label', 'height')
        """
        if len(name) != SHAPEFILE_LETTERS or spelled(name) in self.columns:
            return name
        known = [*sorted(self.columns), *sorted(MEANING)]
        return next(
            (each for each in known if spelled(each[:SHAPEFILE_LETTERS]) == spelled(name)), name
        )


PROMPTS = Wanted()
"""A table of prompts, with the columns that mean something to them."""


@dataclass(frozen=True, slots=True, eq=False)
class PromptTable:
    """Prompts with one row per feature, in the order of the file."""

    name: str
    """The table as messages name it, such as the path of the file."""
    geometry: npt.NDArray[np.object_]
    """(N,) shapely geometries in two dimensions; None where a feature has none."""
    columns: Sequence[Column] = ()
    """The columns that are read (`Wanted.reads`), in the spelling of the file."""
    crs: pyproj.CRS | None = None
    """Reference system of the coordinates, None where the file does not state it."""
    in_pixels: bool = False
    """Whether the coordinates are pixel corners, x to the right and y down, unless the user gives
    another reference system."""
    says_pixels: bool = False
    """Whether the format is for pixels by definition, and not only by convention."""
    size_hw: tuple[int, int] | None = None
    """Rows and columns of the image in whose pixels the coordinates are, where the file states
    them."""
    option: str = "prompts"
    """Beginning of the options that messages name, as in `--prompts-crs`."""
    numbers: Sequence[int] | None = None
    """Number of each row in the file, from 0; None where no row was left out."""
    all_names: Sequence[str] = ()
    """Names of all columns of the file, read or not, as messages list them."""
    doubt: str | None = None
    """Why the user has to give the reference system of the coordinates, as the beginning of a
    message; None where it is clear."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "geometry", _plain_shapes(self.geometry, self.name))

    def __len__(self) -> int:
        return len(self.geometry)

    def number(self, row: int) -> int:
        """Give the number of a row in the file, from 0, as messages name it."""
        return row if self.numbers is None else self.numbers[row]

    def column(self, name: str) -> list[Any]:
        """Read numbers, truth values and text of a column.

        Args:
            name: Name of the column, as `spelled` gives it.

        Returns:
            A value for each row, None for an empty cell; None for all rows without such a column.

        Raises:
            PromptError: Several columns have this name and differ, a cell is a list or an object,
                or a text that no file can hold.
        """
        found = column_of(self.columns, name, self.name)
        if found is None:
            return [None] * len(self)
        spelling, values = found
        return [self._cell(value, spelling, row) for row, value in enumerate(values)]

    def kept(self, rows: Sequence[int]) -> PromptTable:
        """Make a table of some of the rows, which keep their numbers."""
        return replace(
            self,
            geometry=self.geometry[list(rows)],
            columns=[(name, [values[row] for row in rows]) for name, values in self.columns],
            numbers=[self.number(row) for row in rows],
        )

    def _cell(self, value: Any, spelling: str, row: int) -> Any:
        """Turn a cell into a Python value; None where it is empty."""
        if isinstance(value, np.float32 | np.float16):
            self._check_short(value, spelling, row)
        if isinstance(value, np.generic):
            value = value.item()
        if not pd.api.types.is_scalar(value) or isinstance(value, bytes):
            raise PromptError(
                f"column {spelling} of {self.name} is no number or text in row "
                f"{self.number(row)}: {reprlib.repr(value)}"
            )
        if isinstance(value, str):
            self._check_text(value, spelling, row)
        if pd.isna(value) or (isinstance(value, str) and not value.strip()):
            return None
        return value

    def _check_short(self, value: np.float32 | np.float16, spelling: str, row: int) -> None:
        """Raise `PromptError` for a short float that may stand for several integers."""
        if abs(value) >= 2 ** (np.finfo(value.dtype).nmant + 1):
            raise PromptError(
                f"column {spelling} of {self.name} has floats of {8 * value.itemsize} bits, which "
                f"are no exact numbers in row {self.number(row)}: {value} (give it as integers or "
                f"text)"
            )

    def _check_text(self, text: str, spelling: str, row: int) -> None:
        """Raise `PromptError` for a zero byte or half a character, which no file can hold."""
        try:
            text.encode()
        except UnicodeEncodeError:
            is_whole = False
        else:
            is_whole = "\0" not in text
        if not is_whole:
            raise PromptError(
                f"column {spelling} of {self.name} has a zero byte or half a character in row "
                f"{self.number(row)}, which no file can hold: {text[:60]!r}"
            )


def spelled(name: object) -> str:
    """Normalise the spelling of a column's name: small letters, words joined by underscores.

    >>> spelled(" Class "), spelled("Object ID"), spelled("imagePath"), spelled("#filename")
    ('class', 'object_id', 'image_path', 'filename')
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", str(name))
    return re.sub(r"[\W_]+", "_", words).strip("_").lower()


def column_of(columns: Iterable[Column], name: str, table: str) -> Column | None:
    """Find the column of a name in any spelling; None where there is none.

    Args:
        columns: All columns of the table.
        name: Name of the column, as `spelled` gives it.
        table: The table as messages name it.

    Raises:
        PromptError: Several columns have this name and differ.
    """
    found = [column for column in columns if spelled(column[0]) == name]
    if len(found) <= 1:
        return found[0] if found else None
    # compared by their text, because NaN is not equal to itself
    if len({tuple(map(repr, values)) for _, values in found}) > 1:
        spellings = ", ".join(spelling.strip() for spelling, _ in found)
        raise PromptError(
            f"{table} has {len(found)} columns that may be {name} ({spellings}): "
            f"rename or remove all but one"
        )
    return found[0]


def cells_of(values: Any) -> list[Any]:
    """Turn a column of numpy, pandas or Arrow into a list; short floats stay numpy scalars."""
    kind = str(getattr(values, "dtype", getattr(values, "type", ""))).lower()
    short = SHORT_FLOATS.get(kind.removesuffix("[pyarrow]"))
    if hasattr(values, "to_pylist"):
        return list(values.to_pylist() if short is None else np.asarray(values))
    return list(values.tolist() if short is None else values.to_numpy(dtype=short, na_value=np.nan))


def object_array(shapes: Iterable[Any]) -> npt.NDArray[np.object_]:
    """Make an (N,) array of geometries or None, whose parts numpy must not unpack."""
    return np.array([None, *shapes], dtype=object)[1:]


def _plain_shapes(shapes: npt.NDArray[np.object_], table: str) -> npt.NDArray[np.object_]:
    """Drop heights, and turn collections of polygons or of points into multi-geometries."""
    plane = np.asarray(shapely.force_2d(shapes), dtype=object)
    for row in np.flatnonzero(
        shapely.get_type_id(plane) == shapely.GeometryType.GEOMETRYCOLLECTION
    ):
        plane[row] = _uncollected(plane[row])
    coordinates, row_of = shapely.get_coordinates(plane, return_index=True)
    for row in np.unique(row_of[~np.isfinite(coordinates).all(axis=1)]).tolist():
        # a point of NaN stands for no point in tables of numbers, and for an empty one in files
        if plane[row].geom_type == "Point" and np.isnan(coordinates[row_of == row]).all():
            plane[row] = None
            continue
        raise PromptError(
            f"row {row} of {table} has coordinates that are not finite: {plane[row].wkt[:60]}"
        )
    return plane


def _uncollected(shape: Any) -> Any:
    """Turn a collection of polygons, or of points, into a multi-geometry; keep other ones."""
    parts = [part for part in _parts(shape) if not part.is_empty]
    kinds = {part.geom_type for part in parts}
    if kinds == {"Polygon"}:
        return shapely.MultiPolygon(parts)
    return shapely.MultiPoint(parts) if kinds == {"Point"} else shape


def _parts(shape: Any) -> list[Any]:
    """List the single geometries of nested collections."""
    parts = list(shapely.get_parts(shape))
    nested = [part for part in parts if hasattr(part, "geoms")]
    whole = [part for part in parts if not hasattr(part, "geoms")]
    return [*whole, *(piece for part in nested for piece in _parts(part))]

"""Tables of prompts: shapes and the columns beside them, as a file or an object gives them.

Nothing is interpreted here: `sam_geo.prompts.geo_prompt` decides what a column means. A column is
read when it is asked for, so what no prompt needs can stop no job.
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
"""The name as it is written, and a value for each row."""

ATTRIBUTES = ("class", "id", "label", "object_id", "prompt_id")
"""Columns that mean something, in any spelling; all others stay in their file."""
SIGNS = (
    "point_label",
    "point_labels",
    "positive",
    "is_positive",
    "foreground",
    "is_foreground",
    "is_object",
)
"""Columns that tell object from background, beside `label`: 1 or true is the object."""
REVERSED_SIGNS = ("negative", "is_negative", "background", "is_background", "exclude", "neg", "bg")
"""Columns that may tell it the other way round."""
MAYBE_SIGNS = (
    *("type", "kind", "role", "mode", "category", "sign", "polarity", "mark", "click", "value"),
    *("point", "prompt", "point_type", "prompt_type", "click_type", "prompt_label", "labels"),
    *("input_label", "input_labels", "label_type", "pos", "fg", "include", "is_fg", "is_pos"),
)
"""Columns that may tell it, which their values say."""
MAYBE_OBJECTS = (
    *("objectid", "obj_id", "objid", "instance_id", "instanceid"),
    *("object_no", "object_nr", "object_number", "object_index"),
)
"""Columns that may join points to objects, beside `object_id`: where values are there twice."""
IMAGES = (
    "image_path",
    "image_name",
    "image_file",
    "image_id",
    "imageid",
    "image",
    "img_path",
    "img_name",
    "img",
    "filename",
    "file_name",
    "file",
    "path",
)
"""Columns that may name the image whose pixels a row's coordinates count."""
MAYBE_IMAGES = (
    *("tile", "tile_name", "tile_path", "scene", "source", "source_file", "raster", "raster_path"),
    *("image_url", "image_uri", "image_filename", "img_file", "img_url", "url", "uri", "asset"),
    *("file_path", "filepath", "photo", "picture", "external_id"),
)
"""Columns that name it where their values end as names of images do."""
SHORT_FLOATS: Mapping[str, type[np.floating[Any]]] = {
    **dict.fromkeys(("float16", "halffloat"), np.float16),
    **dict.fromkeys(("float32", "float"), np.float32),
}
"""What holds fewer digits, by the names that numpy and Arrow have for it."""
EXACT_INTEGERS = 2**53
"""From here on a float may stand for several integers."""


SHAPEFILE_LETTERS = 10
"""Of a column's name; the others are cut off there."""
WEAK = frozenset((*REVERSED_SIGNS, *MAYBE_SIGNS, *MAYBE_OBJECTS, *MAYBE_IMAGES))
"""Names of what may be an attribute like others."""
MEANING = frozenset((*ATTRIBUTES, *SIGNS, *IMAGES, *WEAK))


@dataclass(frozen=True, slots=True, eq=False)
class PromptTable:
    """One row per feature, in the order of the file."""

    name: str
    """What messages call it: the path of the file."""
    geometry: npt.NDArray[np.object_]
    """(N,) shapely geometries; None where a feature has none."""
    columns: Sequence[Column] = ()
    """Those that mean something (`means_something`), as they are spelled."""
    crs: pyproj.CRS | None = None
    """Reference system of the coordinates, None where the file does not say."""
    in_pixels: bool = False
    """Whether they are pixel corners, x to the right and y down, where nobody says otherwise."""
    says_pixels: bool = False
    """Whether the format itself means pixels; else they are taken for pixels by convention."""
    size_hw: tuple[int, int] | None = None
    """Rows and columns of the image whose pixels they are, where the file tells."""
    option: str = "prompts"
    """How options are called that are about it, as in `--prompts-crs`."""
    numbers: Sequence[int] | None = None
    """Number of each row in the file, from 0; None where no row was left out."""
    doubt: str | None = None
    """Why nobody can tell what the coordinates are unless the user says it; None where one can."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "geometry", _plain_shapes(self.geometry, self.name))

    def __len__(self) -> int:
        return len(self.geometry)

    def number(self, row: int) -> int:
        """What messages call a row."""
        return row if self.numbers is None else self.numbers[row]

    def column(self, name: str) -> list[Any]:
        """Numbers, truth values and text of a column; None for empty cells or without such a one.

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
        """Some of the rows, which keep their numbers."""
        return replace(
            self,
            geometry=self.geometry[list(rows)],
            columns=[(name, [values[row] for row in rows]) for name, values in self.columns],
            numbers=[self.number(row) for row in rows],
        )

    def _cell(self, value: Any, spelling: str, row: int) -> Any:
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
        """Floats of 64 bits are told from each other where they are names."""
        if abs(value) >= 2 ** (np.finfo(value.dtype).nmant + 1):
            raise PromptError(
                f"column {spelling} of {self.name} has floats of {8 * value.itemsize} bits, which "
                f"are no exact numbers in row {self.number(row)}: {value} (give it as integers or "
                f"text)"
            )

    def _check_text(self, text: str, spelling: str, row: int) -> None:
        """Formats end a text at a zero byte, and have no way to write half a character."""
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


def means_something(name: object) -> bool:
    """Whether a column of this name is one that prompts are made of."""
    return spelled(name) in MEANING


def whole_name(name: str) -> str:
    """The name of a column that a Shapefile cut off, as far as it means something.

    >>> whole_name("point_labe"), whole_name("height")
    ('point_label', 'height')
    """
    whole = [each for each in sorted(MEANING) if each[:SHAPEFILE_LETTERS] == spelled(name)]
    return whole[0] if len(name) == SHAPEFILE_LETTERS and whole else name


def spelled(name: object) -> str:
    """A column's name without the differences that mean nothing.

    >>> spelled(" Class "), spelled("Object ID"), spelled("imagePath"), spelled("#filename")
    ('class', 'object_id', 'image_path', 'filename')
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", str(name))
    return re.sub(r"[\W_]+", "_", words).strip("_").lower()


def column_of(columns: Iterable[Column], name: str, table: str) -> Column | None:
    """The column of a name, in any spelling; None where there is none.

    Args:
        columns: All columns of the table.
        name: As `spelled` gives it.
        table: What messages call the table.

    Raises:
        PromptError: There are several and they differ.
    """
    found = [column for column in columns if spelled(column[0]) == name]
    if len(found) <= 1:
        return found[0] if found else None
    # by their text: NaN is not equal to itself
    if len({tuple(map(repr, values)) for _, values in found}) > 1:
        spellings = ", ".join(spelling.strip() for spelling, _ in found)
        raise PromptError(
            f"{table} has {len(found)} columns that may be {name} ({spellings}): "
            f"rename or remove all but one"
        )
    return found[0]


def cells_of(values: Any) -> list[Any]:
    """A column of numpy, pandas or Arrow as a list; short floats stay what they are."""
    kind = str(getattr(values, "dtype", getattr(values, "type", ""))).lower()
    short = SHORT_FLOATS.get(kind.removesuffix("[pyarrow]"))
    if hasattr(values, "to_pylist"):
        return list(values.to_pylist() if short is None else np.asarray(values))
    return list(values.tolist() if short is None else values.to_numpy(dtype=short, na_value=np.nan))


def object_array(shapes: Iterable[Any]) -> npt.NDArray[np.object_]:
    """(N,) array of geometries or None; numpy must not look inside of them."""
    return np.array([None, *shapes], dtype=object)[1:]


def _plain_shapes(shapes: npt.NDArray[np.object_], table: str) -> npt.NDArray[np.object_]:
    """Shapes in the plane; collections of one kind become what they are collections of."""
    plane = np.asarray(shapely.force_2d(shapes), dtype=object)
    for row in np.flatnonzero(
        shapely.get_type_id(plane) == shapely.GeometryType.GEOMETRYCOLLECTION
    ):
        plane[row] = _uncollected(plane[row])
    coordinates, row_of = shapely.get_coordinates(plane, return_index=True)
    for row in np.unique(row_of[~np.isfinite(coordinates).all(axis=1)]).tolist():
        # how tables of numbers write that there is no point, and how files write an empty one
        if plane[row].geom_type == "Point" and np.isnan(coordinates[row_of == row]).all():
            plane[row] = None
            continue
        raise PromptError(
            f"row {row} of {table} has coordinates that are not finite: {plane[row].wkt[:60]}"
        )
    return plane


def _uncollected(shape: Any) -> Any:
    parts = [part for part in _parts(shape) if not part.is_empty]
    kinds = {part.geom_type for part in parts}
    if kinds == {"Polygon"}:
        return shapely.MultiPolygon(parts)
    return shapely.MultiPoint(parts) if kinds == {"Point"} else shape


def _parts(shape: Any) -> list[Any]:
    parts = list(shapely.get_parts(shape))
    nested = [part for part in parts if hasattr(part, "geoms")]
    whole = [part for part in parts if not hasattr(part, "geoms")]
    return [*whole, *(piece for part in nested for piece in _parts(part))]

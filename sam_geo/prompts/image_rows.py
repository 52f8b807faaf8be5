"""Rows of one image: tables in pixels may list the boxes of all images of a data set."""

from __future__ import annotations

import logging
import re
import unicodedata
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sam_common.errors import PromptError
from sam_geo.prompt_files.table import IMAGES, MAYBE_IMAGES, spelled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_geo.prompt_files.table import PromptTable
    from sam_geo.raster.source import RasterSource

LOG = logging.getLogger(__name__)
FILE_NAME = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}$")
"""Suffix of a file name; a number of an image, such as 12.5, has none."""
IMAGE_NAME = re.compile(
    r"\.(tiff?|vrt|png|jpe?g|jp2|j2k|jpx|webp|bmp|gif|img|ecw|sid|nc|hdf5?|h5|ntf|nitf|dcm)(\?.*)?$",
    re.IGNORECASE,
)
"""Suffix of an image file, with or without a query behind it."""
NUMBER = re.compile(r"(\d{1,18})(\.0)?", re.ASCII)
NUMBERED = frozenset(("image_id", "imageid", "image", "img"))
"""Columns whose numbers may count the images of a list, and need not be names of files."""


def rows_of_image(table: PromptTable, source: RasterSource, *, is_given: bool) -> PromptTable:
    """Keep the rows of a table in pixels that belong to one image; a warning counts the others.

    A row belongs to the image where `image_path`, `filename` or another column of `IMAGES` names
    the image's file, whatever its folder and its suffix.

    Args:
        table: Rows whose coordinates are pixels.
        source: The image.
        is_given: Whether the user gave `--prompts-crs pixel`: then a table that names one other
            image, or has another size, is taken for a table of this image.

    Returns:
        The table with the image's rows, which keep their numbers; the given table where no column
        names an image.

    Raises:
        PromptError: The rows belong to other images, or the table is of an image of another size.
    """
    named = _named(table)
    for name, values in named:
        if (mine := _mine(values, source.path)) is not None:
            return _kept(table, name, values, mine)
    for name, values in named:
        others = list(dict.fromkeys(str(value) for value in values if value is not None))
        if len(others) > 1 or not (is_given or _may_be(others[0], name, source.path)):
            raise PromptError(
                f"column {name} of {table.name} names {_listed(others)}, not {source.path}: give "
                f"that image, or "
                + (
                    "keep the rows of this one only"
                    if len(others) > 1
                    else f"--{table.option}-crs pixel where its pixels are the same"
                )
            )
    if not is_given:
        _check_size(table, source)
    return table


def _named(table: PromptTable) -> list[tuple[str, Sequence[Any]]]:
    """List columns that name images, with their values as text."""
    columns = [(name, table.column(name)) for name in IMAGES]
    columns += [
        (spelled(name), [None if value is None else str(value) for value in values])
        for name, values in table.columns
        if spelled(name) in MAYBE_IMAGES and _are_images(values)
    ]
    return [(name, values) for name, values in columns if any(v is not None for v in values)]


def _are_images(values: Sequence[Any]) -> bool:
    """Tell whether all values of a column that are not empty are names of image files."""
    return all(value is None or IMAGE_NAME.search(str(value)) is not None for value in values)


def _may_be(name: str, column: str, path: str) -> bool:
    """Tell whether a value that is not the image's file name may be its number in a list."""
    here = _stem(_folders(path)[-1])
    number = NUMBER.fullmatch(name) if column in NUMBERED else None
    is_named_by_number = NUMBER.fullmatch(here) is not None
    return number is not None and (not is_named_by_number or int(number[1]) == int(here))


def _check_size(table: PromptTable, source: RasterSource) -> None:
    """Raise `PromptError` where the table states another image size than the raster's."""
    if table.size_hw is not None and table.size_hw != source.size_hw:
        (height, width), (rows, cols) = table.size_hw, source.size_hw
        raise PromptError(
            f"{table.name} is about an image of {width} x {height} pixels, but {source.path} has "
            f"{cols} x {rows}: give that image, or --{table.option}-crs pixel to use its numbers"
        )


def _mine(values: Sequence[Any], path: str) -> str | None:
    """Find the value that names the image: the one that shares the most last folders with it."""
    here = _folders(path)
    given = {str(value) for value in values if value is not None}
    scores = {value: _score(_folders(value), here) for value in sorted(given)}
    best = max(scores.values())
    found = [value for value, score in scores.items() if score == best]
    if best == (0, 0):
        return None
    if len(found) > 1:
        raise PromptError(f"{_listed(found)} may all be {path}: keep the rows of one of them")
    return found[0]


def _folders(path: str) -> list[str]:
    """Split a path or an address into folders and file name, in small letters."""
    plain = urlsplit(path).path if "://" in path else path
    # ä may be written as one character or as two
    plain = unicodedata.normalize("NFC", plain).casefold()
    return [part for part in re.split(r"[\\/]+", plain) if part not in {"", "."}]


def _score(there: list[str], here: list[str]) -> tuple[int, int]:
    """Compare two split paths: 0 for other names, 1 for the same name, 2 with the same suffix.

    The second number counts the equal folders before the file name.
    """
    if not there or _stem(there[-1]) != _stem(here[-1]):
        return 0, 0
    same = 0
    for a, b in zip(there[-2::-1], here[-2::-1], strict=False):
        if a != b:
            break
        same += 1
    return 1 + (there[-1] == here[-1]), same


def _stem(name: str) -> str:
    """Remove the suffix of a file name."""
    return FILE_NAME.sub("", name)


def _kept(table: PromptTable, name: str, values: Sequence[Any], mine: str) -> PromptTable:
    """Keep the rows whose column `name` has the value `mine`; no row may be without a value."""
    if unnamed := [table.number(row) for row, value in enumerate(values) if value is None]:
        raise PromptError(
            f"row {unnamed[0]} of {table.name} does not say whose pixels it counts: "
            f"its {name} is empty"
        )
    rows = [row for row, value in enumerate(values) if str(value) == mine]
    if len(rows) == len(table):
        return table
    LOG.warning(
        "%s of %s rows of %s are about other images (column %s) and are left out",
        *(len(table) - len(rows), len(table), table.name, name),
    )
    return table.kept(rows)


def _listed(names: Sequence[str]) -> str:
    """List the first three names for a message, and count the others."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""  # noqa: PLR2004
    return ", ".join(names[:3]) + more

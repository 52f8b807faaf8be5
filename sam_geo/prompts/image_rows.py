"""Rows of other images: tables in pixels may list the boxes of a whole data set."""

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
"""How the name of a file ends; numbers of images do not."""
IMAGE_NAME = re.compile(
    r"\.(tiff?|vrt|png|jpe?g|jp2|j2k|jpx|webp|bmp|gif|img|ecw|sid|nc|hdf5?|h5|ntf|nitf|dcm)(\?.*)?$",
    re.IGNORECASE,
)
"""How the name of an image ends."""
NUMBER = re.compile(r"(\d{1,18})(\.0)?", re.ASCII)
NUMBERED = frozenset(("image_id", "imageid", "image", "img"))
"""Columns whose numbers may be those of a list, which no file is called by."""


def rows_of_image(table: PromptTable, source: RasterSource, *, is_told: bool) -> PromptTable:
    """The rows of a table in pixels that are about one image; a note says how many are not.

    A row is about it where `image_path`, `filename` or another of `IMAGES` names its file, whatever
    the folder and the kind of file. A table that names one other image is about that one, of
    whatever size it is, unless the user says that the pixels are the same.

    Args:
        table: In pixels.
        source: The image.
        is_told: Whether the user said that the coordinates are pixels of this image.

    Raises:
        PromptError: The rows are about other images, or the file is about one of another size.
    """
    named = _named(table)
    for name, values in named:
        if (mine := _mine(values, source.path)) is not None:
            return _kept(table, name, values, mine)
    for name, values in named:
        others = list(dict.fromkeys(str(value) for value in values if value is not None))
        if len(others) > 1 or not (is_told or _may_be(others[0], name, source.path)):
            raise PromptError(
                f"column {name} of {table.name} names {_listed(others)}, not {source.path}: give "
                f"that image, or "
                + (
                    "keep the rows of this one only"
                    if len(others) > 1
                    else f"--{table.option}-crs pixel where its pixels are the same"
                )
            )
    if not is_told:
        _check_size(table, source)
    return table


def _named(table: PromptTable) -> list[tuple[str, Sequence[Any]]]:
    """Columns that name images, with their values."""
    columns = [(name, table.column(name)) for name in IMAGES]
    columns += [
        (spelled(name), [None if value is None else str(value) for value in values])
        for name, values in table.columns
        if spelled(name) in MAYBE_IMAGES and _are_images(values)
    ]
    return [(name, values) for name, values in columns if any(v is not None for v in values)]


def _are_images(values: Sequence[Any]) -> bool:
    return all(value is None or IMAGE_NAME.search(str(value)) is not None for value in values)


def _may_be(name: str, column: str, path: str) -> bool:
    """Whether a value that is not the image's name may stand for it all the same, as its number."""
    here = _stem(_folders(path)[-1])
    number = NUMBER.fullmatch(name) if column in NUMBERED else None
    is_named_by_number = NUMBER.fullmatch(here) is not None
    return number is not None and (not is_named_by_number or int(number[1]) == int(here))


def _check_size(table: PromptTable, source: RasterSource) -> None:
    if table.size_hw is not None and table.size_hw != source.size_hw:
        (height, width), (rows, cols) = table.size_hw, source.size_hw
        raise PromptError(
            f"{table.name} is about an image of {width} x {height} pixels, but {source.path} has "
            f"{cols} x {rows}: give that image, or --{table.option}-crs pixel to use its numbers"
        )


def _mine(values: Sequence[Any], path: str) -> str | None:
    """The value that names the image: the one whose last folders are the image's, too."""
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
    plain = urlsplit(path).path if "://" in path else path
    # ä may be written as one character or as two
    plain = unicodedata.normalize("NFC", plain).casefold()
    return [part for part in re.split(r"[\\/]+", plain) if part not in {"", "."}]


def _score(there: list[str], here: list[str]) -> tuple[int, int]:
    """How alike two paths are: 0 where the files have different names."""
    if not there or _stem(there[-1]) != _stem(here[-1]):
        return 0, 0
    same = 0
    for a, b in zip(there[-2::-1], here[-2::-1], strict=False):
        if a != b:
            break
        same += 1
    return 1 + (there[-1] == here[-1]), same


def _stem(name: str) -> str:
    return FILE_NAME.sub("", name)


def _kept(table: PromptTable, name: str, values: Sequence[Any], mine: str) -> PromptTable:
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
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""  # noqa: PLR2004
    return ", ".join(names[:3]) + more

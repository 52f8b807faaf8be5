"""Files of prompts: vector files, GeoParquet, Pascal VOC XML and CSV become prompt tables."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import defusedxml
import defusedxml.ElementTree

from sam_common.errors import PromptError
from sam_common.support.files import check_input
from sam_geo.prompt_files.csv_table import box_of, doubt_of_fractions, number_of, read_csv
from sam_geo.prompt_files.place_columns import BOX_COLUMNS
from sam_geo.prompt_files.table import PROMPTS, PromptTable, Wanted, object_array
from sam_geo.prompt_files.vector import PARQUET, read_parquet, read_vector

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from xml.etree.ElementTree import Element

CSV = (".csv", ".tsv", ".txt")
"""Suffixes of files that are read as CSV."""
UNSUPPORTED = {
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "a spreadsheet: save it as CSV in UTF-8"),
    **dict.fromkeys((".gz", ".7z", ".rar", ".tar", ".tgz", ".bz2"), "packed: unpack it first"),
}
"""Suffixes of files that are not read, and what users can do instead."""


def read_table(
    path: str | os.PathLike[str], wanted: Wanted = PROMPTS, *, layer: str | None = None
) -> PromptTable:
    """Read a file of prompts in the format of its suffix.

    `.xml` is Pascal VOC; `.csv`, `.tsv` and `.txt` are CSV; `.parquet`, `.geoparquet` and `.pq`
    are GeoParquet; other suffixes are vector files that GDAL reads, also in a `.zip`.

    Args:
        path: The file.
        wanted: What it is read for: prompts, or samples with a column of classes.
        layer: Layer of a vector file that has several.

    Raises:
        InputError: There is no such file.
        PromptError: The file cannot be read, has no prompts, or a row is not understood; messages
            count rows from 0.
    """
    check_input(path)
    file = Path(path)
    try:
        str(file).encode()
    except UnicodeEncodeError as error:
        raise PromptError(
            f"the name of the prompts' file is not UTF-8, and neither GDAL nor the record of a job "
            f"can hold it: {str(file)!r} (rename it)"
        ) from error
    if (way := UNSUPPORTED.get(file.suffix.lower())) is not None:
        raise PromptError(f"{path} is {way}")
    readers: dict[str, Callable[[], PromptTable]] = {
        ".xml": lambda: _read_voc(file),
        **dict.fromkeys(CSV, lambda: read_csv(file, wanted)),
        **dict.fromkeys(PARQUET, lambda: read_parquet(file, wanted)),
    }
    if (read := readers.get(file.suffix.lower())) is None:
        table = read_vector(file, wanted, layer=layer)
    elif layer is not None:
        raise PromptError(f"{path} has no layers: leave --{wanted.option}-layer out")
    else:
        table = replace(read(), option=wanted.option)
    if not len(table):
        raise PromptError(f"no {wanted.option} in {path}: it has no features")
    return table


def _read_voc(path: Path) -> PromptTable:
    """Read the boxes of a Pascal VOC file, with their classes and the name of the image."""
    try:
        root: Element | None = defusedxml.ElementTree.parse(path).getroot()
    # an unknown encoding raises LookupError or ValueError
    except (
        defusedxml.ElementTree.ParseError,
        defusedxml.DefusedXmlException,
        LookupError,
        ValueError,
        OSError,
    ) as error:
        raise PromptError(f"not an XML file: {path} ({error})") from error
    if root is None or root.tag != "annotation":
        found = "nothing" if root is None else f"<{root.tag}>"
        raise PromptError(f"not a Pascal VOC file: {path} starts with {found}")
    shapes, classes = [], []
    for n, item in enumerate(root.iter("object")):
        if (count := len(item.findall("bndbox"))) > 1:
            raise PromptError(f"object {n} of {path} has {count} boxes: give each an object")
        place = f"object {n} of {path}"
        sides = [number_of(item.findtext(f"bndbox/{name}"), name, place) for name in BOX_COLUMNS]
        shapes.append(box_of(sides, place))
        classes.append((item.findtext("name") or "").strip())
    image = (root.findtext("filename") or "").strip()
    boxes = object_array(shapes)
    return PromptTable(
        str(path),
        boxes,
        [("class", classes), ("filename", [image] * len(shapes))],
        in_pixels=True,
        says_pixels=True,
        size_hw=_size(root),
        doubt=doubt_of_fractions(boxes, str(path)),
    )


def _size(root: Element) -> tuple[int, int] | None:
    """Read rows and columns of the image; None where the file does not state them, or states 0."""
    said = [(root.findtext(f"size/{side}") or "").strip() for side in ("height", "width")]
    sides = [int(side.partition(".")[0]) for side in said if re.fullmatch(r"\d{1,9}(\.0*)?", side)]
    return (sides[0], sides[1]) if len(sides) == len(said) and all(sides) else None

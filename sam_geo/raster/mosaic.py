"""Mosaic: the sources of a VRT, looked at before each read, wherever its text lies.

GDAL opens a source when it first reads from it. Where that fails, a later read gives zeros without
an error, and where it was in its pool of sources before, the first one does.
"""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring
from rasterio.errors import RasterioIOError

from sam_common.support.addresses import is_file_name, is_remote, public_name
from sam_geo.address.cut_files import check_size
from sam_geo.raster.access import OPEN_ERRORS, reason_of, silent_open

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from sam_common.window import Window

SOURCES = (
    "SimpleSource",
    "ComplexSource",
    "AveragedSource",
    "KernelFilteredSource",
    "NoDataFromMaskSource",
)
"""Elements of a band that are read from a raster each."""
RAW = "VRTRawRasterBand"
"""A band whose values lie in a file as they are."""
DOMAIN = "xml:VRT"
"""Of metadata: the text of a mosaic, with whatever GDAL made of the name that it was given."""
POOL = 100
"""So many sources GDAL keeps open; what was opened before may have to be opened once more."""
TYPES = {"Byte": 1, "Int8": 1, "UInt16": 2, "Int16": 2, "Float16": 2, "CInt16": 4, "CFloat32": 8,
         "UInt64": 8, "Int64": 8, "Float64": 8, "CInt32": 8, "CFloat64": 16}  # fmt: skip
"""Bytes of GDAL's types that have not four."""


@dataclass(frozen=True, slots=True)
class Source:
    """A raster in a mosaic."""

    name: str
    """As GDAL opens it."""
    place: tuple[float, float, float, float] | None = None
    """Left, top, right and bottom edge in the mosaic's pixels; None where it fills all of it."""
    least_bytes: int | None = None
    """Of a file of values as they are, how many bytes it must have; None of a raster."""

    def meets(self, window: Window) -> bool:
        """Whether pixels of a (row, col) window may come from it."""
        if self.place is None:
            return True
        left, top, right, bottom = self.place
        (row, col), (row_stop, col_stop) = window.start, window.stop
        return left < col_stop and right > col and top < row_stop and bottom > row


@dataclass(slots=True, eq=False)
class Mosaic:
    """The sources of a VRT, and what is known of them."""

    sources: tuple[Source, ...]
    _known: dict[str, tuple[tuple[int, int], tuple[Source, ...]]] = field(default_factory=dict)
    """Date and size of the files that were looked at, and the sources of those that are mosaics."""
    _remote: dict[str, tuple[Source, ...]] = field(default_factory=dict)
    """The same of those on servers, as long as GDAL has them open."""
    _dataset: Any = None
    """The dataset that has."""

    @classmethod
    def of(cls, dataset: Any) -> Mosaic | None:
        """The mosaic that an open dataset of rasterio is; None where it is none with sources."""
        sources = tuple(_sources_of(dataset))
        return cls(sources) if sources else None

    def check(self, window: Window, dataset: Any = None) -> None:
        """Raise `RasterioIOError` where a source of a window is not there or is no raster.

        Each file is opened once in a job, and asked for its date before each read; a source on a
        server is opened once for each time that GDAL does. Of a mosaic in a mosaic every part
        counts, wherever it lies.

        Args:
            window: (row, col) in the mosaic.
            dataset: What reads it: one that was opened anew trusts no server that was seen before.
        """
        if self._dataset is not dataset:
            self._remote.clear()
            self._dataset = dataset
        seen: set[str] = set()
        waiting = [source for source in self.sources if source.meets(window)]
        while waiting:
            source = waiting.pop()
            if source.name not in seen:
                seen.add(source.name)  # a mosaic may name itself
                waiting += self._parts(source)

    def _parts(self, source: Source) -> tuple[Source, ...]:
        """The sources of a raster that is a mosaic itself; none of any other."""
        if not is_file_name(source.name):
            if len(self._remote) >= POOL:
                self._remote.clear()
            if source.name not in self._remote:
                self._remote[source.name] = _parts_of(source)
            return self._remote[source.name]
        try:
            status = os.stat(source.name)  # noqa: PTH116 - before each read, of many files
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise RasterioIOError(f"{source.name}: {reason}") from None
        stamp = (status.st_mtime_ns, status.st_size)
        known = self._known.get(source.name)
        if known is None or known[0] != stamp:
            known = self._known[source.name] = (stamp, _parts_of(source))
        return known[1]


def _parts_of(source: Source) -> tuple[Source, ...]:
    if source.least_bytes is not None:
        check_size(source.name, source.least_bytes)
        return ()
    try:
        dataset = silent_open(source.name)
    except OPEN_ERRORS as error:
        reason = reason_of(error, source.name)
        raise RasterioIOError(f"{public_name(source.name)}: {reason}") from None
    try:
        return tuple(_sources_of(dataset))
    finally:
        dataset.close()


def _sources_of(dataset: Any) -> Iterator[Source]:
    if dataset.driver != "VRT":
        return
    # the name of a mosaic may be its text, which lies nowhere
    folder = "" if dataset.name.lstrip().startswith("<") else _folder(dataset.name)
    yield from _named(dataset.tags(ns=DOMAIN).get(DOMAIN, ""), folder)


def _folder(name: str) -> str:
    """Where relative names begin."""
    if is_file_name(name):
        return str(Path(name).absolute().parent)
    return posixpath.dirname(name.partition("?")[0])


def _named(text: str, folder: str) -> Iterator[Source]:
    try:
        root = fromstring(text)
    except (ParseError, DefusedXmlException, ValueError):
        return  # GDAL has its own word on it
    for element in root.iter():
        is_raw = element.tag == "VRTRasterBand" and element.get("subClass") == RAW
        if (element.tag in SOURCES or is_raw) and (name := _name(element, folder)):
            if name.startswith("<"):  # a whole mosaic in place of a name
                yield from _named(name, folder)
            elif is_raw:
                yield Source(name, None, _least_bytes(root, element))
            elif is_file_name(name) or name.startswith("/vsi") or is_remote(name):
                yield Source(name, _place(element))


def _name(element: Element, folder: str) -> str:
    named = element.find("SourceFilename")
    text = "" if named is None else (named.text or "").strip()
    if named is None or named.get("relativeToVRT") != "1" or not is_file_name(text):
        return text
    return posixpath.join(folder, text)


def _place(element: Element) -> tuple[float, float, float, float] | None:
    rect = element.find("DstRect")
    try:
        left, top, width, height = (
            float((rect.attrib if rect is not None else {})[name])
            for name in ("xOff", "yOff", "xSize", "ySize")
        )
    except (KeyError, ValueError):
        return None
    return left, top, left + width, top + height


def _least_bytes(mosaic: Element, band: Element) -> int:
    """Where the last value ends of a band that lies in a file as it is."""

    def number(name: str, default: int = 0) -> int:
        try:
            return int(band.findtext(name, "") or default)
        except ValueError:
            return default

    itemsize = TYPES.get(band.get("dataType", "Byte"), 4)
    columns, rows = (int(mosaic.get(name, "0")) for name in ("rasterXSize", "rasterYSize"))
    pixel = number("PixelOffset", itemsize)
    line = number("LineOffset", pixel * columns)
    # lines may go up from the last one
    steps = max(0, (columns - 1) * pixel) + max(0, (rows - 1) * line)
    return number("ImageOffset") + steps + itemsize

"""Mosaic: the source rasters of a VRT, which are checked before each read.

GDAL opens a source when it first reads from it. Where that fails, only the first read raises an
error and later ones give zeros; where GDAL had the source in its pool before, even the first read
gives zeros.
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
"""Elements of a VRT band, each of which is read from a raster."""
RAW = "VRTRawRasterBand"
"""Class of a VRT band whose samples lie in a binary file without a header."""
DOMAIN = "xml:VRT"
"""Metadata domain in which GDAL gives the XML of an open VRT, however the VRT was named."""
POOL = 100
"""Number of sources that GDAL keeps open; beyond it, earlier ones are opened again."""
TYPES = {"Byte": 1, "Int8": 1, "UInt16": 2, "Int16": 2, "Float16": 2, "CInt16": 4, "CFloat32": 8,
         "UInt64": 8, "Int64": 8, "Float64": 8, "CInt32": 8, "CFloat64": 16}  # fmt: skip
"""Bytes per sample of GDAL's types, where it is not 4."""


@dataclass(frozen=True, slots=True)
class Source:
    """A raster, or a binary file of samples, that a part of a VRT is read from."""

    name: str
    """Name that GDAL opens."""
    place: tuple[float, float, float, float] | None = None
    """Left, top, right and bottom edge in pixel corners of the VRT; None where the source covers
    all of it."""
    least_bytes: int | None = None
    """Least size of a binary file without a header; None for a raster."""

    def meets(self, window: Window) -> bool:
        """Tell whether pixels of a (row, col) window of the VRT may come from this source."""
        if self.place is None:
            return True
        left, top, right, bottom = self.place
        (row, col), (row_stop, col_stop) = window.start, window.stop
        return left < col_stop and right > col and top < row_stop and bottom > row


@dataclass(slots=True, eq=False)
class Mosaic:
    """The sources of a VRT, with a memory of those that were found to be readable."""

    sources: tuple[Source, ...]
    """Sources that the VRT itself names."""
    _known: dict[str, tuple[tuple[int, int], tuple[Source, ...]]] = field(default_factory=dict)
    """Readable local files by name: date and size, and the sources of a file that is a VRT."""
    _remote: dict[str, tuple[Source, ...]] = field(default_factory=dict)
    """Readable rasters on servers by name, with their own sources, while GDAL has them open."""
    _dataset: Any = None
    """The dataset that has the rasters of `_remote` open."""

    def __reduce__(self) -> tuple[type[Mosaic], tuple[tuple[Source, ...]]]:
        # what was found to be readable here need not be so in another process
        return Mosaic, (self.sources,)

    @classmethod
    def of(cls, dataset: Any) -> Mosaic | None:
        """Read the sources of an open rasterio dataset; None where it is no VRT with sources."""
        sources = tuple(_sources_of(dataset))
        return cls(sources) if sources else None

    def check(self, window: Window, dataset: Any = None) -> None:
        """Raise `RasterioIOError` where a source of a window is missing or is no raster.

        A local file is opened once in a job, and again when its date or size has changed; a
        source on a server is opened once for each dataset. Of a VRT inside this one all sources
        are checked, wherever they lie.

        Args:
            window: (row, col) in the VRT.
            dataset: The dataset that is about to be read; for another one than before, sources
                on servers are opened again.
        """
        if self._dataset is not dataset:
            self._remote.clear()
            self._dataset = dataset
        seen: set[str] = set()
        waiting = [source for source in self.sources if source.meets(window)]
        while waiting:
            source = waiting.pop()
            if source.name not in seen:
                seen.add(source.name)  # a VRT may name itself
                waiting += self._parts(source)

    def _parts(self, source: Source) -> tuple[Source, ...]:
        """Give the sources of a source that is a VRT itself; none for any other raster.

        Raises:
            RasterioIOError: The source is missing or cannot be opened.
        """
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
    """Open a source to check it, and read its own sources where it is a VRT."""
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
    """Yield the sources of an open dataset; none where it is no VRT."""
    if dataset.driver != "VRT":
        return
    # the name of a VRT may be its XML text, which lies in no folder
    folder = "" if dataset.name.lstrip().startswith("<") else _folder(dataset.name)
    yield from _named(dataset.tags(ns=DOMAIN).get(DOMAIN, ""), folder)


def _folder(name: str) -> str:
    """Give the folder of a VRT, which relative names in it start from."""
    if is_file_name(name):
        return str(Path(name).absolute().parent)
    return posixpath.dirname(name.partition("?")[0])


def _named(text: str, folder: str) -> Iterator[Source]:
    """Yield the sources that the XML text of a VRT in a folder names."""
    try:
        root = fromstring(text)
    except (ParseError, DefusedXmlException, ValueError):
        return  # GDAL raises its own error when it reads the VRT
    for element in root.iter():
        is_raw = element.tag == "VRTRasterBand" and element.get("subClass") == RAW
        if (element.tag in SOURCES or is_raw) and (name := _name(element, folder)):
            if name.startswith("<"):  # the text of a VRT in place of a name
                yield from _named(name, folder)
            elif is_raw:
                yield Source(name, None, _least_bytes(root, element))
            elif is_file_name(name) or name.startswith("/vsi") or is_remote(name):
                yield Source(name, _place(element))


def _name(element: Element, folder: str) -> str:
    """Give the name that GDAL opens for an element, "" where it has none."""
    named = element.find("SourceFilename")
    text = "" if named is None else (named.text or "").strip()
    if named is None or named.get("relativeToVRT") != "1" or not is_file_name(text):
        return text
    return posixpath.join(folder, text)


def _place(element: Element) -> tuple[float, float, float, float] | None:
    """Give left, top, right and bottom of a source in its VRT; None where it is not stated."""
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
    """Compute the offset behind the last sample of a raw band in its binary file."""

    def number(name: str, default: int = 0) -> int:
        """Give the number in a child of the band's element, else the default."""
        try:
            return int(band.findtext(name, "") or default)
        except ValueError:
            return default

    itemsize = TYPES.get(band.get("dataType", "Byte"), 4)
    columns, rows = (int(mosaic.get(name, "0")) for name in ("rasterXSize", "rasterYSize"))
    pixel = number("PixelOffset", itemsize)
    line = number("LineOffset", pixel * columns)
    # an offset is negative where lines are stored from the bottom upwards
    steps = max(0, (columns - 1) * pixel) + max(0, (rows - 1) * line)
    return number("ImageOffset") + steps + itemsize

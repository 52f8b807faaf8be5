"""Mosaic: which files a VRT reads for a window, looked at before GDAL does.

GDAL keeps in mind which sources it could not open, in a pool that outlives a dataset once a mosaic
of mosaics was open in the process. From then on it gives zeros in their place, in datasets that are
opened anew too. So a source that is lost, or is no raster any more, has to be an error before it is
read.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring
from rasterio.errors import RasterioIOError

from sam_geo.access import OPEN_ERRORS, reason_of, silent_open
from sam_geo.address import is_file_name, real_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from sam_common.window import Window

SUFFIX = ".vrt"
SOURCES = ("SimpleSource", "ComplexSource", "AveragedSource", "KernelFilteredSource")
"""Elements of a band that are read from a file each."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file in a mosaic."""

    file: Path
    place: tuple[float, float, float, float] | None
    """Left, top, right and bottom edge in the mosaic's pixels; None where it fills all of it."""

    def meets(self, window: Window) -> bool:
        """Whether pixels of a (row, col) window may come from it."""
        if self.place is None:
            return True
        left, top, right, bottom = self.place
        (row, col), (row_stop, col_stop) = window.start, window.stop
        return left < col_stop and right > col and top < row_stop and bottom > row


@dataclass(frozen=True, slots=True, eq=False)
class Mosaic:
    """The sources of a VRT that lie on this disk."""

    sources: tuple[Source, ...]
    _known: dict[Path, tuple[tuple[int, int], tuple[Path, ...]]] = field(default_factory=dict)
    """Date and size of the files that were looked at, and the sources of those that are mosaics."""

    @classmethod
    def of(cls, name: str) -> Mosaic | None:
        """The mosaic that a name of GDAL leads to; None where it is none with files."""
        file = real_file(name)
        if file is None or not name.lower().endswith(SUFFIX):
            return None
        sources = tuple(_sources(file))
        return cls(sources) if sources else None

    def check(self, window: Window) -> None:
        """Raise `RasterioIOError` where a source of a window is not there or is no raster.

        Each file is opened, or its text read, once in a job, and asked for its date before each
        read; of a mosaic in a mosaic every part counts, wherever it lies.
        """
        seen: set[Path] = set()
        waiting = [source.file for source in self.sources if source.meets(window)]
        while waiting:
            file = waiting.pop()
            if file not in seen:
                seen.add(file)  # a mosaic may name itself
                waiting += self._parts(file)

    def _parts(self, file: Path) -> tuple[Path, ...]:
        """The sources of a file that is a mosaic itself; none of any other that GDAL can open."""
        try:
            status = os.stat(file)  # noqa: PTH116 - before each read, of many files
        except OSError as error:
            raise RasterioIOError(f"{file}: {error.strerror}") from None
        stamp = (status.st_mtime_ns, status.st_size)
        known = self._known.get(file)
        if known is None or known[0] != stamp:
            known = self._known[file] = (stamp, _parts_of(file))
        return known[1]


def _parts_of(file: Path) -> tuple[Path, ...]:
    if file.suffix.lower() == SUFFIX:
        return tuple(source.file for source in _sources(file))
    try:
        silent_open(str(file)).close()
    except OPEN_ERRORS as error:
        raise RasterioIOError(f"{file}: {reason_of(error)}") from None
    return ()


def _sources(mosaic: Path) -> Iterator[Source]:
    try:
        root = fromstring(mosaic.read_bytes())
    except (ParseError, DefusedXmlException, OSError, ValueError):
        return  # GDAL has its own word on it
    for element in root.iter():
        if element.tag in SOURCES and (named := element.find("SourceFilename")) is not None:
            text = (named.text or "").strip()
            if text and is_file_name(text) and not text.startswith("<"):
                relative = named.get("relativeToVRT") == "1"
                yield Source(mosaic.parent / text if relative else Path(text), _place(element))


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

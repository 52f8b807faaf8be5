"""Cut files: rasters shorter than their headers say, in formats that GDAL pads with zeros silently.

```
header says  1000 rows x 1000 columns x 1 byte  ->  1,000,000 bytes
file has       600,000 bytes                    ->  400 rows of zeros, and no error
```
In the other formats GDAL itself raises an error for a block that it cannot read.
"""

from __future__ import annotations

import gzip
import struct
import zipfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rasterio.errors import RasterioIOError

from sam_common.support.addresses import printable
from sam_geo.address.local_files import real_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Ends = Iterator[tuple[str, int | None]]
    """Names of files with the least number of bytes that each must have; None in place of the
    number for a file that is known to be cut off."""

ZIP = "/vsizip/"
END_OF_CODESTREAM = b"\xff\xd9"
"""The marker at the end of JPEG 2000; these two bytes occur nowhere in its data."""
TAIL_BYTES = 64 * 1024
"""Bytes at the end of a JPEG 2000 file in which the marker is looked for: padding may follow it."""
CHUNK_BYTES = 2**20
"""Bytes that are decompressed at a time."""
SPILL_MAGIC = b"ERDAS_IMG_EXTERNAL_RASTER\0"
"""First bytes of an .ige file, in which ERDAS Imagine keeps the pixels of a large raster."""
CHANNEL_FIELDS = ((168, 184), (184, 192), (192, 200))
"""Bytes of a PCIDSK channel header that hold the offset of the first pixel, and the steps from
pixel to pixel and from line to line."""


def check_whole(dataset: Any) -> None:
    """Raise `RasterioIOError` where a file of a dataset ends before its pixels do.

    Only sizes and headers are looked at, of files on the local disk and of members of zip files.
    An ENVI file that is compressed as a whole is decompressed to its end, as GDAL does too.

    Args:
        dataset: An open dataset of rasterio.
    """
    ends_of = _ENDS.get(dataset.driver)
    if ends_of is None:
        return
    with ExitStack() as stack:
        files = _Files(stack)
        for name, least in ends_of(dataset, files):
            files.check_size(name, least)


def check_size(name: str, least: int) -> None:
    """Raise `RasterioIOError` where a file exists and has fewer than `least` bytes."""
    with ExitStack() as stack:
        _Files(stack).check_size(name, least)


class _Files:
    """Files on the local disk and members of zip files; each zip file is opened once.

    Args:
        stack: Closes the zip files.
    """

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._zips: dict[Path, zipfile.ZipFile] = {}

    def check_size(self, name: str, least: int | None) -> None:
        """Raise `RasterioIOError` where a file has fewer than `least` bytes; None: it is cut."""
        size = self._size(name)
        if size is None or (least is not None and size >= least):
            return
        wanted = "more" if least is None else f"{least}"
        raise RasterioIOError(
            f"{printable(Path(name).name)} is cut off: it has {size} bytes, and its header speaks "
            f"of {wanted} (copy or download it again)"
        )

    def read(self, name: str, start: int, count: int) -> bytes:
        """Read `count` bytes of a file, or as many as there are; none where it does not exist."""
        if Path(name).is_file():
            with Path(name).open("rb") as stream:
                stream.seek(start)
                return stream.read(count)
        if (member := self._member(name)) is None:
            return b""
        with member[0].open(member[1]) as inner:
            inner.seek(start)
            return inner.read(count)

    def _size(self, name: str) -> int | None:
        """Return the size of a file in bytes, None where it does not exist."""
        if Path(name).is_file():
            return Path(name).stat().st_size
        member = self._member(name)
        return None if member is None else member[1].file_size

    def _member(self, name: str) -> tuple[zipfile.ZipFile, zipfile.ZipInfo] | None:
        """Return the zip file and its member that a `/vsizip/` name leads to."""
        path = real_file(name) if name.startswith(ZIP) else None
        if path is None:
            return None
        inner = name.removeprefix(ZIP).replace("{", "").replace("}", "")
        with suppress(OSError, zipfile.BadZipFile, KeyError):
            if path not in self._zips:
                self._zips[path] = self._stack.enter_context(zipfile.ZipFile(path))
            archive = self._zips[path]
            return archive, archive.getinfo(inner.partition(str(path))[2].lstrip("/"))
        return None


def _envi(dataset: Any, _files: _Files) -> Ends:
    """Yield the data file of ENVI, which holds nothing but samples behind an offset."""
    tags, data = dataset.tags(ns="ENVI"), dataset.files[0]
    samples = dataset.width * dataset.height * dataset.count
    least = _whole(tags.get("header_offset")) + samples * np.dtype(dataset.dtypes[0]).itemsize
    if tags.get("file_compression") != "1":
        yield data, least
    elif (file := real_file(data)) is not None and _unpacked(file, least) < least:
        yield str(file), None


def _unpacked(file: Path, most: int) -> int:
    """Count the bytes that a gzip file decompresses to, up to `most`."""
    size = 0
    try:
        with gzip.open(file) as stream:
            while size < most and (chunk := stream.read(CHUNK_BYTES)):
                size += len(chunk)
    except (EOFError, OSError):
        return size
    return size


def _number(text: bytes) -> int:
    """Parse a field of a binary header that holds digits; 0 where it does not."""
    return _whole(text.decode(errors="replace"))


def _whole(text: str | None) -> int:
    """Parse a whole number; 0 where the text is none."""
    return int(text) if text is not None and text.strip().isdecimal() else 0


def _jpeg_2000(dataset: Any, _files: _Files) -> Ends:
    """Yield a JPEG 2000 file by the lengths of its boxes, or by the marker at its end."""
    name = dataset.files[0] if dataset.files else dataset.name
    file = Path(name)
    if not file.is_file():
        return
    size = file.stat().st_size
    with file.open("rb") as stream:
        at, is_open = 0, stream.read(2) == b"\xff\x4f"  # a codestream without boxes
        while at + 8 <= size and not is_open:
            stream.seek(at)
            length, kind, wide = struct.unpack(">I4sQ", stream.read(16).ljust(16, b"\0"))
            length = wide if length == 1 else length
            is_open = length == 0  # the box goes on to the end of the file
            if kind == b"jp2c" and length:
                yield name, at + length
            at += max(length, 8)
        stream.seek(max(0, size - TAIL_BYTES))
        if is_open and END_OF_CODESTREAM not in stream.read():
            yield name, None


def _imagine(dataset: Any, files: _Files) -> Ends:
    """Yield the .ige files beside an ERDAS Imagine file: layers of flags and blocks."""
    for name in dataset.files:
        if not name.lower().endswith(".ige"):
            continue
        head = files.read(name, 0, len(SPILL_MAGIC) + 21)
        if not head.startswith(SPILL_MAGIC) or len(head) < len(SPILL_MAGIC) + 21:
            continue
        layers, width, height, wide, high = struct.unpack_from("<5i", head, len(SPILL_MAGIC) + 1)
        if min(layers, width, height, wide, high) < 1:
            continue
        across, down = -(-width // wide), -(-height // high)
        flags = 20 + -(-across // 8) * down
        block = wide * high * np.dtype(dataset.dtypes[0]).itemsize
        if dataset.tags(1, ns="IMAGE_STRUCTURE").get("NBITS") is None:
            yield name, len(SPILL_MAGIC) + 23 + layers * (flags + across * down * block)


def _pcidsk(dataset: Any, files: _Files) -> Ends:
    """Yield the files of PCIDSK bands: one after the other, pixel by pixel, or in a file each.

    Tiled files do not say how long they are.
    """
    main = dataset.files[0]
    head = files.read(main, 0, 512)
    kind = head[360:368].strip()
    sizes = [np.dtype(dtype).itemsize for dtype in dataset.dtypes]
    if kind in {b"BAND", b"PIXEL"}:
        start, line = (_number(head[304:320]) - 1) * 512, dataset.width * sum(sizes)
        # lines of pixels of all bands begin at whole blocks
        step = -(-line // 512) * 512 if kind == b"PIXEL" else line
        yield main, start + (dataset.height - 1) * step + line
        return
    channels = files.read(main, max(0, _number(head[336:352]) - 1) * 512, 1024 * len(sizes))
    for n, itemsize in enumerate(sizes):
        channel = channels[1024 * n : 1024 * (n + 1)]
        name = channel[64:128].decode(errors="replace").strip()
        first, pixel, line = (_number(channel[at:end]) for at, end in CHANNEL_FIELDS)
        if name and not name.startswith(("/SIS", "LNK=")) and pixel:
            across, down = (dataset.width - 1) * pixel, (dataset.height - 1) * line
            yield str(Path(main).parent / name), first + max(0, across) + max(0, down) + itemsize


def _nitf(dataset: Any, files: _Files) -> Ends:
    """Yield a NITF file, whose header states the length of the whole file."""
    main = dataset.files[0]
    head = files.read(main, 0, 354)
    length = head[342:354]
    # nines say that the length was not known when the header was written
    if head.startswith((b"NITF02.1", b"NSIF01.0")) and length.isdigit() and set(length) != {57}:
        yield main, int(length)


def _classic_netcdf(dataset: Any, _files: _Files) -> Ends:
    """Yield a netCDF file of the classic formats whose variables reach beyond its end."""
    from scipy.io import netcdf_file  # noqa: PLC0415  # slow to import, and seldom needed

    file = real_file(dataset.files[0] if dataset.files else dataset.name)
    if file is None:
        return
    with file.open("rb") as stream:
        if stream.read(4) not in {b"CDF\x01", b"CDF\x02"}:
            return
    try:
        # maps the variables, and reads none of them
        netcdf_file(file, mmap=True).close()
    except (ValueError, TypeError):
        yield str(file), None


def _pcraster(dataset: Any, files: _Files) -> Ends:
    """Yield a PCRaster file: a header of 256 bytes, then one sample after the other."""
    main = dataset.files[0]
    head = files.read(main, 0, 68)
    if len(head) == 68:  # noqa: PLR2004
        itemsize = 1 << (max(head[66:68]) & 3)
        yield main, 256 + dataset.width * dataset.height * itemsize


_ENDS: Mapping[str, Callable[[Any, _Files], Ends]] = {
    "ENVI": _envi,
    "HFA": _imagine,
    "JP2OpenJPEG": _jpeg_2000,
    "NITF": _nitf,
    "PCIDSK": _pcidsk,
    "PCRaster": _pcraster,
    "netCDF": _classic_netcdf,
}

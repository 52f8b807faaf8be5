"""Cut files: rasters that are shorter than they say, of formats whose rest GDAL fills in silently.

```
header says  1000 rows x 1000 columns x 1 byte  ->  1,000,000 bytes
file has       600,000 bytes                    ->  400 rows of zeros, and no error
```
Of other formats GDAL itself says that a block cannot be read.
"""

from __future__ import annotations

import gzip
import struct
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from rasterio.errors import RasterioIOError

from sam_common.support.addresses import printable
from sam_geo.address.local_files import real_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Ends = Iterator[tuple[str, int | None]]
    """Files, and the number of bytes that each must have at least; None where it has fewer."""

ZIP = "/vsizip/"
END_OF_CODESTREAM = b"\xff\xd9"
"""These two bytes are in no data of JPEG 2000."""
TAIL_BYTES = 64 * 1024
"""What may lie behind the end of a codestream."""
CHUNK_BYTES = 2**20
SPILL_MAGIC = b"ERDAS_IMG_EXTERNAL_RASTER\0"


def check_whole(dataset: Any) -> None:
    """Raise `RasterioIOError` where a file of an open dataset ends before its pixels do.

    It looks at sizes and at headers of files on this disk, and at members of zip files. Only an
    ENVI file that is compressed as a whole is read to its end, which GDAL does too.
    """
    for name, least in _ENDS.get(dataset.driver, _none)(dataset):
        check_size(name, least)


def check_size(name: str, least: int | None) -> None:
    """Raise `RasterioIOError` where a file is there and has fewer bytes than it must."""
    size = _size(name)
    if size is None or (least is not None and size >= least):
        return
    wanted = "more" if least is None else f"{least}"
    raise RasterioIOError(
        f"{printable(Path(name).name)} is cut off: it has {size} bytes, and its header speaks of "
        f"{wanted} (copy or download it again)"
    )


def _none(_dataset: Any) -> Ends:
    yield from ()


def _envi(dataset: Any) -> Ends:
    tags, data = dataset.tags(ns="ENVI"), dataset.files[0]
    samples = dataset.width * dataset.height * dataset.count
    least = _whole(tags.get("header_offset")) + samples * np.dtype(dataset.dtypes[0]).itemsize
    if tags.get("file_compression") != "1":
        yield data, least
    elif (file := real_file(data)) is not None and _unpacked(file, least) < least:
        yield str(file), None


def _unpacked(file: Path, most: int) -> int:
    """Bytes that a gzip file gives, as far as they are asked for."""
    size = 0
    try:
        with gzip.open(file) as stream:
            while size < most and (chunk := stream.read(CHUNK_BYTES)):
                size += len(chunk)
    except (EOFError, OSError):
        return size
    return size


def _number(text: bytes) -> int:
    return _whole(text.decode(errors="replace"))


def _whole(text: str | None) -> int:
    return int(text) if text is not None and text.strip().isdecimal() else 0


def _jpeg_2000(dataset: Any) -> Ends:
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
            is_open = length == 0  # to the end of the file
            if kind == b"jp2c" and length:
                yield name, at + length
            at += max(length, 8)
        stream.seek(max(0, size - TAIL_BYTES))
        if is_open and END_OF_CODESTREAM not in stream.read():
            yield name, None


def _spilled(dataset: Any) -> Ends:
    """Pixels of an ERDAS Imagine file that lie in an .ige beside it."""
    for name in dataset.files:
        if not name.lower().endswith(".ige"):
            continue
        with _opened(name) as stream:
            head = b"" if stream is None else stream.read(len(SPILL_MAGIC) + 21)
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


def _pcidsk(dataset: Any) -> Ends:
    """Bands one after the other, pixel by pixel, or in a file each; tiles say nothing of it."""
    main = dataset.files[0]
    with _opened(main) as stream:
        if stream is None:
            return
        head = stream.read(512)
        kind = head[360:368].strip()
        sizes = [np.dtype(dtype).itemsize for dtype in dataset.dtypes]
        if kind in {b"BAND", b"PIXEL"}:
            start, line = (_number(head[304:320]) - 1) * 512, dataset.width * sum(sizes)
            # lines of pixels of all bands begin at whole blocks
            step = -(-line // 512) * 512 if kind == b"PIXEL" else line
            yield main, start + (dataset.height - 1) * step + line
            return
        stream.seek(max(0, _number(head[336:352]) - 1) * 512)
        for itemsize in sizes:
            channel = stream.read(1024)
            name = channel[64:128].decode(errors="replace").strip()
            places = [_number(channel[at:end]) for at, end in _PLACES]
            own = Path(main).parent / name
            if name and not name.startswith(("/SIS", "LNK=")) and places[1]:
                rows, columns = dataset.height - 1, dataset.width - 1
                yield str(own), _end(places, rows, columns, itemsize)


_PLACES = ((168, 184), (184, 192), (192, 200))
"""Where a channel of PCIDSK says its first byte, and the steps between pixels and between lines."""


def _end(places: list[int], rows: int, columns: int, itemsize: int) -> int:
    first, pixel, line = places
    return first + max(0, columns * pixel) + max(0, rows * line) + itemsize


def _nitf(dataset: Any) -> Ends:
    main = dataset.files[0]
    with _opened(main) as stream:
        head = b"" if stream is None else stream.read(354)
    length = head[342:354]
    # nines say that the length was not known when the header was written
    if head.startswith((b"NITF02.1", b"NSIF01.0")) and length.isdigit() and set(length) != {57}:
        yield main, int(length)


def _classic_netcdf(dataset: Any) -> Ends:
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


def _pcraster(dataset: Any) -> Ends:
    main = dataset.files[0]
    with _opened(main) as stream:
        head = b"" if stream is None else stream.read(68)
    if len(head) == 68:  # noqa: PLR2004
        itemsize = 1 << (max(head[66:68]) & 3)
        yield main, 256 + dataset.width * dataset.height * itemsize


_ENDS: Mapping[str, Callable[[Any], Ends]] = {
    "ENVI": _envi,
    "HFA": _spilled,
    "JP2OpenJPEG": _jpeg_2000,
    "NITF": _nitf,
    "PCIDSK": _pcidsk,
    "PCRaster": _pcraster,
    "netCDF": _classic_netcdf,
}


@contextmanager
def _opened(name: str) -> Iterator[IO[bytes] | None]:
    """A file of this disk or a member of a zip file, None where there is none."""
    if Path(name).is_file():
        with Path(name).open("rb") as stream:
            yield stream
        return
    archive, member = _in_zip(name)
    if archive is None:
        yield None
        return
    with zipfile.ZipFile(archive) as opened, opened.open(member) as inner:
        yield inner


def _size(name: str) -> int | None:
    if Path(name).is_file():
        return Path(name).stat().st_size
    archive, member = _in_zip(name)
    if archive is None:
        return None
    with zipfile.ZipFile(archive) as opened:
        return opened.getinfo(member).file_size


def _in_zip(name: str) -> tuple[Path | None, str]:
    """The zip file on this disk and the member of it that a name leads to."""
    archive = real_file(name) if name.startswith(ZIP) else None
    if archive is None or not zipfile.is_zipfile(archive):
        return None, ""
    inner = name.removeprefix(ZIP).replace("{", "").replace("}", "")
    member = inner.partition(str(archive))[2].lstrip("/")
    with zipfile.ZipFile(archive) as opened:
        return (archive, member) if member in opened.namelist() else (None, "")

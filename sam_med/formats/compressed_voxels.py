"""Compressed voxels of MetaImage: a zlib stream, whose checksum ITK does not verify."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, BinaryIO

from sam_med.formats.text_header import LOCAL, META_SUFFIXES, data_files, header_fields

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CHUNK_BYTES = 2**20
LAST_FIELD = b"ElementDataFile"


class Inflated:
    """The bytes that a zlib stream inflates to, read part by part as from a file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._inflate, self._left = file, zlib.decompressobj(), b""

    def read(self, size: int, /) -> bytes:
        """Read at most `size` inflated bytes; empty at the end of the stream.

        Raises:
            EOFError: The stream is cut off.
            zlib.error: The stream is damaged.
        """
        while not self._left and not self._inflate.eof:
            packed = self._inflate.unconsumed_tail or self._file.read(CHUNK_BYTES)
            if not packed:
                raise EOFError("the compressed voxels end early")
            self._left = self._inflate.decompress(packed, CHUNK_BYTES)
        part, self._left = self._left[:size], self._left[size:]
        return part

    @property
    def end(self) -> int:
        """Offset in the file of the end of the stream, once all of it is read."""
        return self._file.tell() - len(self._inflate.unused_data)


def is_compressed(path: Path) -> bool:
    """Whether a file is a MetaImage (`.mha`, `.mhd`) with compressed voxels."""
    if not path.name.lower().endswith(META_SUFFIXES):
        return False
    return header_fields(path).get("compresseddata", "").lower() == "true"


def check_voxels(path: Path, expected_bytes: int) -> None:
    """Check that the voxels of a MetaImage are whole, because ITK reads damaged ones in silence.

    Uncompressed voxels cost a look at the sizes of their files, compressed ones a second reading.

    Args:
        path: `.mha` or `.mhd`; any other file is not checked.
        expected_bytes: Length of the uncompressed voxels.

    Raises:
        EOFError: The voxels end early, or their file is missing.
        zlib.error: The voxels are damaged.
        OSError: The file cannot be read.
    """
    if not path.name.lower().endswith(META_SUFFIXES):
        return
    fields = header_fields(path)
    local = fields.get("elementdatafile", "").lower() == LOCAL
    files = (path,) if local else data_files(path)
    before = _header_bytes(path) if local else _skipped_bytes(fields)
    if len(files) != 1 or not is_compressed(path):
        found = sum(file.stat().st_size - before for file in files)
    else:
        with files[0].open("rb") as file:
            file.seek(before)
            stream, found = Inflated(file), 0
            while part := stream.read(CHUNK_BYTES):
                found += len(part)
            # ITK inflates as many bytes as are stated, and takes the result for all voxels
            if fields.get("compresseddatasize", "").strip() != str(stream.end - before):
                raise EOFError("the size of the compressed voxels is another one than is stated")
    if found < expected_bytes:
        raise EOFError("the voxels end early")


def skip_header(file: BinaryIO) -> None:
    """Move to the first byte after the header of an opened `.mha` file."""
    while (line := file.readline()) and not line.startswith(LAST_FIELD):
        pass


def _header_bytes(path: Path) -> int:
    with path.open("rb") as file:
        skip_header(file)
        return file.tell()


def _skipped_bytes(fields: Mapping[str, str]) -> int:
    """Bytes before the voxels in each of their files; HeaderSize -1 means all that precede them."""
    try:
        return max(0, int(fields.get("headersize", "0")))
    except ValueError:
        return 0

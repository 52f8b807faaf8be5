"""Packed voxels of MetaImage: a zlib stream, of which ITK does not mind the checksum."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, BinaryIO

from sam_med.formats.text_header import HERE, META_SUFFIXES, data_files, header_fields

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CHUNK_BYTES = 2**20
LAST_FIELD = b"ElementDataFile"


class Inflated:
    """The plain bytes of a zlib stream."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._inflate, self._left = file, zlib.decompressobj(), b""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end.

        Raises:
            EOFError: The stream is cut off.
            zlib.error: It is damaged.
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
        """Where in the file the stream ends, once all of it is read."""
        return self._file.tell() - len(self._inflate.unused_data)


def is_packed(path: Path) -> bool:
    """Whether a file is a MetaImage with compressed voxels."""
    if not path.name.lower().endswith(META_SUFFIXES):
        return False
    return header_fields(path).get("compresseddata", "").lower() == "true"


def check_voxels(path: Path, expected_bytes: int) -> None:
    """Look at the voxels of a MetaImage before ITK does, which takes damaged ones in silence.

    Plain ones cost a look at the size of their files, packed ones one reading more.

    Args:
        path: `.mha` or `.mhd`; any other file is left alone.
        expected_bytes: Of the voxels, unpacked.

    Raises:
        EOFError: They end early, or are not there.
        zlib.error: They are damaged.
        OSError: The file cannot be read.
    """
    if not path.name.lower().endswith(META_SUFFIXES):
        return
    fields = header_fields(path)
    here = fields.get("elementdatafile", "").lower() == HERE
    files = (path,) if here else data_files(path)
    before = _header_bytes(path) if here else _skipped_bytes(fields)
    if len(files) != 1 or not is_packed(path):
        found = sum(file.stat().st_size - before for file in files)
    else:
        with files[0].open("rb") as file:
            file.seek(before)
            stream, found = Inflated(file), 0
            while part := stream.read(CHUNK_BYTES):
                found += len(part)
            # ITK unpacks as many bytes as are stated, and takes what they give for the whole
            if fields.get("compresseddatasize", "").strip() != str(stream.end - before):
                raise EOFError("the size of the compressed voxels is another one than is stated")
    if found < expected_bytes:
        raise EOFError("the voxels end early")


def to_voxels(file: BinaryIO) -> None:
    """Go to the first byte behind the header of a `.mha` file."""
    while (line := file.readline()) and not line.startswith(LAST_FIELD):
        pass


def _header_bytes(path: Path) -> int:
    with path.open("rb") as file:
        to_voxels(file)
        return file.tell()


def _skipped_bytes(fields: Mapping[str, str]) -> int:
    """What lies before the voxels in each of their files; -1 stands for whatever is too much."""
    try:
        return max(0, int(fields.get("headersize", "0")))
    except ValueError:
        return 0

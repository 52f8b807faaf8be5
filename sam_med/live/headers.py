"""Headers of NRRD and MetaImage files that a server reads: written anew, with its own names.

A header may say that its voxels lie in other files, in more ways than one, and the library that
reads it is the one that decides what it says. So the library is not given the header of the
client: it is given a header that was written here, which names held files only, and which has the
other fields as they were.

```
scan.mhd                                  private/volume.mhd
  DimSize = 4 3 2                           DimSize = 4 3 2
  ElementDataFile = /data/scan.raw          ElementDataFile = volume-1.raw     held
scan.nrrd                                 private/volume.nrrd
  sizes: 4 3 2                              sizes: 4 3 2
  (empty line)                              line skip: 3
  voxels                                    data file: volume-1.raw            held, scan.nrrd
```
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sam_common.errors import InputError
from sam_common.server.files.roots import RefusedPathError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from sam_common.server.files.held import Held

NRRD_SUFFIXES = (".nrrd", ".nhdr")
META_SUFFIXES = (".mha", ".mhd")
MAX_BYTES = 64 << 20
"""Largest size of a header; descriptions of many segments take a few hundred KB."""
MOST_FILES = 200
"""Most files that the voxels of one volume may lie in: each is held open."""
MAGIC = re.compile(r"NRRD000\d$")
NRRD_FIELD = re.compile(r"([^:=]+):(=?)\s*(.*)")
META_FIELD = re.compile(r"([A-Za-z]\w*)\s*[=:]()\s*(.*)")
COUNTED = re.compile(r"([^%\s]*)%(0?\d*)d([^%\s]*)((?:\s+-?\d{1,6}){2,4})$")
"""`slice%03d.raw 1 80 1`: a pattern with first, last and step, and NRRD's number of axes a file."""
HERE, LISTED = "local", "list"
PACKED_SIZE = "compresseddatasize"
SKIPS = frozenset({"lineskip", "headersize"})


@dataclass(slots=True)
class _Header:
    """The fields of a header, and the files of voxels that it names."""

    is_nrrd: bool
    fields: list[str] = field(default_factory=list)
    """Lines of the header in order, without those that name files or skip."""
    skip: int = 0
    """Lines (NRRD) or bytes (MetaImage) before the voxels in their files."""
    files: list[str] | None = None
    """Names of the files of voxels; None where the voxels follow the header in its file."""
    listed: str = ""
    """Text before the names of several files, such as LIST; empty for one file."""
    lines: int = 0
    """Number of lines of the header, up to its end."""
    size_bytes: int = 0
    """Number of bytes of the header, up to its end."""

    def written(self, files: list[str]) -> str:
        """The text of the header with other names of the files of voxels."""
        name, between = ("data file", ": ") if self.is_nrrd else ("ElementDataFile", " = ")
        skip = ("line skip" if self.is_nrrd else "HeaderSize") + f"{between}{self.skip}"
        named = "\n".join([self.listed, *files]) if self.listed else files[0]
        end = "\n\n" if self.is_nrrd and not self.listed else "\n"
        return "\n".join([*self.fields, *([skip] * (self.skip != 0)), name + between + named]) + end


def hold_header(path: Path, name: str, held: Held) -> Path:
    """Hold a NRRD or MetaImage file with its voxels; gives the path of its new header.

    Args:
        path: The real path of the file.
        name: Name of the new header, with the suffix of the old one.
        held: Opens the files that may be read, in a private folder.

    Raises:
        InputError: The file has no such header, readers understand the header differently, or it
            names files that may not be read.
        RefusedPathError: The file itself may not be read.
    """
    source = held.link(path, f"{name}.source")
    is_nrrd = path.name.lower().endswith(NRRD_SUFFIXES)
    with source.open("rb") as file:
        header = _read(file, is_nrrd=is_nrrd)
    if header.files is None:
        header.skip = header.skip + header.lines if is_nrrd else header.size_bytes
        if not is_nrrd and not any(_key(line).startswith(PACKED_SIZE) for line in header.fields):
            # the voxels reach to the end of their file, which no reader of the new header can know
            packed = source.stat().st_size - header.size_bytes
            header.fields.append(f"CompressedDataSize = {packed}")
        files = [source.name]
    else:
        files = [
            _hold_voxels(path.parent / file, f"{name}-{n}", held)
            for n, file in enumerate(header.files, start=1)
        ]
    place = held.folder / name
    place.write_text(header.written(files), encoding="utf-8", errors="surrogateescape")
    return place


def _hold_voxels(path: Path, stem: str, held: Held) -> str:
    """Hold a file of voxels; gives its name in the private folder."""
    try:
        # a reader may go by the suffix, such as that of a compressed file
        return held.link(path, stem + path.suffix).name
    except RefusedPathError as error:
        raise InputError(
            "the header names voxels in files that this server may not open: put them beside it, "
            "or send the voxels"
        ) from error


def _read(file: BinaryIO, *, is_nrrd: bool) -> _Header:
    """The header of an open file, read up to the first byte of voxels."""
    header = _Header(is_nrrd)
    lines = _lines(file)
    if is_nrrd:
        header.fields = [next(lines, "")]
        header.lines = 1
        if not MAGIC.match(header.fields[0]):
            raise InputError("the file is no NRRD, although its name ends like that of one")
    ended = False
    for line in lines:
        header.lines += 1
        ended = _take(header, line)
        if header.files == [] and header.listed:
            header.files += filter(None, map(str.strip, lines))
        if ended:
            break
    header.size_bytes = file.tell()
    if not (ended or header.files):
        raise InputError("the header has no end, or names no voxels: is the file damaged?")
    if header.files is not None and not 0 < len(header.files) <= MOST_FILES:
        raise InputError(
            f"the voxels lie in {len(header.files)} files, and 1 to {MOST_FILES} are opened here: "
            "join them, or send the voxels"
        )
    return header


def _lines(file: BinaryIO) -> Iterator[str]:
    """The lines of a header, without their ends; control characters are refused."""
    left = MAX_BYTES
    while line := file.readline(left):
        left -= len(line)
        text = line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "surrogateescape")
        # some readers end a line at a lone carriage return, others do not
        if left <= 0 or any(char < " " and char != "\t" for char in text):
            raise InputError("the header holds control characters, or is too long: is it damaged?")
        yield text


def _take(header: _Header, line: str) -> bool:
    """Add one line of a file to a header; gives whether it was the last of the header."""
    if not line.strip() or line.startswith("#"):
        return header.is_nrrd and not line
    found = (NRRD_FIELD if header.is_nrrd else META_FIELD).match(line)
    if found is None:
        raise InputError("a line of the header has no name: write the volume anew")
    name, pair, value = found[1], found[2], found[3].strip()
    key = _key(name)
    if key in {"datafile", "elementdatafile"} and not pair:
        _name_files(header, value)
    elif key in SKIPS and not pair:
        header.skip = _whole(value)
    elif key == "datafile" or "elementdatafile" in _key(line):
        raise InputError("the header names its voxels twice: write the volume anew")
    elif header.is_nrrd:
        header.fields.append(line)
    elif value:
        header.fields.append(f"{name} = {value}")
    return key == "elementdatafile" and not header.is_nrrd


def _name_files(header: _Header, value: str) -> None:
    """Add the names of the files of voxels; the names of a list are on the lines that follow."""
    first, *rest = value.split() or [""]
    if header.files is not None or header.listed or not first:
        raise InputError("the header names its voxels twice, or not at all: write it anew")
    if not header.is_nrrd and value.lower() == HERE:
        return
    if first.lower() == LISTED:
        header.listed, header.files = " ".join([LISTED.upper(), *rest]), []
    elif found := COUNTED.match(value):
        low, high, *more = map(int, found[4].split())
        step, axes = (more or [1])[0], more[1:]
        numbers = range(low, high + (1 if step > 0 else -1), step or 1)
        # one more than is allowed, so that it is refused: a range may be of any length
        header.files = [f"{found[1]}{n:{found[2]}d}{found[3]}" for n in numbers[: MOST_FILES + 1]]
        header.listed = " ".join([LISTED.upper(), *map(str, axes)])
    else:
        header.files = [value]


def _key(name: str) -> str:
    """The name of a field without spaces, hyphens, underscores and capitals."""
    return re.sub(r"[\s_-]", "", name).lower()


def _whole(value: str) -> int:
    """The whole number of lines or bytes to skip."""
    if not re.fullmatch(r"-?\d{1,12}", value):
        raise InputError(f"the header skips a number of lines or bytes, got {value!r:.40}")
    return int(value)

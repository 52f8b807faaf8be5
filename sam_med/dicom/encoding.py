"""Encoding of DICOM files: how a file is really written, whatever its beginning says.

```
128 bytes, DICM, meta information, data set      as the standard wants it
meta information, data set                       the preamble was cut off
data set                                         nothing says how it is encoded: its elements show
```

The stated transfer syntax may be wrong. Byte order, deflation and whether value types are written
out are seen from the first element, and whether pixels are compressed from the length of their
element. Where these contradict the meta information, the file is read as it is really encoded, and
`Encoding.stated` is false. Only a file whose byte order or deflation differs from what is stated is
held in memory as a whole.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, Literal

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileMetaDataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.tag import Tag
from pydicom.uid import (
    UID,
    AllTransferSyntaxes,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from sam_common.support.silence import silence
from sam_med.dicom.file_meta import HEAD_BYTES, MARK, PREAMBLE_BYTES, FileMeta, contradicting_syntax

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pydicom.dataset import Dataset, FileDataset
    from pydicom.tag import BaseTag, TagType

NATIVE = frozenset({ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian})
"""Transfer syntaxes of uncompressed pixels, whose length follows from the size of the image."""
DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""Exceptions of pydicom on damaged files; their messages may hold values of the header."""
PLAIN = NATIVE | {DeflatedExplicitVRLittleEndian}
"""Transfer syntaxes of uncompressed pixels, once the data set is inflated."""
META_BYTES = 4096
"""Number of bytes at the start of a file in which its meta information is looked for."""
HEAD_GROUPS = (0x0002, 0x0008)
"""Groups of the first element of a file without preamble: meta information or identification."""
ITEM, END_OF_ITEMS = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
"""Tags between the fragments of compressed pixels, and after the last one (PS3.5, A.4)."""
UNDEFINED = 0xFFFFFFFF
"""Length of an element that ends with a delimiter; pixels of this length are compressed."""
ENCAPSULATED = frozenset(AllTransferSyntaxes) - PLAIN
"""Transfer syntaxes of compressed pixels, whose element has no length."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a DICOM file is really encoded, and whether its meta information says so."""

    syntax: UID | None
    """The real transfer syntax; None where pixels are compressed and nothing says how."""
    stated: bool
    """Whether there is a preamble, and the meta information states the real transfer syntax."""
    bare: bool
    """Whether the preamble is missing, or the transfer syntax in the meta information."""
    pixel_bytes: int | None
    """Length of the uncompressed pixels in the file; None for compressed pixels."""
    has_pixels: bool


@cache
def tag_of(tag: TagType) -> BaseTag:
    """The tag of a keyword, cached because pydicom looks it up anew for each file."""
    return Tag(tag)


def quiet_pydicom() -> AbstractContextManager[None]:
    """While the block runs, keep pydicom's warnings, which quote values and paths, out of logs."""
    return silence("pydicom")


def is_dicom_head(head: bytes) -> bool:
    """Whether the first bytes of a file are those of DICOM, with or without preamble."""
    return head[PREAMBLE_BYTES:HEAD_BYTES] == MARK or _starts_without_preamble(head)


def _starts_without_preamble(head: bytes) -> bool:
    """Whether a file starts with an element of `HEAD_GROUPS`, in either byte order."""
    if len(head) < 8:  # noqa: PLR2004  # tag, type and length of one element
        return False
    for order in "<>":
        tag_group, element = struct.unpack(f"{order}HH", head[:4])
        if tag_group in HEAD_GROUPS and element <= 0x0070:  # noqa: PLR2004  # the first elements
            return True
    return False


def read_header(
    path: Path, tags: Sequence[TagType] | None = None
) -> tuple[FileDataset, Encoding] | None:
    """Read the elements before the pixels, and how the file is encoded; None where it is no DICOM.

    Args:
        path: Any file.
        tags: Keywords of the elements to read; all of them where not given.

    Raises:
        DAMAGE: One of these: the file is DICOM but damaged, or it cannot be read.
    """
    with path.open("rb") as file, quiet_pydicom():
        read = _read(file, tags, pixels=False)
        if read is None:
            return None
        dataset, stated, source = read
        return dataset, _encoding(source, dataset, stated)


def read_whole(path: Path, syntax: UID | str | None = None) -> FileDataset:
    """Read a DICOM file with its pixels.

    Args:
        path: A DICOM file.
        syntax: Transfer syntax that replaces the stated one; the stated one where not given.

    Raises:
        DAMAGE: One of these: the file is no DICOM, is damaged, or cannot be read.
    """
    with path.open("rb") as file, quiet_pydicom():
        read = _read(file, None, pixels=True)
        if read is None:
            raise InvalidDicomError
        dataset = read[0]
        if syntax is not None:
            dataset.file_meta.TransferSyntaxUID = UID(syntax)
    return dataset


def _read(
    file: BinaryIO, tags: Sequence[TagType] | None, *, pixels: bool
) -> tuple[FileDataset, UID, BinaryIO] | None:
    """A data set, its stated transfer syntax, and the file from which pydicom could read it."""
    head = file.read(META_BYTES)
    if not is_dicom_head(head):
        return None
    meta = FileMeta.of(head)
    stated = UID(meta.syntax)
    if other := contradicting_syntax(head[meta.end :], stated):
        file = BytesIO(meta.restated(head, other) + file.read())
    file.seek(0)
    dataset = pydicom.dcmread(
        file,
        stop_before_pixels=not pixels,
        specific_tags=None if tags is None else [tag_of(tag) for tag in tags],
        force=head[PREAMBLE_BYTES:HEAD_BYTES] != MARK,
    )
    if getattr(dataset, "file_meta", None) is None:
        dataset.file_meta = FileMetaDataset()
    if not other:
        stated = UID(str(dataset.file_meta.get("TransferSyntaxUID", None) or ""))
    return dataset, stated, file


def _encoding(file: BinaryIO, dataset: FileDataset, stated: UID) -> Encoding:
    """Compare the stated transfer syntax with what the elements and the pixels show."""
    read_as = UID(str(dataset.file_meta.get("TransferSyntaxUID", None) or ""))
    bare = dataset.preamble is None or not stated
    if read_as == DeflatedExplicitVRLittleEndian:
        return Encoding(read_as, read_as == stated and not bare, bare, None, has_pixels=True)
    seen = _seen(dataset)
    syntax = seen if not read_as or read_as in NATIVE else read_as
    start = file.tell()
    rest = file.seek(0, 2) - start
    if not rest:
        return Encoding(syntax, stated == syntax and not bare, bare, 0, has_pixels=False)
    file.seek(start)
    length, head_bytes = _pixel_length(file.read(12), seen)
    compressed = length == UNDEFINED or _holds_items(file, start + head_bytes)
    true: UID | None = syntax
    if compressed and syntax in NATIVE:
        true = None
    elif not compressed and syntax in ENCAPSULATED:
        true = seen
    pixels = None if compressed else min(length, max(0, rest - head_bytes))
    return Encoding(true, stated == true and not bare, bare, pixels, has_pixels=True)


def _seen(dataset: Dataset) -> UID:
    """The uncompressed transfer syntax in which the elements are written."""
    # only an element that is not parsed yet tells how it was written; the data set tells what its
    # meta information states
    raw = next((one for one in dataset.values() if isinstance(one, RawDataElement)), None)
    if raw is None:
        return ExplicitVRLittleEndian
    if raw.is_implicit_VR:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if raw.is_little_endian else ExplicitVRBigEndian


def _pixel_length(element: bytes, seen: UID) -> tuple[int, int]:
    """The stated length of the pixel element, and the length of what precedes its value."""
    # implicit types: tag, length; explicit ones: tag, type, two empty bytes, length
    at = 4 if seen == ImplicitVRLittleEndian else 8
    if len(element) < at + 4:
        return 0, at + 4
    order: Literal["big", "little"] = "big" if seen == ExplicitVRBigEndian else "little"
    return int.from_bytes(element[at : at + 4], order), at + 4


def _holds_items(file: BinaryIO, start: int) -> bool:
    """Whether two items begin at `start`, so pixels are compressed though a length is stated."""
    file.seek(start)
    first = file.read(8)
    if not first.startswith(ITEM):
        return False
    file.seek(start + 8 + int.from_bytes(first[4:], "little"))
    return file.read(4) in {ITEM, END_OF_ITEMS}

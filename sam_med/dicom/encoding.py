"""DICOM files: opened whatever their beginning, with the encoding that they really have.

```
128 bytes, DICM, meta information, data set      as the standard wants it
meta information, data set                       the preamble was cut off
data set                                         nothing says how it is encoded: its elements show
```

The meta information may be wrong. Byte order, deflation and whether value types are written out are
seen from the first element, and whether pixels are compressed from the length of their element;
where that contradicts what is stated, the file is taken as it is, and said so. Only a file of
another byte order or deflation than is stated is held in memory as a whole.
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
from sam_med.dicom.file_meta import HEAD_BYTES, MARK, PREAMBLE_BYTES, Meta, contradicted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pydicom.dataset import Dataset, FileDataset
    from pydicom.tag import BaseTag, TagType

NATIVE = frozenset({ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian})
"""Transfer syntaxes whose pixels have a length that is known beforehand."""
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
"""What pydicom raises on damaged files; its messages may hold values of the header."""
PLAIN = NATIVE | {DeflatedExplicitVRLittleEndian}
"""Those in which pixels lie one after the other, once the data set is inflated."""
META_BYTES = 4096
"""Of a file's beginning are looked at for its meta information."""
HEAD_GROUPS = (0x0002, 0x0008)
"""A file without preamble starts with an element of one of these groups."""
ITEM, END_OF_ITEMS = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
"""Tags that part compressed pixels (PS3.5, A.4)."""
UNDEFINED = 0xFFFFFFFF
"""The length of an element that ends with a mark: of pixels, that they are compressed."""
ENCAPSULATED = frozenset(AllTransferSyntaxes) - PLAIN
"""Transfer syntaxes whose pixels are compressed, and have no length."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a file is written."""

    syntax: UID | None
    """The transfer syntax; None where pixels are compressed and nothing says how."""
    stated: bool
    """Whether the meta information says just that, after a preamble, so any program reads it."""
    bare: bool
    """Without preamble, or without a transfer syntax in the meta information."""
    pixel_bytes: int | None
    """How many there are of uncompressed pixels; None where that is not known."""
    has_pixels: bool


@cache
def tag_of(tag: TagType) -> BaseTag:
    """The number of a tag, which pydicom looks up by its name for each file anew."""
    return Tag(tag)


def quiet_pydicom() -> AbstractContextManager[None]:
    """Keep pydicom's warnings, which quote values and paths, away from screens and logs."""
    return silence("pydicom")


def is_dicom_head(head: bytes) -> bool:
    """Whether a file starts like DICOM, with or without preamble."""
    return head[PREAMBLE_BYTES:HEAD_BYTES] == MARK or starts_bare(head)


def starts_bare(head: bytes) -> bool:
    """Whether a file without preamble starts like a DICOM data set, of either byte order."""
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
    """The elements before the pixels, and how the file is written; None for no DICOM file.

    Args:
        path: Any file.
        tags: Only these; all where not given.

    Raises:
        DAMAGE: The file is DICOM, but damaged, or cannot be read.
    """
    with path.open("rb") as file, quiet_pydicom():
        read = _read(file, tags, pixels=False)
        if read is None:
            return None
        dataset, stated, source = read
        return dataset, _encoding(source, dataset, stated)


def read_whole(path: Path, syntax: UID | str | None = None) -> FileDataset:
    """A file with its pixels.

    Args:
        path: Known to be DICOM.
        syntax: Put in place of what the meta information states.

    Raises:
        DAMAGE: It is damaged, or cannot be read.
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
    """A data set, the transfer syntax that is stated, and the file as it was read."""
    head = file.read(META_BYTES)
    if not is_dicom_head(head):
        return None
    meta = Meta.of(head)
    stated = UID(meta.syntax)
    if other := contradicted(head[meta.end :], stated):
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
    """What is stated, against what the elements and the pixels show."""
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
    """The uncompressed syntax in which the elements are written."""
    # an element that was not looked at yet still knows how it was read; the data set itself
    # says what was stated
    raw = next((one for one in dataset.values() if isinstance(one, RawDataElement)), None)
    if raw is None:
        return ExplicitVRLittleEndian
    if raw.is_implicit_VR:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if raw.is_little_endian else ExplicitVRBigEndian


def _pixel_length(element: bytes, seen: UID) -> tuple[int, int]:
    """The stated length of the pixel element, and the bytes before the pixels themselves."""
    # implicit types: tag, length; explicit ones: tag, type, two empty bytes, length
    at = 4 if seen == ImplicitVRLittleEndian else 8
    if len(element) < at + 4:
        return 0, at + 4
    order: Literal["big", "little"] = "big" if seen == ExplicitVRBigEndian else "little"
    return int.from_bytes(element[at : at + 4], order), at + 4


def _holds_items(file: BinaryIO, start: int) -> bool:
    """Whether pixels are compressed, though their element has a length: two items in a row."""
    file.seek(start)
    first = file.read(8)
    if not first.startswith(ITEM):
        return False
    file.seek(start + 8 + int.from_bytes(first[4:], "little"))
    return file.read(4) in {ITEM, END_OF_ITEMS}

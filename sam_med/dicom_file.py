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

from sam_common.silence import silence

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
PREAMBLE_BYTES, MARK = 128, b"DICM"
HEAD_BYTES = PREAMBLE_BYTES + len(MARK)
META_BYTES = 4096
"""Of a file's beginning are looked at for its meta information."""
LONG_TYPES = frozenset({b"OB", b"OW", b"SQ", b"UN", b"UT"})
"""Types of elements whose length takes four bytes, after two empty ones."""
FIRST_GROUPS = frozenset({0x0004, 0x0008, 0x0010, 0x0018, 0x0020, 0x0028})
"""A data set begins with an element of one of these groups."""
HEAD_GROUPS = (0x0002, 0x0008)
"""A file without preamble starts with an element of one of these groups."""
ITEM, END_OF_ITEMS = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
"""Tags that part compressed pixels (PS3.5, A.4)."""
UNDEFINED = 0xFFFFFFFF
"""The length of an element that ends with a mark: of pixels, that they are compressed."""
ENCAPSULATED = frozenset(AllTransferSyntaxes) - NATIVE - {DeflatedExplicitVRLittleEndian}
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
    meta = _Meta.of(head)
    stated = UID(meta.syntax)
    if contradicted := _contradicted(head[meta.end :], stated):
        file = BytesIO(meta.restated(head, contradicted) + file.read())
    file.seek(0)
    dataset = pydicom.dcmread(
        file,
        stop_before_pixels=not pixels,
        specific_tags=None if tags is None else [tag_of(tag) for tag in tags],
        force=head[PREAMBLE_BYTES:HEAD_BYTES] != MARK,
    )
    if getattr(dataset, "file_meta", None) is None:
        dataset.file_meta = FileMetaDataset()
    if not contradicted:
        stated = UID(str(dataset.file_meta.get("TransferSyntaxUID", None) or ""))
    return dataset, stated, file


@dataclass(frozen=True, slots=True)
class _Meta:
    """Where in the head of a file its meta information is, and what syntax it states."""

    syntax: str
    """The UID; "" for none."""
    place: tuple[int, int]
    """First byte of the element that states it, and the byte after; where it would be."""
    end: int
    """First byte of the data set."""

    @staticmethod
    def of(head: bytes) -> _Meta:
        """Found by walking its elements, which are always explicit and little endian."""
        at = HEAD_BYTES if head[PREAMBLE_BYTES:HEAD_BYTES] == MARK else 0
        syntax, place = "", None
        while head[at : at + 2] == b"\x02\0" and len(head) >= at + 12:  # tag, type, length
            wide = head[at + 4 : at + 6] in LONG_TYPES
            length = int.from_bytes(
                head[at + 8 : at + 12] if wide else head[at + 6 : at + 8], "little"
            )
            end = at + (12 if wide else 8) + length
            if head[at + 2 : at + 4] == b"\x10\0":
                syntax = head[at + 8 : end].rstrip(b"\0 ").decode("ascii", "replace")
                place = at, end
            at = end
        return _Meta(syntax, place or (at, at), at)

    def restated(self, head: bytes, syntax: UID) -> bytes:
        """The head with another syntax in its place."""
        value = bytes(syntax, "ascii").ljust(len(syntax) + len(syntax) % 2, b"\0")
        element = b"\x02\0\x10\0UI" + len(value).to_bytes(2, "little") + value
        return head[: self.place[0]] + element + head[self.place[1] :]


def _contradicted(start: bytes, stated: UID) -> UID | None:
    """The syntax of a data set that begins otherwise than is stated; None where that may be true.

    Whether little-endian types are written out, pydicom sees for itself.

    Args:
        start: Of the data set.
        stated: "" where nothing is.
    """
    seen = _begins(start)
    if seen is None and _begins(_inflated(start)) is not None:
        seen = DeflatedExplicitVRLittleEndian
    if seen is None or seen == stated:
        return None
    little = {ExplicitVRLittleEndian, ImplicitVRLittleEndian}
    others = {DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian}
    if seen in little and stated not in others:
        return None
    return None if seen == ExplicitVRBigEndian and not stated else seen


def _begins(start: bytes) -> UID | None:
    """The syntax in which the first element of a data set is written; None where it is none."""
    if len(start) < 8:  # noqa: PLR2004  # tag, type and length of one element
        return None
    explicit = start[4:6].isalpha() and start[4:6].isupper()
    little, big = struct.unpack("<H", start[:2])[0], struct.unpack(">H", start[:2])[0]
    if little in FIRST_GROUPS:
        return ExplicitVRLittleEndian if explicit else ImplicitVRLittleEndian
    return ExplicitVRBigEndian if big in FIRST_GROUPS and explicit else None


def _inflated(start: bytes) -> bytes:
    """The first bytes of what is deflated; nothing where it is not."""
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(start, HEAD_BYTES)
    except zlib.error:
        return b""


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

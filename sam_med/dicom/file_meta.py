"""File meta information: where it ends, and whether the data set contradicts its syntax."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

PREAMBLE_BYTES, MARK = 128, b"DICM"
HEAD_BYTES = PREAMBLE_BYTES + len(MARK)
LONG_TYPES = frozenset({b"OB", b"OW", b"SQ", b"UN", b"UT"})
"""Value types whose length takes four bytes, after two reserved ones (PS3.5, 7.1.2)."""
FIRST_GROUPS = frozenset({0x0004, 0x0008, 0x0010, 0x0018, 0x0020, 0x0028})
"""Groups of the first element of a data set: directory, identification, patient, image."""


@dataclass(frozen=True, slots=True)
class FileMeta:
    """The place of the meta information at the start of a file, and the syntax that it states."""

    syntax: str
    """UID of the stated transfer syntax; "" where none is stated."""
    place: tuple[int, int]
    """First byte of the element of the transfer syntax, and the byte after the element.

    Where the element is missing, both are the place to insert it."""
    end: int
    """Offset of the first byte of the data set."""

    @staticmethod
    def of(head: bytes) -> FileMeta:
        """Walk the elements of the meta information, which is always explicit and little endian.

        Args:
            head: The first bytes of a file, more than its meta information takes.
        """
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
        return FileMeta(syntax, place or (at, at), at)

    def restated(self, head: bytes, syntax: UID) -> bytes:
        """The first bytes of a file with another transfer syntax in its meta information."""
        value = bytes(syntax, "ascii").ljust(len(syntax) + len(syntax) % 2, b"\0")
        element = b"\x02\0\x10\0UI" + len(value).to_bytes(2, "little") + value
        return head[: self.place[0]] + element + head[self.place[1] :]


def contradicting_syntax(start: bytes, stated: UID) -> UID | None:
    """The real transfer syntax of a data set that contradicts the stated one; else None.

    Implicit or explicit little endian is no contradiction here: pydicom tells the two apart.

    Args:
        start: The first bytes of the data set.
        stated: UID of the stated transfer syntax, "" where there is none.
    """
    seen = _first_element_syntax(start)
    if seen is None and _first_element_syntax(_inflated(start)) is not None:
        seen = DeflatedExplicitVRLittleEndian
    if seen is None or seen == stated:
        return None
    little = {ExplicitVRLittleEndian, ImplicitVRLittleEndian}
    others = {DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian}
    if seen in little and stated not in others:
        return None
    return None if seen == ExplicitVRBigEndian and not stated else seen


def _first_element_syntax(start: bytes) -> UID | None:
    """The syntax in which the first element is written; None where the bytes are no element."""
    if len(start) < 8:  # noqa: PLR2004  # tag, type and length of one element
        return None
    explicit = start[4:6].isalpha() and start[4:6].isupper()
    little, big = struct.unpack("<H", start[:2])[0], struct.unpack(">H", start[:2])[0]
    if little in FIRST_GROUPS:
        return ExplicitVRLittleEndian if explicit else ImplicitVRLittleEndian
    return ExplicitVRBigEndian if big in FIRST_GROUPS and explicit else None


def _inflated(start: bytes) -> bytes:
    """The first inflated bytes; empty where the bytes are not deflated."""
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(start, HEAD_BYTES)
    except zlib.error:
        return b""

"""Meta information of DICOM files: where it ends, and whether the data set contradicts it."""

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
"""Types of elements whose length takes four bytes, after two empty ones."""
FIRST_GROUPS = frozenset({0x0004, 0x0008, 0x0010, 0x0018, 0x0020, 0x0028})
"""A data set begins with an element of one of these groups."""


@dataclass(frozen=True, slots=True)
class Meta:
    """Where in the head of a file its meta information is, and what syntax it states."""

    syntax: str
    """The UID; "" for none."""
    place: tuple[int, int]
    """First byte of the element that states it, and the byte after; where it would be."""
    end: int
    """First byte of the data set."""

    @staticmethod
    def of(head: bytes) -> Meta:
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
        return Meta(syntax, place or (at, at), at)

    def restated(self, head: bytes, syntax: UID) -> bytes:
        """The head with another syntax in its place."""
        value = bytes(syntax, "ascii").ljust(len(syntax) + len(syntax) % 2, b"\0")
        element = b"\x02\0\x10\0UI" + len(value).to_bytes(2, "little") + value
        return head[: self.place[0]] + element + head[self.place[1] :]


def contradicted(start: bytes, stated: UID) -> UID | None:
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

"""JPEG guard: a check of JPEG streams before they are given to a decoder.

Decoders in C may crash where the stream and the DICOM header disagree about the size of the image.
The frame header of the stream (ITU-T T.81, B.2.2; T.87, C.2.2) is therefore compared first:

```
FF C3   length   precision   rows   columns   components     C0 to CF, F7 for JPEG-LS
```
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

START = b"\xff\xd8"
FRAME_HEADERS = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})
"""Markers of frame headers; the excluded ones are tables and an extension."""
TABLES, SCAN, FILL = 0xC4, 0xDA, 0xFF
CODE_LENGTHS = 16
"""Huffman codes have 1 to 16 bits."""
FRAME = struct.Struct(">BHHB")
"""First fields of a frame header: precision, rows, columns, components."""
PRECISIONS = range(2, 17)
"""Bits per sample that JPEG and JPEG-LS allow."""


def check_jpeg(stream: bytes, *, rows: int, columns: int, samples: int) -> None:
    """Raise `ValueError` unless the stream is a JPEG or JPEG-LS of this size.

    Args:
        stream: One compressed frame.
        rows: Rows of the DICOM header.
        columns: Columns of the DICOM header.
        samples: SamplesPerPixel of the DICOM header.
    """
    sizes = [segment for marker, segment in _segments(stream) if marker in FRAME_HEADERS]
    if len(sizes) != 1 or len(sizes[0]) < FRAME.size:
        raise ValueError("a JPEG without one frame header")
    precision, height, width, components = FRAME.unpack_from(sizes[0])
    if precision not in PRECISIONS:
        raise ValueError(f"a JPEG of {precision} bits")
    if (height, width, components) != (rows, columns, samples):
        raise ValueError(f"a JPEG of {height} x {width} x {components} pixels")


def _segments(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """The markers before the first scan, each with its segment.

    Raises:
        ValueError: The stream is no sequence of markers up to a scan.
    """
    if not stream.startswith(START):
        raise ValueError("no JPEG")
    at = len(START)
    while at + 4 <= len(stream) and stream[at] == FILL:
        marker = stream[at + 1]
        if marker == FILL:
            at += 1
            continue
        length = int.from_bytes(stream[at + 2 : at + 4], "big")
        segment = stream[at + 4 : at + 2 + length]
        if marker == TABLES:
            _check_tables(segment)
        if marker == SCAN:
            return
        yield marker, segment
        at += 2 + length
    raise ValueError("a JPEG without a scan")


def _check_tables(segment: bytes) -> None:
    """Raise `ValueError` unless Huffman tables are as long as their counts say (T.81, B.2.4.2)."""
    at = 0
    while at < len(segment):
        counts = segment[at + 1 : at + 1 + CODE_LENGTHS]
        at += 1 + CODE_LENGTHS + sum(counts)
        codes = sum(count << (CODE_LENGTHS - n) for n, count in enumerate(counts, start=1))
        if codes > 1 << CODE_LENGTHS:
            raise ValueError("a JPEG with a Huffman table of too many codes")
    if at != len(segment):
        raise ValueError("a JPEG with a Huffman table of the wrong length")

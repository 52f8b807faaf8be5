"""JPEG streams that disagree with the DICOM header."""

from __future__ import annotations

import struct

import pytest

from sam_med.pixel_data.jpeg_guard import check_jpeg


def huffman(counts):
    body = bytes([0, *counts]) + bytes(sum(counts))
    return b"\xff\xc4" + struct.pack(">H", len(body) + 2) + body


def frame_header(precision=16, rows=6, columns=8, components=1, marker=0xC3):
    body = struct.pack(">BHHB", precision, rows, columns, components) + bytes(3 * components)
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


TABLE = huffman([0, 2, 2] + [0] * 13)

SCAN = b"\xff\xda\x00\x08"


@pytest.mark.parametrize(
    "stream",
    [
        b"\xff\xd8" + frame_header() + TABLE + SCAN,
        b"\xff\xd8" + TABLE + b"\xff" + frame_header(marker=0xF7) + SCAN,
        b"\xff\xd8\xff\xe0\x00\x04ab" + frame_header(precision=12) + SCAN,
    ],
)
def test_jpeg_streams_of_the_right_size_pass(stream):
    check_jpeg(stream, rows=6, columns=8, samples=1)


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (b"", "no JPEG"),
        (b"\xff\xd8" + frame_header()[:-9], "a JPEG without a scan"),
        (b"\xff\xd8" + frame_header() + TABLE, "a JPEG without a scan"),
        (b"\xff\xd8" + frame_header() + b"\x42" + TABLE[1:] + SCAN, "a JPEG without a scan"),
        (b"\xff\xd8" + TABLE + SCAN, "a JPEG without one frame header"),
        (b"\xff\xd8" + frame_header() * 2 + SCAN, "a JPEG without one frame header"),
        (b"\xff\xd8" + frame_header(precision=201) + SCAN, "a JPEG of 201 bits"),
        (b"\xff\xd8" + frame_header(rows=7) + SCAN, "a JPEG of 7 x 8 x 1 pixels"),
        (b"\xff\xd8" + frame_header(components=3) + SCAN, "a JPEG of 6 x 8 x 3 pixels"),
        (
            b"\xff\xd8" + huffman([0, 5] + [0] * 14) + frame_header() + SCAN,
            "a JPEG with a Huffman table of too many codes",
        ),
        (
            b"\xff\xd8\xff\xc4\x00\x13" + bytes([0, 1] + [0] * 15) + frame_header() + SCAN,
            "a JPEG with a Huffman table of the wrong length",
        ),
    ],
)
def test_streams_that_could_crash_a_decoder_are_refused(stream, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        check_jpeg(stream, rows=6, columns=8, samples=1)

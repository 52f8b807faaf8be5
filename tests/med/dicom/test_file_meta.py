"""File meta information, walked byte by byte, and data sets that contradict it."""

from __future__ import annotations

import zlib
from io import BytesIO

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from sam_med.dicom.file_meta import HEAD_BYTES, FileMeta, contradicting_syntax

NONE = UID("")


def start(syntax):
    """The first bytes of a data set as pydicom writes it."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.Modality = "1.2.840.10008.5.1.4.1.1.2", "CT"
    out = BytesIO()
    little, implicit = syntax != ExplicitVRBigEndian, syntax == ImplicitVRLittleEndian
    dataset.save_as(out, implicit_vr=implicit, little_endian=little, enforce_file_format=False)
    content = out.getvalue()
    if syntax == DeflatedExplicitVRLittleEndian:
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        return packer.compress(content) + packer.flush()
    return content


def head(dicom, name="a.dcm"):
    """The first bytes of a file, and what pydicom makes of it."""
    path = dicom.write(dicom.dataset(dicom.pixels(1)[0]), name)
    return path.read_bytes()[:4096], pydicom.dcmread(path)


@pytest.mark.parametrize("preamble", [True, False])
def test_the_meta_information_is_where_pydicom_finds_it(preamble, dicom):
    content, dataset = head(dicom)
    content = content if preamble else content[HEAD_BYTES:]
    meta = FileMeta.of(content)
    assert meta.syntax == dataset.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    # the first element of the data set is ImageType, (0008,0008)
    assert content[meta.end : meta.end + 4] == b"\x08\0\x08\0"
    element = content[slice(*meta.place)]
    assert element.startswith(b"\x02\0\x10\0UI")
    assert str(ExplicitVRLittleEndian).encode() in element


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, RLELossless])
def test_another_syntax_is_put_into_the_meta_information(syntax, dicom):
    content, _ = head(dicom)
    meta = FileMeta.of(content)
    restated = meta.restated(content, syntax)
    other = FileMeta.of(restated)
    assert other.syntax == syntax
    assert restated[other.end :] == content[meta.end :]
    assert len(restated[slice(*other.place)]) % 2 == 0


def test_a_missing_syntax_is_put_after_the_other_elements(dicom):
    content, _ = head(dicom)
    meta = FileMeta.of(content)
    bare = content[: meta.place[0]] + content[meta.place[1] :]
    without = FileMeta.of(bare)
    assert without.syntax == ""
    assert without.place == (without.end, without.end)
    assert FileMeta.of(without.restated(bare, RLELossless)).syntax == RLELossless


def test_a_file_that_ends_in_its_meta_information_is_walked_to_its_end():
    assert FileMeta.of(b"") == FileMeta("", (0, 0), 0)
    assert FileMeta.of(bytes(128) + b"DICM" + b"\x02\0\x10\0UI") == FileMeta("", (132, 132), 132)


PLAIN = [
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]


@pytest.mark.parametrize("written", PLAIN)
@pytest.mark.parametrize("stated", [*PLAIN, RLELossless, NONE])
def test_only_another_byte_order_or_deflation_is_a_contradiction(written, stated):
    """Implicit and explicit little endian, and a missing syntax, pydicom tells apart by itself."""
    found = contradicting_syntax(start(written), stated)
    little = {ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless, NONE}
    told_by_pydicom = written in little and stated in little
    silent = written == ExplicitVRBigEndian and stated == NONE
    expected = None if written == stated or told_by_pydicom or silent else written
    assert found == expected


@pytest.mark.parametrize("content", [b"", b"\x08\0", b"nothing of DICOM", bytes(64)])
def test_bytes_that_are_no_element_contradict_nothing(content):
    assert contradicting_syntax(content, ExplicitVRBigEndian) is None

"""Files are read as they are encoded, whatever their beginning says or lacks."""

from __future__ import annotations

import logging
import struct
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pydicom
import pytest
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
)
from scans import LINE, spoil

from sam_med.dicom.encoding import quiet_pydicom, read_header
from sam_med.files.read import read_volume
from sam_med.geometry.diagnostics import RefusedError

NOISE = np.random.default_rng(5).integers(-1000, 1000, (3, 20, 24)).astype(np.int16)

PREAMBLE = 132


def codes(volume):
    return {d.code for d in volume.diagnostics}


def without_preamble(paths):
    for path in paths:
        path.write_bytes(path.read_bytes()[PREAMBLE:])


def said(path, syntax):
    """Change what the meta information states, and nothing else."""
    content = path.read_bytes()
    (length,) = struct.unpack("<I", content[PREAMBLE + 8 : PREAMBLE + 12])
    meta = pydicom.dcmread(path).file_meta
    meta.TransferSyntaxUID = syntax
    stream = DicomBytesIO()
    stream.is_implicit_VR, stream.is_little_endian = False, True
    write_file_meta_info(stream, meta)
    path.write_bytes(content[:PREAMBLE] + stream.getvalue() + content[PREAMBLE + 12 + length :])


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, ExplicitVRBigEndian])
def test_meta_information_counts_without_a_preamble(syntax, dicom):
    """Noise takes more bytes compressed than not: nothing but the syntax tells them apart."""
    paths = dicom.series(LINE[:3], NOISE)
    for path in paths:
        dataset = pydicom.dcmread(path)
        if syntax.is_compressed:
            dataset.compress(syntax)
        else:
            dataset.PixelData = NOISE[paths.index(path)].astype(">i2").tobytes()
            dataset.file_meta.TransferSyntaxUID = syntax
        kept = {} if syntax.is_compressed else {"implicit_vr": False, "little_endian": False}
        pydicom.dcmwrite(path, dataset, **kept)
    without_preamble(paths)
    volume = read_volume(dicom.folder)
    assert np.array_equal(volume.array, NOISE)
    assert "no-file-meta" in codes(volume)


def test_deflated_without_a_preamble(dicom):
    paths = dicom.series(LINE[:3], NOISE)
    for path in paths:
        dataset = pydicom.dcmread(path)
        dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        dataset.save_as(path)
    without_preamble(paths)
    assert np.array_equal(read_volume(dicom.folder).array, NOISE)


@pytest.mark.parametrize(
    ("written", "stated"),
    [
        (ImplicitVRLittleEndian, ExplicitVRLittleEndian),
        (ExplicitVRLittleEndian, ImplicitVRLittleEndian),
        (ImplicitVRLittleEndian, RLELossless),
        (ExplicitVRLittleEndian, RLELossless),
    ],
)
def test_what_is_stated_may_be_wrong(written, stated, dicom):
    for path in dicom.series(LINE[:3], NOISE):
        dataset = pydicom.dcmread(path)
        dataset.file_meta.TransferSyntaxUID = written
        dataset.save_as(path)
        said(path, stated)
    volume = read_volume(dicom.folder)
    assert np.array_equal(volume.array, NOISE)
    assert "other-encoding" in codes(volume)


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize(
    "stated",
    [
        *(ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian),
        *(DeflatedExplicitVRLittleEndian, RLELossless),
    ],
)
@pytest.mark.parametrize(
    "written",
    [
        *(ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian),
        DeflatedExplicitVRLittleEndian,
    ],
)
def test_byte_order_and_deflation_are_seen_too(written, stated, cut, dicom):
    paths = dicom.series(LINE[:3], NOISE)
    for path, plane in zip(paths, NOISE, strict=True):
        dataset = pydicom.dcmread(path)
        if written == ExplicitVRBigEndian:
            dataset.PixelData = plane.astype(">i2").tobytes()
        dataset.file_meta.TransferSyntaxUID = written
        little = written != ExplicitVRBigEndian
        pydicom.dcmwrite(
            path, dataset, implicit_vr=written == ImplicitVRLittleEndian, little_endian=little
        )
        said(path, stated)
    if cut:
        without_preamble(paths)
    volume = read_volume(dicom.folder)
    assert np.array_equal(volume.array, NOISE)
    odd = {"no-file-meta"} if cut else {"other-encoding"}
    assert codes(volume) == (set() if written == stated and not cut else odd)


def test_no_syntax_is_stated_at_all(dicom):
    for path in dicom.series(LINE[:3], NOISE):
        dataset = pydicom.dcmread(path)
        del dataset.file_meta.TransferSyntaxUID
        pydicom.dcmwrite(path, dataset, implicit_vr=False, little_endian=True)
    volume = read_volume(dicom.folder)
    assert np.array_equal(volume.array, NOISE)
    assert "no-file-meta" in codes(volume)


def test_compressed_pixels_are_never_taken_for_values(dicom):
    for path in dicom.series(LINE[:3], NOISE):
        dataset = pydicom.dcmread(path)
        dataset.compress(RLELossless)
        dataset.save_as(path)
        said(path, ExplicitVRLittleEndian)
    with pytest.raises(RefusedError, match=r"^unknown-compression: the pixels of 3 of 3 images"):
        read_volume(dicom.folder)


def test_compressed_pixels_of_a_stated_length_are_seen_too(dicom):
    for path in dicom.series(LINE[:3], NOISE):
        dataset = pydicom.dcmread(path)
        dataset.compress(RLELossless)
        dataset["PixelData"].is_undefined_length = False
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.save_as(path)
    with pytest.raises(RefusedError, match=r"^unknown-compression: "):
        read_volume(dicom.folder)


def test_a_file_of_another_kind_is_none(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"hello")
    assert read_header(path) is None


def test_threads_read_in_silence_whatever_the_others_do(dicom):
    """Values that pydicom warns of; a warning is an error here, in every thread."""
    for path in dicom.series(LINE, FrameOfReferenceUID="1.2.777"):
        spoil(path, b"1.2.777", b"1.2.0A7")
    right = dicom.pixels(6)
    with ThreadPoolExecutor(8) as pool:
        volumes = list(pool.map(lambda _: read_volume(dicom.folder), range(24)))
    assert all(np.array_equal(volume.array, right) for volume in volumes)


def test_what_pydicom_says_is_kept_from_logs(caplog):
    logger = logging.getLogger("pydicom")
    with quiet_pydicom():
        logger.warning("CANARY")
        warnings.warn("CANARY", stacklevel=1)
    assert caplog.text == ""
    logger.warning("afterwards")
    assert "afterwards" in caplog.text

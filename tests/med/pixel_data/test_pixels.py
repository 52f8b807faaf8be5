"""Decoded values: every transfer syntax, colours, tables, types, and no more memory than needed."""

from __future__ import annotations

import hashlib
import json
import struct
import tracemalloc

import gdcm
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from sam_med.files.read import read_volume
from sam_med.geometry.diagnostics import RefusedError
from sam_med.headers.read import read_headers
from sam_med.pixel_data.jpeg_guard import check_jpeg
from sam_med.pixel_data.pixels import decode, luminance

LINE = [(10, 20, 30 + 2 * n) for n in range(6)]
NOISE = np.random.default_rng(3).integers(-900, 2000, (6, 40, 48)).astype(np.int16)
LOSSY_COLOUR = "examples_ybr_color.dcm"


def files_of(data):
    facts = json.loads((data / "med/dicom_single/dicom_single.json").read_text())
    return {one["file"]: one for one in facts["files"]}


def little_endian(array):
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()


def test_stored_values_are_those_of_the_collection(data):
    """sha256 of raw values that pydicom decoded and SimpleITK agreed with."""
    compared = 0
    for name, facts in files_of(data).items():
        if "decoded" not in facts or name == LOSSY_COLOUR:
            continue
        read = read_headers(data / "med/dicom_single" / name)
        if read.not_image:
            continue
        frames = [decode(header) for header in read.slices]
        stored = np.stack(frames) if len(frames) > 1 else frames[0]
        digest = hashlib.sha256(little_endian(stored)).hexdigest()
        assert digest == facts["decoded"]["sha256_little_endian"], name
        compared += 1
    assert compared == 16


def test_lossy_colour_is_within_what_decoders_differ(data):
    """The one file whose values depend on the JPEG decoder: against SimpleITK's, as luminance."""
    path = data / "med/dicom_single" / LOSSY_COLOUR
    oracle = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    for time in (1, 30):
        grey = read_volume(path, time=time).array[0]
        expected = luminance(oracle[time - 1])
        assert np.abs(grey.astype(int) - expected).max() <= 2


def test_a_palette_is_expanded_to_its_luminance(data):
    path = data / "med/dicom_single/examples_palette.dcm"
    oracle = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))[0]
    volume = read_volume(path)
    assert np.abs(volume.array[0] / 256 - luminance(oracle).astype(float)).max() <= 1


def transcoded(path, syntax):
    """The same file in another transfer syntax, by GDCM."""
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()


@pytest.mark.parametrize(
    ("syntax", "name"),
    [
        (gdcm.TransferSyntax.JPEGLosslessProcess14, "JPEG Lossless, Non-Hierarchical (Process 14)"),
        (
            gdcm.TransferSyntax.JPEGLosslessProcess14_1,
            (
                "JPEG Lossless, Non-Hierarchical, First-Order Prediction "
                "(Process 14 [Selection Value 1])"
            ),
        ),
        (gdcm.TransferSyntax.JPEGLSLossless, "JPEG-LS Lossless Image Compression"),
        (gdcm.TransferSyntax.JPEG2000Lossless, "JPEG 2000 Image Compression (Lossless Only)"),
        (gdcm.TransferSyntax.RLELossless, "RLE Lossless"),
    ],
)
def test_lossless_syntaxes_give_the_same_voxels(syntax, name, dicom):
    paths = dicom.series(LINE, NOISE, RescaleIntercept=-24)
    for path in paths:
        transcoded(path, syntax)
    volume = read_volume(dicom.folder)
    assert pydicom.dcmread(paths[0]).file_meta.TransferSyntaxUID.name == name
    assert np.array_equal(volume.array, NOISE - 24)
    assert volume.array.dtype == np.int16
    # GDCM states the RescaleType as unspecified
    assert [d.code for d in volume.diagnostics] == ["not-hounsfield"]


@pytest.mark.parametrize(
    "syntax",
    [
        gdcm.TransferSyntax.JPEGLosslessProcess14_1,
        gdcm.TransferSyntax.JPEGLSLossless,
        gdcm.TransferSyntax.JPEG2000Lossless,
        gdcm.TransferSyntax.RLELossless,
    ],
)
def test_a_frame_that_ends_early_is_refused(syntax, dicom):
    (path,) = dicom.series(LINE[:1], NOISE)
    transcoded(path, syntax)
    dataset = pydicom.dcmread(path)
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    dataset.PixelData = encapsulate([frame[: len(frame) // 2]])
    dataset.save_as(path)
    with pytest.raises(RefusedError, match=r"^undecodable: slice 1 of 1 "):
        read_volume(path)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_frames_of_a_compressed_multi_frame_file(syntax, dicom):
    dataset = dicom.enhanced(LINE, NOISE)
    dataset.compress(syntax)
    path = dicom.write(dataset)
    assert np.array_equal(read_volume(path).array, NOISE)


def test_deflated_and_implicit_files(dicom):
    for n, path in enumerate(dicom.series(LINE, NOISE)):
        dataset = pydicom.dcmread(path)
        implicit = n % 2 == 0
        dataset.file_meta.TransferSyntaxUID = (
            ImplicitVRLittleEndian if implicit else DeflatedExplicitVRLittleEndian
        )
        dataset.save_as(path, implicit_vr=implicit, little_endian=True)
    assert np.array_equal(read_volume(dicom.folder).array, NOISE)


def test_big_endian_files(dicom):
    from pydicom.uid import ExplicitVRBigEndian

    dataset = dicom.dataset(NOISE[0].astype(">i2"))
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    dicom.folder.mkdir()
    path = dicom.folder / "big.dcm"
    pydicom.dcmwrite(path, dataset, implicit_vr=False, little_endian=False)
    volume = read_volume(path)
    assert np.array_equal(volume.array[0], NOISE[0])
    assert volume.array.dtype.isnative


def test_fewer_bits_than_a_word_and_a_sign(dicom):
    """12 signed bits in 16, with other bits above them."""
    values = np.array([[-2048, -1, 0, 1, 2047, 5]], np.int16)
    stored = (values & 0x0FFF).astype(np.uint16)
    dicom.series(LINE[:1], stored[None], BitsStored=12, HighBit=11, PixelRepresentation=1)
    assert read_volume(dicom.folder).array.ravel().tolist() == values.ravel().tolist()


def test_slices_of_different_types_become_one_that_holds_both(dicom):
    dicom.series(LINE[:2], np.full((2, 6, 8), -5, np.int16))
    dicom.series(LINE[2:4], np.full((2, 6, 8), 60000, np.uint16))
    array = read_volume(dicom.folder).array
    assert array.dtype == np.int32
    assert array[:, 0, 0].tolist() == [-5, -5, 60000, 60000]


def test_8_and_32_bits_are_kept(dicom):
    for dtype in (np.uint8, np.uint32, np.int32):
        folder = dicom.folder / np.dtype(dtype).name
        paths = dicom.series(LINE, dicom.pixels(6, dtype))
        folder.mkdir()
        for path in paths:
            path.rename(folder / path.name)
        assert read_volume(folder).array.dtype == dtype


def test_float_pixels(dicom):
    values = np.linspace(-2, 3, 48, dtype=np.float32).reshape(1, 6, 8)
    dataset = dicom.dataset(values[0], PixelData=None, PixelRepresentation=None, BitsStored=None)
    dataset.FloatPixelData = values.tobytes()
    volume = read_volume(dicom.write(dataset))
    assert volume.array.dtype == np.float32
    assert np.array_equal(volume.array, values)


def test_a_value_table_is_applied(dicom):
    table = pydicom.Dataset()
    table.LUTDescriptor = [48, 0, 16]
    table.add_new("LUTData", "US", [1000 + 3 * n for n in range(48)])
    table.ModalityLUTType = "US"
    dicom.series(
        LINE[:2],
        np.stack([np.arange(48, dtype=np.uint16).reshape(6, 8)] * 2),
        ModalityLUTSequence=[table],
        RescaleSlope=None,
        RescaleIntercept=None,
    )
    volume = read_volume(dicom.folder)
    assert volume.array[1].ravel().tolist() == [1000 + 3 * n for n in range(48)]
    assert [d.code for d in volume.diagnostics] == ["not-hounsfield", "value-table"]


def test_frames_have_their_own_rescale(dicom):
    frames = [{"slope": 0.5 + n, "intercept": -n} for n in range(6)]
    volume = read_volume(dicom.write(dicom.enhanced(LINE, NOISE, frames=frames)))
    expected = [NOISE[n] * (0.5 + n) - n for n in range(6)]
    assert volume.array.dtype == np.float32
    assert np.array_equal(volume.array, np.array(expected, np.float32))
    assert volume.frame_numbers == (1, 2, 3, 4, 5, 6)


def test_frames_are_put_in_order(dicom):
    order = [3, 0, 5, 1, 4, 2]
    volume = read_volume(dicom.write(dicom.enhanced([LINE[n] for n in order], NOISE)))
    assert volume.frame_numbers == tuple(order.index(k) + 1 for k in range(6))
    assert np.array_equal(volume.array, NOISE[[order.index(k) for k in range(6)]])


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


def test_luminance_of_pure_colours():
    rgb = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    assert luminance(rgb).tolist() == [[76, 150, 29, 255]]
    with pytest.raises(ValueError, match=r"^a colour has 3 numbers, got \(2, 2\)$"):
        luminance(np.zeros((2, 2)))


@pytest.mark.parametrize("rescale", [{}, {"RescaleIntercept": -1024}, {"RescaleSlope": 0.5}])
def test_the_voxels_are_held_once(rescale, dicom):
    pixels = np.random.default_rng(1).integers(0, 4000, (40, 256, 256)).astype(np.uint16)
    dicom.series([(0, 0, z) for z in range(40)], pixels, **rescale)
    read_volume(dicom.folder)  # libraries are loaded and caches filled
    tracemalloc.start()
    volume = read_volume(dicom.folder)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert volume.array.nbytes <= peak < volume.array.nbytes + 12 * pixels[0].nbytes


VALUES = np.arange(6 * 48).reshape(6, 6, 8)
BIG = "1.2.840.10008.1.2.2"


def high(dicom, pixels, high_bit, *, syntax=None, **tags):
    """Files of 12 bits of 16 whose HighBit is stated."""
    for n, plane in enumerate(pixels):
        one = dicom.dataset(
            plane,
            **{"Modality": "MR", "ImagePositionPatient": list(LINE[n]), "BitsStored": 12, **tags},
            HighBit=high_bit,
        )
        if syntax == RLELossless:
            one.BitsStored = 16  # the encoder of pydicom takes no others
            one.compress(RLELossless, plane)
            one.BitsStored = 12
        if syntax == BIG:
            one.file_meta.TransferSyntaxUID = BIG
            one.PixelData = plane.astype(plane.dtype.newbyteorder(">")).tobytes()
            path = dicom.folder / f"{n}.dcm"
            dicom.folder.mkdir(exist_ok=True)
            pydicom.dcmwrite(path, one, implicit_vr=False, little_endian=False)
        else:
            dicom.write(one)
    return dicom.folder


@pytest.mark.parametrize("below", [0, 5])
@pytest.mark.parametrize("syntax", [None, RLELossless, BIG])
def test_values_in_the_highest_bits_are_moved_down(syntax, below, dicom):
    pixels = ((VALUES * 13 + 256 << 4) | below).astype(np.uint16)
    assert np.array_equal(
        read_volume(high(dicom, pixels, 15, syntax=syntax)).array, VALUES * 13 + 256
    )


def test_signed_values_between_other_bits_keep_their_sign(dicom):
    values = VALUES - 100
    pixels = (((values & 0xFFF) << 2) | 0x8001).astype(np.uint16).view(np.int16)
    volume = read_volume(high(dicom, pixels, 13))
    assert np.array_equal(volume.array, values)
    assert volume.array.dtype == np.int16


@pytest.mark.parametrize("kind", [np.uint16, np.int16])
def test_overlays_in_the_bits_above_are_cleared(kind, dicom):
    pixels = (VALUES | 0x9000).astype(np.uint16).view(kind)
    assert np.array_equal(read_volume(high(dicom, pixels, 11)).array, VALUES)


def test_a_high_bit_that_the_pixels_contradict_is_refused(dicom):
    with pytest.raises(RefusedError, match="HighBit is 15, but the pixels lie in the lowest 12"):
        read_volume(high(dicom, VALUES.astype(np.uint16), 15))


@pytest.mark.parametrize("tags", [{"BitsStored": 16}, {"BitsStored": 14}])
def test_a_high_bit_that_cannot_be_is_refused_before_the_work(tags, dicom):
    folder = high(dicom, VALUES.astype(np.uint16), 11, **tags)
    with pytest.raises(RefusedError, match="HighBit is 11 where BitsStored is 1"):
        read_volume(folder)


@pytest.mark.parametrize("tag", ["BitsStored", "PixelRepresentation"])
def test_what_decoding_needs_is_named(tag, dicom):
    dicom.series(LINE, VALUES.astype(np.uint16), **{tag: None})
    with pytest.raises(RefusedError, match=f"AttributeError, for what it says of {tag} "):
        read_volume(dicom.folder)

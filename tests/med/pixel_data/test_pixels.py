"""Decoded values: every transfer syntax, colours, tables, types, and no more memory than needed."""

from __future__ import annotations

import hashlib
import json
import tracemalloc

import gdcm
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
from dicom_faults import each
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)
from scans import LINE, change, codes

from sam_med.files.read import read_volume
from sam_med.geometry.diagnostics import RefusedError
from sam_med.headers.read import read_headers
from sam_med.pixel_data.pixels import decode, luminance

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


def test_frames_have_their_own_rescale(dicom):
    frames = [{"slope": 0.5 + n, "intercept": -n} for n in range(6)]
    volume = read_volume(dicom.write(dicom.enhanced(LINE, NOISE, frames=frames)))
    expected = [NOISE[n] * (0.5 + n) - n for n in range(6)]
    assert volume.array.dtype == np.float32
    assert np.array_equal(volume.array, np.array(expected, np.float32))
    assert volume.frame_numbers == (1, 2, 3, 4, 5, 6)


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


@pytest.mark.parametrize("tag", ["BitsStored", "PixelRepresentation"])
def test_what_decoding_needs_is_named(tag, dicom):
    dicom.series(LINE, dicom.pixels(6, np.uint16), **{tag: None})
    with pytest.raises(RefusedError, match=f"AttributeError, for what it says of {tag} "):
        read_volume(dicom.folder)


def test_jpeg_2000_keeps_its_integer_type(data):
    volume = read_volume(data / "med/dicom/ct_abdomen_dicom/series")
    assert volume.array.dtype == np.int16
    assert (int(volume.array.min()), int(volume.array.max())) == (-1024, 1839)
    assert (volume.notes, volume.diagnostics, volume.units) == ((), (), "HU")


@pytest.mark.parametrize(
    ("slope", "intercept", "dtype"),
    [
        (1, -1024, np.int16),
        (2, 0, np.int16),
        (1, 60000, np.uint16),
        (1, -100000, np.int32),
        (0.5, 0, np.float32),
        (1, 0.25, np.float32),
        (1_000_000_000, 0, np.float32),
    ],
)
def test_a_shared_rescale_keeps_integers_where_they_fit(slope, intercept, dtype, rotated, data):
    raw = read_volume(data / "med/dicom/ct_small_rotated/series").array
    for path in rotated.iterdir():
        change(path, RescaleSlope=slope, RescaleIntercept=intercept)
    array = read_volume(rotated).array
    assert array.dtype == dtype
    assert np.array_equal(array, (raw.astype(np.float64) * slope + intercept).astype(dtype))


def test_each_slice_may_have_its_own_rescale(rotated, data):
    """As PET has it: the values are floats, and no slice takes its neighbour's scale."""
    raw = read_volume(data / "med/dicom/ct_small_rotated/series")
    for n, path in enumerate(raw.files):
        change(rotated / path.name, RescaleSlope=0.25 * (n + 1), RescaleIntercept=-n)
    volume = read_volume(rotated)
    assert volume.array.dtype == np.float32
    assert codes(volume) == ["per-slice-rescale", "not-hounsfield"]
    for n in range(17):
        assert np.array_equal(volume.array[n], raw.array[n].astype(np.float32) * 0.25 * (n + 1) - n)


def compressed_and_cut_short(dicom):
    dataset = dicom.dataset(dicom.pixels(1)[0])
    dataset.compress(RLELossless)
    path = dicom.write(dataset)
    path.write_bytes(path.read_bytes()[:-60])


def unknown_syntax(dicom):
    for path in dicom.series(LINE):
        content = path.read_bytes()
        path.write_bytes(content.replace(b"1.2.840.10008.1.2.1\x00", b"1.2.840.10008.1.2.9\x00"))


FAULTS = [
    (compressed_and_cut_short, {"undecodable"}, "refused at the pixels"),
    (unknown_syntax, {"undecodable"}, "refused at the pixels"),
]


@each(FAULTS)
def test_faults_of_pixels_are_named(fault, expected, outcome, assert_named):
    assert_named(fault, expected, outcome)

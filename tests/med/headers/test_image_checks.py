"""Diagnostics of the files, the pixels and the values of a series."""

from __future__ import annotations

import json
import re

import numpy as np
import pydicom
import pytest
from dicom_faults import each, series
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, RLELossless
from scans import LINE, UNPLACED, change, codes, message_of, spoil

from sam_med.files.read import read_volume
from sam_med.geometry.diagnostics import RefusedError
from sam_med.report.geometry_report import describe_path


def test_tiles_of_a_whole_slide_are_no_time_points(dicom):
    file = dicom.dataset(
        dicom.pixels(4),
        Modality="SM",
        SOPClassUID="1.2.840.10008.5.1.4.1.1.77.1.6",
        NumberOfFrames=4,
        TotalPixelMatrixColumns=16,
        TotalPixelMatrixRows=12,
        ImagePositionPatient=None,
        ImageOrientationPatient=None,
        PerFrameFunctionalGroupsSequence=[Dataset() for _ in range(4)],
    )
    path = dicom.write(file)
    with pytest.raises(RefusedError, match="whole-slide: 4 tile"):
        read_volume(path)
    (series,) = describe_path(path)["series"]
    assert not series["readable"]
    assert "repeated-positions" not in [d["code"] for d in series["diagnostics"]]


@pytest.mark.parametrize("at", [0, 2])
@pytest.mark.parametrize("kind", ["MONOCHROME1", "PALETTE COLOR"])
def test_images_of_two_photometric_kinds_are_refused(kind, at, dicom):
    paths = dicom.series(LINE)
    dicom.change(paths[at], PhotometricInterpretation=kind)
    with pytest.raises(RefusedError, match="mixed-photometric: the 6 images are "):
        read_volume(dicom.folder)


def test_a_distance_that_is_damaged_is_not_said_to_be_missing(dicom):
    path = dicom.write(dicom.dataset(dicom.pixels(1)[0], Modality="DX", **UNPLACED))
    spoil(path, b"DS\x08\x000.5\\0.75", b"DS\x08\x000,5;0,75")
    (said,) = [d for d in read_volume(path).diagnostics if d.code == "no-pixel-spacing"]
    assert said.message == "PixelSpacing holds something else than two numbers"


def test_truncated_pixels_are_refused(rotated):
    path = rotated / "IMG0005.dcm"
    path.write_bytes(path.read_bytes()[:-500])
    assert message_of(rotated) == (
        "truncated-pixels: 1 of 17 images lack pixels, up to 500 bytes "
        "(refused: have it copied again)"
    )


def test_inverted_grey_is_kept_and_said(rotated, data):
    for path in rotated.iterdir():
        change(path, PhotometricInterpretation="MONOCHROME1")
    volume = read_volume(rotated)
    plain = read_volume(data / "med/dicom/ct_small_rotated/series")
    assert (volume.inverted, plain.inverted) == (True, False)
    assert np.array_equal(volume.array, plain.array)
    assert codes(volume) == ["not-hounsfield", "inverted-grey"]


def test_a_refusal_carries_its_diagnostics(rotated):
    path = rotated / "IMG0005.dcm"
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(RefusedError, match=re.escape("truncated-pixels: ")) as caught:
        read_volume(rotated)
    (said,) = caught.value.diagnostics
    assert said.describe() == {
        "code": "truncated-pixels",
        "severity": "error",
        "message": "1 of 17 images lack pixels, up to 500 bytes",
        "action": "refused: have it copied again",
        "numbers": {"images": 1, "bytes": 500},
    }
    assert json.dumps(said.describe())


def cut_short(dicom):
    path = dicom.series(LINE)[3]
    path.write_bytes(path.read_bytes()[:-40])


def big_endian_cut_short(dicom):
    dataset = dicom.dataset(dicom.pixels(1)[0].astype(">i2"))
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    dicom.folder.mkdir()
    path = dicom.folder / "a.dcm"
    pydicom.dcmwrite(path, dataset, implicit_vr=False, little_endian=False)
    path.write_bytes(path.read_bytes()[:-1])


def frames_cut_short(dicom):
    path = dicom.write(dicom.enhanced(LINE, dicom.pixels(6)))
    path.write_bytes(path.read_bytes()[:-1])


def without_preamble(dicom):
    for path in dicom.series(LINE):
        dataset = pydicom.dcmread(path)
        del dataset.file_meta
        dataset.preamble = None
        pydicom.dcmwrite(path, dataset, implicit_vr=True, little_endian=True)


def implicit_but_said_explicit(dicom):
    for path in dicom.series(LINE):
        dataset = pydicom.dcmread(path)
        pydicom.dcmwrite(path, dataset, implicit_vr=True, little_endian=True, force_encoding=True)


def compressed_nobody_knows_how(dicom):
    for path in dicom.series(LINE):
        dataset = pydicom.dcmread(path)
        dataset.compress(RLELossless)
        del dataset.file_meta
        dataset.preamble = None
        pydicom.dcmwrite(path, dataset, implicit_vr=False, little_endian=True)


def colour(dicom):
    for place in LINE:
        image = np.zeros((6, 8, 3), np.uint8)
        dataset = dicom.dataset(
            image[..., 0],
            ImagePositionPatient=list(place),
            SamplesPerPixel=3,
            PlanarConfiguration=0,
            PhotometricInterpretation="RGB",
        )
        dataset.PixelData = image.tobytes()
        dicom.write(dataset)


def scales_of_their_own(dicom):
    for n, path in enumerate(dicom.series(LINE)):
        dicom.change(path, RescaleSlope=0.5 + n)


def unplaced(modality, **tags):
    return series([(0, 0, 0)], Modality=modality, **{**UNPLACED, **tags})


CAPTURE = "1.2.840.10008.5.1.4.1.1.7"

FAULTS = [
    (series(PixelData=None), {"no-pixels"}, "refused"),
    (cut_short, {"truncated-pixels"}, "refused"),
    (big_endian_cut_short, {"truncated-pixels"}, "refused"),
    (frames_cut_short, {"truncated-pixels"}, "refused"),
    (without_preamble, {"no-file-meta"}, "read"),
    (implicit_but_said_explicit, {"other-encoding"}, "read"),
    (compressed_nobody_knows_how, {"unknown-compression"}, "refused"),
    (series(PatientPosition="HFDL"), {"patient-position"}, "read"),
    (series(BurnedInAnnotation="YES"), {"burned-in-annotation"}, "read"),
    (unplaced("OT", SOPClassUID=CAPTURE), {"burned-in-annotation", "unplaced"}, "read"),
    (series(LossyImageCompression="01"), {"lossy-compression"}, "read"),
    (
        unplaced("DX", PixelSpacing=None, ImagerPixelSpacing=[0.2, 0.1]),
        {"unplaced", "detector-spacing"},
        "read",
    ),
    (unplaced("CR", PixelSpacing=None), {"unplaced", "no-pixel-spacing"}, "read"),
    (series(PhotometricInterpretation="MONOCHROME1"), {"inverted-grey"}, "read"),
    (colour, {"colour"}, "read"),
    (scales_of_their_own, {"per-slice-rescale"}, "read"),
    (series(RescaleSlope=0), {"bad-rescale"}, "refused"),
    (series(RescaleSlope=None, RescaleIntercept=None), {"not-hounsfield"}, "read"),
    (series(RescaleType="ED"), {"not-hounsfield"}, "read"),
]


@each(FAULTS)
def test_faults_of_images_are_named(fault, expected, outcome, assert_named):
    assert_named(fault, expected, outcome)

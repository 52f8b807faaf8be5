from __future__ import annotations

import re

import dicom_volumes
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
from dicom_tools import masks_by_plastimatch, validate
from matplotlib.path import Path as Outline
from numpy.testing import assert_allclose
from segment_phantoms import MADE_BY

from sam_common.errors import OutputError
from sam_common.window import Window
from sam_med.derived_objects.rtstruct import write_rtstruct
from sam_med.geometry.volume import Volume
from sam_med.objects.segments import Segment

AXIAL = ("ct_phantom_rtstruct", "ct_small_rotated", "ct_tiny_seg_multiframe")
"""Series that plastimatch holds: even steps along z, and a series identifier."""


def make_segments(shape):
    """A ring, which has a hole; scattered voxels; and two pieces: no symmetry."""
    rows, columns = np.indices(shape[1:])
    ring = np.hypot((rows - 0.4 * shape[1]) / shape[1], (columns - 0.5 * shape[2]) / shape[2])
    whole = Window((0, 0, 0), shape)
    low = tuple(n // 3 for n in shape)
    part = Window(low, tuple(max(s + 1, n - 1) for s, n in zip(low, shape, strict=True)))
    scattered = np.random.default_rng(4).random(part.shape) < 0.6
    scattered[:, 12:, :], scattered[:, :, 12:] = False, False
    pieces = np.zeros(shape, bool)
    pieces[:, 1:3, 2:5] = pieces[:, 5:7, 1:2] = True
    return [
        Segment(
            "left kidney", 3, whole, np.repeat([(ring < 0.3) & (ring > 0.1)], shape[0], axis=0)
        ),
        Segment("scattered", 1, part, scattered),
        Segment("pieces", 7, whole, pieces),
    ]


@pytest.fixture(params=dicom_volumes.PLACED)
def written(request, data, tmp_path):
    volume = dicom_volumes.build(request.param, data)
    segments = make_segments(volume.shape)
    write_rtstruct(segments, volume, tmp_path / "out.dcm", MADE_BY)
    return volume, segments, tmp_path / "out.dcm"


def rasterise(contours, volume):
    """Voxels whose centres lie inside, by matplotlib; every point must lie on a plane."""
    found = np.zeros(volume.shape, int)
    step = volume.spacing_mm[0]
    for contour in contours:
        points = volume.to_index(np.reshape(np.array(contour.ContourData, float), (-1, 3)))
        k = round(points[0, 0])
        assert np.abs(points[:, 0] - k).max() * step <= 2e-3
        (top, left), (bottom, right) = np.rint([points.min(0), points.max(0)])[:, 1:].astype(int)
        rows, columns = np.mgrid[max(0, top) : bottom + 1, max(0, left) : right + 1]
        closed = np.vstack([points, points[:1]])[:, [2, 1]]
        inside = Outline(closed).contains_points(np.stack([columns.ravel(), rows.ravel()], axis=1))
        keep = (rows < volume.shape[1]) & (columns < volume.shape[2])
        found[k, rows[keep], columns[keep]] += inside.reshape(rows.shape)[keep]
    return found


def test_every_public_series_comes_back_voxel_for_voxel(written):
    volume, segments, path = written
    validate(path)
    file = pydicom.dcmread(path)
    for item, segment in zip(file.ROIContourSequence, segments, strict=True):
        found = rasterise(item.get("ContourSequence", ()), volume)
        assert np.array_equal(found, segment.full(volume.shape))


@pytest.mark.parametrize("name", AXIAL)
def test_plastimatch_reads_the_same_voxels(name, data, tmp_path):
    volume = dicom_volumes.build(name, data)
    segments = make_segments(volume.shape)
    write_rtstruct(segments, volume, tmp_path / "out.dcm", MADE_BY)
    series = data / "med" / "dicom" / name / "series"
    found = masks_by_plastimatch(tmp_path / "out.dcm", series, tmp_path / "masks")
    assert set(found) == {segment.name for segment in segments}
    for segment in segments:
        image = sitk.ReadImage(str(found[segment.name]))
        assert np.array_equal(sitk.GetArrayFromImage(image) > 0, segment.full(volume.shape))
        assert_allclose(image.GetOrigin(), volume.to_world([0, 0, 0]), atol=1e-3)


@pytest.mark.parametrize("name", ["ct_head_gantry_tilt_uneven", *dicom_volumes.STACKS])
def test_contours_lie_on_the_image_that_they_refer_to(name, data, tmp_path):
    """By the headers of the images, not by the volume."""
    volume = dicom_volumes.build(name, data)
    write_rtstruct(make_segments(volume.shape), volume, tmp_path / "out.dcm", MADE_BY)
    places = {}
    for path in volume.files:
        header = pydicom.dcmread(path, stop_before_pixels=True)
        frames = header.get("PerFrameFunctionalGroupsSequence", None) or [None]
        for number, frame in enumerate(frames, start=1):
            position = frame.PlanePositionSequence[0] if frame else header
            orientation = frame.PlaneOrientationSequence[0] if frame else header
            place = (position.ImagePositionPatient, orientation.ImageOrientationPatient)
            places[header.SOPInstanceUID, number if frame else None] = np.concatenate(place)
    contours = 0
    for item in pydicom.dcmread(tmp_path / "out.dcm").ROIContourSequence:
        for contour in item.ContourSequence:
            (image,) = contour.ContourImageSequence
            number = image.get("ReferencedFrameNumber", None)
            place = places[image.ReferencedSOPInstanceUID, number and int(number)].astype(float)
            normal = np.cross(place[3:6], place[6:])
            points = np.reshape(np.array(contour.ContourData, float), (-1, 3))
            # the cosines of a header have five digits
            assert np.abs((points - place[:3]) @ normal).max() <= 2e-3
            contours += 1
    assert contours > volume.shape[0]


def test_what_the_file_says_of_itself(small, tmp_path):
    write_rtstruct(make_segments(small.shape), small, tmp_path / "out.dcm", MADE_BY)
    file = pydicom.dcmread(tmp_path / "out.dcm")
    source = pydicom.dcmread(small.files[0])
    (frame,) = file.ReferencedFrameOfReferenceSequence
    assert frame.FrameOfReferenceUID == source.FrameOfReferenceUID == file.FrameOfReferenceUID
    (series,) = frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence
    assert series.SeriesInstanceUID == source.SeriesInstanceUID
    listed = [item.ReferencedSOPInstanceUID for item in series.ContourImageSequence]
    assert listed == [pydicom.dcmread(path).SOPInstanceUID for path in small.files]
    assert file.StudyInstanceUID == source.StudyInstanceUID
    assert file.PatientName == source.PatientName
    assert file.StructureSetDescription == (
        "For research use only, not a medical device. sam-geomed 0.1.0: model lite_medsam, "
        f"model_sha256 {'7' * 64}, method planes, prompts_sha256 {'a' * 64}"
    )
    names = [(roi.ROIName, roi.ROIDescription) for roi in file.StructureSetROISequence]
    assert names == [
        ("left kidney", "Label value 3"),
        ("scattered", "Label value 1"),
        ("pieces", "Label value 7"),
    ]
    (code,) = file.RTROIObservationsSequence[0].RTROIIdentificationCodeSequence
    assert (code.CodeMeaning, code.CodeValue) == ("Kidney", "64033007")
    assert "RTROIIdentificationCodeSequence" not in file.RTROIObservationsSequence[1]
    colours = {tuple(item.ROIDisplayColor) for item in file.ROIContourSequence}
    assert len(colours) == 3


def test_the_same_input_gives_the_same_bytes(small, tmp_path):
    segments = make_segments(small.shape)
    for n in range(2):
        write_rtstruct(segments, small, tmp_path / f"{n}.dcm", MADE_BY)
    assert (tmp_path / "0.dcm").read_bytes() == (tmp_path / "1.dcm").read_bytes()
    write_rtstruct(segments[:2], small, tmp_path / "2.dcm", MADE_BY)
    uids = {pydicom.dcmread(path).SOPInstanceUID for path in tmp_path.iterdir()}
    assert len(uids) == 2


def test_a_contour_of_many_points(data, tmp_path):
    """More than 64 KiB of coordinates, which one element of explicit type could not hold."""
    volume = dicom_volumes.build("ct_phantom_rtstruct", data)
    comb = np.zeros(volume.shape, bool)
    comb[0, 100:400, 100] = comb[0, 100:400:2, 100:400] = True
    window = Window((0, 0, 0), volume.shape)
    comb[0, 100:103, 150:400:2] = True
    write_rtstruct([Segment("comb", 1, window, comb)], volume, tmp_path / "out.dcm", MADE_BY)
    validate(tmp_path / "out.dcm")
    (item,) = pydicom.dcmread(tmp_path / "out.dcm").ROIContourSequence
    assert max(len(str(c.ContourData)) for c in item.ContourSequence) > 2**13
    assert np.array_equal(rasterise(item.ContourSequence, volume), comb)


def test_objects_without_voxels_are_listed_and_said(small, tmp_path):
    ring, *_ = make_segments(small.shape)
    nothing = Segment("spleen", 2, ring.window, np.zeros_like(ring.mask))
    notes = write_rtstruct([nothing, ring], small, tmp_path / "out.dcm", MADE_BY)
    assert notes == ("DICOM RTSTRUCT: spleen has no voxels: listed, but without contours",)
    validate(tmp_path / "out.dcm")
    file = pydicom.dcmread(tmp_path / "out.dcm")
    assert "ContourSequence" not in file.ROIContourSequence[0]
    assert file.StructureSetROISequence[0].ROIDescription == "Label value 2; nothing was found"


def test_what_cannot_be_written(small, data, tmp_path):
    segments = make_segments(small.shape)
    path = tmp_path / "out.dcm"
    with pytest.raises(OutputError, match=r"^cannot write DICOM RTSTRUCT: there is no segment$"):
        write_rtstruct([], small, path, MADE_BY)
    expected = (
        "cannot write DICOM RTSTRUCT: it refers to the DICOM images it was made from, and the "
        "volume was made in memory (give the DICOM series as input, or choose nifti, nrrd, "
        "seg.nrrd, mha or npz)"
    )
    with pytest.raises(OutputError, match=f"^{re.escape(expected)}$"):
        write_rtstruct(segments, Volume(small.array, small.frame), path, MADE_BY)
    film = dicom_volumes.build("RG3_J2KI", data)
    with pytest.raises(OutputError, match=r"the images say nothing about their place in the pat"):
        write_rtstruct(make_segments(film.shape), film, path, MADE_BY)
    assert not list(tmp_path.iterdir())

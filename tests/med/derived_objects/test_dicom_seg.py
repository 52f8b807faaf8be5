from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dicom_volumes
import highdicom
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
from dicom_tools import validate
from numpy.testing import assert_allclose
from segment_phantoms import MADE_BY, make_segments

from sam_common.errors import OutputError
from sam_med.derived_objects.dicom_seg import write_seg
from sam_med.geometry.volume import Volume
from sam_med.objects.provenance import Provenance
from sam_med.objects.segments import Segment
from sam_med.objects.snomed import Code
from sam_med.segmentations.seg_frames import read_seg

NEVER_REGULAR = ("ct_head_gantry_tilt_uneven",)
"""Series that no grid of perpendicular axes and even steps holds, as dcmqi's reader wants."""


@pytest.fixture(params=[*dicom_volumes.PLACED, *dicom_volumes.UNPLACED])
def written(request, data, tmp_path):
    volume = dicom_volumes.build(request.param, data)
    segments = make_segments(volume.shape)
    path = tmp_path / "out.dcm"
    write_seg(segments, volume, path, MADE_BY)
    return request.param, volume, segments, path


def places(volume):
    index = np.zeros((volume.shape[0], 3))
    index[:, 0] = np.arange(volume.shape[0])
    return volume.to_world(index)


def test_every_public_series_by_highdicom_and_the_standard(written):
    name, volume, segments, path = written
    validate(path)
    file = highdicom.seg.segread(path)
    found = np.zeros((len(segments), *volume.shape), dtype=bool)
    origins = places(volume)
    for frames, groups, description in file.iter_segments():
        for frame, group in zip(frames, groups, strict=True):
            k = 0
            if name not in dicom_volumes.UNPLACED:
                place = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
                off = np.linalg.norm(origins - place, axis=1)
                k = int(np.argmin(off))
                assert off[k] <= 1e-3
            found[description.SegmentNumber - 1, k] = frame
    for n, segment in enumerate(segments):
        assert np.array_equal(found[n], segment.full(volume.shape))


@pytest.mark.parametrize(
    "name", [name for name in dicom_volumes.PLACED if name not in NEVER_REGULAR]
)
def test_every_regular_series_by_dcmqi(name, data, tmp_path):
    """dcmqi makes a grid of even steps, with empty slices where the series has gaps."""
    volume = dicom_volumes.build(name, data)
    segments = make_segments(volume.shape)
    write_seg(segments, volume, tmp_path / "out.dcm", MADE_BY)
    run_dcmqi(tmp_path / "out.dcm", tmp_path)
    for n, segment in enumerate(segments, start=1):
        image = sitk.ReadImage(str(tmp_path / f"{n}.nrrd"))
        voxels = sitk.GetArrayFromImage(image) > 0
        mask = segment.full(volume.shape)
        assert voxels.sum() == mask.sum()
        ends = [(0, 0), (volume.shape[1] - 1, 0), (0, volume.shape[2] - 1)]
        for k in np.flatnonzero(mask.any(axis=(1, 2))):
            for row, column in ends:
                world = volume.to_world([float(k), row, column])
                index = image.TransformPhysicalPointToIndex(world.tolist())
                assert_allclose(image.TransformIndexToPhysicalPoint(index), world, atol=1e-3)
                assert (index[1], index[0]) == (row, column)
            assert np.array_equal(voxels[index[2]], mask[k])


def run_dcmqi(path, folder, expected=0):
    program = Path(sys.executable).with_name("segimage2itkimage")
    command = [program, "--inputDICOM", path, "--outputDirectory", folder, "--outputType", "nrrd"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == expected
    return done.stdout + done.stderr


def test_dcmqi_says_that_it_cannot_hold_a_tilt(data, tmp_path):
    """If this fails, dcmqi has learned it: take the series into the comparison above."""
    volume = dicom_volumes.build(NEVER_REGULAR[0], data)
    write_seg(make_segments(volume.shape), volume, tmp_path / "out.dcm", MADE_BY)
    assert "is outside image geometry" in run_dcmqi(tmp_path / "out.dcm", tmp_path)
    assert not list(tmp_path.glob("*.nrrd"))


def test_frames_refer_to_their_images(data, tmp_path):
    """highdicom finds the masks by the identifiers of the images, in an order of our choice."""
    volume = dicom_volumes.build("ct_head_gantry_tilt_uneven", data)
    segments = make_segments(volume.shape)
    write_seg(segments, volume, tmp_path / "out.dcm", MADE_BY)
    file = highdicom.seg.segread(tmp_path / "out.dcm")
    images = [pydicom.dcmread(path, stop_before_pixels=True) for path in volume.files]
    uids = [image.SOPInstanceUID for image in images]
    listed = [item.ReferencedSOPInstanceUID for item in file.SourceImageSequence]
    assert listed == uids
    found = file.get_pixels_by_source_instance(uids[::-1], assert_missing_frames_are_empty=True)
    for n, segment in enumerate(segments):
        assert np.array_equal(found[::-1, ..., n] > 0, segment.full(volume.shape))


@pytest.mark.parametrize("stack", dicom_volumes.STACKS)
def test_frames_refer_to_the_frames_of_their_own_stack(stack, data, tmp_path):
    volume = dicom_volumes.build(stack, data)
    segments = make_segments(volume.shape)
    write_seg(segments, volume, tmp_path / "out.dcm", MADE_BY)
    file = highdicom.seg.segread(tmp_path / "out.dcm")
    uid = pydicom.dcmread(volume.files[0], stop_before_pixels=True).SOPInstanceUID
    assert [item.ReferencedSOPInstanceUID for item in file.SourceImageSequence] == [uid]
    found = file.get_pixels_by_source_frame(
        uid, volume.frame_numbers, assert_missing_frames_are_empty=True
    )
    for n, segment in enumerate(segments):
        assert np.array_equal(found[..., n] > 0, segment.full(volume.shape))


def test_what_the_file_says_of_itself(small, tmp_path):
    liver, kidney, thing = make_segments(small.shape)
    lesion = Segment("x" * 70, 9, thing.window, thing.mask, Code("1", "99TEST", "A thing"))
    write_seg([liver, kidney, thing, lesion], small, tmp_path / "out.dcm", MADE_BY)
    validate(tmp_path / "out.dcm")
    file = pydicom.dcmread(tmp_path / "out.dcm")
    source = pydicom.dcmread(small.files[0])
    assert file.FrameOfReferenceUID == source.FrameOfReferenceUID
    assert file.StudyInstanceUID == source.StudyInstanceUID
    assert (file.PatientName, file.PatientID) == (source.PatientName, source.PatientID)
    assert file.ContentDescription == "For research use only, not a medical device"
    assert "research use only" in file.SeriesDescription
    assert file.SegmentationType == "BINARY"
    makers = {item.Manufacturer: item for item in file.ContributingEquipmentSequence}
    assert makers["sam-geomed"].SoftwareVersions == "0.1.0"
    assert "For research use only" in makers["sam-geomed"].ContributionDescription
    for segment in file.SegmentSequence:
        assert segment.SegmentAlgorithmType == "SEMIAUTOMATIC"
        (algorithm,) = segment.SegmentationAlgorithmIdentificationSequence
        assert algorithm.AlgorithmName == "sam-geomed lite_medsam planes"
        assert algorithm.AlgorithmVersion == "0.1.0"
        assert algorithm.AlgorithmParameters == (
            f"model=lite_medsam,model_sha256={'7' * 64},method=planes,prompts_sha256={'a' * 64}"
        )
    kinds = [
        (
            str(s.SegmentLabel),
            s.SegmentedPropertyCategoryCodeSequence[0].CodeMeaning,
            s.SegmentedPropertyTypeCodeSequence[0].CodeMeaning,
            s.SegmentDescription,
        )
        for s in file.SegmentSequence
    ]
    assert kinds == [
        ("liver", "Anatomical Structure", "Liver", "Label value 3"),
        ("left kidney", "Anatomical Structure", "Kidney", "Label value 1"),
        ("thing", "Tissue", "Tissue", "Label value 700"),
        ("x" * 64, "Anatomical Structure", "A thing", "Label value 9"),
    ]
    (side,) = (
        file.SegmentSequence[1]
        .SegmentedPropertyTypeCodeSequence[0]
        .SegmentedPropertyTypeModifierCodeSequence
    )
    assert side.CodeMeaning == "Left"


def test_the_same_input_gives_the_same_bytes(small, tmp_path):
    segments = make_segments(small.shape)
    paths = [tmp_path / f"{n}.dcm" for n in range(3)]
    for path in paths[:2]:
        write_seg(segments, small, path, MADE_BY)
    other = Provenance("0.1.0", "lite_medsam", "7" * 64, "planes", "b" * 64)
    write_seg(segments, small, paths[2], other)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    first, last = (pydicom.dcmread(path) for path in paths[::2])
    assert first.SOPInstanceUID != last.SOPInstanceUID
    assert first.SeriesInstanceUID != last.SeriesInstanceUID
    assert first.ContentDate == pydicom.dcmread(small.files[0]).StudyDate


def test_objects_without_voxels_are_described_and_said(small, tmp_path):
    liver, kidney, _ = make_segments(small.shape)
    nothing = Segment("spleen", 2, kidney.window, np.zeros_like(kidney.mask))
    notes = write_seg([liver, nothing], small, tmp_path / "out.dcm", MADE_BY)
    assert notes == ("DICOM SEG: spleen has no voxels: described, but without frames",)
    validate(tmp_path / "out.dcm")
    file = highdicom.seg.segread(tmp_path / "out.dcm")
    assert {frame.segment for frame in read_seg(tmp_path / "out.dcm").frames()} == {1}
    assert file.SegmentSequence[1].SegmentDescription == "Label value 2; nothing was found"


def test_nothing_but_objects_without_voxels(small, tmp_path, caplog):
    liver, kidney, _ = make_segments(small.shape)
    nothing = [Segment(s.name, s.value, s.window, np.zeros_like(s.mask)) for s in (liver, kidney)]
    assert len(write_seg(nothing, small, tmp_path / "out.dcm", MADE_BY)) == 2
    validate(tmp_path / "out.dcm")
    assert not any(frame.mask.any() for frame in read_seg(tmp_path / "out.dcm").frames())
    assert not caplog.records


def test_identities_are_not_logged(data, tmp_path, caplog):
    """The name of this patient is in no form that highdicom approves of."""
    caplog.set_level("WARNING")
    volume = dicom_volumes.build("ct_phantom_rtstruct", data)
    write_seg(make_segments(volume.shape), volume, tmp_path / "out.dcm", MADE_BY)
    assert not caplog.records


def test_what_the_images_lack_is_said(data, tmp_path):
    volume = dicom_volumes.build("ct_abdomen_dicom", data)
    notes = write_seg(make_segments(volume.shape), volume, tmp_path / "out.dcm", MADE_BY)
    (note,) = notes
    assert note == (
        "the images have no StudyInstanceUID and no SeriesInstanceUID: derived from their other "
        "identifiers"
    )


def test_no_segments_and_no_places(small, data, tmp_path):
    with pytest.raises(OutputError, match=r"^cannot write DICOM SEG: there is no segment$"):
        write_seg([], small, tmp_path / "out.dcm", MADE_BY)
    film = dicom_volumes.build("RG3_J2KI", data)
    two = Volume(np.zeros((2, *film.shape[1:]), np.uint8), film.frame, files=film.files * 2)
    with pytest.raises(OutputError, match=r"the 2 images say nothing about their place in the"):
        write_seg(make_segments(two.shape), two, tmp_path / "out.dcm", MADE_BY)

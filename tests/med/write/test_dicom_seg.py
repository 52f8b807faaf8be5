from __future__ import annotations

import re
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

from sam_common.errors import InputError, OutputError
from sam_common.window import Window
from sam_med.geometry.volume import Volume
from sam_med.objects.provenance import Provenance
from sam_med.objects.segments import Segment
from sam_med.objects.snomed import Code
from sam_med.segmentations.seg_frames import read_seg
from sam_med.write import dicom_seg
from sam_med.write.dicom_seg import write_seg

MADE_BY = Provenance("0.1.0", "lite_medsam", "7" * 64, "planes", "a" * 64)
NEVER_REGULAR = ("ct_head_gantry_tilt_uneven",)
"""Series that no grid of perpendicular axes and even steps holds, as dcmqi's reader wants."""
NAMES = ["liver", "left kidney", "thing"]


def make_segments(shape, seed=1):
    """Three objects of random voxels: two that overlap, one on inner slices; no symmetry."""
    rng = np.random.default_rng(seed)
    parts = zip(NAMES, ((0, 0.7), (0.3, 1), (0.5, 0.9)), (3, 1, 700), strict=True)
    segments = []
    for name, (low, high), value in parts:
        start = tuple(int(low * n) for n in shape)
        stop = tuple(max(s + 1, int(np.ceil(high * n))) for s, n in zip(start, shape, strict=True))
        window = Window(start, stop)
        segments.append(Segment(name, value, window, rng.random(window.shape) < 0.4))
    return segments


@pytest.fixture(params=[*dicom_volumes.PLACED, *dicom_volumes.UNPLACED])
def written(request, data, tmp_path):
    volume = dicom_volumes.build(request.param, data)
    segments = make_segments(volume.shape)
    path = tmp_path / "out.dcm"
    write_seg(segments, volume, path, MADE_BY)
    return request.param, volume, segments, path


@pytest.fixture
def small(data):
    return dicom_volumes.build("ct_tiny_seg_multiframe", data)


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


def test_a_wrong_voxel_is_found_and_the_file_not_kept(small, tmp_path, monkeypatch):
    right, masks = Segment.on_slice, []

    def flipped(segment, k, size_hw):
        masks.append(right(segment, k, size_hw))
        if len(masks) == 1:
            masks[0][tuple(np.argwhere(~masks[0])[0])] = True
        return masks[-1]

    monkeypatch.setattr(Segment, "on_slice", flipped)
    expected = (
        r"^the DICOM SEG that was written is not what was meant, and was not kept: 1 voxels of "
        r"segment 1 on slice \d differ$"
    )
    with pytest.raises(OutputError, match=expected):
        write_seg(make_segments(small.shape), small, tmp_path / "out.dcm", MADE_BY)
    assert not list(tmp_path.iterdir())


def test_a_wrong_place_is_found(small, tmp_path, monkeypatch):
    right = dicom_seg._stand_in

    def shifted(task, plane):
        item = right(task, plane)
        item.ImagePositionPatient[0] += 0.002
        return item

    monkeypatch.setattr(dicom_seg, "_stand_in", shifted)
    with pytest.raises(OutputError, match=r"not kept: a frame is 0\.002 mm off the nearest slice$"):
        write_seg(make_segments(small.shape), small, tmp_path / "out.dcm", MADE_BY)
    assert not list(tmp_path.iterdir())


def test_a_missing_frame_is_found(small, tmp_path, monkeypatch):
    right = dicom_seg._shown

    def emptied(task):
        shown = right(task)
        shown[1] = False
        return shown

    monkeypatch.setattr(dicom_seg, "_shown", emptied)
    with pytest.raises(OutputError, match=r"not kept: segment 1 has no frame on slice 1$"):
        write_seg(make_segments(small.shape), small, tmp_path / "out.dcm", MADE_BY)


def test_files_that_are_not_those_of_the_volume(small, tmp_path):
    shifted = Volume(
        small.array,
        small.frame.crop(Window((0, 0, 1), (1, 2, 3))),
        files=small.files,
    )
    expected = (
        "slice 0 of the volume is 0.700 mm off its image: were the files changed since they were "
        "read, or is the volume not the one that was read from them?"
    )
    with pytest.raises(OutputError, match=f"^{re.escape(expected)}$"):
        write_seg(make_segments(small.shape), shifted, tmp_path / "out.dcm", MADE_BY)


@pytest.mark.parametrize("made", ["nifti", "memory"])
def test_volumes_that_are_no_dicom(made, data, small, tmp_path):
    path = data / "med" / "volumes" / "ct_abdomen" / "ct.nii.gz"
    files = (path,) if made == "nifti" else ()
    volume = Volume(small.array, small.frame, files=files)
    why = "was read from a file that is not DICOM" if files else "was made in memory"
    expected = (
        "cannot write DICOM SEG: it refers to the DICOM images it was made from, and the volume "
        f"{why} (give the DICOM series as input, or choose nifti, nrrd, seg.nrrd, mha or npz)"
    )
    with pytest.raises(OutputError, match=f"^{re.escape(expected)}$"):
        write_seg(make_segments(small.shape), volume, tmp_path / "out.dcm", MADE_BY)


def test_no_segments_and_no_places(small, data, tmp_path):
    with pytest.raises(OutputError, match=r"^cannot write DICOM SEG: there is no segment$"):
        write_seg([], small, tmp_path / "out.dcm", MADE_BY)
    film = dicom_volumes.build("RG3_J2KI", data)
    two = Volume(np.zeros((2, *film.shape[1:]), np.uint8), film.frame, files=film.files * 2)
    with pytest.raises(OutputError, match=r"the 2 images say nothing about their place in the"):
        write_seg(make_segments(two.shape), two, tmp_path / "out.dcm", MADE_BY)


def test_frames_are_unpacked_across_bytes(data):
    """23 x 38 pixels are no multiple of 8: frames start within a byte."""
    file = read_seg(data / "med/dicom/ct_tiny_seg_multiframe/labels/label_SEG.dcm")
    oracle = file.dataset.pixel_array
    for frame, expected in zip(file.frames(), oracle, strict=True):
        assert np.array_equal(frame.mask, expected > 0)


def test_files_that_are_no_binary_seg(data):
    folder = data / "med" / "dicom"
    for path, reason in (
        ("ct_tiny_seg_multiframe/series/IMG0001.dcm", "no DICOM SEG or RTSTRUCT, but DICOM CT"),
        (
            "ct_tiny_seg_overlap/seg/seg_image_ct_true_fractional.dcm",
            (
                "a FRACTIONAL segmentation: only BINARY and LABELMAP are read (threshold it in 3D "
                "Slicer and save it as one of them)"
            ),
        ),
        (
            "ct_tiny_seg_multiframe/labels/label.nrrd",
            "neither a volume file nor DICOM: the file of objects",
        ),
    ):
        with pytest.raises(InputError, match=f"^{re.escape(reason)}$"):
            read_seg(folder / path)


def test_what_a_frame_is_stands_with_each_and_is_read_once_for_all(small, tmp_path):
    path = tmp_path / "one.dcm"
    (first, *_) = make_segments(small.shape)
    write_seg([first], small, path, MADE_BY)
    validate(path)
    written = pydicom.dcmread(path)
    (shared,) = written.SharedFunctionalGroupsSequence
    assert "SegmentIdentificationSequence" not in shared
    expected = [(frame.segment, frame.position) for frame in read_seg(path).frames()]
    assert {segment for segment, _ in expected} == {1}
    # as highdicom has it from 0.28 on
    for groups in written.PerFrameFunctionalGroupsSequence:
        shared.SegmentIdentificationSequence = groups.SegmentIdentificationSequence
        del groups.SegmentIdentificationSequence
    written.save_as(path)
    assert [(frame.segment, frame.position) for frame in read_seg(path).frames()] == expected
    del shared.SegmentIdentificationSequence
    written.save_as(path)
    with pytest.raises(InputError, match=r"^frame 1 does not say which segment it is of$"):
        list(read_seg(path).frames())

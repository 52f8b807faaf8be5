"""DICOM SEG as label map and as fractions, by the standard and by readers that are not ours."""

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
from dicom_tools import validate, validate_label_map
from segment_phantoms import MADE_BY, make_segments, overlapping

from sam_common.window import Window
from sam_med.derived_objects.dicom_seg import write_seg
from sam_med.objects.labels import paint
from sam_med.objects.segments import Segment
from sam_med.segmentations.align import onto_grid
from sam_med.segmentations.read import read_segmentation

SERIES = (
    "ct_head_gantry_tilt_uneven",
    "ct_small_missing_slices",
    "mr_enhanced_philips/M",
    "mr_mosaic_axial_oblique/0",
    "mr_sagittal_hfs",
    "CT_small",
    "RG3_J2KI",
)
"""One of each kind: uneven, with gaps, multi-frame, mosaic, oblique, single, without a place."""
TYPES = ("labelmap", "fractional")
"""The types beside the default one, which `test_dicom_seg` writes."""
VALIDATE = {"labelmap": validate_label_map, "fractional": validate}


@pytest.fixture(params=SERIES)
def scan(request, data):
    return request.param, dicom_volumes.build(request.param, data)


@pytest.mark.parametrize("seg_type", TYPES)
def test_public_series_by_highdicom_and_the_standard(seg_type, scan, tmp_path):
    name, volume = scan
    segments, path = make_segments(volume.shape), tmp_path / "out.dcm"
    write_seg(segments, volume, path, MADE_BY, seg_type=seg_type)
    VALIDATE[seg_type](path)
    file = highdicom.seg.segread(path)
    assert file.segmentation_type.value == seg_type.upper()
    expected = paint(volume.shape, segments, "all").array
    shown = sorted({k for segment in segments for k in segment.occupied_slices})
    frames = file.pixel_array.reshape(-1, *volume.shape[1:])
    if seg_type == "labelmap":
        assert np.array_equal(_in_slice_order(file, frames, volume, name), expected[shown])
        numbers = {int(item.SegmentNumber) for item in file.SegmentSequence}
        assert numbers == {0, *(segment.value for segment in segments)}
        return
    count = sum(len(segment.occupied_slices) for segment in segments)
    assert len(frames) == count
    assert frames.max() == file.MaximumFractionalValue == 255
    assert frames.sum() == 255 * sum(segment.voxels for segment in segments)


def _in_slice_order(file, frames, volume, name):
    if name in dicom_volumes.UNPLACED:
        return frames
    index = np.zeros((volume.shape[0], 3))
    index[:, 0] = np.arange(volume.shape[0])
    origins = volume.to_world(index)
    places = [
        groups.PlanePositionSequence[0].ImagePositionPatient
        for groups in file.PerFrameFunctionalGroupsSequence
    ]
    order = [int(np.linalg.norm(origins - np.array(p, float), axis=1).argmin()) for p in places]
    return frames[np.argsort(order)]


@pytest.mark.parametrize("seg_type", TYPES)
def test_our_own_reader_finds_the_same(seg_type, data, tmp_path):
    volume = dicom_volumes.build("ct_small_rotated", data)
    segments = make_segments(volume.shape)
    write_seg(segments, volume, tmp_path / "out.dcm", MADE_BY, seg_type=seg_type)
    file = onto_grid(read_segmentation(tmp_path / "out.dcm"), volume)
    labels = paint(volume.shape, segments, "all").array
    for found, meant in zip(file.segments, sorted(segments, key=lambda s: s.value), strict=True):
        assert (found.name, found.value) == (meant.name, meant.value)
        whole = meant.full(volume.shape)
        expected = labels == meant.value if seg_type == "labelmap" else whole
        assert np.array_equal(found.full(volume.shape), expected)
    assert file.numbers == ((1, 3, 700) if seg_type == "labelmap" else (2, 1, 3))


def test_the_later_of_two_objects_is_kept_and_said(small, tmp_path):
    liver, cyst = overlapping(small.shape)
    path = tmp_path / "out.dcm"
    notes = write_seg([liver, cyst], small, path, MADE_BY, seg_type="labelmap")
    lost = int(np.count_nonzero(liver.mask & cyst.mask))
    (note,) = notes
    assert note == (
        f"a label map of DICOM SEG holds one object a voxel: {lost} of {liver.voxels} voxels of "
        "liver went to later objects (--seg-type binary keeps both)"
    )
    assert pydicom.dcmread(path).SegmentsOverlap == "NO"
    assert pydicom.dcmread(path).BitsAllocated == 8


def test_an_object_that_another_one_hides(small, tmp_path):
    whole = Window.full(small.shape)
    hidden = Segment("hidden", 3, whole, np.ones(small.shape, bool))
    over = Segment("over", 9, whole, np.ones(small.shape, bool))
    write_seg([hidden, over], small, tmp_path / "out.dcm", MADE_BY, seg_type="labelmap")
    validate_label_map(tmp_path / "out.dcm")
    found = read_segmentation(tmp_path / "out.dcm").segments
    assert [(s.name, s.voxels > 0) for s in found] == [("hidden", False), ("over", True)]


@pytest.mark.parametrize("seg_type", TYPES)
def test_nothing_but_objects_without_voxels(seg_type, small, tmp_path):
    nothing = Segment("a", 1, Window((0, 0, 0), (1, 1, 1)), np.zeros((1, 1, 1), bool))
    (note,) = write_seg([nothing], small, tmp_path / "out.dcm", MADE_BY, seg_type=seg_type)
    assert note == "DICOM SEG: a has no voxels: described, but without frames"
    VALIDATE[seg_type](tmp_path / "out.dcm")
    assert not read_segmentation(tmp_path / "out.dcm").segments[0].voxels


def test_types_are_different_files_with_the_same_bytes_each_time(small, tmp_path):
    segments = make_segments(small.shape)
    found = {}
    for seg_type in ("binary", *TYPES):
        for n in range(2):
            path = tmp_path / f"{seg_type}{n}.dcm"
            write_seg(segments, small, path, MADE_BY, seg_type=seg_type)
            found.setdefault(seg_type, set()).add(path.read_bytes())
    assert [len(contents) for contents in found.values()] == [1, 1, 1]
    uids = {pydicom.dcmread(tmp_path / f"{name}0.dcm").SOPInstanceUID for name in found}
    assert len(uids) == 3


def run_dcmqi(path, folder):
    program = Path(sys.executable).with_name("segimage2itkimage")
    command = [program, "--inputDICOM", path, "--outputDirectory", folder, "--outputType", "nrrd"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_dcmqi_reads_a_label_map(data, tmp_path):
    volume = dicom_volumes.build("ct_small_rotated", data)
    segments = make_segments(volume.shape)
    write_seg(segments, volume, tmp_path / "out.dcm", MADE_BY, seg_type="labelmap")
    done = run_dcmqi(tmp_path / "out.dcm", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    expected = paint(volume.shape, segments, "all").array
    images = [sitk.ReadImage(str(path)) for path in sorted(tmp_path.glob("*.nrrd"))]
    voxels = sum(np.count_nonzero(sitk.GetArrayFromImage(image)) for image in images)
    assert voxels == np.count_nonzero(expected)

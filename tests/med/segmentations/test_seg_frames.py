"""Frames of a DICOM SEG, against the pixels that pydicom decodes."""

from __future__ import annotations

import re

import dicom_volumes
import numpy as np
import pydicom
import pytest
from dicom_tools import validate
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from segment_phantoms import MADE_BY, make_segments

from sam_common.errors import InputError
from sam_med.derived_objects.dicom_seg import write_seg
from sam_med.segmentations.seg_frames import LABELMAP_STORAGE, SEG_STORAGE, SegFile, read_seg


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
            "ct_tiny_seg_multiframe/labels/label.nrrd",
            "neither a volume file nor DICOM: the file of objects",
        ),
    ):
        with pytest.raises(InputError, match=f"^{re.escape(reason)}$"):
            read_seg(folder / path)


def test_what_a_frame_is_stands_with_each_and_is_read_once_for_all(data, tmp_path):
    small = dicom_volumes.build("ct_tiny_seg_multiframe", data)
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


def sequence(**tags):
    item = Dataset()
    for keyword, value in tags.items():
        setattr(item, keyword, value)
    return [item]


def seg_file(kind, pixels, frames, shared=None, **tags):
    """A DICOM SEG of 2 x 3 pixels in memory, with segments 1 and 2 and background 0."""
    dataset = FileDataset("", {}, file_meta=FileMetaDataset(), preamble=b"\0" * 128)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = SEG_STORAGE if kind == "BINARY" else LABELMAP_STORAGE
    dataset.SegmentationType, dataset.Rows, dataset.Columns = kind, 2, 3
    bits = 1 if kind == "BINARY" else 8
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit, dataset.PixelRepresentation, dataset.SamplesPerPixel = bits - 1, 0, 1
    dataset.PhotometricInterpretation, dataset.PixelData = "MONOCHROME2", pixels
    numbers = (1, 2) if kind == "BINARY" else (0, 1, 2)
    dataset.SegmentSequence = [
        sequence(SegmentNumber=n, SegmentLabel=f"label {n}")[0] for n in numbers
    ]
    dataset.NumberOfFrames = len(frames)
    dataset.PerFrameFunctionalGroupsSequence = frames
    dataset.SharedFunctionalGroupsSequence = shared or []
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    return SegFile.of(dataset)


def binary_frame(number, z):
    return sequence(
        SegmentIdentificationSequence=sequence(ReferencedSegmentNumber=number),
        PlanePositionSequence=sequence(ImagePositionPatient=[1, 2, z]),
    )[0]


def test_bits_by_hand():
    """Lowest bit first, frames back to back: six bits of the first, then six of the second."""
    packed = bytes([0b01_000001, 0b0000_1000])
    file = seg_file("BINARY", packed, [binary_frame(2, 5), binary_frame(1, 4)])
    first, second = file.frames()
    assert first.mask.astype(int).tolist() == [[1, 0, 0], [0, 0, 0]]
    assert second.mask.astype(int).tolist() == [[1, 0, 0], [0, 0, 1]]
    assert [(f.segment, f.position) for f in (first, second)] == [(2, (1, 2, 5)), (1, (1, 2, 4))]
    assert file.names == {1: "label 1", 2: "label 2"}
    assert file.size == (2, 3)


def test_numbers_of_a_label_map_by_hand():
    """A frame for each segment on a slice; the background is none, whatever its number."""
    frames = [binary_frame(0, 5), binary_frame(0, 6)]
    pixels = bytes([0, 1, 2, 2, 0, 0, 0, 0, 0, 0, 0, 1])
    file = seg_file("LABELMAP", pixels, frames)
    found = [(f.segment, f.position[2], int(f.mask.sum())) for f in file.frames()]
    assert found == [(1, 5, 1), (2, 5, 2), (1, 6, 1)]
    assert file.names == {1: "label 1", 2: "label 2"}
    other = seg_file("LABELMAP", pixels, frames, PixelPaddingValue=2)
    found = [(f.segment, f.position[2], int(f.mask.sum())) for f in other.frames()]
    assert found == [(0, 5, 3), (1, 5, 1), (0, 6, 5), (1, 6, 1)]
    assert other.names == {0: "label 0", 1: "label 1"}


def test_measures_stand_once_for_all_or_with_each_frame():
    measures = {"PixelSpacing": [2, 3], "SliceThickness": 4, "SpacingBetweenSlices": 5}
    group = {"PixelMeasuresSequence": sequence(**measures)}
    frame = binary_frame(1, 5)
    once = seg_file("BINARY", bytes(2), [frame], sequence(**group))
    each = seg_file("BINARY", bytes(2), sequence(**group, SegmentIdentificationSequence=[]))
    for file in (once, each):
        assert file.pixel_spacing_mm == (2, 3)
        assert file.slice_measure_mm("SliceThickness") == 4
        assert file.slice_measure_mm("SpacingBetweenSlices") == 5
        assert file.orientation == ()
    assert seg_file("BINARY", bytes(2), [frame]).slice_measure_mm("SliceThickness") is None

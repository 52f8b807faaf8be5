"""Frames of a DICOM SEG, against the pixels that pydicom decodes."""

from __future__ import annotations

import re

import dicom_volumes
import numpy as np
import pydicom
import pytest
from dicom_tools import validate
from segment_phantoms import MADE_BY, make_segments

from sam_common.errors import InputError
from sam_med.segmentations.seg_frames import read_seg
from sam_med.write.dicom_seg import write_seg


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

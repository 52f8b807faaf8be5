"""A DICOM SEG that is not what it was made from is found, and not kept."""

from __future__ import annotations

import numpy as np
import pytest
from segment_phantoms import MADE_BY, make_segments

from sam_common.errors import OutputError
from sam_med.derived_objects import dicom_seg
from sam_med.derived_objects.dicom_seg import write_seg
from sam_med.objects.segments import Segment


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

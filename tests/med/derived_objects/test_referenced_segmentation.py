"""What a report takes over from a DICOM SEG, ours and those of other programs."""

from __future__ import annotations

import re

import pydicom
import pytest
from segment_phantoms import MADE_BY, make_segments

from sam_common.errors import InputError
from sam_med.derived_objects.dicom_seg import write_seg
from sam_med.derived_objects.referenced_segmentation import read_reference, undescribed


@pytest.mark.parametrize("seg_type", ["binary", "labelmap"])
def test_segments_with_their_codes_and_identifiers(seg_type, small, tmp_path):
    path = tmp_path / "out.dcm"
    write_seg(make_segments(small.shape), small, path, MADE_BY, seg_type=seg_type)
    found, written = read_reference(path), pydicom.dcmread(path)
    assert found.uid == written.SOPInstanceUID
    assert set(found.segments) == {int(item.SegmentNumber) for item in written.SegmentSequence}
    for item in written.SegmentSequence:
        if "TrackingUID" in item:
            assert found.segments[item.SegmentNumber].tracking_uid == item.TrackingUID
    by_name = {one.tracking_id.partition(" ")[2]: one for one in found.segments.values()}
    kidney = by_name["left kidney"]
    assert (kidney.kind.meaning, kidney.kind.modifier.meaning) == ("Kidney", "Left")
    assert kidney.is_anatomical
    assert not by_name["thing"].is_anatomical


def test_a_file_of_another_program(data):
    path = data / "med/dicom/ct_tiny_seg_overlap/seg/seg_image_ct_binary.dcm"
    found = read_reference(path)
    for number, segment in found.segments.items():
        assert segment.number == number
        assert segment.tracking_uid


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"SOPInstanceUID": ""}, "the DICOM SEG has no SOPInstanceUID, so no report can refer to"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, "a report refers to a DICOM SEG, and the"),
    ],
)
def test_what_no_report_can_refer_to(change, reason, small, tmp_path):
    path = tmp_path / "out.dcm"
    write_seg(make_segments(small.shape), small, path, MADE_BY)
    dataset = pydicom.dcmread(path)
    for keyword, value in change.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path)
    with pytest.raises(InputError, match=f"^{re.escape(reason)}"):
        read_reference(path)


def test_a_label_map_of_another_format(data):
    with pytest.raises(InputError, match=r"^a report refers to a DICOM SEG, and the segmentation"):
        read_reference(data / "med/dicom/ct_tiny_seg_multiframe/labels/label.nrrd")


def test_a_segment_without_a_description():
    first, again = (undescribed(4, "lesion\\a", "1.2.3") for _ in range(2))
    assert first == again
    assert (first.number, first.tracking_id, first.kind.meaning) == (4, "lesion/a", "Tissue")
    assert first.tracking_uid != undescribed(4, "lesion\\a", "1.2.4").tracking_uid

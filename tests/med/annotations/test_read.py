from __future__ import annotations

import gzip

import dicom_volumes
import pytest
from annotation_phantoms import graphics, group, line, presentation_state, report

from sam_common.errors import InputError
from sam_med.annotations.read import read_annotations

LINE = [[20.5, 30.5], [60.5, 30.5]]


def test_reports_and_presentation_states_by_their_kind(scan, images, tmp_path):
    report(images, [group("a", [line(images[0], LINE)])]).save_as(tmp_path / "sr.dcm")
    state = presentation_state(images, [graphics(images[:1], ("POLYLINE", LINE), text="b")])
    state.save_as(tmp_path / "pr.dcm")
    (tmp_path / "sr.dcm.gz").write_bytes(gzip.compress((tmp_path / "sr.dcm").read_bytes()))
    names = [
        read_annotations(tmp_path / name, scan).annotations[0].name
        for name in ("sr.dcm", "pr.dcm", "sr.dcm.gz")
    ]
    assert names == ["a", "b", "a"]


def test_other_files_are_refused(scan):
    with pytest.raises(InputError, match=r"^the file of annotations is neither DICOM SR nor a"):
        read_annotations(scan.files[0], scan)


def test_a_file_of_other_images(scan, images, data, tmp_path):
    report(images, [group("a", [line(images[0], LINE)])]).save_as(tmp_path / "sr.dcm")
    other = dicom_volumes.build("ct_tiny_seg_overlap", data)
    message = (
        "^nothing in the file was drawn on these images: left out of the report: an image that is "
        "not of this volume$"
    )
    with pytest.raises(InputError, match=message):
        read_annotations(tmp_path / "sr.dcm", other)

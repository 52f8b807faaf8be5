"""Segmentations of any format: which reader takes a file, and what the file is known to hold."""

from __future__ import annotations

import pytest
from segment_phantoms import MADE_BY, flat

from sam_common.errors import InputError
from sam_med.segmentations.read import is_segmentation, is_structure_set, read_segmentation
from sam_med.write.results import write_outputs


@pytest.mark.parametrize(
    ("name", "named", "sparse", "exact"),
    [
        ("out.nii.gz", False, False, False),
        ("out.nrrd", False, False, False),
        ("out.mha", False, False, False),
        ("out.seg.nrrd", True, True, False),
        ("out.seg.dcm", True, True, True),
        ("out.rtstruct.dcm", True, False, True),
    ],
)
def test_each_format_is_read_as_what_it_is(name, named, sparse, exact, volume, tmp_path):
    segments = [flat("ribs", 7, 2, 3), flat("liver", 2, 5)]
    write_outputs(segments, volume, tmp_path / name, [], MADE_BY)
    file = read_segmentation(tmp_path / name, grid=volume)
    assert (file.named, file.sparse, file.exact, file.notes) == (named, sparse, exact, ())
    names = ["liver", "ribs"] if named else ["2", "7"]
    assert [(s.name, s.value) for s in file.segments] == list(zip(names, (2, 7), strict=True))
    assert [s.voxels for s in file.segments] == [s.voxels for s in segments[::-1]]
    assert is_segmentation(tmp_path / name)
    assert is_structure_set(tmp_path / name) == (name == "out.rtstruct.dcm")


def test_other_files(tmp_path):
    (tmp_path / "CANARY.txt").write_text("a")
    with pytest.raises(InputError, match=r"^neither a volume file nor DICOM: the file of objects"):
        read_segmentation(tmp_path / "CANARY.txt")
    with pytest.raises(InputError, match=r"^a segmentation is one file, got a folder"):
        read_segmentation(tmp_path)
    for path in (tmp_path, tmp_path / "CANARY.txt", tmp_path / "absent"):
        assert not is_segmentation(path)
        assert not is_structure_set(path)

"""Segmentation files of other programs: an object for each that they list."""

from __future__ import annotations

import pytest

from sam_common.errors import InputError
from sam_med.segmentations.read import read_segmentation


def test_other_files(tmp_path):
    (tmp_path / "CANARY.txt").write_text("a")
    with pytest.raises(InputError, match=r"^neither a volume file nor DICOM: the file of objects"):
        read_segmentation(tmp_path / "CANARY.txt")
    with pytest.raises(InputError, match=r"^a segmentation is one file, got a folder"):
        read_segmentation(tmp_path)

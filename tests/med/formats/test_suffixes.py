"""Names of files: what is read, what belongs together, and advice about the rest."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
from scans import message_of
from volume_files import save


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("a.nii.zst", "unpack it first, e.g. with unzstd"),
        ("a.nii.bz2", "unpack it first, e.g. with bunzip2"),
        ("a.nrrd.gz", "unpack it first, e.g. with gunzip"),
        ("a.mnc", "convert it first, e.g. with mnc2nii"),
        ("a.BRIK", "convert it first, e.g. with 3dAFNItoNIFTI"),
        ("a.tar.gz", "unpack it first, and give the folder or file that was in it"),
    ],
)
def test_formats_that_are_not_read_say_the_way(name, way, tmp_path):
    path = tmp_path / name
    path.write_bytes(b"x" * 200)
    assert way in message_of(path)


def test_a_zip_or_folder_of_volume_files_says_the_way(tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    path = save(folder / "one.nii", np.zeros((5, 6, 7), np.int16))
    assert message_of(folder) == (
        "not-dicom: no DICOM in it, but volume files (.nii): give one of them"
    )
    packed = tmp_path / "one.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(path, "one.nii")
    assert message_of(packed) == (
        "not-dicom: no DICOM in it, but volume files (.nii): unpack it first"
    )

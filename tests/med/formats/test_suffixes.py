"""Names of files: what is read, what belongs together, and advice about the rest."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
from scans import message_of
from volume_files import save

from sam_med.formats.suffixes import SUFFIXES, files_of, is_volume_file, pair_of, reading_advice


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


def test_a_volume_file_is_known_by_its_name(tmp_path):
    for name in (f"a{suffix}" for suffix in SUFFIXES):
        path = tmp_path / name.upper()
        assert not is_volume_file(path)
        path.touch()
        assert is_volume_file(path)
        assert files_of(path) == (path,)
    (tmp_path / "folder.nii").mkdir()
    (tmp_path / "scan.dcm").touch()
    assert not is_volume_file(tmp_path / "folder.nii")
    assert not is_volume_file(tmp_path / "scan.dcm")


@pytest.mark.parametrize(
    ("first", "second"), [("a.hdr", "a.img"), ("a.HDR", "a.IMG"), ("a.hdr.gz", "a.img.gz")]
)
def test_an_img_is_a_volume_file_only_beside_its_header(first, second, tmp_path):
    header, image = tmp_path / first, tmp_path / second
    image.touch()
    assert pair_of(image) is None
    assert not is_volume_file(image)
    header.touch()
    assert (pair_of(image), pair_of(header)) == (header, image)
    assert is_volume_file(image)
    assert files_of(image) == files_of(header) == tuple(sorted((header, image)))


@pytest.mark.parametrize("order", ["little", "big"])
def test_half_of_a_pair_is_known_by_the_size_of_its_header(order, tmp_path):
    path = tmp_path / "a.hdr"
    path.write_bytes((348).to_bytes(4, order) + bytes(344))
    assert "half of a pair .hdr and .img" in reading_advice(path)
    path.write_bytes(bytes(348))
    assert reading_advice(path) == ""


def test_advice_goes_by_what_is_held(tmp_path):
    assert reading_advice(tmp_path, ["a.txt"]) == ""
    assert reading_advice(tmp_path, ["a.mha", "b.nii.gz"]).startswith(
        "no DICOM in it, but volume files (.nii.gz, .mha): give one of them"
    )

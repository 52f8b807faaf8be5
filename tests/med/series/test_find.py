"""What lies under a path: folders, archives, DICOMDIR, single files."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_faults import both, each, series
from scans import LINE

from sam_common.errors import InputError
from sam_med.files.read import read_volume
from sam_med.series.find import find_series, scan


def message_of(path):
    with pytest.raises(InputError) as caught:
        scan(path)
    return str(caught.value)


def test_every_series_of_a_tree(two):
    found = scan(two)
    assert [series.summary() for series in found.series] == [
        "series number 2, MR, 8 x 6 x 4, axial",
        "series number 4, CT, 8 x 6 x 6, axial",
    ]
    assert [d.code for d in found.diagnostics] == ["mixed-series", "not-dicom"]
    assert found.files == 11
    assert [series.number for series in find_series(two)] == [1, 2]


def test_a_dicomdir_means_its_folder(data, tmp_path):
    from pydicom.fileset import FileSet

    files = FileSet()
    for path in sorted((data / "med/dicom/ct_small_rotated/series").iterdir()):
        files.add(path)
    files.write(tmp_path / "media")
    files._stage["t"].cleanup()  # its own folder, which it leaves to the garbage collector
    whole = read_volume(data / "med/dicom/ct_small_rotated/series")
    for path in (tmp_path / "media" / "DICOMDIR", tmp_path / "media"):
        found = scan(path)
        assert len(found.series) == 1
        assert found.diagnostics == ()
        assert np.array_equal(read_volume(path).array, whole.array)


def test_files_that_a_dicomdir_lists_are_missed(data, tmp_path):
    from pydicom.fileset import FileSet

    files = FileSet()
    for path in sorted((data / "med/dicom/ct_small_rotated/series").iterdir()):
        files.add(path)
    files.write(tmp_path / "media")
    files._stage["t"].cleanup()
    for path in sorted(path for path in (tmp_path / "media").rglob("*") if path.is_file())[-3:]:
        path.unlink()
    for path in (tmp_path / "media" / "DICOMDIR", tmp_path / "media"):
        told = {d.code: d.numbers["files"] for d in scan(path).diagnostics}
        assert told == {"missing-files": 3}
        assert "missing-files" in {d.code for d in read_volume(path).diagnostics}


def test_a_dicomdir_that_is_none_is_let_be(dicom):
    dicom.series(LINE)
    (dicom.folder / "DICOMDIR").write_bytes(bytes(128) + b"DICM garbage")
    assert scan(dicom.folder).diagnostics == ()


def test_notes_of_an_apple_computer_are_no_lost_slices(dicom):
    (path, *_) = dicom.series(LINE)
    (dicom.folder / f"._{path.name}").write_bytes(b"\0\x05\x16\x07")
    assert [d.code for d in scan(dicom.folder).diagnostics] == ["not-dicom"]


def test_nothing_there(tmp_path):
    assert message_of(tmp_path / "none") == f"no such file: {tmp_path / 'none'}"
    assert message_of(tmp_path) == (
        "not-dicom: no DICOM images among 0 file(s) "
        "(give the file, folder or zip that holds the images of a series)"
    )
    empty = tmp_path / "empty.zip"
    with zipfile.ZipFile(empty, "w"):
        pass
    assert message_of(empty).startswith("not-dicom: ")


def test_a_whole_disk_of_everything(data):
    """All single files at once: each is a series, an object, or named as left out."""
    found = scan(data / "med/dicom_single")
    files = sum(series.describe()["files"] for series in found.series)
    left_out = {d.code: d.numbers["files"] for d in found.diagnostics if d.code != "mixed-series"}
    assert left_out == {"not-dicom": 1, "not-dicom-by-content": 1, "not-an-image": 1}
    assert files + 3 == found.files == 21
    assert [series.number for series in found.series] == list(range(1, 12))


def test_an_error_lists_the_first_of_many_series(data, tmp_path):
    image = pydicom.dcmread(min((data / "med/dicom/ct_small_rotated/series").iterdir()))
    for n in range(15):
        image.SeriesInstanceUID, image.SOPInstanceUID = f"1.2.{n}", f"1.2.{n}.1"
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        image.save_as(tmp_path / f"{n}.dcm")
    with pytest.raises(InputError) as caught:
        scan(tmp_path).choose(None)
    message = str(caught.value)
    assert message.startswith("mixed-series: 15 series: 1) ")
    assert "; 12) " in message
    assert "; 13) " not in message
    assert message.endswith(
        "; and 3 more, which `sam-med info` shows (choose one with --series NUMBER)"
    )


def test_a_file_that_cannot_be_read_does_not_stop_the_rest(dicom, monkeypatch):
    paths = dicom.series(LINE)
    right = Path.open

    def denied(self, *args, **kwargs):
        if self == paths[5]:
            raise PermissionError(13, "Permission denied")
        return right(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", denied)
    found = scan(dicom.folder)
    assert found.series[0].size_ijk == (8, 6, 5)
    (told,) = found.diagnostics
    assert told.message == "of the files, 1 cannot be read"


def test_a_path_of_nothing_but_broken_links_says_so(tmp_path):
    for n in range(3):
        (tmp_path / f"{n}.dcm").symlink_to("not-fetched")
    assert "; broken-links: 3 link(s) lead nowhere (left out; " in message_of(tmp_path)


def test_a_choice_in_other_digits_is_no_crash(two):
    for choice in ("²", "٣", "1.0", "-1"):
        with pytest.raises(InputError):
            scan(two).choose(choice)


def last(do):
    """A fault of the last of six files."""
    return lambda dicom: do(dicom.series(LINE)[-1])


def broken_link(path):
    path.unlink()
    path.symlink_to("CANARY-not-fetched")


def tar_beside(dicom):
    path = dicom.series(LINE)[0]
    with tarfile.open(dicom.folder / "CANARY.tar", "w") as archive:
        archive.add(path)


def text_beside(dicom):
    dicom.series(LINE)
    (dicom.folder / "CANARY.txt").write_text("a note")


REPORT = series([(0, 0, 0)], Modality="SR", Rows=None, SeriesInstanceUID="1.2.3")
FAULTS = [
    (last(broken_link), {"broken-links"}, "read"),
    (last(lambda path: path.write_bytes(b"")), {"unreadable-files"}, "read"),
    (
        last(lambda path: path.write_text("/annex/objects/CANARY")),
        {"not-dicom-by-content"},
        "read",
    ),
    (last(lambda path: path.write_bytes(path.read_bytes()[:200])), {"unreadable-header"}, "read"),
    (tar_beside, {"packed"}, "read"),
    (text_beside, {"not-dicom"}, "read"),
    (both(series(), REPORT), {"not-an-image"}, "read"),
]


@each(FAULTS)
def test_faults_of_files_are_named(fault, expected, outcome, assert_named):
    assert_named(fault, expected, outcome)

"""What lies under a path: folders, archives, DICOMDIR, single files."""

from __future__ import annotations

import stat
import struct
import zipfile

import numpy as np
import pydicom
import pytest

from sam_common.errors import InputError
from sam_med import archive
from sam_med.scan import find_series, scan
from sam_med.source import read_volume

LINE = [(10, 20, 30 + 2 * n) for n in range(6)]
OTHER = [(10, 20, 30 + 3 * n) for n in range(4)]


def message_of(path):
    with pytest.raises(InputError) as caught:
        scan(path)
    return str(caught.value)


@pytest.fixture
def two(dicom):
    """A tree with two series and things beside them."""
    dicom.series(LINE)
    dicom.series(OTHER, SeriesInstanceUID="1.2.3", SeriesNumber=2, Modality="MR")
    (dicom.folder / "sub" / "CANARY").mkdir(parents=True)
    for n, path in enumerate(sorted(dicom.folder.glob("*.dcm"))):
        if n % 2:
            path.rename(dicom.folder / "sub" / "CANARY" / path.name)
    (dicom.folder / "sub" / "readme").write_text("hello")
    return dicom.folder


def zipped(folder, target):
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        for path in sorted(folder.rglob("*")):
            out.write(path, path.relative_to(folder))
    return target


def test_every_series_of_a_tree(two):
    found = scan(two)
    assert [series.summary() for series in found.series] == [
        "series number 2, MR, 8 x 6 x 4, axial",
        "series number 4, CT, 8 x 6 x 6, axial",
    ]
    assert [d.code for d in found.diagnostics] == ["mixed-series", "not-dicom"]
    assert found.files == 11
    assert [series.number for series in find_series(two)] == [1, 2]


def test_a_zip_is_read_as_its_folder(two, tmp_path):
    target = zipped(two, tmp_path / "CANARY.zip")
    plain, packed = scan(two), scan(target)
    assert [s.describe() for s in plain.series] == [s.describe() for s in packed.series]
    for number in (1, 2):
        volume = read_volume(target, series=number)
        assert np.array_equal(volume.array, read_volume(two, series=number).array)
        # the files must be there for as long as the volume is used, and for its owner only
        folder = volume.files[0].parent
        assert all(path.is_file() for path in volume.files)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert "CANARY" not in str(volume.files)


def test_names_that_lead_out_of_an_archive_do_not(dicom, tmp_path):
    dicom.series(LINE)
    target = tmp_path / "evil.zip"
    with zipfile.ZipFile(target, "w") as out:
        for n, path in enumerate(sorted(dicom.folder.iterdir())):
            out.write(path, f"../../../{n}.dcm" if n % 2 else f"/absolute/{n}.dcm")
    before = sorted(tmp_path.rglob("*"))
    assert read_volume(target).shape == (6, 6, 8)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "SMALL_BYTES", 1000)
    target = tmp_path / "bomb.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("zeros", bytes(1_000_000))
    size = target.stat().st_size
    assert message_of(target) == (
        f"the archive of {size} bytes would unpack to 1000000 bytes, which is suspicious: "
        "unpack it yourself if you trust it"
    )


def test_a_member_that_lies_about_its_size_is_refused(tmp_path):
    target = tmp_path / "liar.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("zeros", bytes(100_000))
    content = target.read_bytes()
    target.write_bytes(content.replace(struct.pack("<I", 100_000), struct.pack("<I", 10)))
    message = message_of(target)
    assert message in {
        "a member of the zip archive is larger than it says: refused",
        "the archive is damaged: have it copied again",
    }


def test_too_many_members(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    target = tmp_path / "many.zip"
    with zipfile.ZipFile(target, "w") as out:
        for n in range(4):
            out.writestr(str(n), b"x")
    assert message_of(target) == "the zip archive has 4 members, more than 3"


def test_a_damaged_zip(two, tmp_path):
    target = zipped(two, tmp_path / "a.zip")
    content = bytearray(target.read_bytes())
    content[200:400] = bytes(200)
    target.write_bytes(content)
    assert message_of(target) == "the archive is damaged: have it copied again"


def test_an_encrypted_zip(tmp_path):
    target = tmp_path / "a.zip"
    with zipfile.ZipFile(target, "w") as out:
        out.writestr("a", b"secret")
    content = bytearray(target.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    target.write_bytes(content)
    assert message_of(target) == "the zip archive is encrypted: unpack it first"


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
    assert left_out == {"not-dicom": 2, "not-an-image": 1}
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

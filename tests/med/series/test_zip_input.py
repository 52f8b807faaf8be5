"""Zip and gz archives: read as their folder, bounded, private, and removed."""

from __future__ import annotations

import gzip
import json
import shutil
import stat
import struct
import tarfile
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pydicom
import pytest
from dicom_faults import codes_in
from pydicom.uid import ImplicitVRLittleEndian
from scans import LINE, message_of

from sam_common.errors import InputError
from sam_med.dicom import progress
from sam_med.files.read import read_volume
from sam_med.report.geometry_report import describe_path
from sam_med.series import zip_input
from sam_med.series.find import scan


def zipped(folder, target):
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        for path in sorted(folder.rglob("*")):
            out.write(path, path.relative_to(folder))
    return target


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
    monkeypatch.setattr(zip_input, "SMALL_BYTES", 1000)
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
    monkeypatch.setattr(zip_input, "MAX_MEMBERS", 3)
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


def test_a_file_packed_by_itself(dicom):
    paths = dicom.series(LINE)
    whole = read_volume(dicom.folder).array
    for path in paths[2:]:
        (dicom.folder / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert np.array_equal(read_volume(dicom.folder).array, whole)
    assert read_volume(dicom.folder / f"{paths[2].name}.gz").shape == (1, 6, 8)


def test_a_zip_in_a_folder_and_a_zip_in_that(dicom, tmp_path):
    paths = dicom.series(LINE)
    whole = read_volume(dicom.folder).array
    inner, outer = tmp_path / "inner.zip", dicom.folder / "outer.zip"
    with zipfile.ZipFile(inner, "w") as out:
        out.write(paths[5], "x/y.dcm")
    with zipfile.ZipFile(outer, "w") as out:
        out.write(paths[4], "x.dcm")
        out.write(inner, "inner.zip")
    for path in paths[4:]:
        path.unlink()
    found = scan(dicom.folder)
    assert found.diagnostics == ()
    assert np.array_equal(read_volume(dicom.folder).array, whole)


def test_archives_that_hold_no_images_are_let_be(dicom, tmp_path):
    dicom.series(LINE)
    with zipfile.ZipFile(dicom.folder / "letter.docx", "w") as out:
        out.writestr("word/document.xml", "hello")
    (dicom.folder / "notes.txt.gz").write_bytes(gzip.compress(b"hello"))
    before = set(zip_input._program.unpacked)
    (told,) = scan(dicom.folder).diagnostics
    assert (told.code, told.numbers["files"]) == ("not-dicom", 2)
    assert set(zip_input._program.unpacked) == before


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_archives_that_are_not_opened_are_told(mode, dicom, tmp_path):
    (path, *_) = dicom.series(LINE)
    target = dicom.folder / "CANARY.archive"
    with tarfile.open(target, mode) as out:
        out.add(path)
    (told,) = scan(dicom.folder).diagnostics
    assert (told.code, told.severity, told.numbers["files"]) == ("packed", "warning", 1)
    assert "unpack them to have their images read" in message_of(target)


def test_a_damaged_archive_beside_a_series_is_told(dicom):
    dicom.series(LINE)
    content = zipped(dicom.folder, dicom.folder.parent / "a.zip").read_bytes()
    (dicom.folder / "a.zip").write_bytes(content[:600] + bytes(200) + content[800:-40])
    (dicom.folder / "b.gz").write_bytes(gzip.compress(bytes(1000))[:-20])
    found = scan(dicom.folder)
    assert len(found.series) == 1
    (told,) = found.diagnostics
    assert (told.code, told.numbers["files"]) == ("unreadable-files", 2)


def test_all_archives_together_unpack_to_no_more_than_is_allowed(dicom, monkeypatch):
    dicom.series(LINE)
    zipped(dicom.folder, dicom.folder / "all.zip")
    one = zip_input.Budget(left=10)
    with pytest.raises(InputError, match="which is suspicious"):
        zip_input.unpack(dicom.folder / "all.zip", one)
    packed = dicom.folder.parent / "zeros.dcm.gz"
    packed.write_bytes(gzip.compress(bytes(1_000_000)))
    monkeypatch.setattr(zip_input, "SMALL_BYTES", 1000)
    with pytest.raises(InputError, match="which is suspicious"):
        zip_input.unpack(packed)


def test_what_is_unpacked_goes_with_its_owner_and_is_bounded(dicom, tmp_path, monkeypatch):
    dicom.series(LINE)
    target = zipped(dicom.folder, tmp_path / "a.zip")
    size = sum(path.stat().st_size for path in dicom.folder.iterdir())
    with zip_input.unpacking():
        mine = zip_input.unpack(target)
        # the same file once for each owner
        assert zip_input.unpack(target) == mine
        assert zip_input._taken[mine] == size
        with zip_input.unpacking(tmp_path):
            other = zip_input.unpack(target)
        assert mine.is_dir()
    assert not mine.exists()
    # what lies in an owner's folder is that owner's
    assert len(list(other.iterdir())) == 6
    assert other.parent == tmp_path
    others = sum(count for folder, count in zip_input._taken.items() if folder.is_dir())
    monkeypatch.setattr(zip_input, "MAX_BYTES", others + size)
    with zip_input.unpacking():
        second = zip_input.unpack(target)
        with (
            zip_input.unpacking(),
            pytest.raises(InputError, match=f"^no room for {size} bytes of"),
        ):
            zip_input.unpack(target)
        packed = tmp_path / "b.gz"
        packed.write_bytes(gzip.compress(bytes(1000)))
        with pytest.raises(InputError, match=r"^no room for 1000 bytes of an archive beside the"):
            zip_input.unpack(packed)
    assert not second.exists()
    # what is gone takes no room
    with zip_input.unpacking():
        assert zip_input.unpack(target).is_dir()
    assert [path for path in tmp_path.iterdir() if path.is_dir() and path != dicom.folder] == [
        other
    ]


def test_archives_in_archives_have_so_many_files_together(dicom, tmp_path):
    dicom.series(LINE)
    target = zipped(dicom.folder, tmp_path / "a.zip")
    budget = zip_input.Budget(files=7)
    with zip_input.unpacking():
        zip_input.unpack(target, budget)
    with zip_input.unpacking(), pytest.raises(InputError, match=r"6 members, more than 1$"):
        zip_input.unpack(target, budget)


@pytest.mark.parametrize("kind", ["zip", "gz"])
def test_unpacking_can_be_ended(kind, dicom, tmp_path):
    """Before the first file is counted: a large archive takes its time."""
    (first, *_) = dicom.series(LINE)
    target = tmp_path / f"a.{kind}"
    if kind == "zip":
        zipped(dicom.folder, target)
        assert zip_input.count_in(target) == 6
    else:
        target.write_bytes(gzip.compress(first.read_bytes()))
        assert zip_input.count_in(target) == 1

    class EndedError(Exception):
        pass

    def end(_files):
        raise EndedError

    there = {path for path in tmp_path.iterdir() if path.is_dir()}
    with zip_input.unpacking(tmp_path), progress.listening(end), pytest.raises(EndedError):
        zip_input.unpack(target)
    assert {path for path in tmp_path.iterdir() if path.is_dir()} == there


def test_links_in_an_archive_are_no_links(dicom, tmp_path):
    """Whatever their entries say, what is written is a plain file."""
    (first, *_) = dicom.series(LINE)
    target = tmp_path / "links.zip"
    with zipfile.ZipFile(target, "w") as out:
        entry = zipfile.ZipInfo("link.dcm")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        out.writestr(entry, str(first))
    with zip_input.unpacking():
        (path,) = zip_input.unpack(target).iterdir()
        assert not path.is_symlink()
        assert path.read_text() == str(first)


def test_threads_share_one_unpacked_folder(dicom, tmp_path):
    dicom.series(LINE)
    target = zipped(dicom.folder, tmp_path / "a.zip")
    start = threading.Barrier(4)

    def unpack(_):
        start.wait()
        return zip_input.unpack(target)

    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(unpack, range(4)))
    (folder,) = folders
    assert len(list(folder.iterdir())) == 6
    shutil.rmtree(folder)  # as whoever clears the folder of temporary files
    assert len(list(zip_input.unpack(target).iterdir())) == 6


def test_a_full_disk_is_an_error_of_one_line(dicom, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    dicom.series(LINE)
    monkeypatch.setattr(zip_input, "_write", full)
    message = message_of(zipped(dicom.folder, tmp_path / "a.zip"))
    assert message.startswith("the archive cannot be unpacked: No space left on device (")


def test_implicit_bytes_in_a_zip(dicom):
    """Faults are the same in an archive, and its names are not shown."""
    dicom.series([*LINE[:3], *LINE[4:]])
    for path in dicom.folder.iterdir():
        dataset = pydicom.dcmread(path)
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        dataset.save_as(path, implicit_vr=True, little_endian=True)
    target = dicom.folder.parent / "CANARY.zip"
    with zipfile.ZipFile(target, "w") as archive:
        for path in dicom.folder.iterdir():
            archive.write(path, f"../CANARY/{path.name}")
    facts = describe_path(target)
    assert "missing-slices" in codes_in(facts)
    assert "CANARY" not in json.dumps(facts)
    assert np.array_equal(read_volume(target).array, read_volume(dicom.folder).array)

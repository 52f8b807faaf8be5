from __future__ import annotations

import errno
import hashlib
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from sam_common.errors import DiskError, InputError, OutputError
from sam_common.support.files import (
    BLOCK_BYTES,
    FULL_BYTES,
    atomic_output,
    check_apart,
    check_input,
    check_output,
    output_error,
    same_file,
    sha256_of,
    write_bytes,
    writing,
)


def test_missing_input_is_named(tmp_path):
    with pytest.raises(InputError) as caught:
        check_input(tmp_path / "nothing.tif")
    assert str(caught.value) == f"no such file: {tmp_path / 'nothing.tif'}"


def test_input_may_be_a_file_or_a_folder(tmp_path):
    (tmp_path / "a.tif").touch()
    check_input(tmp_path / "a.tif")
    check_input(str(tmp_path))


def test_existing_output_needs_overwrite(tmp_path):
    path = tmp_path / "out.gpkg"
    path.write_text("old")
    with pytest.raises(OutputError) as caught:
        check_output(path, overwrite=False)
    assert str(caught.value) == f"output exists: {path} (give --overwrite to replace it)"
    check_output(path, overwrite=True)
    assert path.read_text() == "old"


def test_output_needs_its_folder(tmp_path):
    with pytest.raises(OutputError) as caught:
        check_output(tmp_path / "missing" / "out.gpkg", overwrite=True)
    assert (
        str(caught.value)
        == f"no such folder for the output: {tmp_path / 'missing'} (make it first)"
    )


def test_output_must_not_be_a_folder(tmp_path):
    with pytest.raises(OutputError) as caught:
        check_output(tmp_path, overwrite=True)
    assert str(caught.value) == f"output is a folder, not a file: {tmp_path}"


def test_unwritable_folder_is_found_by_trying():
    # /proc takes no files from anybody, root included
    with pytest.raises(OutputError) as caught:
        check_output(Path("/proc/out.gpkg"), overwrite=False)
    assert str(caught.value) == "cannot write to folder /proc: No such file or directory"


def test_checking_leaves_nothing_behind(tmp_path):
    check_output(tmp_path / "out.nii.gz", overwrite=False)
    assert list(tmp_path.iterdir()) == []


def test_output_appears_whole_under_its_name(tmp_path):
    target = tmp_path / "head.2024.nii.gz"
    with atomic_output(target) as part:
        assert part.parent == tmp_path
        assert part.suffixes[-2:] == [".nii", ".gz"]
        assert not part.exists()
        part.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_interrupted_output_leaves_the_old_file(tmp_path, failure):
    target = tmp_path / "out.gpkg"
    target.write_text("old")

    def write_half() -> None:
        with atomic_output(target) as part:
            part.write_text("half")
            raise failure

    with pytest.raises(failure):
        write_half()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_writing_nothing_is_an_error(tmp_path):
    with pytest.raises(OutputError) as caught, atomic_output(tmp_path / "out.gpkg"):
        pass
    assert str(caught.value) == f"nothing was written for {tmp_path / 'out.gpkg'}"


def test_target_that_cannot_be_replaced_is_named(tmp_path):
    target = tmp_path / "out.gpkg"

    def write_over_a_folder() -> None:
        with atomic_output(target) as part:
            part.write_text("new")
            target.mkdir()

    with pytest.raises(OutputError) as caught:
        write_over_a_folder()
    assert (
        str(caught.value)
        == f"cannot replace {target}: Is a directory (is it open in another program?)"
    )
    assert list(tmp_path.iterdir()) == [target]


def test_what_verify_refuses_does_not_replace_the_target(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def refuse(part: Path) -> None:
        assert part.read_text() == "new"
        raise OutputError("three rows were written, two were read back")

    with (
        pytest.raises(OutputError, match="two were read back"),
        atomic_output(target, verify=refuse) as part,
    ):
        part.write_text("new")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_input_whose_name_is_impossible_is_named():
    with pytest.raises(InputError, match=r"cannot read a{300}\.csv: File name too long"):
        check_input("a" * 300 + ".csv")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a" * 300 + ".gpkg", "File name too long"),
        (os.fsdecode(b"caf\xe9.gpkg"), r"must be UTF-8: .*caf\\xe9\.gpkg"),
        ("a\0b.gpkg", "null byte"),
    ],
)
def test_output_whose_name_is_impossible_is_refused(tmp_path, name, reason):
    with pytest.raises(OutputError, match=reason):
        check_output(tmp_path / name, overwrite=True)


def test_output_that_is_a_device_is_refused():
    with pytest.raises(OutputError, match="output is a device"):
        check_output("/dev/null", overwrite=True)


def test_link_that_leads_nowhere_is_not_replaced_unasked(tmp_path):
    link = tmp_path / "out.gpkg"
    link.symlink_to(tmp_path / "elsewhere.gpkg")
    with pytest.raises(OutputError, match="output exists"):
        check_output(link, overwrite=False)


def test_longest_name_that_a_disk_takes_is_written(tmp_path):
    target = tmp_path / ("a" * 249 + ".tif")
    write_bytes(target, b"new")
    assert target.read_bytes() == b"new"


def test_one_file_is_known_by_all_its_names(tmp_path, monkeypatch):
    image = tmp_path / "image.tif"
    image.touch()
    (tmp_path / "link.tif").symlink_to(image)
    (tmp_path / "hard.tif").hardlink_to(image)
    (tmp_path / "folder").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    names = [
        "link.tif",
        "hard.tif",
        "IMAGE.tif",
        "folder/image.TIF",
        f"../{tmp_path.name}/image.tif",
    ]
    assert all(same_file(image, name) for name in names)
    assert not same_file(image, "other.tif")
    assert same_file("new.gpkg", tmp_path / "NEW.gpkg")
    assert not same_file("new.gpkg", tmp_path / "deeper" / "new.gpkg")


def test_output_must_be_no_input_and_no_other_output(tmp_path):
    image, table = tmp_path / "image.tif", tmp_path / "image.gpkg"
    image.touch()
    check_apart([table], [image])
    with pytest.raises(OutputError, match=r"output is an input of the job: .*image\.tif: choose"):
        check_apart([table, image], [image])
    with pytest.raises(OutputError, match=r"input of the job: .*IMAGE\.tif \(.*image\.tif\)"):
        check_apart([tmp_path / "IMAGE.tif"], [image])
    with pytest.raises(OutputError, match="two outputs are one file"):
        check_apart([table, tmp_path / "Image.GPKG"], [image])


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS])
def test_error_of_a_full_disk_is_known_by_its_number(tmp_path, code):
    target = tmp_path / "out.gpkg"

    def write() -> None:
        with atomic_output(target) as part:
            part.write_text("half")
            raise OSError(code, os.strerror(code))

    with pytest.raises(DiskError) as caught:
        write()
    assert str(caught.value).startswith(f"cannot write {target}: {os.strerror(code)} (")
    assert str(tmp_path) in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text", ["sqlite3_exec failed: database or disk is full", "x: No space left on\ndevice"]
)
def test_error_of_a_full_disk_is_known_by_its_words(text):
    wrapped = ValueError("cannot save")
    wrapped.__cause__ = RuntimeError(text)
    found = output_error("out.gpkg", wrapped)
    assert isinstance(found, DiskError)
    assert "\n" not in str(found)


def test_other_errors_of_writing_are_no_disk_errors():
    for error in (PermissionError(errno.EACCES, "Permission denied"), RuntimeError("no\nlayer")):
        found = output_error("out.gpkg", error)
        assert type(found) is OutputError
        assert str(found) in {
            "cannot write out.gpkg: Permission denied",
            "cannot write out.gpkg: no layer",
        }


def test_refusal_of_what_was_read_back_names_a_full_disk(tmp_path, monkeypatch):
    usage = SimpleNamespace(free=FULL_BYTES - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)

    def refuse(_: Path) -> None:
        raise OutputError("two of three rows were read back")

    def write() -> None:
        with atomic_output(tmp_path / "out.fgb", verify=refuse) as part:
            part.touch()

    with pytest.raises(DiskError, match=r"disk is full, or nearly so \(two of three rows"):
        write()


def test_bytes_that_did_not_reach_the_disk_are_no_output(tmp_path, monkeypatch):
    target = tmp_path / "out.json"
    target.write_bytes(b"old")
    write = Path.write_bytes
    monkeypatch.setattr(Path, "write_bytes", lambda path, data: write(path, data[:-1]))
    with pytest.raises(OutputError, match="other bytes were read back"):
        write_bytes(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_errors_of_a_library_become_one_line():
    with (
        pytest.raises(OutputError, match=r"^cannot write a\.mha: bad voxels$"),
        writing("a.mha", ValueError),
    ):
        raise ValueError("bad\nvoxels")


def test_sha256_of_the_empty_file(tmp_path):
    (tmp_path / "empty").touch()
    assert sha256_of(tmp_path / "empty") == (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


def test_sha256_of_a_file_larger_than_a_block(tmp_path):
    content = bytes(range(256)) * 5000
    assert len(content) > BLOCK_BYTES
    (tmp_path / "large").write_bytes(content)
    assert sha256_of(str(tmp_path / "large")) == hashlib.sha256(content).hexdigest()

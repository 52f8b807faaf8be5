from __future__ import annotations

import os
from pathlib import Path

import pytest

from sam_common.errors import OutputError
from sam_common.support.cache_folder import (
    cache_dir,
    forget_unused,
    private_folder,
    used_folder,
    writing_cache,
)


def test_cache_folder_follows_its_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("SAM_GEOMED_CACHE", str(tmp_path))
    assert cache_dir() == tmp_path
    monkeypatch.delenv("SAM_GEOMED_CACHE")
    assert cache_dir().name == "sam-geomed"


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch):
    monkeypatch.delenv("SAM_GEOMED_CACHE", raising=False)

    def homeless(_):
        raise RuntimeError("Could not determine home directory.")

    for answer in (homeless, lambda _: Path("~/.cache/sam-geomed")):
        monkeypatch.setattr("platformdirs.user_cache_path", answer)
        with pytest.raises(OutputError, match=r"no home folder \(HOME\).*set SAM_GEOMED_CACHE"):
            cache_dir()


def test_a_folder_that_cannot_be_marked_is_used(tmp_path, monkeypatch):
    def refuse(*_args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.utime", refuse)
    assert used_folder(tmp_path) == tmp_path


def test_a_cache_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "openvino"
    with pytest.raises(OutputError) as caught:
        used_folder(folder)
    assert str(caught.value) == (
        f"cannot write to the cache {folder}: Not a directory "
        "(set SAM_GEOMED_CACHE to a folder that can be written to)"
    )


def test_what_cannot_be_removed_stays_whole(tmp_path, monkeypatch):
    for name in ("held", "old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part").touch()
        os.utime(tmp_path / name, (1000, 1000))
    rename = Path.rename

    def refusing(path, target):
        if path.name == "held":
            raise PermissionError("open in another process")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refusing)
    forget_unused(tmp_path, 3600.0)
    assert [path.name for path in tmp_path.iterdir()] == ["held"]
    assert (tmp_path / "held" / "part").is_file()


def test_a_folder_is_marked_as_used_now(tmp_path):
    folder = tmp_path / "a" / "b"
    assert used_folder(folder) == folder
    os.utime(folder, (1000, 1000))
    used_folder(folder)
    assert folder.stat().st_mtime > 1000


def test_what_was_not_used_for_long_goes(tmp_path):
    for name, age in (("old.json", 10), ("old", 10), ("new", 5000)):
        path = tmp_path / name
        path.mkdir() if path.suffix == "" else path.touch()
        os.utime(path, (age, age) if age == 10 else None)
    forget_unused(tmp_path, 3600.0)
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_a_private_folder_takes_rights_away_from_others(tmp_path):
    folder = tmp_path / "a"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    assert private_folder(folder) == folder
    assert folder.stat().st_mode & 0o777 == 0o700
    before = os.umask(0)  # the most open one
    try:
        assert private_folder(tmp_path / "b").stat().st_mode & 0o777 == 0o700
    finally:
        os.umask(before)


def test_a_private_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError) as caught:
        private_folder(tmp_path / "file" / "store")
    assert str(caught.value) == f"cannot make {tmp_path / 'file' / 'store'}: Not a directory"


def test_errors_of_the_system_name_the_folder_and_others_pass(tmp_path):
    told = r"^cannot write to the cache .*: No space left"
    with pytest.raises(OutputError, match=told) as caught, writing_cache(tmp_path):
        raise OSError(28, "No space left on device")
    assert str(tmp_path) in str(caught.value)
    with pytest.raises(KeyError), writing_cache(tmp_path):
        raise KeyError("mine")

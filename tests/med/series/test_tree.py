"""What lies under a folder: linked folders once, and what cannot be had is counted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from scans import LINE

from sam_med.files.read import read_volume
from sam_med.report.geometry_report import describe_path
from sam_med.series import tree
from sam_med.series.tree import BROKEN, CLOSED, walk


@pytest.fixture
def folder(tmp_path):
    inside = tmp_path / "scan"
    (inside / "deep" / "er").mkdir(parents=True)
    for name in ("b", "a", "deep/c", "deep/er/d"):
        (inside / name).write_text(name)
    return inside


def names(found, folder):
    return [str(path.relative_to(folder)) for path in found.files]


def test_files_are_in_order(folder):
    found = walk(folder)
    assert names(found, folder) == ["a", "b", "deep/c", "deep/er/d"]
    assert not found.left_out


def test_linked_folders_are_entered_once_and_never_in_a_circle(folder, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "e").write_text("e")
    (elsewhere / "back").symlink_to(folder)
    (folder / "more").symlink_to(elsewhere)
    (folder / "again").symlink_to(elsewhere)
    (folder / "0-self").symlink_to(folder / "deep")
    assert names(walk(folder), folder) == ["a", "again/e", "b", "deep/c", "deep/er/d"]


def test_a_linked_file_is_taken_where_it_is_not_there_anyway(folder, tmp_path):
    (tmp_path / "store").write_text("f")
    (folder / "f").symlink_to(tmp_path / "store")
    (folder / "f2").symlink_to(tmp_path / "store")
    (folder / "0a").symlink_to(folder / "a")
    assert names(walk(folder), folder) == ["a", "b", "deep/c", "deep/er/d", "f"]


def test_the_store_of_git_annex_is_read_by_its_links_alone(folder):
    store = folder / ".git" / "annex" / "objects"
    store.mkdir(parents=True)
    (store / "now").write_text("now")
    (store / "before").write_text("before")
    (folder / "c").symlink_to(store / "now")
    assert names(walk(folder), folder) == ["a", "b", "c", "deep/c", "deep/er/d"]


def test_links_that_lead_nowhere_are_counted(folder):
    (folder / "gone").symlink_to("not-there")
    (folder / "circle").symlink_to("circle")
    assert walk(folder).left_out == {BROKEN: 2}


def test_folders_that_may_not_be_entered_are_counted(folder, monkeypatch):
    def scandir(path):
        if Path(path).name == "er":
            raise PermissionError(13, "Permission denied")
        return os.scandir(path)

    monkeypatch.setattr(tree, "scandir", scandir)
    found = walk(folder)
    assert names(found, folder) == ["a", "b", "deep/c"]
    assert found.left_out == {CLOSED: 1}


def test_slices_in_a_linked_folder_are_read(dicom, tmp_path):
    paths = dicom.series(LINE)
    whole = read_volume(dicom.folder)
    (tmp_path / "elsewhere").mkdir()
    for path in paths[3:]:
        path.rename(tmp_path / "elsewhere" / path.name)
    (dicom.folder / "more").symlink_to(tmp_path / "elsewhere")
    assert (read_volume(dicom.folder).array == whole.array).all()


def test_what_cannot_be_had_is_said_before_a_job_too(dicom):
    paths = dicom.series(LINE)
    for path in paths[4:]:
        path.unlink()
        path.symlink_to("not-fetched")
    (told,) = describe_path(dicom.folder)["diagnostics"]
    assert (told["code"], told["severity"], told["numbers"]) == (BROKEN, "warning", {"files": 2})
    assert BROKEN in {d.code for d in read_volume(dicom.folder).diagnostics}

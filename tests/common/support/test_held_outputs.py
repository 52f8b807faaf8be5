from __future__ import annotations

import threading
from pathlib import Path

import pytest

from sam_common.errors import InputError, OutputError
from sam_common.support.held_outputs import held, lock_path, move_together, staged


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def elsewhere(action):
    """What another thread finds; locks are held by threads."""
    found = []

    def run():
        try:
            found.append(action())
        except OutputError as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


def take(*paths):
    with held(paths):
        return "taken"


def test_an_output_is_held_by_one_job_at_a_time_and_the_lock_goes(tmp_path):
    path = tmp_path / "a.nii.gz"
    with held([path]):
        assert names(tmp_path) == [".a.nii.gz.lock"]
        busy = elsewhere(lambda: take(path))
        assert str(busy) == f"another job writes {path}: wait until it has ended"
        # another output of the folder is free
        assert elsewhere(lambda: take(tmp_path / "b.nii.gz")) == "taken"
    assert names(tmp_path) == []
    assert elsewhere(lambda: take(path)) == "taken"


def test_a_job_that_gets_one_output_but_not_the_other_holds_neither(tmp_path):
    one, two = tmp_path / "a", tmp_path / "b"
    with held([two]):
        assert isinstance(elsewhere(lambda: take(one, two)), OutputError)
        assert elsewhere(lambda: take(one)) == "taken"


def test_a_thread_may_hold_an_output_twice(tmp_path):
    path = tmp_path / "a"
    with held([path, path]):
        with held([path]):
            pass
        # the inner block has not given it back
        assert isinstance(elsewhere(lambda: take(path)), OutputError)
    assert names(tmp_path) == []


def test_an_error_gives_the_output_back(tmp_path):
    with pytest.raises(KeyError), held([tmp_path / "a"]):
        raise KeyError
    assert elsewhere(lambda: take(tmp_path / "a")) == "taken"


def test_a_folder_that_is_none(tmp_path):
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "a"
    assert str(elsewhere(lambda: take(path))).startswith(f"cannot write {path}: ")


def test_all_names_of_a_file_have_one_lock(tmp_path):
    path = tmp_path / "Organs.nii.gz"
    (tmp_path / "link").symlink_to(path)
    assert lock_path(path) == tmp_path / ".organs.nii.gz.lock"
    assert lock_path(tmp_path / "ORGANS.NII.GZ") == lock_path(tmp_path / "link") == lock_path(path)
    long = tmp_path / ("n" * 250)
    assert len(lock_path(long).name) < 100


def test_staged_outputs_appear_together(tmp_path):
    one, two = tmp_path / "a.txt", tmp_path / "b.txt"
    one.write_text("old")
    with staged([one, two, one]) as parts:
        assert parts.keys() == {one, two}
        for path, part in parts.items():
            part.write_text(f"new {path.name}")
        assert one.read_text() == "old"
        assert not two.exists()
    assert [path.read_text() for path in (one, two)] == ["new a.txt", "new b.txt"]
    assert names(tmp_path) == ["a.txt", "b.txt"]


def test_an_error_leaves_all_as_it_was_and_names_the_output(tmp_path):
    one, two = tmp_path / "a.txt", tmp_path / "b.txt"
    one.write_text("old")

    def job():
        with staged([one, two]) as parts:
            parts[one].write_text("new")
            raise OutputError(f"cannot write {parts[two]}, {parts[two].name}: no")

    with pytest.raises(OutputError) as caught:
        job()
    assert str(caught.value) == f"cannot write {two}, b.txt: no"
    with pytest.raises(InputError, match=r"^mine$"), staged([one]):
        raise InputError("mine")
    assert one.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_an_output_that_was_not_written(tmp_path):
    with pytest.raises(OutputError, match="nothing was written"), staged([tmp_path / "a"]):
        pass


def moves(folder):
    (folder / "new").mkdir()
    found = {}
    for name in ("a.shp", "a.dbf"):
        (folder / name).write_text("old")
        (folder / "new" / name).write_text("new")
        found[folder / "new" / name] = folder / name
    (folder / "a.qix").write_text("old")
    return found


def test_files_move_together_and_those_of_the_older_set_go_aside(tmp_path):
    move_together(moves(tmp_path), [tmp_path / "a.qix"], tmp_path / "old")
    assert [(tmp_path / name).read_text() for name in ("a.shp", "a.dbf")] == ["new", "new"]
    assert not (tmp_path / "a.qix").exists()
    assert names(tmp_path / "old") == ["0"]


def test_where_one_cannot_be_moved_none_is(tmp_path, monkeypatch):
    files = moves(tmp_path)
    stale = [*files.values(), tmp_path / "a.qix"]
    last = list(files)[-1]
    replace = Path.replace

    def refusing(path, target):
        if path == last:
            raise PermissionError(13, "open in another program")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refusing)
    with pytest.raises(PermissionError):
        move_together(files, stale, tmp_path / "old")
    for name in ("a.shp", "a.dbf", "a.qix"):
        assert (tmp_path / name).read_text() == "old"
    assert names(tmp_path / "old") == []

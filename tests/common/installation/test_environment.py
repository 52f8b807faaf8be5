"""Whole environments, by the real venv and pip, from stand-ins of a few bytes."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from types import SimpleNamespace

import pytest
from stand_in_wheels import make_wheel, suite_wheel

from sam_common.installation import environment as module
from sam_common.installation.commands import (
    CancelledError,
    Feedback,
    InstallError,
    clean_variables,
)
from sam_common.installation.environment import Environment, Wanted

GEO = ("geo",)


@pytest.fixture
def place(tmp_path):
    return Environment(tmp_path / "profile of the user")


@pytest.mark.slow
def test_an_environment_is_made_verified_updated_repaired_and_removed(
    place, wheels, tmp_path, log, monkeypatch
):
    # as a host has it, and as a user of pip may
    monkeypatch.setenv("PYTHONHOME", "/of/the/host")
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "elsewhere"))
    wheel = suite_wheel(tmp_path / "plugin")
    assert place.about == {}
    place.install(Wanted(GEO, wheel), log.feedback)
    assert place.about["version"] == "sam-geomed 0.1.0"
    assert place.is_of(wheel)
    assert not (tmp_path / "elsewhere").exists()
    told = subprocess.run(
        [place.program("sam-geo")],
        env=clean_variables(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert told == "sam-geomed 0.1.0\n"
    assert any(line.startswith("Successfully installed") for line in log.lines)
    assert any("rasterio" in line for line in log.lines)
    shares = [share for share, _ in log.shares]
    assert shares == sorted(shares)
    assert shares[-1] == 1

    # an update goes into the same one
    (place.folder / "kept").touch()
    newer = suite_wheel(tmp_path / "plugin", "0.2.0")
    assert not place.is_of(newer)
    place.install(Wanted(GEO, newer), log.feedback)
    assert place.about["version"] == "sam-geomed 0.2.0"
    assert place.is_of(newer)
    assert (place.folder / "kept").exists()
    # one of the same version too
    other = suite_wheel(tmp_path / "again", "0.2.0", needs="rasterio>=0.5")
    place.install(Wanted(GEO, other), log.feedback)
    assert place.is_of(other)

    shutil.rmtree(next(place.folder.glob("lib/python3*/site-packages/torch")))
    with pytest.raises(InstallError, match="No module named 'torch'"):
        place.verify(GEO, log.feedback)
    place.repair(Wanted(GEO, other), log.feedback)
    assert place.verify(GEO, log.feedback) == "sam-geomed 0.2.0"
    assert not (place.folder / "kept").exists()

    place.remove()
    assert sorted(path.name for path in place.home.iterdir()) == ["sam-geomed.lock"]


@pytest.mark.slow
def test_what_fails_leaves_nothing_and_says_why(place, wheels, tmp_path, log):
    wheel = suite_wheel(tmp_path, needs="no-such-package")
    with pytest.raises(InstallError, match="No matching distribution found for no-such-package"):
        place.install(Wanted(GEO, wheel), log.feedback)
    assert not place.folder.exists()
    assert place.about == {}
    with pytest.raises(InstallError, match=r"^the suite's wheel is missing \(.*none.whl\)"):
        place.install(Wanted(GEO, tmp_path / "none.whl"), log.feedback)


@pytest.mark.slow
def test_a_suite_that_does_not_start_is_not_taken_for_installed(place, wheels, tmp_path, log):
    make_wheel(wheels, "geopandas", "1.0", {"geopandas/__init__.py": "raise OSError('broken')"})
    with pytest.raises(InstallError, match="OSError: broken"):
        place.install(Wanted(GEO, suite_wheel(tmp_path)), log.feedback)
    assert not place.folder.exists()


@pytest.mark.slow
def test_one_that_is_cancelled_leaves_nothing(place, wheels, tmp_path, log):
    log.stop = "Processing"
    with pytest.raises(CancelledError):
        place.install(Wanted(GEO, suite_wheel(tmp_path)), log.feedback)
    assert not place.folder.exists()
    assert not any("is installed in" in line for line in log.lines)


def test_a_folder_that_was_not_made_here_is_left_alone(place, wheels, tmp_path, log):
    place.folder.mkdir(parents=True)
    (place.folder / "thesis.doc").touch()
    with pytest.raises(InstallError, match="was not made by this program"):
        place.remove()
    with pytest.raises(InstallError, match="was not made here: move it away"):
        place.install(Wanted(GEO, suite_wheel(tmp_path)), log.feedback)
    assert (place.folder / "thesis.doc").exists()


def test_two_windows_do_not_change_it_at_once(place, tmp_path):
    place.home.mkdir(parents=True)
    with (place.home / "sam-geomed.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InstallError, match="another window is changing"):
            place.remove()


def test_a_full_disk_is_told_before_anything_is_done(place, tmp_path, monkeypatch):
    usage = SimpleNamespace(free=1_000_000)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _folder: usage)
    with pytest.raises(InstallError, match=r"has 0.0 GB of free space, and 3.5 GB are needed"):
        place.install(Wanted(GEO, suite_wheel(tmp_path)), Feedback())


def test_an_environment_whose_record_is_damaged_is_none(place):
    place.folder.mkdir(parents=True)
    for text in ("{", "[]"):
        (place.folder / module.RECORD).write_text(text)
        assert place.about == {}

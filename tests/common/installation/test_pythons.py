from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sam_common.installation import pythons
from sam_common.installation.commands import Feedback, InstallError

NONE = Feedback()


def stand_in(folder, name, version, *, bits=64, can="true", prefix=""):
    """A program that answers as a Python would."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"#!/bin/sh\necho '[[{version.replace('.', ', ')}], {bits}, {can}, \"{prefix or path}\"]'\n"
    )
    path.chmod(0o755)
    return path


def test_the_python_of_these_tests_is_found():
    found = pythons.find_python(NONE, candidates=[Path(sys.executable)])
    assert found.version == sys.version_info[:2]
    assert found.trouble == ""


def test_the_nearest_to_one_that_all_packages_have_is_taken(tmp_path):
    paths = [stand_in(tmp_path, f"python3.{minor}", f"3.{minor}") for minor in (9, 10, 13, 15)]
    assert pythons.find_python(NONE, candidates=paths).version == (3, 13)
    assert pythons.find_python(NONE, [(3, 10)], candidates=paths).version == (3, 10)


def test_the_hosts_own_comes_last(tmp_path, monkeypatch):
    own = stand_in(tmp_path / "host/bin", "python3", "3.12")
    other = stand_in(tmp_path / "other/bin", "python3", "3.10")
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path / "host"))
    assert pythons.find_python(NONE, candidates=[own, other]).path == other
    assert pythons.find_python(NONE, candidates=[own]).path == own


def test_where_there_is_none_the_message_says_what_was_found_and_what_to_do(tmp_path):
    paths = [
        stand_in(tmp_path, "python3.9", "3.9"),
        stand_in(tmp_path, "python3.12", "3.12", bits=32),
        stand_in(tmp_path, "python3.11", "3.11", can="false"),
        stand_in(tmp_path, "python3.19", "3.19"),
    ]
    paths[0].with_name("python").write_text("no program")
    with pytest.raises(InstallError) as caught:
        pythons.find_python(NONE, candidates=[*paths, tmp_path / "python"], uv=[])
    told = str(caught.value)
    assert told.startswith("No Python 3.10 or newer was found.")
    for reason in ("3.9, which is too old", "32 bits", "lacks the module venv", "3.19, which is"):
        assert reason in told
    assert "apt install python3 python3-venv" in told
    with pytest.raises(InstallError, match=r"^No Python 3.14 was found. Found were\n    none"):
        pythons.find_python(NONE, [(3, 14)], candidates=[], uv=[tmp_path / "uv"])


def test_uv_brings_one_where_there_is_none(tmp_path, log):
    python = stand_in(tmp_path / "of uv", "python3", "3.12")
    uv = tmp_path / "uv"
    uv.write_text(
        "#!/bin/sh\n"
        'if [ "$2" = install ]; then echo "installed $3"; touch "$0.installed"; exit; fi\n'
        f'[ "$2 $6" = "find 3.12" ] && [ -f "$0.installed" ] && echo "{python}"\n'
    )
    uv.chmod(0o755)
    assert pythons.find_python(log.feedback, candidates=[], uv=[uv]).path == python
    assert "installed 3.12" in log.lines
    # what it has is not fetched again
    log.lines.clear()
    assert pythons.find_python(log.feedback, candidates=[], uv=[uv]).path == python
    assert "installed 3.12" not in log.lines
    stand_in(tmp_path / "of uv", "python3", "3.8")
    uv.write_text("#!/bin/sh\necho no network\nexit 1\n")
    with pytest.raises(InstallError, match=r"(?s)no network.*apt install python3"):
        pythons.find_python(NONE, candidates=[], uv=[uv])
    uv.write_text(f"#!/bin/sh\necho '{python}'\n")
    with pytest.raises(InstallError, match=r"^uv gave .*, but it is 3.8"):
        pythons.find_python(NONE, candidates=[], uv=[uv])


@pytest.mark.parametrize(
    ("system", "home", "made", "expected"),
    [
        ("Windows", "", "Local/Programs/Python/Python312/python.exe", True),
        ("Windows", "", "Files/Python311/python.exe", True),
        ("Windows", "", "shop/python.exe", False),
        ("Linux", "", "home/.pyenv/versions/3.12.1/bin/python3", True),
        ("Linux", "", "home/miniforge3/bin/python3", True),
        ("Linux", "", "shop/python3.11", True),
        ("Linux", "", "shop/python3-config", False),
        ("Darwin", "", "home/.local/share/uv/python/cpython-3.12/bin/python3", True),
    ],
)
def test_pythons_are_looked_for_where_installers_put_them(tmp_path, system, home, made, expected):
    path = tmp_path / made
    path.parent.mkdir(parents=True)
    # the shop's own on Windows is empty
    path.write_text("" if made == "shop/python.exe" else "program")
    variables = {
        "PATH": str(tmp_path / "shop"),
        "LOCALAPPDATA": str(tmp_path / "Local"),
        "ProgramFiles": str(tmp_path / "Files"),
    }
    found = list(pythons.python_places(system, tmp_path / "home", variables))
    assert (path in found) is expected


def test_the_programs_of_macos_that_ask_to_install_a_compiler_are_not_run():
    places = pythons.python_places("Darwin", Path("/none"), {"PATH": "/usr/bin"})
    assert not [path for path in places if path.parent == Path("/usr/bin")]


@pytest.mark.parametrize(("system", "name"), [("Linux", "uv"), ("Windows", "uv.exe")])
def test_uv_is_looked_for_on_path_and_in_the_home_folder(system, name):
    found = pythons.uv_places(system, Path("/me"), {"PATH": "/first"})
    assert found[:2] == [Path("/first") / name, Path("/me/.local/bin") / name]

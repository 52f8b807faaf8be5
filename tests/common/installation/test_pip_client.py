from __future__ import annotations

import sys
from pathlib import Path

import pytest
from stand_in_wheels import make_wheel

from sam_common.installation.commands import InstallError
from sam_common.installation.pip_client import Pip

PIP = """#!{python}
import json, os, sys
if "--version" in sys.argv:
    print("pip {version} from nowhere")
else:
    print("ran", json.dumps([sys.argv[sys.argv.index("pip") + 1:], dict(os.environ)]))
    print("Collecting torch")
    print("Progress 5000000 of 10000000")
    sys.exit({code})
"""


@pytest.fixture
def python(tmp_path):
    """A Python that stands in for pip and tells what it was given."""

    def make(version="24.1", code=0):
        path = tmp_path / "python"
        path.write_text(PIP.format(python=sys.executable, version=version, code=code))
        path.chmod(0o755)
        return path

    return make


def ran(log):
    import json

    return [json.loads(line[4:]) for line in log.lines if line.startswith("ran ")]


def test_progress_of_downloads_is_told_and_is_not_in_the_log(python, log):
    Pip(python(), log.feedback, {}).install(["x"], until=0.9, what_for="installing")
    ((arguments, variables),) = ran(log)
    assert arguments == ["install", "--progress-bar", "raw", "x"]
    assert variables["PIP_DISABLE_PIP_VERSION_CHECK"] == "1"
    assert log.shares[-1][1] == "installing: torch, 5 of 10 MB"
    assert 0.1 < log.shares[-1][0] < 0.9
    assert not any("Progress" in line for line in log.lines)


def test_an_old_pip_is_updated_where_it_can_be(python, log):
    Pip(python("23.0", code=1), log.feedback, {}).update()
    assert ran(log)[0][0] == ["install", "--upgrade", "pip"]
    assert any(line.startswith("pip stays as it is") for line in log.lines)
    log.lines.clear()
    pip = Pip(python("24.1"), log.feedback, {})
    pip.update()
    assert ran(log) == []
    Pip(python("23.0"), log.feedback, {}).install(["x"], until=0.9)
    assert ran(log)[0][0] == ["install", "x"]


def test_a_proxy_is_handed_on(python, log):
    Pip(python(), log.feedback, {"HTTPS_PROXY": "http://me:secret@proxy:1"}).check()
    assert "secret" not in str(log.lines)
    assert ran(log)[0][1]["HTTPS_PROXY"] == "http://****@proxy:1"


def test_a_torch_that_does_not_come_is_left_to_the_index(python, log):
    Pip(python(code=1), log.feedback, {}).install_torch("http://127.0.0.1:9/cpu")
    asked = ran(log)[0][0]
    assert asked[asked.index("--index-url") + 1] == "http://127.0.0.1:9/cpu"
    assert log.lines[-1].endswith("/cpu does not deliver: the torch of your own index")


def test_from_a_folder_no_index_and_no_setting_is_heeded(tmp_path, monkeypatch, log):
    """By the real pip: all that would lead elsewhere is set, and leads nowhere."""
    folder = tmp_path / "wheels"
    make_wheel(folder, "standin", "1.0", {"standin.py": ""})
    other = tmp_path / "other"
    make_wheel(other, "standin", "2.0", {"standin.py": ""})
    settings = tmp_path / "pip" / "pip.conf"
    settings.parent.mkdir()
    settings.write_text(f"[global]\nindex-url = http://127.0.0.1:9/\nfind-links = {other}\n")
    monkeypatch.delenv("PIP_CONFIG_FILE", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_FIND_LINKS", str(other))
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "http://127.0.0.1:9/")
    pip = Pip(Path(sys.executable), log.feedback, {}, folder)
    pip.install(["--dry-run", "standin"], until=0.9)
    assert any("Would install standin-1.0" in line for line in log.lines)
    with pytest.raises(InstallError, match="No matching distribution found for absent"):
        pip.install(["--dry-run", "absent"], until=0.9)


def test_packages_that_do_not_fit_are_a_warning(python, log):
    Pip(python(code=1), log.feedback, {}).check()
    assert log.lines[-1].startswith("warning: ")

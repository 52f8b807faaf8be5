from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from sam_common.installation.commands import (
    FOREIGN,
    CancelledError,
    Feedback,
    InstallError,
    clean_variables,
    run,
)
from sam_common.server import client

WAITS = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
print(os.getpid(), child.pid, flush=True)
time.sleep(300)
"""


def test_lines_come_as_they_are_said_without_logins(log):
    code = "import sys; print('from https://me:secret@index/simple'); sys.stderr.write('Wälder\\n')"
    said = run([sys.executable, "-X", "utf8", "-c", code], log.feedback)
    assert sorted(said) == sorted(log.lines) == ["Wälder", "from https://****@index/simple"]


def test_what_a_host_sets_is_left_out_and_the_users_settings_stay(monkeypatch):
    for name, value in {
        "PYTHONHOME": "/host",
        "LD_LIBRARY_PATH": "/host",
        "PIP_USER": "1",
        "PIP_INDEX_URL": "https://mine",
        "HTTPS_PROXY": "http://proxy:1",
        "PIP_CERT": "/mine",
    }.items():
        monkeypatch.setenv(name, value)
    found = clean_variables({"PIP_CERT": "", "NO_PROXY": "localhost"})
    assert not {"PYTHONHOME", "LD_LIBRARY_PATH", "PIP_USER", "PIP_CERT"} & set(found)
    assert found["PIP_INDEX_URL"] == "https://mine"
    assert found["HTTPS_PROXY"] == "http://proxy:1"
    assert found["NO_PROXY"] == "localhost"


def test_what_misleads_a_python_is_what_the_servers_client_leaves_out():
    assert FOREIGN == client.FOREIGN


def test_a_failure_shows_the_last_lines():
    with pytest.raises(InstallError, match="exit code 3: 9\n2\n3") as caught:
        run(
            [sys.executable, "-c", "print(*range(10), sep='\\n'); raise SystemExit(3)"],
            Feedback(),
        )
    assert str(caught.value).endswith("\n8")
    with pytest.raises(InstallError, match=r"^cannot start /none: No such file"):
        run(["/none"], Feedback())


def test_a_cancelled_program_ends_with_those_that_it_started(log):
    log.stop = " "
    begun = time.monotonic()
    with pytest.raises(CancelledError):
        run([sys.executable, "-c", WAITS], log.feedback)
    assert time.monotonic() - begun < 60
    for pid in map(int, log.lines[0].split()):
        assert not is_running(pid)


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    # nobody has asked yet how it ended
    return state.rpartition(")")[2].split()[0] != "Z"

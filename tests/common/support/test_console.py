from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sam_common.support import console

COMMAND = """
import typer
from sam_common.errors import InputError
from sam_common.support import console

app = typer.Typer()

@app.command()
def main(kind: str) -> None:
    if kind == "suite":
        raise InputError("no such file: a.tif")
    if kind == "memory":
        raise MemoryError("Unable to allocate 9 TiB")
    if kind == "library":
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory:\\n you tried")
    if kind == "disk":
        raise OSError(28, "No space left on device", "/tmp/x")
    if kind == "missing":
        raise FileNotFoundError(2, "No such file or directory", "x")
    if kind == "runtime":
        raise RuntimeError("wrong")
    if kind == "interrupt":
        raise KeyboardInterrupt
    if kind == "busy":
        import threading
        threading.Thread(target=threading.Event().wait).start()
        print("said", end="")
        raise KeyboardInterrupt
    if kind == "bug":
        raise ZeroDivisionError("a bug")

console.run(app)
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


PROGRESS = """
import sys
from sam_common.support import console

with console.progress("reading the map", int(sys.argv[1]), quiet=sys.argv[2] == "quiet") as done:
    for _ in range(int(sys.argv[1])):
        done(1)
"""


def told(total, *, quiet=False, variable="lines"):
    done = subprocess.run(
        [sys.executable, "-c", PROGRESS, str(total), "quiet" if quiet else "loud"],
        env={**os.environ, console.PROGRESS_VARIABLE: variable},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_progress_in_lines_for_other_programs():
    lines = told(3)
    assert lines[0] == {"progress": "reading the map", "done": 0, "total": 3}
    assert lines[-1] == {"progress": "reading the map", "done": 3, "total": 3}


def test_progress_in_lines_is_told_now_and_then():
    lines = told(20_000)
    assert 2 <= len(lines) < 1000
    assert [line["done"] for line in lines] == sorted(line["done"] for line in lines)
    assert lines[-1]["done"] == 20_000


def test_progress_of_nothing_is_told_once():
    assert told(0) == [{"progress": "reading the map", "done": 0, "total": 0}]


def test_nothing_is_told_where_nobody_asked():
    assert told(3, quiet=True) == []
    assert told(3, variable="") == []


def test_suite_errors_are_one_line_and_exit_code_2():
    done = run("suite")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "error: no such file: a.tif\n")


def test_interrupt_is_exit_code_130():
    done = run("interrupt")
    assert (done.returncode, done.stdout) == (130, "")
    assert "Traceback" not in done.stderr


def test_an_interrupt_waits_for_no_thread():
    done = run("busy")
    assert (done.returncode, done.stdout) == (130, "said")


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("memory", "error: not enough memory: Unable to allocate 9 TiB"),
        ("library", "error: not enough memory: DefaultCPUAllocator: can't allocate memory: you"),
        ("disk", "error: cannot write /tmp/x: No space left on device"),
    ],
)
def test_an_end_of_memory_or_disk_is_one_line(kind, line):
    done = run(kind)
    assert done.returncode == 2
    assert done.stderr.startswith(line)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("kind", "name"), [("missing", "FileNotFoundError"), ("runtime", "RuntimeError")]
)
def test_other_errors_of_these_kinds_keep_their_traceback(kind, name):
    done = run(kind)
    assert done.returncode == 1
    assert name in done.stderr


def test_success_and_wrong_options():
    assert run("fine").returncode == 0
    assert run().returncode == 2


def test_bugs_keep_their_traceback():
    done = run("bug")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr


def test_json_is_one_document_with_plain_values(capsys):
    console.emit_json(
        {
            "path": Path("a") / "b",
            "kinds": frozenset({"points", "boxes"}),
            "score": np.float32(0.5),
            "box": np.array([1, 2]),
            "text": "Grün",
        }
    )
    out, err = capsys.readouterr()
    assert json.loads(out) == {
        "path": str(Path("a") / "b"),
        "kinds": ["boxes", "points"],
        "score": 0.5,
        "box": [1, 2],
        "text": "Grün",
    }
    assert err == ""


def test_json_refuses_what_it_cannot_hold():
    with pytest.raises(ValueError, match="not JSON compliant"):
        console.emit_json({"score": float("nan")})
    with pytest.raises(TypeError, match=r"^no JSON form for object: "):
        console.emit_json(object())


def test_table_in_a_pipe_is_complete_and_literal(capsys):
    long = "x" * 300
    console.table("objects", ["name", "n"], [["[red]a", 7], [long, 12]])
    out, _ = capsys.readouterr()
    assert long in out
    assert "│ [red]a " in out
    assert "│  7 │" in out  # numbers are aligned right


def test_empty_table(capsys):
    console.table("", ["name"], [])
    assert "name" in capsys.readouterr().out


@pytest.mark.parametrize("quiet", [True, False])
def test_progress_is_silent_without_a_terminal(capsys, quiet):
    with console.progress("work", 3, quiet=quiet) as advance:
        advance(1)
        advance(2)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("unit", "shown"), [("items", "2/4"), ("bytes", "2/4 bytes")])
def test_progress_on_a_terminal_goes_to_stderr(capsys, monkeypatch, unit, shown):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "xterm")
    with console.progress("[work]", 4, unit=unit) as advance:
        advance(2)
    out, err = capsys.readouterr()
    assert out == ""
    assert "[work]" in err
    assert shown in err


def test_progress_of_bytes_in_a_notebook_is_one_line(capsys, monkeypatch):
    monkeypatch.setattr(type(sys.stderr), "__module__", "ipykernel.iostream")
    monkeypatch.setattr(console, "LINE_SECONDS", 0)
    with console.progress("mobile_sam", 40_000_000, unit="bytes") as advance:
        advance(12_340_000)
        advance(27_660_000)
    with console.progress("work", 3) as advance:
        advance(3)
    with console.progress("quiet", 3, unit="bytes", quiet=True) as advance:
        advance(3)
    assert capsys.readouterr() == (
        "",
        "\rmobile_sam: 0.0 of 40.0 MB\rmobile_sam: 12.3 of 40.0 MB\rmobile_sam: 40.0 of 40.0 MB\n",
    )


def test_quiet_progress_on_a_terminal_draws_nothing(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with console.progress("work", 4, quiet=True) as advance:
        advance(4)
    assert capsys.readouterr() == ("", "")

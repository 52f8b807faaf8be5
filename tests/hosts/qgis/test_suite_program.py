"""Programs of the suite beside QGIS: progress, notes, errors, and an end when it is wanted."""

from __future__ import annotations

import os
import sys
import threading
import time

import pytest
from qgis.core import QgsProcessingFeedback

PROGRAM = """#!{python}
import json, os, signal, sys, threading
from pathlib import Path

def say(line):
    sys.stderr.write(line + "\\n")
    sys.stderr.flush()

{body}
"""


class Log(QgsProcessingFeedback):
    def __init__(self):
        super().__init__()
        self.said = []
        self.progressChanged.connect(lambda share: self.said.append(("share", share)))

    def pushInfo(self, text):
        self.said.append(("info", text))

    def pushWarning(self, text):
        self.said.append(("warning", text))

    def setProgressText(self, text):
        self.said.append(("text", text))


@pytest.fixture
def run(loaded, tmp_path):
    from sam_geomed.suite_program import run_program

    def start(body, *arguments, log=None):
        program = tmp_path / "program"
        program.write_text(PROGRAM.format(python=sys.executable, body=body))
        program.chmod(0o755)
        return run_program([str(program), *arguments], log or Log())

    return start


def refused(run, body, log=None):
    from sam_geomed.suite_program import ProgramError

    with pytest.raises(ProgramError) as caught:
        run(body, log=log)
    return str(caught.value)


def test_the_answer_is_what_the_program_prints(run):
    assert run("print(json.dumps(sys.argv[1:]))", "a b", "-x") == ["a b", "-x"]


def test_progress_notes_and_warnings_are_told_as_they_come(run):
    log = Log()
    run(
        'say(json.dumps({"progress": "reading", "done": 0, "total": 4}))\n'
        'say("using 2 threads")\n'
        'say("")\n'
        'say("warning: 3 points do not count")\n'
        'say(json.dumps({"progress": "reading", "done": 4, "total": 4}))\n'
        'say(json.dumps({"progress": "nothing", "done": 0, "total": 0}))\n'
        'say("[1, 2]")\n'
        'print("{}")',
        log=log,
    )
    assert log.said == [
        ("text", "reading: 0 of 4"),
        ("info", "using 2 threads"),
        ("warning", "3 points do not count"),
        ("text", "reading: 4 of 4"),
        ("share", 100.0),
        ("text", "nothing: 0 of 0"),
        ("info", "[1, 2]"),
    ]


def test_an_error_of_several_lines_is_the_message(run):
    log = Log()
    body = 'say("note")\nsay("error: cannot fetch:")\nsay("  reason")\nsys.exit(2)'
    assert refused(run, body, log) == "cannot fetch:\n  reason"
    # it is not told twice
    assert log.said == [("info", "note")]


def test_a_failure_without_a_message_shows_the_last_lines(run):
    told = refused(run, "[say(str(n)) for n in range(30)]\nsys.exit(1)")
    assert told == "\n".join(map(str, range(20, 30)))
    assert refused(run, "sys.exit(7)") == "the program ended with exit code 7"


def test_results_with_failed_windows_are_results(run):
    assert run('say("window 3 failed")\nprint("[1]")\nsys.exit(3)') == [1]


def test_an_answer_that_is_no_json(run):
    assert refused(run, "print('Done')").endswith(
        "program did not answer in JSON: update the suite"
    )


def test_a_program_that_is_not_there(loaded, tmp_path):
    from sam_geomed.suite_program import ProgramError, run_program

    with pytest.raises(ProgramError, match=r"^cannot start .*none: No such file or directory$"):
        run_program([str(tmp_path / "none")], Log())


def test_more_text_than_a_pipe_holds(run):
    log = Log()
    assert len(run('say("x" * 500_000)\nprint(json.dumps("y" * 500_000))', log=log)) == 500_000
    assert len(log.said[0][1]) == 500_000


def test_variables_of_qgis_do_not_reach_the_program(run, monkeypatch):
    monkeypatch.setenv("GDAL_DATA", "/of/qgis")
    monkeypatch.setenv("QT_PLUGIN_PATH", "/of/qgis")
    monkeypatch.setenv("PYTHONHOME_OF_QGIS", "/of/qgis")
    monkeypatch.setenv("HTTPS_PROXY_LIKE", "kept")
    found = run("print(json.dumps(dict(os.environ)))")
    assert not {"GDAL_DATA", "QT_PLUGIN_PATH", "PYTHONHOME_OF_QGIS"} & set(found)
    assert found["HTTPS_PROXY_LIKE"] == "kept"
    assert found["SAM_GEOMED_PROGRESS"] == "lines"


def test_letters_of_any_alphabet(run):
    log = Log()
    assert run('say("Wälder 森")\nprint(json.dumps("森", ensure_ascii=False))', log=log) == "森"
    assert log.said == [("info", "Wälder 森")]


CANCELLED = """
def stop(*_):
    Path({mark!r}).write_text("interrupted")
    sys.exit(130)

signal.signal(signal.SIGINT, {handler})
say(str(os.getpid()))
threading.Event().wait(300)
"""


class Cancels(Log):
    """Cancels as soon as the program has said something."""

    def pushInfo(self, text):
        super().pushInfo(text)
        self.cancel()


def ended(pid):
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    return False


def test_a_cancelled_program_is_interrupted(run, tmp_path):
    mark, log = tmp_path / "mark", Cancels()
    assert run(CANCELLED.format(mark=str(mark), handler="stop"), log=log) is None
    assert mark.read_text() == "interrupted"
    assert ended(log.said[0][1])


def test_a_program_that_does_not_listen_is_killed(run, tmp_path, monkeypatch):
    monkeypatch.setattr("sam_geomed.suite_program.END_SECONDS", 0.5)
    log = Cancels()
    assert run(CANCELLED.format(mark="", handler="signal.SIG_IGN"), log=log) is None
    assert ended(log.said[0][1])


def test_a_program_that_is_silent_can_be_cancelled(run):
    log = Log()
    timer = threading.Timer(1.0, log.cancel)
    timer.start()
    begun = time.monotonic()
    assert run("threading.Event().wait(300)", log=log) is None
    assert time.monotonic() - begun < 60
    timer.join()


def test_a_defect_here_leaves_no_program_behind(run):
    class Breaks(Log):
        def pushInfo(self, text):
            super().pushInfo(text)
            raise ZeroDivisionError

    log = Breaks()
    with pytest.raises(ZeroDivisionError):
        run(CANCELLED.format(mark="", handler="signal.SIG_IGN"), log=log)
    assert ended(log.said[0][1])


# ---------------------------------------------------------------- where the programs are


@pytest.fixture
def environment(tmp_path):
    def make(*names, folder="env/bin"):
        place = tmp_path / folder
        place.mkdir(parents=True, exist_ok=True)
        for name in names:
            (place / name).write_text("#!/bin/sh\n")
            (place / name).chmod(0o755)
        return place

    return make


def test_a_program_lies_beside_the_one_of_the_server(loaded, environment):
    from sam_geomed.environment import find_command, find_program

    place = environment("sam-common", "sam-geo")
    for chosen in (place.parent, place / "sam-common"):
        assert find_program("sam-geo", find_command(str(chosen))) == [str(place / "sam-geo")]


def test_a_program_of_a_python(loaded, environment):
    from sam_geomed.environment import find_command, find_program

    python = environment("python3") / "python3"
    found = find_program("sam-geo", find_command(str(python)))
    assert found == [str(python), "-m", "sam_geo.cli"]


def test_a_program_behind_a_link(loaded, environment, tmp_path):
    from sam_geomed.environment import find_command, find_program

    place = environment("sam-common", "sam-geo")
    links = tmp_path / "local"
    links.mkdir()
    (links / "sam-common").symlink_to(place / "sam-common")
    found = find_program("sam-geo", find_command(str(links / "sam-common")))
    assert found == [str(place / "sam-geo")]


def test_a_program_that_the_environment_lacks(loaded, environment):
    from sam_geomed.environment import EnvironmentMissingError, find_command, find_program

    place = environment("sam-common")
    with pytest.raises(
        EnvironmentMissingError, match=r"^sam-geo is not beside .*sam-common\.\nThe"
    ):
        find_program("sam-geo", find_command(str(place.parent)))


def test_the_environment_that_the_user_chose_is_used(loaded, suite):
    from sam_geomed.environment import find_program

    assert find_program("sam-geo") == [str(suite.program.with_name("sam-geo"))]

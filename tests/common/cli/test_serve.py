from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sam_common.cli.main import app
from sam_common.errors import InputError
from sam_common.server import process


@pytest.fixture
def settings(monkeypatch):
    """What a server would start with."""
    asked = []
    monkeypatch.setattr(process, "serve", asked.append)

    def of(*options):
        done = CliRunner().invoke(app, ["serve", *options])
        assert done.exit_code == 0, done.output
        return asked.pop()

    return of


def test_without_options_only_this_machine_and_only_uploads(settings):
    found = settings()
    assert (found.host, found.port, found.allow_remote) == ("127.0.0.1", 0, False)
    assert (found.roots, found.models) == ((), ())
    assert (found.watch_stdin, found.keep_embeddings) == (False, False)


def test_units_are_those_of_the_server(settings):
    found = settings("--idle-minutes", "1.5", "--memory", "16")
    assert found.idle_seconds == 90
    assert found.memory_bytes == 16 * 1024**2


def test_options_that_may_be_repeated_keep_their_order(settings):
    options = ("--root", "b", "--root", "a", "--model", "lite_medsam", "--model", "mobile_sam")
    found = settings(*options)
    assert found.roots == (Path("b"), Path("a"))
    assert found.models == ("lite_medsam", "mobile_sam")


@pytest.mark.parametrize(
    "options", [("--port", "65536"), ("--port", "-1"), ("--idle-minutes", "0"), ("--memory", "15")]
)
def test_impossible_numbers_are_refused(options):
    assert CliRunner().invoke(app, ["serve", *options]).exit_code == 2


def test_a_server_that_is_not_installed_says_how_to(monkeypatch):
    monkeypatch.delitem(sys.modules, "sam_common.server.process")
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    for name in [name for name in sys.modules if name.startswith("sam_common.server.")]:
        monkeypatch.delitem(sys.modules, name)
    done = CliRunner().invoke(app, ["serve"])
    assert isinstance(done.exception, InputError)
    assert str(done.exception) == (
        "the server needs the package uvicorn: pip install 'sam-geomed[server]'"
    )

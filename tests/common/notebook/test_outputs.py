"""Outputs of a real kernel: a cell that runs again lets go what it showed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel
from live_server import WAIT, write_raster

from sam_common.notebook.outputs import Outputs

ORACLES = Path(__file__).parents[2] / "oracles"
BEGIN = """
from pathlib import Path
from explorer_server import COMMAND
from IPython.display import display
from sam_common.notebook import explorer
explorer.COMMAND = COMMAND
servers = []

def shown():
    path = Path({path!r})
    asked = dict(model="own", path=path, height=300)
    made = explorer.Explorer(*explorer.opened(lambda one: one.open_raster(path), **asked))
    servers.append(made._client._process)
    return made
"""
SHOW = "image = shown()\nimage"
RUNNING = "[server.poll() is None for server in servers]"


class Notebook:
    """Cells that run in a kernel, each under the identifier that a front end gives it."""

    def __init__(self, client):
        self._client = client

    def run(self, code, cell=None, value="None"):
        """Run a cell, and give the text of an expression afterwards."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {"value": value},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        metadata = {} if cell is None else {"cellId": cell}
        request = self._client.session.msg("execute_request", content, metadata=metadata)
        self._client.shell_channel.send(request)
        while True:
            reply = self._client.get_shell_msg(timeout=WAIT)
            if reply["parent_header"].get("msg_id") == request["header"]["msg_id"]:
                break
        assert reply["content"]["status"] == "ok", "\n".join(reply["content"]["traceback"])
        return reply["content"]["user_expressions"]["value"]["data"]["text/plain"]

    def running(self):
        """Whether each server runs, in the order in which they were started."""
        return self.run("", value=RUNNING)


@pytest.fixture
def notebook(tmp_path):
    paths = [str(ORACLES), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }
    manager, client = start_new_kernel(startup_timeout=WAIT, env=environment)
    try:
        made = Notebook(client)
        made.run(BEGIN.format(path=str(write_raster(tmp_path / "a.tif"))))
        yield made
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_cell_that_runs_again_ends_the_server_that_it_had(notebook):
    notebook.run(SHOW, "a")
    notebook.run(SHOW, "b")
    assert notebook.running() == "[True, True]"
    notebook.run(SHOW, "b")
    assert notebook.running() == "[True, False, True]"
    # one that a variable holds goes on, though its page is gone
    notebook.run("kept = image")
    notebook.run(SHOW, "b")
    assert notebook.running() == "[True, False, True, True]"
    notebook.run("del kept")
    assert notebook.running() == "[True, False, False, True]"
    # what another cell shows stays there, and in the history
    assert notebook.run("", value="Out[2].session.id") == "'s1'"


def test_an_explorer_without_a_name_lives_as_long_as_its_output(notebook):
    notebook.run("display(shown())", "a")
    assert notebook.running() == "[True]"
    notebook.run("display(shown())", "a")
    assert notebook.running() == "[False, True]"
    notebook.run("page = shown().widget", "b")
    assert notebook.running() == "[False, True, True]"


def test_without_names_of_cells_every_output_is_kept(notebook):
    notebook.run(SHOW)
    notebook.run(SHOW)
    assert notebook.running() == "[True, True]"
    notebook.run("image.close()")
    assert notebook.running() == "[True, False]"


def test_a_kernel_is_where_what_is_fetched_is_told_in_a_line(notebook):
    fetch = """
from sam_common.support import console
said = []
console.typer.echo = lambda text="", **_options: said.append(text)
with console.progress("mobile_sam", 40_000_000, unit="bytes") as advance:
    advance(40_000_000)
"""
    assert notebook.run(fetch, value="said[-2]") == r"'\rmobile_sam: 40.0 of 40.0 MB'"


def test_outside_of_a_notebook_what_was_shown_is_kept_until_it_is_dropped():
    outputs, shown = Outputs(), object()
    outputs.keep(shown)
    outputs.keep(shown)
    outputs.renew()
    assert outputs._shown == {None: [shown]}
    outputs.drop(shown)
    assert outputs._shown == {None: []}

"""The explorer: a server of its own, which is asked through the widget and ends with it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from explorer_server import COMMAND
from live_server import WAIT, raster, write_raster

from sam_common.errors import ConflictError, InputError, WeightsError
from sam_common.notebook import explorer as module
from sam_common.notebook.explorer import Explorer, opened
from sam_common.server.client import ServerError


@pytest.fixture
def own_server(monkeypatch):
    monkeypatch.setattr(module, "COMMAND", COMMAND)


@pytest.fixture
def explorer(own_server, tmp_path):
    path = write_raster(tmp_path / "a.tif")
    made = Explorer(
        *opened(lambda client: client.open_raster(path), model="own", path=path, height=300), 300
    )
    yield made
    made.close()


def test_the_page_asks_the_server_through_the_widget(explorer, monkeypatch):
    sent = []
    monkeypatch.setattr(explorer._channel, "_send", lambda *message: sent.append(message))
    for path in ("/", "/v1/sessions/s1"):
        message = {"ask": path, "method": "GET", "path": path, "body": None}
        explorer.widget._handle_custom_msg(message, [])
    explorer._channel._pool.shutdown(wait=True)
    answers = {m["ask"]: (m["status"], *buffers) for m, buffers in sent if "status" in m}
    assert answers["/"][0] == answers["/v1/sessions/s1"][0] == 200
    assert b"<title>sam-geomed</title>" in answers["/"][1]
    assert b'"name":"a.tif"' in answers["/v1/sessions/s1"][1]
    assert explorer._client.connection.token.encode() not in b"".join(
        a[1] for a in answers.values()
    )


def test_python_shares_the_session(explorer):
    added = explorer.session.add_object("tree")
    assert [each["object"] for each in explorer.session.objects()] == [added]
    assert explorer.widget.session == explorer.session.id
    assert repr(explorer) == "<Explorer of a.tif, session s1>"
    shown = explorer._repr_mimebundle_(include=None, exclude=None)
    data = shown[0] if isinstance(shown, tuple) else shown
    assert "application/vnd.jupyter.widget-view+json" in data


def test_closing_ends_the_server(explorer):
    process = explorer._client._process
    with explorer:
        pass
    assert process.poll() is not None
    explorer.close()
    assert repr(explorer) == "<Explorer of a.tif, closed>"
    assert explorer._repr_mimebundle_() == {"text/plain": "<Explorer of a.tif, closed>"}
    said = "the explorer of a.tif was closed: run explore again"
    with pytest.raises(ConflictError, match=said):
        _ = explorer.session


def test_an_explorer_that_nothing_holds_ends_its_server(own_server):
    client, session = opened(raster, model="own", path=None, height=300)
    process = client._process
    made = Explorer(client, session)
    page = made._widget.comm
    other = made
    del made
    assert process.poll() is None
    del other
    assert process.poll() is not None
    assert page._closed


def test_a_network_that_is_missing_is_fetched_first(monkeypatch):
    """Before the server starts, of which the output shows nothing."""
    asked = []

    def fetch(name):
        asked.append(name)
        raise WeightsError("no source")

    monkeypatch.setattr(module.checkpoints, "fetch", fetch)
    monkeypatch.setattr(module, "COMMAND", ("no such program",))
    monkeypatch.setattr(module.cache, "present", lambda _info, _folder: None)
    with pytest.raises(WeightsError, match="no source"):
        opened(raster, model="mobile_sam", path=None, height=300)
    assert asked == ["mobile_sam"]
    # one that is there, and one that is the server's matter
    for model, there in (("mobile_sam", Path("mobile_sam.pt")), ("crowns", None)):
        monkeypatch.setattr(module.cache, "present", lambda _info, _folder, there=there: there)
        with pytest.raises(InputError, match="no such program"):
            opened(raster, model=model, path=None, height=300)
    assert asked == ["mobile_sam"]


def test_a_server_that_has_ended_is_told(explorer):
    process = explorer._client._process
    process.kill()
    process.wait(WAIT)
    said = "the server of the explorer of a.tif has ended, and its objects with it: run explore"
    with pytest.raises(ConflictError, match=said):
        _ = explorer.session


@pytest.mark.parametrize("height", [199, 10_001])
def test_a_height_that_is_none_is_refused_before_anything_starts(monkeypatch, height):
    monkeypatch.setattr(module, "COMMAND", ("no such program",))
    with pytest.raises(InputError, match=f"height must be 200 to 10000 pixels, got {height}"):
        opened(raster, model="own", path=None, height=height)


def test_a_missing_file_is_refused_before_anything_starts(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "COMMAND", ("no such program",))
    with pytest.raises(InputError, match="no such file"):
        opened(raster, model="own", path=tmp_path / "missing.tif", height=300)


def test_without_anywidget_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "sam_common.notebook.page_widget", raising=False)
    with pytest.raises(InputError) as raised:
        opened(raster, model="own", path=None, height=300)
    assert str(raised.value) == (
        "explore needs the package anywidget: pip install 'sam-geomed[notebook]'"
    )


def test_a_server_that_does_not_start_is_told(monkeypatch):
    program = "raise SystemExit('the server needs the package fastapi')"
    monkeypatch.setattr(module, "COMMAND", (sys.executable, "-c", program))
    with pytest.raises(InputError, match="did not start:\nthe server needs the package fastapi"):
        opened(raster, model="own", path=None, height=300)


def test_an_image_that_cannot_be_opened_leaves_no_server(own_server):
    clients = []

    def fail(client):
        clients.append(client)
        raise ServerError("no raster: a.tif", status=400, kind="InputError")

    with pytest.raises(InputError, match=r"no raster: a\.tif"):
        opened(fail, model="own", path=None, height=300)
    assert not clients[0].is_running

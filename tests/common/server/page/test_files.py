"""Files of the page: who gets them, who may send requests, and with which headers."""

from __future__ import annotations

import re

import pytest
from live_server import TOKEN, ask

from sam_common.server.page.files import HEADERS, STATIC, PageFiles


def test_the_files_need_no_token_and_hold_none(paged):
    for address, path in PageFiles.of(()).paths.items():
        status, content, headers = ask(paged, path=address, Authorization=None)
        assert (status, content) == (200, path.read_bytes()), address
        assert TOKEN.encode() not in content
        for name, value in HEADERS.items():
            assert headers[name.lower()] == value
    assert ask(paged, "HEAD", "/", Authorization=None)[0] == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/health"),
        ("GET", "/v1/sessions"),
        ("POST", "/"),
        ("GET", "/page/"),
        ("GET", "/page/../v1/health"),
        ("GET", "/page/nothing.js"),
        ("GET", "/page/vendor/ol.js"),
        ("GET", "//"),
    ],
)
def test_everything_else_needs_the_token(paged, method, path):
    assert ask(paged, method, path, Authorization=None)[0] == 401


def test_answers_of_the_server_are_kept_nowhere(paged):
    _, _, headers = ask(paged)
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert not any(name.startswith("access-control") for name in headers)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_page_itself_may_send_requests(paged, host):
    named = f"{host}:{paged.connection.port}"
    assert ask(paged, Host=named, Origin=f"http://{named}")[0] == 200


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        "https://127.0.0.1:{port}",
        "http://localhost:{port}",
        "http://127.0.0.1:{port}/",
        "http://127.0.0.1:{port}.evil.example",
        "http://evil.example#http://127.0.0.1:{port}",
    ],
)
def test_every_other_page_is_refused(paged, origin):
    port = paged.connection.port
    for path in ("/v1/health", "/"):
        found = ask(paged, path=path, Host=f"127.0.0.1:{port}", Origin=origin.format(port=port))
        assert found[0] == 403
        assert not any(name.startswith("access-control") for name in found[2])


def test_a_page_on_a_name_that_leads_here_is_refused(paged):
    host = f"evil.example:{paged.connection.port}"
    assert ask(paged, Host=host, Origin=f"http://{host}")[0] == 403


def test_nothing_is_loaded_from_elsewhere():
    """Addresses in the page's own files are of this server; the namespace of SVG is a name."""
    for path in STATIC.iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert re.findall(r"https?://[^\s\"'`]+", text) == [], path.name
        assert "innerHTML" not in text, path.name
        assert not re.search(r"\bstyle=|\beval\(|\bon\w+=\"", text), path.name

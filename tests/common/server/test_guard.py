"""Requests that never reach a route: token, host, origin and size."""

from __future__ import annotations

import socket

import pytest
from live_server import TOKEN, ask


@pytest.mark.parametrize("token", [None, "", "Bearer", "Bearer wrong", f"bearer {TOKEN}x", TOKEN])
def test_without_the_token_nothing_is_answered(served, token):
    for path in ("/v1/health", "/v1/openapi.json", "/v1/sessions", "/"):
        status, content, _ = ask(served, path=path, Authorization=token)
        assert status == 401
        assert TOKEN.encode() not in content


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "", "[::2]:80"])
def test_another_host_is_refused(served, host):
    assert ask(served, Host=host)[0] == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1"])
def test_a_web_page_is_refused(served, origin):
    status, _, headers = ask(served, Origin=origin)
    assert status == 403
    assert not any(name.startswith("access-control") for name in headers)


def test_a_preflight_request_is_refused(served):
    status, _, headers = ask(
        served, "OPTIONS", Origin="http://evil.example", Access_Control_Request_Method="POST"
    )
    assert status == 403
    assert not any(name.startswith("access-control") for name in headers)


def test_a_body_that_says_it_is_too_large_is_refused(served):
    assert ask(served, "POST", "/v1/jobs", b"{}", Content_Length="100001")[0] == 413


@pytest.mark.parametrize(("path", "size"), [("/v1/jobs", 150_000), ("/v1/uploads", 2_500_000)])
def test_a_chunked_body_that_grows_too_large_is_refused(served, path, size):
    with socket.create_connection(("127.0.0.1", served.connection.port), timeout=300) as raw:
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
        raw.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(size // 50_000):
                raw.sendall(b"c350\r\n" + b"x" * 50_000 + b"\r\n")
        except OSError:
            pass  # the server may have answered and closed already
        assert b" 413 " in raw.recv(4096).split(b"\r\n")[0] + b" "
    assert served.health()["status"] == "ok"
    assert not list((served.service.folder / "uploads").iterdir())

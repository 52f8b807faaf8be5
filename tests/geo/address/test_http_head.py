"""What a server says of a file, asked for its first byte."""

from __future__ import annotations

import base64
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from sam_common.errors import InputError
from sam_geo.address.http_head import http_url, validators

SECRETS = ("S3CRET", "pass w0rd")
DATE = "Mon, 01 Jan 2024 00:00:00 GMT"


class Handler(BaseHTTPRequestHandler):
    """Answers with the server's `tells`, or refers to its `other`; keeps what it was asked."""

    def do_GET(self):
        self.server.asked.append((self.path, dict(self.headers)))
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.server.server_port}/a.tif")
        else:
            self.send_response(self.server.status)
        for name, value in self.server.tells.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    found = HTTPServer(("127.0.0.1", 0), Handler)
    found.asked, found.tells, found.status = [], {}, 206
    found.host = f"127.0.0.1:{found.server_port}"
    thread = threading.Thread(target=found.serve_forever, args=(0.01,))
    thread.start()
    yield found
    found.shutdown()
    found.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("https://h/a.tif?s=1", "https://h/a.tif?s=1"),
        ("HTTP://h/a.tif", "HTTP://h/a.tif"),
        ("/vsicurl/http://h/a.tif", "http://h/a.tif"),
        ("/vsicurl_streaming/http://h/a.tif", "http://h/a.tif"),
        ("/vsicurl?max_retry=3&url=https%3A%2F%2Fh%2Fa.tif%3Fs%3D1", "https://h/a.tif?s=1"),
        ("/vsicurl?max_retry=3", None),
        ("/vsis3/bucket/a.tif", None),
        ("/vsizip/a.zip/b.tif", None),
        ("a.tif", None),
    ],
)
def test_the_address_in_a_name_of_gdal(name, url):
    assert http_url(name) == url


def test_one_byte_is_asked_for_and_the_headers_are_read(server):
    server.tells = {"Content-Range": "bytes 0-0/1234", "ETag": '"a"', "Last-Modified": DATE}
    found = validators(f"/vsicurl/http://{server.host}/dir/a b.tif?sig=S3CRET")
    assert found == {"bytes": 1234, "etag": '"a"', "last_modified": DATE}
    ((path, headers),) = server.asked
    assert path == "/dir/a%20b.tif?sig=S3CRET"
    assert headers["Range"] == "bytes=0-0"
    assert "Authorization" not in headers


def test_a_server_without_ranges_tells_the_length(server):
    server.status, server.tells = 200, {"Content-Length": "0", "ETag": "a"}
    assert validators(f"http://{server.host}/a.tif") == {"bytes": 0, "etag": "a"}


def test_a_size_of_its_own_is_no_sign_of_change(server):
    server.tells = {"Content-Range": "bytes 0-0/1234"}
    with pytest.raises(
        InputError, match=f"^the server of http://{server.host}/a.tif tells neither"
    ):
        validators(f"http://{server.host}/a.tif")


def test_the_password_goes_to_the_first_server_only(server):
    server.tells = {"ETag": "a"}
    assert validators(f"http://me:pass%20w0rd@{server.host}/moved.tif") == {"etag": "a"}
    words = {path: headers.get("Authorization") for path, headers in server.asked}
    assert list(words) == ["/moved.tif", "/a.tif"]
    assert base64.b64decode(words["/moved.tif"].removeprefix("Basic ")) == b"me:pass w0rd"
    assert words["/a.tif"] is None


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_refusal_tells_nothing_and_no_secret(server, status):
    server.status = status
    with pytest.raises(InputError, match=r"does not tell its date$") as told:
        validators(f"http://me:pass%20w0rd@{server.host}/a.tif?sig=S3CRET")
    assert not any(secret in str(told.value) for secret in SECRETS)
    assert told.value.__cause__ is None


def test_a_server_that_is_not_there_tells_nothing():
    with pytest.raises(InputError, match="does not tell its date") as told:
        validators("http://me:passw0rd@127.0.0.1:9/a.tif?sig=S3CRET")
    assert not any(secret in str(told.value) for secret in SECRETS)
    with pytest.raises(InputError, match="not asked"):
        validators("s3://bucket/a.tif")

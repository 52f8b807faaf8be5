from __future__ import annotations

import errno
import hashlib
import io
import socket
import threading
import urllib.request
from contextlib import nullcontext
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sam_common.errors import DiskError, IntegrityError, OutputError, WeightsError
from sam_common.published import download as download_module
from sam_common.published.download import download
from sam_common.published.origins import Https
from sam_common.published.pinned_file import PinnedFile

CONTENT = bytes(range(256)) * 4096  # 1 MiB
SIZE = len(CONTENT)


class Server(ThreadingHTTPServer):
    """A file server that misbehaves on request, and remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviour = "range"
        self.content = CONTENT
        self.asked: list[str | None] = []
        self.release = threading.Event()
        self.heard = threading.Event()
        """A request was read."""

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of the test."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/model.pt"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *arguments: object) -> None:
        """Nothing on stderr."""

    def do_GET(self) -> None:
        server = self.server
        asked = self.headers.get("Range")
        server.asked.append(asked)
        server.heard.set()
        first = len(server.asked) == 1
        if server.behaviour == "silent":
            server.release.wait(300)
            return
        if server.behaviour == "missing":
            self.send_error(404)
            return
        if server.behaviour == "unsatisfiable" and asked:
            self.send_error(416)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if server.behaviour == "no range":
            start = 0
        self.answer(start, start + 7 if server.behaviour == "shifted" and asked else start, first)

    def answer(self, start: int, claimed: int, first: bool) -> None:
        server = self.server
        body = server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            end = len(server.content) - 1
            self.send_header("Content-Range", f"bytes {claimed}-{end}/{len(server.content)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.cut(first)])
        self.wfile.flush()
        if server.behaviour == "stall once" and first:
            server.release.wait(300)

    def cut(self, first: bool) -> int | None:
        """How much of what was promised is sent."""
        if self.server.behaviour == "cut always":
            return 1000
        if self.server.behaviour in {"cut once", "cut after some", "stall once"} and first:
            return SIZE // 2
        return 0 if self.server.behaviour == "cut after some" else None


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.release.set()
        running.shutdown()
        thread.join()


STALL_S = 2.0
"""Long enough for a busy machine to answer in, short enough to wait for."""


impatient = partial(urllib.request.urlopen, timeout=STALL_S)


def pull(server, part, size=SIZE, **options):
    download(server.url, part, size, label="model.pt", quiet=True, **options)


def test_whole_file(server, tmp_path):
    pull(server, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == CONTENT
    assert server.asked == [None]


def test_earlier_beginning_is_continued(server, tmp_path):
    part = tmp_path / "part"
    part.write_bytes(CONTENT[:1234])
    pull(server, part)
    assert part.read_bytes() == CONTENT
    assert server.asked == ["bytes=1234-"]


def test_server_that_ignores_ranges_starts_again(server, tmp_path):
    server.behaviour = "no range"
    part = tmp_path / "part"
    part.write_bytes(b"x" * 1234)
    pull(server, part)
    assert part.read_bytes() == CONTENT
    assert server.asked == ["bytes=1234-"]


def test_cut_connection_is_taken_up_where_it_ended(server, tmp_path):
    server.behaviour = "cut once"
    pull(server, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={SIZE // 2}-"]


def test_slow_progress_is_progress(server, tmp_path):
    server.behaviour = "cut always"
    server.content = CONTENT[:5000]
    pull(server, tmp_path / "part", 5000)
    assert (tmp_path / "part").read_bytes() == CONTENT[:5000]
    assert len(server.asked) == 5


def test_connections_without_a_byte_end_it_and_keep_the_beginning(server, tmp_path):
    server.behaviour = "cut after some"
    with pytest.raises(WeightsError) as caught:
        pull(server, tmp_path / "part")
    assert str(caught.value) == f"{server.url}: the connection was cut"
    assert server.asked == [None] + [f"bytes={SIZE // 2}-"] * 3
    assert (tmp_path / "part").read_bytes() == CONTENT[: SIZE // 2]


def test_stalled_connection_is_replaced_by_a_new_one(server, tmp_path):
    server.behaviour = "stall once"
    pull(server, tmp_path / "part", connect=impatient)
    assert (tmp_path / "part").read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={SIZE // 2}-"]


def test_server_that_never_answers_is_left_in_time(server, tmp_path):
    server.behaviour = "silent"
    with pytest.raises(WeightsError) as caught:
        pull(server, tmp_path / "part", connect=impatient)
    assert str(caught.value) == f"{server.url}: no answer in time"
    # the connection is taken at once, the request may be read later
    assert server.heard.wait(300)
    assert server.asked == [None]


def test_http_error_fails_at_once(server, tmp_path):
    server.behaviour = "missing"
    with pytest.raises(WeightsError) as caught:
        pull(server, tmp_path / "part")
    assert str(caught.value) == f"{server.url}: HTTP 404 Not Found"
    assert server.asked == [None]


def test_closed_port_fails_at_once(server, tmp_path):
    # taken, so that no other process listens there in the meantime
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(WeightsError) as caught:
            download(f"http://127.0.0.1:{port}/a", tmp_path / "part", 5, label="a", quiet=True)
    assert str(caught.value) == f"http://127.0.0.1:{port}/a: Connection refused"


def test_file_of_another_size_is_refused_before_a_byte_is_kept(server, tmp_path):
    with pytest.raises(IntegrityError) as caught:
        pull(server, tmp_path / "part", SIZE + 1)
    assert str(caught.value) == f"{server.url} offers 1,048,576 bytes, expected 1,048,577"
    assert not (tmp_path / "part").exists()


def test_beginning_that_is_too_long_is_dropped(server, tmp_path):
    part = tmp_path / "part"
    part.write_bytes(CONTENT + b"x")
    pull(server, part)
    assert part.read_bytes() == CONTENT
    assert server.asked == [None]


def test_range_refused_starts_again(server, tmp_path):
    server.behaviour = "unsatisfiable"
    part = tmp_path / "part"
    part.write_bytes(b"x" * 10)
    pull(server, part)
    assert part.read_bytes() == CONTENT
    assert server.asked == ["bytes=10-", None]


def test_answer_for_another_range_is_not_glued(server, tmp_path):
    server.behaviour = "shifted"
    part = tmp_path / "part"
    part.write_bytes(CONTENT[:10])
    with pytest.raises(WeightsError) as caught:
        pull(server, part)
    assert str(caught.value) == f"{server.url}: asked for bytes from 10, got them from 17"
    assert part.read_bytes() == CONTENT[:10]


def pinned(content=CONTENT):
    return PinnedFile("model.pt", len(content), hashlib.sha256(content).hexdigest())


def test_verified_file_gets_its_name(server, tmp_path):
    Https(server.url, pinned()).deliver(tmp_path, quiet=True)
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]
    assert (tmp_path / "model.pt").read_bytes() == CONTENT


def test_wrong_content_never_gets_the_name(server, tmp_path):
    right = pinned()
    server.content = CONTENT[::-1]
    wrong = hashlib.sha256(server.content).hexdigest()
    with pytest.raises(IntegrityError) as caught:
        Https(server.url, right).deliver(tmp_path, quiet=True)
    assert str(caught.value) == (
        f"{server.url} is not the published model.pt: "
        f"expected 1,048,576 bytes with sha256 {right.sha256}, "
        f"got 1,048,576 bytes with sha256 {wrong}"
    )
    assert list(tmp_path.iterdir()) == []


def test_wrong_beginning_is_fetched_again_from_the_first_byte(server, tmp_path):
    (tmp_path / "model.pt.part").write_bytes(b"x" * 500)
    Https(server.url, pinned()).deliver(tmp_path, quiet=True)
    assert (tmp_path / "model.pt").read_bytes() == CONTENT
    assert server.asked == ["bytes=500-", None]


def test_a_disk_that_cannot_be_written_to_is_no_matter_of_the_server(server, tmp_path):
    with pytest.raises(OutputError, match="cannot write /proc/part"):
        download(server.url, Path("/proc/part"), SIZE, label="model.pt", quiet=True)
    assert len(server.asked) == 1


def test_a_full_disk_ends_a_download(server, tmp_path, monkeypatch):
    class Full(io.BytesIO):
        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download_module, "_opened", lambda *_: nullcontext(Full()))
    with pytest.raises(DiskError, match="No space left on device"):
        pull(server, tmp_path / "part")
    assert len(server.asked) == 1

"""Uploads: what is taken, and how much of it is kept."""

from __future__ import annotations

import asyncio
import errno
import io
from pathlib import Path

import numpy as np
import pytest
from live_server import ask

from sam_common.errors import DiskError
from sam_common.server.files import uploads as uploading
from sam_common.server.files.uploads import Uploads


def test_small_uploads_are_bounded_too(tmp_path, monkeypatch):
    monkeypatch.setattr(uploading, "ENTRY_BYTES", 1000)
    uploads = Uploads(tmp_path, most_bytes=10_000)
    np.save(tmp_path / "a", np.zeros(1))
    content = (tmp_path / "a.npy").read_bytes()

    async def chunks():
        yield content

    for _ in range(50):
        name = asyncio.run(uploads.receive(chunks())).id
        with uploads.borrowed(name):
            pass
    assert len(list(tmp_path.glob("u*.npy"))) == 10_000 // (1000 + len(content))
    assert uploads.size_bytes <= 10_000
    assert not uploads._borrowed


def test_an_upload_that_the_disk_does_not_take_says_so(tmp_path, monkeypatch):
    class Full(io.BytesIO):
        def write(self, _chunk):
            raise OSError(errno.ENOSPC, "No space left on device")

    async def chunks():
        yield b"x"

    monkeypatch.setattr(Path, "open", lambda *_: Full())
    uploads = Uploads(tmp_path)
    with pytest.raises(DiskError, match="No space left on device"):
        asyncio.run(uploads.receive(chunks()))
    assert uploads.size_bytes == 0
    assert not list(tmp_path.iterdir())


def test_uploads_go_by_their_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(uploading, "ENTRY_BYTES", 0)
    uploads = Uploads(tmp_path, most_bytes=3_000)

    async def chunks(size):
        np.save(tmp_path / "a", np.zeros(size - 128, dtype=np.uint8))
        content = (tmp_path / "a.npy").read_bytes()
        for at in range(0, len(content), 100):
            yield content[at : at + 100]

    def receive(size):
        return asyncio.run(uploads.receive(chunks(size))).id

    first, second = receive(1_000), receive(1_000)
    with uploads.borrowed(first):
        third = receive(1_500)
        # the first is being read
        with pytest.raises(Exception, match="no upload"), uploads.borrowed(second):
            pass
        with pytest.raises(Exception, match="uploads take at most 3000 bytes"):
            receive(2_500)
    assert uploads.size_bytes == 1_000
    with pytest.raises(Exception, match="no upload"), uploads.borrowed(third):
        pass
    with uploads.borrowed(first) as upload:
        assert upload.path.exists()


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"PK\x03\x04", b"cos\nsystem\n(S'x'\ntR."])
def test_an_upload_that_is_no_array_is_refused(served, content):
    assert ask(served, "POST", "/v1/uploads", content)[0] == 422


def test_a_pickle_is_not_loaded(served, tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    assert ask(served, "POST", "/v1/uploads", (tmp_path / "a.npy").read_bytes())[0] == 422

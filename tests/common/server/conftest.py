"""A server of a test's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from live_server import TOKEN, WAIT
from loopback_server import listening

from sam_common.segmenter.fake import FakeSegmenter
from sam_common.server.client import Client
from sam_common.server.files.roots import Roots
from sam_common.server.guard import Guard, Limits
from sam_common.server.routes import create_app
from sam_common.server.service import Service
from sam_common.server.sessions.models import Models

CHECKOUT = Path(__file__).parents[3]


@pytest.fixture
def env(tmp_path):
    """Environment of a server process, whose temporary folder is that of the test."""
    return {"PYTHONPATH": str(CHECKOUT), "OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path)}


@pytest.fixture
def served(tmp_path):
    """A server on a real socket in a thread, with a segmenter without a network."""
    root = tmp_path / "root"
    private = tmp_path / "private"
    root.mkdir()
    private.mkdir()
    fake = FakeSegmenter()
    service = Service(private, roots=Roots.of([root]), models=Models(lambda _name: fake))
    guard = Guard(
        create_app(service),
        token=TOKEN,
        hosts=frozenset({"127.0.0.1", "localhost"}),
        limits=Limits(body=100_000, upload=2_000_000),
    )
    with listening(guard) as port:
        client = Client(port, TOKEN, timeout=WAIT)
        client.root, client.service, client.fake = root, service, fake
        yield client
        client.close()
    service.close()

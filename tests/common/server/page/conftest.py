"""A server with a page, on the socket of a test's own."""

from __future__ import annotations

import pytest
from live_server import TOKEN, WAIT
from loopback_server import listening

from sam_common.segmenter.fake import FakeSegmenter
from sam_common.server.client import Client
from sam_common.server.files.roots import Roots
from sam_common.server.guard import Guard
from sam_common.server.page.files import PageFiles, PageHeaders
from sam_common.server.page.routes import add_routes
from sam_common.server.routes import create_app
from sam_common.server.service import Service
from sam_common.server.sessions.models import Models


@pytest.fixture
def paged(tmp_path):
    """As `served` of the server's tests, with a page that has no libraries."""
    root = tmp_path / "root"
    private = tmp_path / "private"
    root.mkdir()
    private.mkdir()
    fake = FakeSegmenter()
    service = Service(private, roots=Roots.of([root]), models=Models(lambda _name: fake))
    app = create_app(service)
    files = PageFiles.of(())
    add_routes(app, service.sessions, service.jobs)
    files.add_to(app)
    guard = Guard(
        PageHeaders(app),
        token=TOKEN,
        hosts=frozenset({"127.0.0.1", "localhost"}),
        page=files.addresses,
    )
    with listening(guard) as port:
        client = Client(port, TOKEN, timeout=WAIT)
        client.root, client.service, client.fake = root, service, fake
        yield client
        client.close()
    service.close()

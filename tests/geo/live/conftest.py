"""What the server gives a live raster, without a server."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from sam_common.segmenter.fake import FakeSegmenter
from sam_common.server.files.held import Held
from sam_common.server.sessions.embedding_pool import EmbeddingPool
from sam_common.server.sessions.live_source import Context
from sam_geo.live.raster import open_source


@dataclass
class Heard:
    """A reporter that remembers what it was told."""

    begun: list = field(default_factory=list)
    steps: list = field(default_factory=list)

    def begin(self, what, total):
        self.begun.append((what, total))

    def step(self, done):
        self.steps.append(done)


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def make_context(tmp_path):
    """A context with a folder of its own, closed after the test; only `tmp_path` may be read."""
    made = []

    def make(segmenter=None):
        folder = tmp_path / f"session{len(made)}"
        folder.mkdir()
        held = Held(folder, lambda path: path.is_relative_to(tmp_path))
        made.append(Context(segmenter or FakeSegmenter(model_size=64), EmbeddingPool(), held))
        return made[-1]

    yield make
    for context in made:
        context.close()


@pytest.fixture
def image(make_raster):
    """300 columns and 200 rows of grey, EPSG:32633, 0.5 m; the last 50 rows are nodata."""
    values = np.full((1, 200, 300), 90, dtype=np.uint8)
    values[:, 150:] = 0
    return make_raster(values, nodata=0)


@pytest.fixture
def live(image, make_context):
    """The raster, open in a session."""
    raster = open_source({"kind": "raster"}, image, make_context())
    yield raster
    raster.close()

from __future__ import annotations

import numpy as np
import pytest

from sam_common.segmenter.fake import FakeSegmenter
from sam_common.server.files.held import Held
from sam_common.server.sessions.embedding_pool import EmbeddingPool
from sam_common.server.sessions.live_source import Context
from sam_med.live.volume import open_source
from sam_med.slices.embedded_slices import SliceEmbeddings
from sam_med.slices.window_level import choose_stretch

IJK_TO_LPS = np.diag([1.0, 1.0, 2.0, 1.0])
IJK_TO_LPS[:3, 3] = 10, 20, 30


class Told:
    """A reporter that remembers what it heard."""

    def __init__(self):
        self.begun, self.steps, self.notes = [], [], []

    def begin(self, what, total):
        self.begun.append((what, total))

    def step(self, done):
        self.steps.append(done)

    def note(self, message):
        self.notes.append(message)


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def folder(tmp_path):
    """A folder whose files may be opened."""
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def held(tmp_path, folder):
    """Opens the files of the folder, under names in a private one."""
    (tmp_path / "own").mkdir()
    held = Held(tmp_path / "own", lambda path: path.resolve().is_relative_to(folder))
    yield held
    held.close()


@pytest.fixture
def context(held):
    return Context(FakeSegmenter(), EmbeddingPool(), held)


@pytest.fixture
def request_of(folder):
    """What a client sends to open an array of (k, j, i) values."""

    def make(array, **more):
        path = folder / "u1.npy"
        np.save(path, array)
        frame = {"affine": IJK_TO_LPS.tolist()}
        return {"kind": "volume", "upload": "u1", "modality": "MR", "frame": frame, **more}, path

    return make


@pytest.fixture
def array():
    return np.random.default_rng(0).integers(1, 200, (12, 40, 50)).astype(np.int16)


@pytest.fixture
def live(request_of, context, array):
    """An open volume of 12 x 40 x 50 voxels (k, j, i), of 2 x 1 x 1 mm."""
    request, path = request_of(array)
    return open_source(request, path, context)


@pytest.fixture
def slices(live):
    """Embeddings of the open volume that no session shares."""
    volume = live.volume
    with SliceEmbeddings(volume, choose_stretch(volume), FakeSegmenter()) as slices:
        yield slices

from __future__ import annotations

import gc

import numpy as np
import pytest

from sam_common.segmenter.fake import FakeSegmenter
from sam_common.segmenter.predictor import Embedding
from sam_common.server.sessions.embedding_pool import EmbeddingPool
from sam_common.server.sessions.live_source import Context
from sam_med.live.embeddings import PoolStore, shared_slices
from sam_med.slices.window_level import choose_stretch

ONE = Embedding(np.ones((1, 1, 2, 2), np.float32), (4, 4), (8, 8), "0" * 64)


class Disk:
    """A store that remembers what it was asked."""

    def __init__(self, **kept):
        self.kept = kept
        self.asked = []

    def get(self, key):
        self.asked.append(key)
        return self.kept.get(key)

    def put(self, key, embedding):
        self.kept[key] = embedding


def test_keys_of_volumes_do_not_meet_in_the_pool():
    pool = EmbeddingPool()
    first, second = PoolStore(pool, "a", None), PoolStore(pool, "b", None)
    first.put("0-1", ONE)
    assert first.get("0-1") is ONE
    assert second.get("0-1") is None
    assert pool.size_bytes == ONE.features.nbytes


def test_the_disk_is_asked_where_memory_does_not_know():
    pool, disk = EmbeddingPool(), Disk(**{"0-1": ONE})
    store = PoolStore(pool, "a", disk)
    assert store.get("0-1") is ONE
    assert store.get("0-1") is ONE
    assert store.get("0-2") is None
    assert disk.asked == ["0-1", "0-2"]
    store.put("0-2", ONE)
    assert disk.kept["0-2"] is ONE


@pytest.fixture
def volume(live):
    return live.volume


def test_sessions_share_what_decides_an_embedding_and_nothing_else(volume, context):
    stretch = choose_stretch(volume)
    first = shared_slices(volume, "content", stretch, context)
    assert shared_slices(volume, "content", stretch, context) is first
    other = choose_stretch(volume, width=50, level=100)
    apart = [
        shared_slices(volume, "another", stretch, context),
        shared_slices(volume, "content", other, context),
        shared_slices(
            volume, "content", stretch, Context(context.segmenter, EmbeddingPool(), context.held)
        ),
        shared_slices(
            volume,
            "content",
            stretch,
            Context(FakeSegmenter(sha256="1" * 64), context.pool, context.held),
        ),
    ]
    assert len({id(slices) for slices in (first, *apart)}) == 5


def test_embeddings_stay_in_the_pool_when_the_last_session_goes(volume, context):
    stretch = choose_stretch(volume)
    first = shared_slices(volume, "content", stretch, context)
    made = first.get(0, 3).features
    encoded = len(context.segmenter.embedded)
    del first
    gc.collect()
    again = shared_slices(volume, "content", stretch, context)
    assert np.array_equal(again.get(0, 3).features, made)
    assert len(context.segmenter.embedded) == encoded


@pytest.mark.parametrize("keep", [True, False])
def test_embeddings_go_to_disk_where_that_is_allowed(keep, volume, context, tmp_path, monkeypatch):
    monkeypatch.setenv("SAM_GEOMED_CACHE", str(tmp_path / "cache"))
    context = Context(context.segmenter, context.pool, context.held, keep_embeddings=keep)
    shared_slices(volume, "content", choose_stretch(volume), context).get(1, 2)
    assert bool(list((tmp_path / "cache").rglob("1-2.safetensors"))) is keep

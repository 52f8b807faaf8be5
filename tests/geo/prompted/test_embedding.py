"""Embeddings of windows: encoded once, kept under their window, refused where they are foreign."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sam_common.errors import InputError
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.window import Window
from sam_geo.prompted.embedding import (
    EmbeddingSource,
    check_identity,
    key_of,
    open_store,
    signature_of,
)
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import Stretch

BYTES, DARK = Stretch(None), Stretch(((0.0, 200.0),))
WINDOW = Window((0, 10), (40, 60))


@pytest.fixture
def source(grey_raster):
    with open_raster(grey_raster) as opened:
        yield opened


def test_without_a_store_every_window_is_encoded(source):
    segmenter = FakeSegmenter(model_size=64)
    embeddings = EmbeddingSource(segmenter, DARK)
    pixels = source.read(WINDOW)
    image, embedding, was_stored = embeddings.embed(WINDOW, pixels)
    assert (image == DARK.apply(pixels)).all()
    assert embedding.image_size_hw == (40, 50)
    assert not was_stored
    embeddings.embed(WINDOW, pixels)
    assert len(segmenter.embedded) == 2


def test_a_store_is_asked_first_and_told_after(source, tmp_path):
    first, second = FakeSegmenter(model_size=64), FakeSegmenter(model_size=64)
    pixels = source.read(WINDOW)
    answers = []
    for segmenter in (first, second):
        store = open_store(tmp_path / "store", source, segmenter, BYTES)
        answers.append(EmbeddingSource(segmenter, BYTES, store).embed(WINDOW, pixels))
    (_, made, was_stored), (image, known, is_stored) = answers
    assert (was_stored, is_stored) == (False, True)
    assert (len(first.embedded), len(second.embedded)) == (1, 0)
    assert np.array_equal(known.features, made.features)
    assert (image == pixels.values[0]).all()
    assert store.names() == ["0-10-40-60-40x50"]


def test_a_coarser_read_of_a_window_is_another_embedding(source, tmp_path):
    segmenter = FakeSegmenter(model_size=64)
    store = open_store(tmp_path / "store", source, segmenter, BYTES)
    embeddings = EmbeddingSource(segmenter, BYTES, store)
    embeddings.embed(WINDOW, source.read(WINDOW))
    embeddings.embed(WINDOW, source.read(WINDOW, out_hw=(20, 25)))
    assert store.names() == [key_of(WINDOW, (20, 25)), key_of(WINDOW, (40, 50))]


def test_embeddings_of_something_else_are_refused(source, tmp_path):
    folder, segmenter = tmp_path / "store", FakeSegmenter(model_size=64)
    open_store(folder, source, segmenter, BYTES)
    for other, stretch in ((segmenter, DARK), (FakeSegmenter(sha256="1" * 64), BYTES)):
        with pytest.raises(InputError, match="holds embeddings"):
            open_store(folder, source, other, stretch)


def test_all_that_decides_an_embedding_is_signed(source):
    segmenter = FakeSegmenter()
    signed = signature_of(source, segmenter, DARK)
    assert signed["bands"] == [1]
    assert signed["stretch"] == [[0.0, 200.0]]
    assert signature_of(source, segmenter, BYTES)["stretch"] is None
    for change in ({"sha256": "1" * 64}, {"engine": "other"}, {"precision": "bf16"}):
        assert signature_of(source, replace(segmenter, **change), DARK) != signed
    # a copy of the file is the same raster
    assert "path" not in signed["source"]


def test_of_what_may_change_unseen_nothing_is_kept(source):
    check_identity(source)
    source.__dict__["identity"] = {"path": "a", "unknown": "it does not say what it is made of"}
    with pytest.raises(InputError, match=r"no embeddings are kept of .*: it does not say what it"):
        check_identity(source)

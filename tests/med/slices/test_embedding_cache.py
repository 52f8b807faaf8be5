from __future__ import annotations

import dataclasses
import os
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sam_common.errors import OutputError
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.segmenter.predictor import Embedding
from sam_common.support.cache_folder import CACHE_VARIABLE
from sam_med.geometry.volume import Volume
from sam_med.slices.embedding_cache import embedding_store, slice_key
from sam_med.slices.window_level import choose_stretch

RANDOM = np.random.default_rng(1)


def embedding():
    return Embedding(RANDOM.random((1, 4, 8, 8), dtype=np.float32), (16, 16), (16, 16), "m")


def rights_of(path):
    return path.stat().st_mode & 0o777


def test_a_slice_is_found_again(phantom, tmp_path):
    stretch, segmenter = choose_stretch(phantom), FakeSegmenter()
    first, second = embedding(), embedding()
    store = embedding_store(phantom, stretch, segmenter, folder=tmp_path)
    store.put(slice_key(0, 3), first)
    store.put(slice_key(2, 3), second)
    again = embedding_store(phantom, stretch, segmenter, folder=tmp_path)
    assert np.array_equal(again.get(slice_key(0, 3)).features, first.features)
    assert np.array_equal(again.get(slice_key(2, 3)).features, second.features)
    assert again.get(slice_key(1, 3)) is None


def test_where_a_volume_came_from_does_not_matter(phantom, tmp_path):
    """A copy of the scan, under another name and in another place, is the same scan."""
    stretch, segmenter = choose_stretch(phantom), FakeSegmenter()
    copy = Volume(phantom.array.copy(order="F"), phantom.frame, modality="CT")
    named = dataclasses.replace(phantom, source=tmp_path / "DOE_JOHN", notes=("a note",))
    stores = [
        embedding_store(volume, stretch, segmenter, folder=tmp_path / "cache")
        for volume in (phantom, copy, named)
    ]
    assert len({store.folder for store in stores}) == 1


def test_whatever_changes_a_shade_is_another_store(phantom, tmp_path):
    stretch, segmenter = choose_stretch(phantom), FakeSegmenter()
    array = phantom.array.copy()
    array[4, 255, 255] += 1
    other_shape = Volume(phantom.array.reshape(5, 128, 512), phantom.frame, modality="CT")
    other_type = Volume(phantom.array.view(np.uint16), phantom.frame, modality="CT")
    cases = [
        (phantom, stretch, segmenter),
        (Volume(array, phantom.frame, modality="CT"), stretch, segmenter),
        (other_shape, stretch, segmenter),
        (other_type, stretch, segmenter),
        (phantom, choose_stretch(phantom, preset="lung"), segmenter),
        (phantom, stretch, FakeSegmenter(sha256="1" * 64)),
        (phantom, stretch, FakeSegmenter(precision="bf16")),
        (phantom, stretch, FakeSegmenter(engine="torch")),
    ]
    folders = {embedding_store(*case, folder=tmp_path).folder for case in cases}
    assert len(folders) == len(cases)


def test_the_key_needs_the_salt(phantom, tmp_path):
    """With another salt the same scan has another key, so a key tells nobody what was here."""
    stretch, segmenter = choose_stretch(phantom), FakeSegmenter()
    one = embedding_store(phantom, stretch, segmenter, folder=tmp_path / "a").folder.name
    other = embedding_store(phantom, stretch, segmenter, folder=tmp_path / "b").folder.name
    assert re.fullmatch("[0-9a-f]{64}", one)
    assert one != other


def test_everything_is_for_the_user_alone(phantom, tmp_path):
    before = os.umask(0)
    try:
        store = embedding_store(
            phantom, choose_stretch(phantom), FakeSegmenter(), folder=tmp_path / "cache"
        )
        store.put(slice_key(0, 0), embedding())
    finally:
        os.umask(before)
    paths = [tmp_path / "cache", *(tmp_path / "cache").rglob("*")]
    assert {rights_of(path) for path in paths if path.is_dir()} == {0o700}
    assert {rights_of(path) for path in paths if path.is_file()} == {0o600}
    assert len([path for path in paths if path.is_file()]) >= 3


def test_the_cache_is_the_default_place(phantom, tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    store = embedding_store(phantom, choose_stretch(phantom), FakeSegmenter())
    assert store.folder.parent == tmp_path / "med-embeddings"


def test_the_oldest_of_all_volumes_goes_first(phantom, tmp_path):
    stretch, segmenter = choose_stretch(phantom), FakeSegmenter()
    old = embedding_store(phantom, stretch, segmenter, folder=tmp_path)
    for k in range(3):
        old.put(slice_key(0, k), embedding())
        os.utime(old.folder / f"0-{k}.safetensors", (1000 + k, 1000 + k))
    size = old.size_bytes() // 3
    lung = choose_stretch(phantom, preset="lung")
    new = embedding_store(phantom, lung, segmenter, folder=tmp_path, max_bytes=2 * size)
    assert old.names() == ["0-1", "0-2"]
    for k in range(5):
        new.put(slice_key(0, k), embedding())
    assert len(new.names()) == 2


def test_a_damaged_salt(phantom, tmp_path):
    (tmp_path / "salt").write_bytes(b"x")
    with pytest.raises(OutputError) as caught:
        embedding_store(phantom, choose_stretch(phantom), FakeSegmenter(), folder=tmp_path)
    assert str(caught.value) == (
        f"the salt in {tmp_path} must be 32 bytes, got 1: delete the folder"
    )


def test_a_folder_that_cannot_be_made(phantom, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError) as caught:
        embedding_store(
            phantom, choose_stretch(phantom), FakeSegmenter(), folder=tmp_path / "file" / "x"
        )
    assert str(caught.value) == f"cannot make {tmp_path / 'file' / 'x'}: Not a directory"


def test_who_begins_at_once_shares_one_salt(phantom, tmp_path):
    stretch = choose_stretch(phantom)
    with ThreadPoolExecutor(8) as pool:
        stores = list(
            pool.map(
                lambda _: embedding_store(phantom, stretch, FakeSegmenter(), folder=tmp_path),
                range(8),
            )
        )
    assert len({store.folder for store in stores}) == 1

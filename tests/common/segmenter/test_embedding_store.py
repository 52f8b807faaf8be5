"""The store of embeddings."""

from __future__ import annotations

import errno
import multiprocessing
import os
import pickle
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sam_common.errors import InputError, OutputError
from sam_common.segmenter.embedding_store import SUFFIX, EmbeddingStore
from sam_common.segmenter.predictor import Embedding

if TYPE_CHECKING:
    from pathlib import Path

RANDOM = np.random.default_rng(1)
SIGNATURE = {"source": {"sha256": "ab"}, "stretch": [[0.0, 1.5]], "model": "m", "precision": "fp32"}


def embedding(value: float = 1.0) -> Embedding:
    features = value + RANDOM.random((1, 4, 8, 8), dtype=np.float32)
    return Embedding(features, (100, 80), (64, 51), "m")


def test_what_is_put_comes_back_to_the_bit(tmp_path: Path) -> None:
    kept = embedding()
    EmbeddingStore(tmp_path / "a" / "b", SIGNATURE).put("0-0", kept)
    found = EmbeddingStore(tmp_path / "a" / "b", SIGNATURE).get("0-0")
    assert found is not None
    assert np.array_equal(found.features, kept.features)
    assert found.image_size_hw == kept.image_size_hw
    assert found.input_size_hw == kept.input_size_hw
    assert found.model == kept.model


def test_another_process_sees_the_same_folder_or_says_so(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = EmbeddingStore(type(tmp_path)("kept"), SIGNATURE, max_bytes=10_000_000)
    kept = embedding()
    store.put("0-0", kept)
    data = pickle.dumps(store)
    monkeypatch.chdir("/")
    again = pickle.loads(data)  # noqa: S301  # bytes of our own
    assert np.array_equal(again.get("0-0").features, kept.features)
    assert again.max_bytes == 10_000_000
    (tmp_path / "kept").rename(tmp_path / "away")
    with pytest.raises(InputError, match=r"no embeddings are seen in .*kept: give a folder"):
        pickle.loads(data)  # noqa: S301


def test_what_was_never_put_is_absent(tmp_path: Path) -> None:
    store = EmbeddingStore(tmp_path, SIGNATURE)
    assert store.get("0-0") is None
    assert store.names() == []
    assert store.size_bytes() == 0


def test_another_signature_is_refused_by_name(tmp_path: Path) -> None:
    EmbeddingStore(tmp_path, SIGNATURE)
    with pytest.raises(InputError) as caught:
        EmbeddingStore(tmp_path, {**SIGNATURE, "stretch": [[0.0, 2.0]], "engine": "torch"})
    assert str(caught.value) == (
        f"{tmp_path} holds embeddings of something else (engine was none, is torch; stretch was "
        f"0.0, 1.5, is 0.0, 2.0): give another folder, or delete this one"
    )


@pytest.mark.parametrize("cut", [0, 10, 40, 200])
def test_a_damaged_file_counts_as_missing(tmp_path: Path, cut: int) -> None:
    store = EmbeddingStore(tmp_path, SIGNATURE)
    store.put("k", embedding())
    path = tmp_path / f"k{SUFFIX}"
    data = bytearray(path.read_bytes())
    data[cut] ^= 1
    path.write_bytes(data)
    assert store.get("k") is None
    assert not path.exists()
    store.put("k", embedding())
    path.write_bytes(path.read_bytes()[:cut])
    assert store.get("k") is None


def test_the_one_used_longest_ago_goes_first(tmp_path: Path) -> None:
    store = EmbeddingStore(tmp_path, SIGNATURE)
    for age, key in enumerate("abc"):
        store.put(key, embedding())
        os.utime(tmp_path / f"{key}{SUFFIX}", (1000 + age, 1000 + age))
    size = store.size_bytes() // 3
    assert store.get("a") is not None  # now the one used last
    assert store.purge(2 * size) == 1
    assert store.names() == ["a", "c"]
    bounded = EmbeddingStore(tmp_path, SIGNATURE, max_bytes=size)
    bounded.put("d", embedding())
    assert bounded.names() == ["d"]
    assert bounded.purge() == 1
    assert bounded.size_bytes() == 0


@pytest.mark.parametrize("key", ["", "../a", "a b", "a/b"])
def test_keys_are_file_names(tmp_path: Path, key: str) -> None:
    with pytest.raises(InputError, match="a key is made of letters"):
        EmbeddingStore(tmp_path, SIGNATURE).get(key)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot make .*: Not a directory"):
        EmbeddingStore(tmp_path / "file" / "store", SIGNATURE)


def _fill(folder: Path, value: float) -> None:
    store = EmbeddingStore(folder, SIGNATURE)
    for n in range(20):
        store.put(
            f"{n}", Embedding(np.full((1, 4, 8, 8), value, dtype=np.float32), (8, 8), (8, 8), "m")
        )
        found = store.get(f"{n}")
        if found is None or len(np.unique(found.features)) != 1:
            raise RuntimeError(f"torn embedding {n}")


def test_two_processes_may_write_the_same(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=_fill, args=(tmp_path, float(v))) for v in (1, 2)]
    for process in both:
        process.start()
    for process in both:
        process.join(120)
    assert [process.exitcode for process in both] == [0, 0]
    assert EmbeddingStore(tmp_path, SIGNATURE).names() == sorted(str(n) for n in range(20))


def rights_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_private_store_is_for_the_user_alone(tmp_path: Path) -> None:
    before = os.umask(0)  # the most open one
    try:
        store = EmbeddingStore(tmp_path / "a" / "b", SIGNATURE, private=True)
        store.put("k", embedding())
        shared = EmbeddingStore(tmp_path / "c", SIGNATURE)
        shared.put("k", embedding())
    finally:
        os.umask(before)
    assert rights_of(tmp_path / "a" / "b") == 0o700
    assert {rights_of(path) for path in (tmp_path / "a" / "b").iterdir()} == {0o600}
    assert {rights_of(path) for path in (tmp_path / "c").iterdir()} == {0o666}
    assert store.get("k") is not None


def test_a_private_store_takes_rights_away(tmp_path: Path) -> None:
    EmbeddingStore(tmp_path / "a", SIGNATURE, private=True)
    (tmp_path / "a").chmod(0o755)
    EmbeddingStore(tmp_path / "a", SIGNATURE, private=True)
    assert rights_of(tmp_path / "a") == 0o700


def test_a_private_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot make .*: Not a directory"):
        EmbeddingStore(tmp_path / "file" / "store", SIGNATURE, private=True)


def refuse(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """Let every new file in a folder fail, as on a disk that may only be read."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("sam_common.segmenter.embedding_store.tempfile.TemporaryFile", fail)
    monkeypatch.setattr("sam_common.segmenter.embedding_store.atomic_output", fail)
    monkeypatch.setattr("sam_common.segmenter.embedding_store.os.utime", fail)


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_folder_that_may_only_be_read_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    EmbeddingStore(tmp_path, SIGNATURE).put("0-0", embedding())
    refuse(monkeypatch, code)
    store = EmbeddingStore(tmp_path, SIGNATURE)
    assert not store.is_writable
    assert store.get("0-0") is not None
    store.put("1-1", embedding())
    assert store.names() == ["0-0"]


def test_a_full_disk_is_not_taken_for_one_that_may_only_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    EmbeddingStore(tmp_path, SIGNATURE)
    refuse(monkeypatch, errno.ENOSPC)
    with pytest.raises(OutputError, match="cannot keep an embedding: No space left"):
        EmbeddingStore(tmp_path, SIGNATURE).put("0-0", embedding())


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b""])
def test_a_damaged_signature_is_an_error_of_ours(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "signature.json").write_bytes(content)
    with pytest.raises(InputError, match=r"cannot read .*signature\.json"):
        EmbeddingStore(tmp_path, SIGNATURE)


def test_weights_of_somebody_else_are_no_embeddings(tmp_path: Path) -> None:
    own = tmp_path / "model.safetensors"
    own.write_bytes(b"mine")
    with pytest.raises(OutputError, match="give embeddings a folder of their own"):
        EmbeddingStore(tmp_path, SIGNATURE, max_bytes=1)
    assert own.read_bytes() == b"mine"

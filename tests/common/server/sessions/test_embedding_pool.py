"""The pool: what it drops, and values that several callers want at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from sam_common.server.sessions.embedding_pool import EmbeddingPool


def test_the_pool_lets_go_of_what_was_used_longest_ago():
    pool = EmbeddingPool(limit_bytes=30)
    for key in "abc":
        pool.put(key, key, 10)
    pool.get("a")
    pool.put("d", "d", 10)
    assert [pool.get(key) for key in "abcd"] == ["a", None, "c", "d"]
    assert pool.size_bytes == 30


def test_the_pool_makes_an_entry_once_for_all_who_wait():
    pool, together, made = EmbeddingPool(), Barrier(8), []

    def make():
        made.append(1)
        return "value", 1

    def ask(_):
        together.wait()
        return pool.get_or_make("key", make)

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, range(8))) == ["value"] * 8
    assert made == [1]

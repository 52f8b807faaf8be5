"""What a live volume is read with: who hears of its files, and where its embeddings are."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from sam_med.dicom import progress
from sam_med.series import zip_input

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sam_common.segmenter.predictor import Embedding
    from sam_common.server.sessions.embedding_pool import EmbeddingPool
    from sam_common.server.sessions.live_source import Context
    from sam_med.slices.embedded_slices import Store


@contextmanager
def heard(context: Context, path: Path) -> Iterator[None]:
    """While the block runs, the context's reporter hears of the files that are read."""
    if (reporter := context.reporter) is None:
        yield
        return
    files = zip_input.count_in(path) if path.is_file() else context.held.count(path)
    # once for the headers, once for the pixels
    reporter.begin("files", 2 * files)
    with progress.listening(reporter.step):
        yield


class PoolStore:
    """The server's pool as the store of a volume's slices, and what is kept on disk behind it."""

    def __init__(self, pool: EmbeddingPool, prefix: str, kept: Store | None) -> None:
        self._pool, self._prefix, self._kept = pool, prefix, kept

    def get(self, key: str) -> Embedding | None:
        """What was put under a key; None where there is nothing."""
        known = cast("Embedding | None", self._pool.get(f"{self._prefix}/{key}"))
        if known is None and self._kept is not None and (known := self._kept.get(key)) is not None:
            self._hold(key, known)
        return known

    def put(self, key: str, embedding: Embedding) -> None:
        """Keep an embedding."""
        self._hold(key, embedding)
        if self._kept is not None:
            self._kept.put(key, embedding)

    def _hold(self, key: str, embedding: Embedding) -> None:
        self._pool.put(f"{self._prefix}/{key}", embedding, embedding.features.nbytes)

"""Embeddings of live volumes: sessions on the same voxels, stretch and network share one set.

```
session 1 --+
            +-> SliceEmbeddings -> PoolStore --> pool of the server     in memory, of all volumes
session 2 --+                             +----> embedding cache        on disk, where allowed
```
"""

from __future__ import annotations

import hashlib
import weakref
from typing import TYPE_CHECKING, cast

from sam_med.slices.embedded_slices import SliceEmbeddings
from sam_med.slices.embedding_cache import embedding_store

if TYPE_CHECKING:
    from sam_common.segmenter.predictor import Embedding
    from sam_common.server.sessions.embedding_pool import EmbeddingPool
    from sam_common.server.sessions.live_source import Context
    from sam_med.geometry.volume import Volume
    from sam_med.slices.embedded_slices import Store
    from sam_med.slices.window_level import Stretch

_shared: weakref.WeakValueDictionary[tuple[int, bool, str], SliceEmbeddings] = (
    weakref.WeakValueDictionary()
)


def shared_slices(
    volume: Volume, content: str, stretch: Stretch, context: Context
) -> SliceEmbeddings:
    """The embeddings of a volume's slices, one set for all sessions that have it open.

    Args:
        volume: The volume of a session.
        content: Hash of its voxels and their places.
        stretch: Maps its values to uint8.
        context: The network, the server's pool, and whether embeddings may stay on disk.
    """
    key = hashlib.sha256(f"{content} {stretch} {context.segmenter.sha256}".encode()).hexdigest()
    place = (id(context.pool), context.keep_embeddings, key)
    slices = _shared.get(place)
    if slices is None:
        kept = None
        if context.keep_embeddings:
            kept = embedding_store(volume, stretch, context.segmenter)
        store = PoolStore(context.pool, key, kept)
        # the pool bounds what is in memory, so that nothing but the slice in use is held here
        slices = SliceEmbeddings(volume, stretch, context.segmenter, store=store, max_bytes=1)
        _shared[place] = slices
    return slices


class PoolStore:
    """The server's pool as the store of a volume's slices, with a store on disk behind it.

    Args:
        pool: Embeddings of all open volumes and rasters, in memory.
        prefix: Begins the keys of this volume in the pool.
        kept: The store on disk; None where nothing may stay there.
    """

    def __init__(self, pool: EmbeddingPool, prefix: str, kept: Store | None) -> None:
        self._pool, self._prefix, self._kept = pool, prefix, kept

    def get(self, key: str) -> Embedding | None:
        """The embedding under a key, from memory or from disk; None where there is none."""
        known = cast("Embedding | None", self._pool.get(f"{self._prefix}/{key}"))
        if known is None and self._kept is not None and (known := self._kept.get(key)) is not None:
            self._hold(key, known)
        return known

    def put(self, key: str, embedding: Embedding) -> None:
        """Keep an embedding under a key, in memory and on disk."""
        self._hold(key, embedding)
        if self._kept is not None:
            self._kept.put(key, embedding)

    def _hold(self, key: str, embedding: Embedding) -> None:
        """Keep an embedding in memory."""
        self._pool.put(f"{self._prefix}/{key}", embedding, embedding.features.nbytes)

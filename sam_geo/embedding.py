"""Embeddings of a raster's windows: from the encoder, or from what an earlier job kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sam_geo.manifest import fingerprint

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from sam_common.embeddings import EmbeddingStore
    from sam_common.segmenter import Embedding, Segmenter
    from sam_common.window import Window
    from sam_geo.source import Pixels, RasterSource
    from sam_geo.stretch import Stretch


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingSource:
    """Gives the embedding of a window, and encodes it only where the store does not have it."""

    segmenter: Segmenter
    stretch: Stretch
    store: EmbeddingStore | None = None

    def embed(
        self, window: Window, pixels: Pixels
    ) -> tuple[npt.NDArray[np.uint8], Embedding, bool]:
        """What the network is fed, its embedding, and whether that came from the store.

        Args:
            window: (row, col) in the raster, the key of the store.
            pixels: What was read there.
        """
        image = self.stretch.apply(pixels)
        if self.store is None:
            return image, self.segmenter.embed(image), False
        key = key_of(window, image.shape[:2])
        if (known := self.store.get(key)) is not None:
            return image, known, True
        embedding = self.segmenter.embed(image)
        self.store.put(key, embedding)
        return image, embedding, False


def key_of(window: Window, size_hw: tuple[int, ...]) -> str:
    """Name of an embedding: its window, and the size at which that was read.

    >>> from sam_common.window import Window
    >>> key_of(Window((0, 896), (1024, 1920)), (1024, 1024))
    '0-896-1024-1920-1024x1024'
    """
    edges = "-".join(str(edge) for edge in (*window.start, *window.stop))
    return f"{edges}-{size_hw[0]}x{size_hw[1]}"


def signature_of(source: RasterSource, segmenter: Segmenter, stretch: Stretch) -> dict[str, Any]:
    """Everything that decides what an embedding of this raster is (JSON)."""
    known = fingerprint(source.path)
    # a copy of a file is that file; a large one is known by its date too
    unwanted = {"path", "mtime_ns"} if "sha256" in known else {"path"}
    return {
        "source": {name: known[name] for name in sorted(known) if name not in unwanted} or known,
        "bands": list(source.bands),
        "stretch": None if stretch.limits is None else [list(pair) for pair in stretch.limits],
        "model": segmenter.sha256,
        "engine": segmenter.engine,
        "precision": segmenter.precision,
    }

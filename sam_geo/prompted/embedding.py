"""Embeddings of a raster's windows: from the encoder, or from what an earlier job kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sam_common.errors import InputError
from sam_common.segmenter.embedding_store import EmbeddingStore
from sam_geo.raster.fingerprint import signature

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from sam_common.segmenter.predictor import Embedding, Segmenter
    from sam_common.window import Window
    from sam_geo.raster.pixels import Pixels
    from sam_geo.raster.source import RasterSource
    from sam_geo.raster.stretch import Stretch


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


def open_store(
    folder: Path,
    source: RasterSource,
    segmenter: Segmenter,
    stretch: Stretch,
    *,
    max_bytes: int | None = None,
) -> EmbeddingStore:
    """The embeddings of a raster that lie in a folder, and where new ones go.

    Raises:
        InputError: The folder holds embeddings of something else, or it cannot be known whether
            the raster is still the one that they were made of.
        OutputError: The folder cannot be made.
    """
    check_identity(source)
    return EmbeddingStore(folder, signature_of(source, segmenter, stretch), max_bytes=max_bytes)


def check_identity(source: RasterSource) -> None:
    """Raise `InputError` where it cannot be known later whether a raster is still the same."""
    if (reason := source.identity.get("unknown")) is not None:
        raise InputError(
            f"no embeddings are kept of {source.path}, as a change of it would not show: {reason} "
            f"(leave embeddings out, or copy it to a file first)"
        )


def signature_of(source: RasterSource, segmenter: Segmenter, stretch: Stretch) -> dict[str, Any]:
    """Everything that decides what an embedding of this raster is (JSON)."""
    return {
        "source": signature(source.identity),
        "bands": list(source.bands),
        "stretch": None if stretch.limits is None else [list(pair) for pair in stretch.limits],
        "model": segmenter.sha256,
        "engine": segmenter.engine,
        "precision": segmenter.precision,
    }

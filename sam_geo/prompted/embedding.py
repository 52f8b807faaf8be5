"""Embeddings of a raster's windows: from the encoder, or from the store of an earlier job."""

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
    """Gives the embedding of a window; the encoder runs only where the store does not have it."""

    segmenter: Segmenter
    stretch: Stretch
    store: EmbeddingStore | None = None
    """Where embeddings are looked up and kept; None where every window is encoded."""

    def embed(
        self, window: Window, pixels: Pixels
    ) -> tuple[npt.NDArray[np.uint8], Embedding, bool]:
        """Stretch the pixels of a window and embed them.

        Args:
            window: (row, col) in the raster; together with the size of the read it is the key of
                the store.
            pixels: The pixels of the window, at its own or at a coarser resolution.

        Returns:
            The image that the network is fed, its embedding, and whether the embedding came from
            the store.
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
    """The name of an embedding in a store: its window, and the (rows, columns) it was read at.

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
    """Open the folder in which the embeddings of a raster are kept.

    Args:
        folder: Made where it is missing.
        source: The raster.
        segmenter: The segmenter whose embeddings are kept.
        stretch: Raster values to bytes.
        max_bytes: Size at which the embeddings used longest ago are removed; no limit where None.

    Raises:
        InputError: The folder holds embeddings of something else, or it cannot be known whether
            the raster is still the one that they were made of.
        OutputError: The folder cannot be made.
    """
    check_identity(source)
    return EmbeddingStore(folder, signature_of(source, segmenter, stretch), max_bytes=max_bytes)


def check_identity(source: RasterSource) -> None:
    """Raise `InputError` where a later change of a raster's pixels could not be noticed."""
    if (reason := source.identity.get("unknown")) is not None:
        raise InputError(
            f"no embeddings are kept of {source.path}, as a change of it would not show: {reason} "
            f"(leave embeddings out, or copy it to a file first)"
        )


def signature_of(source: RasterSource, segmenter: Segmenter, stretch: Stretch) -> dict[str, Any]:
    """Everything beside its window that decides an embedding of a raster, as values for JSON."""
    return {
        "source": signature(source.identity),
        "bands": list(source.bands),
        "stretch": None if stretch.limits is None else [list(pair) for pair in stretch.limits],
        "model": segmenter.sha256,
        "engine": segmenter.engine,
        "precision": segmenter.precision,
    }

"""Embedded views: each view of each image through the frozen encoder once, kept on disk.

4 MiB for each view, read again when its turn comes, so that memory does not grow with the images.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sam_common.support.device_arrays import aligned, to_host

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import numpy.typing as npt

    from sam_common.masks.decoded import MaskRegion
    from sam_common.segmenter.embedding_store import EmbeddingStore
    from sam_common.segmenter.predictor import Embedding, Segmenter
    from sam_common.training_data.examples import TrainingImage, TrainingObject
    from sam_common.training_data.views import View


class EmbeddedViews:
    """Views of images, and their embeddings by a segmenter that does not change.

    Args:
        images: The images.
        views: Views of each image, the first one the image itself.
        segmenter: Embeds them.
        store: Keeps the embeddings; its signature says what images these are.
    """

    def __init__(
        self,
        images: Sequence[TrainingImage],
        views: Sequence[View],
        segmenter: Segmenter,
        store: EmbeddingStore,
    ) -> None:
        self.images = images
        self.views = views
        self._segmenter = segmenter
        self._store = store

    def image(self, n: int, v: int) -> npt.NDArray[np.uint8]:
        """Image `n` in view `v`."""
        return self.views[v].image(self.images[n].load())

    def embedding(self, n: int, v: int) -> Embedding:
        """The embedding of image `n` in view `v`, made where it is not kept yet."""
        key = f"{n:06d}-{v}"
        if (known := self._store.get(key)) is not None:
            # as it came from the encoder, to the bit of what is computed from it
            return replace(known, features=aligned(to_host(known.features)))
        embedding = self._segmenter.embed(self.image(n, v))
        self._store.put(key, embedding)
        return replace(embedding, features=aligned(to_host(embedding.features)))

    def region(self, n: int, v: int, one: TrainingObject) -> MaskRegion:
        """The mask of an object of image `n` in view `v`."""
        return self.views[v].region(one.mask, self.images[n].size_hw)

    def needed(self) -> list[tuple[int, int]]:
        """Image and view of every embedding that a frozen encoder is asked for."""
        return needed_views(self.images, len(self.views))

    def fill(self, advance: Callable[[int], None]) -> None:
        """Make every embedding that is needed and not kept yet."""
        for n, v in self.needed():
            self.embedding(n, v)
            advance(1)


def needed_views(images: Sequence[TrainingImage], views: int) -> list[tuple[int, int]]:
    """Image and view of every embedding that a frozen encoder is asked for.

    Images without an object to learn from are seen as they are only.

    Args:
        images: The images.
        views: Views of each image that has objects to learn from.
    """
    return [
        (n, v) for n, image in enumerate(images) for v in range(views if image.of("learn") else 1)
    ]

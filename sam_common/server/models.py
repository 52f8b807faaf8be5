"""Models: segmenters by name, each loaded once, one encoder run at a time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

from sam_common import cache, weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from sam_common.segmenter import Segmenter


class _Serial:
    """A segmenter whose encoder serves one caller at a time; the decoder serves all."""

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._segmenter, name)

    def embed(self, image: Any) -> Any:
        with self._lock:
            return self._segmenter.embed(image)

    def embed_batch(self, images: Any) -> Any:
        with self._lock:
            return self._segmenter.embed_batch(images)


class Models:
    """Segmenters that sessions share.

    Args:
        load: Makes the segmenter of a name; `load_segmenter` where not given.
    """

    def __init__(self, load: Callable[[str], Segmenter] | None = None) -> None:
        self._load = load or _load
        self._lock = threading.Lock()
        self._loaded: dict[str, Segmenter] = {}

    @property
    def loaded(self) -> list[str]:
        """Names of those in memory."""
        return sorted(self._loaded)

    def get(self, name: str) -> Segmenter:
        """The segmenter of a name.

        Raises:
            UnknownModelError: There is no such name; files are not taken.
            WeightsError: Its checkpoint cannot be had.
        """
        weights.model_info(name)
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = cast("Segmenter", _Serial(self._load(name)))
            return self._loaded[name]

    def describe(self) -> list[dict[str, Any]]:
        """All names, and what a host shows of them."""
        return [
            {
                "name": info.name,
                "title": info.title,
                "prompts": sorted(info.prompts),
                "licence": info.licence,
                "size_bytes": info.size_bytes,
                "is_cached": cache.present(info, weights.folder()) is not None,
                "is_loaded": info.name in self._loaded,
            }
            for info in weights.registry().values()
        ]


def _load(name: str) -> Segmenter:
    from sam_common.segmenter import load_segmenter  # noqa: PLC0415  # may load torch

    return load_segmenter(name)

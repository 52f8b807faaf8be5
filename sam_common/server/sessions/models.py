"""Models: segmenters by name, each loaded once, with one run of its encoder at a time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

from sam_common.network.architecture import ARCHITECTURES
from sam_common.published import cache, checkpoints
from sam_common.tuned import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable

    from sam_common.segmenter.predictor import Segmenter


ENCODED = 0.2
"""Part of the work on a window that counts as done once the window is encoded."""


class _Serial:
    """A segmenter whose encoder serves one thread at a time; its decoder serves all of them."""

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


class _Watched:
    """A segmenter that reports each call, and the progress of long ones."""

    def __init__(self, segmenter: Segmenter, told: Callable[[float], None]) -> None:
        self._segmenter = segmenter
        self._told = told

    def __getattr__(self, name: str) -> Any:
        return getattr(self._segmenter, name)

    def embed(self, image: Any) -> Any:
        self._told(0.0)
        embedding = self._segmenter.embed(image)
        self._told(ENCODED)
        return embedding

    def decode(self, embedding: Any, prompts: Any, **options: Any) -> Any:
        self._told(0.0)
        return self._segmenter.decode(embedding, prompts, **options)

    def decode_batches(self, embedding: Any, prompts: Any, **options: Any) -> Any:
        done = 0
        for masks in self._segmenter.decode_batches(embedding, prompts, **options):
            done += len(masks.scores)
            self._told(ENCODED + (1 - ENCODED) * done / max(1, len(prompts)))
            yield masks


def watched(segmenter: Segmenter, told: Callable[[float], None]) -> Segmenter:
    """A segmenter that reports its work, so that a job can be cancelled within a window.

    Args:
        segmenter: Does the work.
        told: Called before each call with 0, and during a long one with the part of the window that
            is done, 0 to 1; an exception of it ends the call.
    """
    return cast("Segmenter", _Watched(segmenter, told))


class Models:
    """Segmenters by name, which all sessions share.

    Args:
        load: Gives the segmenter of a name; `load_segmenter` where None.
    """

    def __init__(self, load: Callable[[str], Segmenter] | None = None) -> None:
        self._load = load or _load
        self._lock = threading.Lock()
        self._loading: dict[str, threading.Lock] = {}
        self._loaded: dict[str, Segmenter] = {}

    @property
    def loaded(self) -> list[str]:
        """Names of the segmenters in memory, sorted."""
        return sorted(self._loaded)

    def get(self, name: str) -> Segmenter:
        """The segmenter of a name, loaded at the first call.

        Raises:
            UnknownModelError: There is no model of this name; paths of files are not taken.
            WeightsError: Its checkpoint cannot be downloaded or read.
        """
        check_name(name)
        with self._lock:
            loading = self._loading.setdefault(name, threading.Lock())
        # a lock for each name: another model does not wait for this one's download
        with loading:
            if name not in self._loaded:
                self._loaded[name] = cast("Segmenter", _Serial(self._load(name)))
            return self._loaded[name]

    def forget(self, name: str) -> None:
        """Load a model anew at the next call: its file was replaced; sessions keep what they have.

        Args:
            name: Of a tuned model.
        """
        with self._lock:
            loading = self._loading.setdefault(name, threading.Lock())
        with loading:
            self._loaded.pop(name, None)

    def describe(self) -> list[dict[str, Any]]:
        """Models of sessions in the JSON of protocol 1: published ones, then tuned ones."""
        published = [
            {
                "name": info.name,
                "title": info.title,
                "prompts": sorted(info.prompts),
                "licence": info.licence,
                "size_bytes": info.size_bytes,
                "is_cached": cache.present(info, checkpoints.folder()) is not None,
                "is_loaded": info.name in self._loaded,
            }
            for info in checkpoints.registry().values()
            if not ARCHITECTURES[info.arch].is_tracker
        ]
        tuned = [
            {
                "name": name,
                "title": f"tuned from {info.base}",
                "prompts": sorted(info.prompts),
                "licence": str(info.card["base"]["licence"]),
                "size_bytes": info.path.stat().st_size,
                "is_cached": True,
                "is_loaded": name in self._loaded,
            }
            for name, info in catalogue.named().items()
        ]
        return published + tuned


def check_name(name: str) -> None:
    """Raise `UnknownModelError` where no published or tuned model has a name: no path is one."""
    if catalogue.find(name) is None:
        checkpoints.model_info(name)


def _load(name: str) -> Segmenter:
    """The segmenter of a published model."""
    from sam_common.segmenter.predictor import load_segmenter  # noqa: PLC0415  # may load torch

    return load_segmenter(name)

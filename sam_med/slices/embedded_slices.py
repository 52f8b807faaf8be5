"""Embedded slices: slices of a volume along any axis as the network sees them, each encoded once.

However many objects, prompts, rounds and corrections use a slice, its embedding is made once. The
embeddings used last stay in memory up to a limit; older ones go to a store, which is the caller's
where one is given and else a private temporary folder that is removed with this object.

```
axis 0   axial      rows j, columns i
axis 1   coronal    rows k, columns i         of a volume that is stored head to foot
axis 2   sagittal   rows k, columns j
```
Where voxels are not square in a plane, the network is shown a slice that is resampled to square
pixels, because it has only ever seen bodies of natural proportions. Prompts go in and masks come
out on the volume's own grid: the masks' logits are interpolated straight to it.
"""

from __future__ import annotations

import mmap
import tempfile
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from sam_common.errors import GeometryError
from sam_common.segmenter.embedding_store import EmbeddingStore
from sam_med.geometry.slice_box import AXES
from sam_med.slices.embedding_cache import slice_key

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_common.masks.decoded import Masks
    from sam_common.prompts import Prompts
    from sam_common.segmenter.predictor import Embedding, Segmenter
    from sam_med.geometry.volume import Volume
    from sam_med.slices.window_level import Stretch

MAX_BYTES = 1 << 29
"""Embeddings held in memory: 512 MiB, or 128 of 4 MiB; predictions and votes take as much again."""
MAX_SIDE_PX = 1024
"""Longest side of a slice that is resampled to square pixels; no network's input is larger."""
SQUARE = 0.01
"""Share by which the sides of a pixel may differ for it to count as square."""


class Store(Protocol):
    """A place where embeddings are kept beyond memory, such as an `EmbeddingStore`."""

    def get(self, key: str) -> Embedding | None:
        """The embedding under a key; None where there is none."""

    def put(self, key: str, embedding: Embedding) -> None:
        """Keep an embedding under a key."""


@dataclass(frozen=True, slots=True)
class Plane:
    """The slices along one axis: their size, and the size at which the network is shown them."""

    axis: int
    """Array axis of the volume that the slices are perpendicular to."""
    size_hw: tuple[int, int]
    """Rows and columns of a slice on the volume's grid."""
    pixel_mm: tuple[float, float]
    """Distance of neighbouring (rows, columns) in mm."""

    @property
    def shown_hw(self) -> tuple[int, int]:
        """Rows and columns with square pixels, as small as the smaller side of a voxel.

        >>> Plane(1, (25, 256), (6.5, 0.78125)).shown_hw
        (208, 256)
        """
        small, large = min(self.pixel_mm), max(self.pixel_mm)
        if large <= small * (1 + SQUARE):
            return self.size_hw
        sides = [n * mm / small for n, mm in zip(self.size_hw, self.pixel_mm, strict=True)]
        # a plane that is already larger than any network's input is not made larger still
        shrink = min(1.0, max(*self.size_hw, MAX_SIDE_PX) / max(sides))
        height, width = (max(1, round(side * shrink)) for side in sides)
        return height, width

    @property
    def scale_xy(self) -> tuple[float, float]:
        """Shown pixels for each (column, row) of the volume's grid."""
        (height, width), (rows, cols) = self.shown_hw, self.size_hw
        return width / cols, height / rows


def plane_of(volume: Volume, axis: int) -> Plane:
    """The slices of a volume along an axis.

    Raises:
        GeometryError: There is no such axis.
    """
    if axis not in AXES:
        raise GeometryError(f"a volume has the axes 0, 1 and 2, got {axis}")
    rows, cols = (d for d in AXES if d != axis)
    spacing = volume.spacing_mm
    return Plane(axis, (volume.shape[rows], volume.shape[cols]), (spacing[rows], spacing[cols]))


def slice_pixels(volume: Volume, stretch: Stretch, axis: int, index: int) -> npt.NDArray[np.uint8]:
    """A slice of a volume stretched to 8 bits, on the volume's own grid.

    Raises:
        GeometryError: There is no such axis or slice.
    """
    plane_of(volume, axis)
    if not 0 <= index < volume.shape[axis]:
        raise GeometryError(
            f"axis {axis} has the slices 0 to {volume.shape[axis] - 1}, got {index}"
        )
    place = (slice(None),) * axis + (index,)
    return np.ascontiguousarray(stretch.apply(volume.array[place]))


def shown_slice(volume: Volume, stretch: Stretch, axis: int, index: int) -> npt.NDArray[np.uint8]:
    """A slice of a volume as the network is shown it, with square pixels.

    Raises:
        GeometryError: There is no such axis or slice.
    """
    pixels, plane = slice_pixels(volume, stretch, axis, index), plane_of(volume, axis)
    if plane.shown_hw == plane.size_hw:
        return pixels
    shown = cv2.resize(pixels, plane.shown_hw[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(shown, dtype=np.uint8)


class SliceEmbeddings:
    """Embeddings of the slices of one volume under one stretch, each made when it is first needed.

    Threads may share one object; no slice is encoded twice, and no two at the same time.

    Args:
        volume: Any grid; only the slice that is encoded is copied.
        stretch: Maps values to uint8, the same for every slice.
        segmenter: Makes and decodes the embeddings.
        store: Keeps every embedding, and is searched before one is made; it must belong to this
            volume, stretch and segmenter.
        max_bytes: Most bytes of embeddings in memory.
    """

    def __init__(
        self,
        volume: Volume,
        stretch: Stretch,
        segmenter: Segmenter,
        *,
        store: Store | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.volume = volume
        self.stretch = stretch
        self.segmenter = segmenter
        self.max_bytes = max_bytes
        self.calls = 0
        """Number of slices that were encoded."""
        self.decoded = 0
        """Number of prompts that were decoded."""
        self._lock = threading.RLock()
        self._encoding = threading.Lock()
        self._kept: OrderedDict[tuple[int, int], Embedding] = OrderedDict()
        self._bytes = 0
        self._store = store
        self._write_through = store is not None
        self._spilled: set[tuple[int, int]] = set()
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels of the volume along (k, j, i)."""
        return self.volume.shape

    def plane(self, axis: int) -> Plane:
        """The slices along an axis.

        Raises:
            GeometryError: There is no such axis.
        """
        return plane_of(self.volume, axis)

    def pixels(self, axis: int, index: int) -> npt.NDArray[np.uint8]:
        """A slice stretched to 8 bits, on the volume's own grid.

        Raises:
            GeometryError: There is no such axis or slice.
        """
        return slice_pixels(self.volume, self.stretch, axis, index)

    def image(self, axis: int, index: int) -> npt.NDArray[np.uint8]:
        """A slice as the network is shown it, with square pixels.

        Raises:
            GeometryError: There is no such axis or slice.
        """
        return shown_slice(self.volume, self.stretch, axis, index)

    def get(self, axis: int, index: int) -> Embedding:
        """The embedding of a slice: from memory, from the store, or encoded now."""
        key = (axis, index)
        if (known := self._found(key)) is not None:
            return known
        # who wants a slice that is there does not wait for one that is encoded
        with self._encoding:
            if (known := self._found(key)) is not None:
                return known
            embedding = self.segmenter.embed(self.image(axis, index))
            with self._lock:
                self.calls += 1
                if self._store is not None and self._write_through:
                    self._store.put(slice_key(*key), embedding)
                return self._keep(key, embedding)

    def decode(self, axis: int, index: int, prompts: Prompts, *, multimask: bool = False) -> Masks:
        """Masks on a slice of the volume's grid, for prompts in its (column, row) indices.

        Args:
            axis: Array axis of the volume that the slice is perpendicular to.
            index: Index of the slice along that axis.
            prompts: In indices of the slice on the volume's grid.
            multimask: See `Segmenter.decode`.
        """
        embedding = self.get(axis, index)
        plane = self.plane(axis)
        with self._lock:
            self.decoded += len(prompts)
        if plane.shown_hw == plane.size_hw:
            return self.segmenter.decode(embedding, prompts, multimask=multimask)
        masks = self.segmenter.decode(embedding, _shown(prompts, plane), multimask=multimask)
        return masks.onto(plane.size_hw)

    def close(self) -> None:
        """Drop all embeddings from memory and remove the temporary folder."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0
            if self._folder is not None:
                self._folder.cleanup()
                self._folder = self._store = None
                self._spilled.clear()

    def __enter__(self) -> SliceEmbeddings:  # noqa: PYI034  # Python 3.10 has no typing.Self
        """Use the embeddings in a `with` block, which ends with `close`."""
        return self

    def __exit__(self, *failure: object) -> None:
        """Drop all embeddings, see `close`."""
        self.close()

    def _found(self, key: tuple[int, int]) -> Embedding | None:
        """The embedding of a slice from memory or from the store; None where it must be made."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            stored = None if self._store is None else self._store.get(slice_key(*key))
            return None if stored is None else self._keep(key, stored)

    def _keep(self, key: tuple[int, int], embedding: Embedding) -> Embedding:
        """Hold an embedding in memory, and move those used longest ago out of it."""
        if (earlier := self._kept.pop(key, None)) is not None:
            # another process has put it into the store meanwhile, and another thread has read it
            self._bytes -= earlier.features.nbytes
        kept = self._kept[key] = _in_own_pages(embedding)
        self._bytes += embedding.features.nbytes
        while self._bytes > self.max_bytes and len(self._kept) > 1:
            old, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.features.nbytes
            if not self._write_through:
                self._spill(old, oldest)
        return kept

    def _spill(self, key: tuple[int, int], embedding: Embedding) -> None:
        """Move an embedding from memory to the temporary folder, which only its owner can read."""
        if self._store is None:
            self._folder = tempfile.TemporaryDirectory(prefix="sam-med-")
            self._store = EmbeddingStore(Path(self._folder.name) / "slices", {})
        if key not in self._spilled:
            self._store.put(slice_key(*key), embedding)
            self._spilled.add(key)


def _in_own_pages(embedding: Embedding) -> Embedding:
    """An embedding with its features in memory pages of their own.

    Freed pages go back to the system. On the heap, small arrays that outlive an embedding lie in
    the space that it leaves, so that the next one does not fit there: in a long job the process
    grew by more than twice the limit.
    """
    features = embedding.features
    if not isinstance(features, np.ndarray) or not features.size:
        return embedding
    pages = mmap.mmap(-1, features.nbytes)
    copy = np.frombuffer(pages, dtype=features.dtype).reshape(features.shape)
    copy[...] = features
    return replace(embedding, features=copy)


def _shown(prompts: Prompts, plane: Plane) -> Prompts:
    """Prompts in indices of the volume's grid, in indices of the slice with square pixels."""
    scale = np.array(plane.scale_xy)

    # sample centres are at whole numbers in both: the edge of the image is at -0.5
    def moved(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray((points + 0.5) * np.tile(scale, points.shape[-1] // 2) - 0.5)

    return replace(
        prompts,
        points_xy=None if prompts.points_xy is None else moved(prompts.points_xy),
        boxes_xyxy=None if prompts.boxes_xyxy is None else moved(prompts.boxes_xyxy),
    )

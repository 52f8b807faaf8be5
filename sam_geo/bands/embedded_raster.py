"""EmbeddedRaster: what a network makes of a raster, as values for each of its pixels.

```
+-----------+-----------+     windows of the network's input overlap by a quarter; a pixel has the
|     a    |:|    b     |     values of the window in whose middle part it lies, so that no edge of
+-----------+-----------+     a window is near: a window ends where the overlap is half over
```
Which window that is follows from the pixel alone, so it does not matter in which order windows are
embedded, nor which part of a raster is asked for.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import InputError
from sam_common.support.device_arrays import to_host
from sam_common.tiled_job.parts import Part
from sam_common.tiled_job.plan import Plan
from sam_common.tiled_job.work import Work
from sam_common.window import Window
from sam_geo.prompted.embedding import signature_of
from sam_geo.prompted.windows import box_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import numpy.typing as npt

    from sam_common.segmenter.predictor import Segmenter
    from sam_geo.bands.blocks import Beside
    from sam_geo.bands.embedding_axes import EmbeddingAxes
    from sam_geo.prompted.embedding import EmbeddingSource
    from sam_geo.raster.pixels import Pixels
    from sam_geo.raster.source import RasterSource

    FloatArray = npt.NDArray[np.float32]
    IntArray = npt.NDArray[np.int64]
    Find = Callable[[int], Part]

FEATURES = "features"
"""Array of a part: (C, rows, cols) values of the cells that lie on the window."""


@dataclass(frozen=True, eq=False)
class NetworkView:
    """The windows in which a network sees a raster."""

    source: RasterSource
    """The raster, in the one or three bands that the network sees."""
    embeddings: EmbeddingSource
    """Gives the embedding of a window, from where it is kept or from the encoder."""
    grid: tuple[Window, ...] | None = None
    """Windows (row, col) of an automatic job, whose embeddings are kept, row by row; those of
    `sam-geo encode` where None."""

    @property
    def segmenter(self) -> Segmenter:
        """The network."""
        return self.embeddings.segmenter

    @cached_property
    def windows(self) -> tuple[Window, ...]:
        """Windows (row, col) that cover the raster, row by row: `sam-geo encode` keeps them too."""
        return self.grid or tuple(box_windows(self.source.size_hw, side=self.segmenter.model_size))

    @cached_property
    def own(self) -> tuple[Window, ...]:
        """The part of each window whose pixels have its values; they cover the raster once."""
        starts = [sorted({window.start[axis] for window in self.windows}) for axis in (0, 1)]
        sides = self.windows[0].shape
        cuts = [
            [0, *((a + side + b) // 2 for a, b in itertools.pairwise(at)), length]
            for at, side, length in zip(starts, sides, self.source.size_hw, strict=True)
        ]
        found = []
        for window in self.windows:
            n, m = (at.index(start) for at, start in zip(starts, window.start, strict=True))
            rows, cols = cuts
            found.append(Window((rows[n], cols[m]), (rows[n + 1], cols[m + 1])))
        return tuple(found)

    def needed(self, parts: Iterable[Window]) -> list[int]:
        """Numbers of the windows whose values some parts (row, col) of the raster have."""
        return _overlapping(enumerate(self.own), parts)

    def plan(self, numbers: Iterable[int]) -> Plan:
        """A plan of some windows, with everything else that decides their embeddings."""
        signature = signature_of(self.source, self.segmenter, self.embeddings.stretch)
        chosen = tuple(self.windows[n] for n in numbers)
        return Plan(self.source.size_hw, chosen, signature)

    def work(self, numbers: list[int]) -> Work[Window, Pixels | None]:
        """Reading and embedding some windows.

        Args:
            numbers: Which windows; the work counts them from 0.

        Returns:
            Work whose parts have `FEATURES`, the channels of the cells on the window, and in their
            notes whether they were `stored` by an earlier job; parts without arrays where the
            window has no data.
        """
        steps = _Steps(self.embeddings)
        return Work(self.source.read_data, steps.embed, lambda k: self.windows[numbers[k]])


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """Embeds windows, in this or another process."""

    embeddings: EmbeddingSource

    def embed(self, window: Window, pixels: Pixels | None) -> Part:
        """The channels of the cells that lie on a window, see `NetworkView.work`."""
        if pixels is None:
            return Part()
        _, embedding, was_stored = self.embeddings.embed(window, pixels)
        model_size = self.embeddings.segmenter.model_size
        features = np.asarray(to_host(embedding.features), dtype=np.float32)[0]
        rows, cols = (
            -(-side * cells // model_size)
            for side, cells in zip(embedding.input_size_hw, features.shape[1:], strict=True)
        )
        # the rest is padding
        on_image = np.ascontiguousarray(features[:, :rows, :cols])
        spans = [
            side * cells / model_size
            for side, cells in zip(embedding.input_size_hw, features.shape[1:], strict=True)
        ]
        return Part(notes={"stored": was_stored, "spans": spans}, arrays={FEATURES: on_image})


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingFeatures:
    """The axes of an embedding, and their values beside the bands: what a classifier may learn."""

    axes: EmbeddingAxes
    beside: Callable[[Window], Beside]
    """Gives the values, and the objects over which they are pooled, in a window."""


@dataclass(frozen=True, eq=False)
class EmbeddedRaster:
    """The values of the pixels of a raster, from the embeddings of its windows."""

    view: NetworkView | _Layout
    axes: int
    """Number of values of a pixel."""
    find: Find
    """Gives the part of a window by its number, with `FEATURES` as axes."""

    def read(self, window: Window) -> FloatArray:
        """Values (A, h, w) of the pixels of a window (row, col), interpolated between cells.

        Returns:
            NaN where the network saw no data.

        Raises:
            InputError: A window could not be embedded.
        """
        found = np.full((self.axes, *window.shape), np.nan, dtype=np.float32)
        for n in self.view.needed([window]):
            part = self.find(n)
            here = self.view.own[n].intersect(window)
            if FEATURES in part.arrays and here is not None:
                at = here.within(window).slices
                found[:, at[0], at[1]] = _interpolated(part, here, self.view.windows[n])
        return found

    def within(self, window: Window) -> EmbeddedRaster:
        """The same for a part (row, col) of the raster, and no more than that: it can be pickled.

        A window that could not be embedded is told when it is read.
        """
        numbers = self.view.needed([window])
        layout = _Layout(
            {n: self.view.windows[n] for n in numbers}, {n: self.view.own[n] for n in numbers}
        )
        return EmbeddedRaster(layout, self.axes, _Known({n: self._found(n) for n in numbers}))

    def _found(self, n: int) -> Part | InputError:
        try:
            return self.find(n)
        except InputError as error:
            return error


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """Some of the windows in which a network sees a raster, by their number."""

    windows: Mapping[int, Window]
    own: Mapping[int, Window]

    def needed(self, parts: Iterable[Window]) -> list[int]:
        """As `NetworkView.needed`."""
        return _overlapping(self.own.items(), parts)


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """Finds parts among those that are known."""

    parts: Mapping[int, Part | InputError]

    def __call__(self, n: int) -> Part:
        """The part of a window; raises the error of one that could not be embedded."""
        found = self.parts[n]
        if isinstance(found, InputError):
            raise found
        return found


def _overlapping(own: Iterable[tuple[int, Window]], parts: Iterable[Window]) -> list[int]:
    """Numbers of the windows that overlap any of some parts of the raster."""
    wanted = list(parts)
    return [n for n, window in own if any(window.intersect(part) is not None for part in wanted)]


def _interpolated(part: Part, here: Window, window: Window) -> FloatArray:
    """Values (A, h, w) of a part of the raster in a window, bilinear between the cells."""
    features = part.arrays[FEATURES]
    found: FloatArray = features
    for axis in (0, 1):
        pixels = np.arange(here.start[axis], here.stop[axis]) - window.start[axis] + 0.5
        place = pixels * (part.notes["spans"][axis] / window.shape[axis]) - 0.5
        last = features.shape[axis + 1] - 1
        place = np.clip(place, 0, last)
        below = np.minimum(np.floor(place).astype(np.int64), max(0, last - 1))
        above = np.minimum(below + 1, last)
        share = (place - below).astype(np.float32)
        share = share[:, None] if axis == 0 else share
        one, two = (np.take(found, index, axis=axis + 1) for index in (below, above))
        found = one + (two - one) * share
    return found

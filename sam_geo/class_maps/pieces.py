"""Pieces of a class map: connected pixels of one class, traced block by block and joined exactly.

A block is traced and simplified with all that lies in it, nodata included, so that its only outer
border is its own, straight one, which stays. Vertices on that border are those that both of its
sides need, which the row of pixels beyond tells. So the parts of a piece in several blocks fit
together vertex by vertex, and are joined at the end.
"""

from __future__ import annotations

import itertools
import math
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from skimage.measure import label

from sam_common.window import Window
from sam_geo.class_maps.layers import LayerTally
from sam_geo.class_maps.outline_store import OutlineStore
from sam_geo.class_maps.pixel_area import pixel_areas
from sam_geo.outlines.coverage import corners_of, edge_count, simplify_coverage, trace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from sam_common.tiled_job.progress import Progress
    from sam_geo.class_maps.class_map import ClassMap
    from sam_geo.class_maps.layers import Layers

    Shapes: TypeAlias = npt.NDArray[np.object_]
    BoolArray: TypeAlias = npt.NDArray[np.bool_]
    IntArray: TypeAlias = npt.NDArray[np.int64]
    FloatArray: TypeAlias = npt.NDArray[np.float64]
    Number = TypeVar("Number", np.int64, np.float64)

NO_CLASS = np.iinfo(np.int64).min
"""Code of pixels of the map without a class."""
BEYOND = NO_CLASS + 1
"""Code of what lies beyond the edge of the map."""
MOST_EDGES = 2**20
"""Edges between pixels of different classes in a block; with more, smaller blocks are used."""
LEAST_SIDE = 128
"""Side in pixels of the smallest blocks. Outlines get a vertex at each such step of a border of
blocks, because the other side may be cut there."""


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """Figures of N pieces, or of parts of them, or of classes."""

    value: IntArray
    """(N,) raster values of their classes."""
    pixels: IntArray
    """(N,) numbers of pixels."""
    area_m2: FloatArray
    """(N,) true areas of their pixels, as `pixel_areas` gives them."""
    per_cent: FloatArray
    """(N,) sums over their pixels of the probability of the class in per cent; NaN without one."""

    def summed(self, group: IntArray, value: IntArray) -> Figures:
        """Add up figures by groups.

        Args:
            group: (N,) number of the group of each, from 0.
            value: (G,) raster value of each group.
        """
        return Figures(
            value,
            _sums(group, self.pixels),
            _sums(group, self.area_m2),
            _sums(group, self.per_cent),
        )

    def at(self, which: IntArray) -> Figures:
        """Figures at (K,) positions."""
        return Figures(
            self.value[which], self.pixels[which], self.area_m2[which], self.per_cent[which]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """The pieces of a class map, in the order of their first pixels, row by row."""

    figures: Figures
    parts: IntArray
    """(P,) numbers of parts in the store, piece after piece."""
    bounds: IntArray
    """(N + 1,) where each piece starts in `parts`, and where the last one ends."""
    store: OutlineStore
    """Outlines of the parts."""
    means: FloatArray
    """(N, L) means of the layers that were given."""
    least: FloatArray
    """(N, L) their least values."""

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def outlines(self, which: IntArray) -> Shapes:
        """The outlines of the pieces at (K,) positions: Polygons in pixel corners (col, row)."""
        return self.store.joined(
            self.parts[self.bounds[n] : self.bounds[n + 1]] for n in which.tolist()
        )


@contextmanager
def traced_pieces(
    classes: ClassMap,
    tolerance: float,
    progress: Progress,
    folder: Path | None = None,
    *,
    layers: Layers | None = None,
) -> Iterator[Pieces]:
    """Find and trace all pieces of a map in one pass over it.

    Memory is bounded by a block and about a hundred bytes for each piece; outlines wait in a
    temporary file, which is removed when the block ends.

    Args:
        classes: The open map.
        tolerance: Tolerance of simplification in pixels, see `simplify_coverage`; 0 keeps the
            edges of pixels.
        progress: Called with a description and the number of windows.
        folder: Where the temporary file lies; the system's folder for such files where None.
        layers: Further figures of the pixels, of which each piece gets the mean and the least.

    Raises:
        InputError: The map cannot be read.
        DiskError: The disk of the temporary file is full.
    """
    with OutlineStore(classes.source.size_hw[1], folder) as store:
        tracer = _Tracer(classes, tolerance, store, layers)
        windows = list(classes.windows())
        with progress("outlines", len(windows)) as done:
            for window in windows:
                for block, codes in _blocks(window, _with_margin(classes, window)):
                    tracer.add(block, codes)
                done(1)
        yield tracer.pieces()


def _with_margin(classes: ClassMap, window: Window) -> IntArray:
    """(h + 2, w + 2) codes of a window and of the pixels around it."""
    wide = window.expand(1)
    inside = wide.intersect(Window.full(classes.source.size_hw)) or window
    values, valid = classes.read(inside)
    codes = np.full(wide.shape, BEYOND)
    codes[inside.within(wide).slices] = np.where(valid, values, NO_CLASS)
    return codes


def _blocks(window: Window, codes: IntArray) -> Iterator[tuple[Window, IntArray]]:
    """Cut a window with margin into equal blocks, each with few enough edges, row by row."""
    wide = window.expand(1)
    side = max(window.shape)
    # powers of two times the smallest block
    side = LEAST_SIDE * 2 ** math.ceil(math.log2(max(1, side / LEAST_SIDE)))
    while True:
        ranges = [
            [(first, min(first + side, stop)) for first in range(start, stop, side)]
            for start, stop in zip(window.start, window.stop, strict=True)
        ]
        blocks = [
            Window(*zip(rows, cols, strict=True)) for rows, cols in itertools.product(*ranges)
        ]
        parts = [codes[block.expand(1).within(wide).slices] for block in blocks]
        if side <= LEAST_SIDE or max(map(edge_count, parts)) <= MOST_EDGES:
            yield from zip(blocks, parts, strict=True)
            return
        side //= 2


def _border(block: Window) -> tuple[BoolArray, BoolArray]:
    """Which of the (h + 1, w + 1) corners of a block lie on its border; and at steps along it."""
    border = np.ones([size + 1 for size in block.shape], dtype=np.bool_)
    border[1:-1, 1:-1] = False
    rows, cols = (
        np.arange(start, stop + 1) % LEAST_SIDE == 0
        for start, stop in zip(block.start, block.stop, strict=True)
    )
    return border, border & rows[:, None] & cols


class _Tracer:
    """Traces block after block, and remembers what lies at their borders."""

    def __init__(
        self, classes: ClassMap, tolerance: float, store: OutlineStore, layers: Layers | None
    ) -> None:
        height, width = classes.source.size_hw
        self._classes = classes
        self._tolerance = tolerance
        self._width = width
        self._areas = pixel_areas(classes.source.crs, classes.source.frame)
        self._store = store
        self._layers = layers
        self._tally = LayerTally()
        self._figures: list[Figures] = []
        self._first: list[IntArray] = []
        self._count = 0
        # code and part of the last pixel above each column, and left of each row
        self._above = np.full((2, width), BEYOND)
        self._left = np.full((2, height), BEYOND)
        self._pairs: list[IntArray] = []

    def add(self, block: Window, codes: IntArray) -> None:
        """Trace a block, given as (h + 2, w + 2) codes with margin."""
        inner = codes[1:-1, 1:-1]
        pieces = label(inner, background=BEYOND, connectivity=1).astype(np.int32)
        corners = corners_of(codes)
        border, steps = _border(block)
        nodes = corners.nodes | steps | border & corners.turns
        shapes = simplify_coverage(trace(pieces, nodes), self._tolerance)
        first = np.empty(len(shapes) + 1, dtype=np.int64)
        # of equal indices the last one is assigned: turned around, the first pixel of each piece
        first[pieces.ravel()[::-1]] = np.arange(pieces.size)[::-1]
        first = first[1:]
        figures = self._measured(block, pieces.ravel(), inner.ravel()[first])
        if self._layers is not None:
            part = pieces.ravel() - np.int64(1)
            self._tally.add(part, figures.value != NO_CLASS, self._layers(block))
        shift = np.array(block.start[::-1], dtype=np.float64)
        placed = shapely.transform(shapes, lambda xy: xy + shift)
        placed[figures.value == NO_CLASS] = None
        rows, cols = np.nonzero(border & corners.passes)
        passes = (rows + block.start[0]) * (self._width + 1) + cols + block.start[1]
        self._store.add(placed, passes)
        self._meet(block, inner, pieces)
        rows, cols = np.divmod(first, block.shape[1])
        self._first.append((rows + block.start[0]) * self._width + cols + block.start[1])
        self._figures.append(figures)
        self._count += len(shapes)

    def _measured(self, block: Window, pieces: npt.NDArray[np.int32], value: IntArray) -> Figures:
        """Figures of the parts in a block of (h * w,) pixels, in the order of their numbers."""
        pixels = np.ones(len(pieces), dtype=np.int64)
        per_cent = np.full(len(pieces), np.nan)
        if self._classes.has_probability:
            # whole numbers again, whose sums are exact in any order
            per_cent = np.round(self._classes.probability(block).ravel() * 100, 9)
        each = Figures(pixels, pixels, self._areas(block).ravel(), per_cent)
        return each.summed(pieces - np.int64(1), value)

    def _meet(self, block: Window, codes: IntArray, pieces: npt.NDArray[np.int32]) -> None:
        """Note which parts go on over the upper and the left border of a block."""
        rows, cols = block.slices
        # numbers of parts go on from block to block, and start at 0
        offset = self._count - 1
        for border, place, axis in ((self._above, cols, 0), (self._left, rows, 1)):
            near, far = (
                np.stack([codes.take(end, axis=axis), pieces.take(end, axis=axis) + offset])
                for end in (0, -1)
            )
            known = border[:, place]
            same = known[0] == near[0]
            self._pairs.append(np.unique([known[1, same], near[1, same]], axis=1))
            border[:, place] = far

    def pieces(self) -> Pieces:
        """Join the parts of all blocks to pieces."""
        parts = Figures(
            *(
                np.concatenate([getattr(each, name) for each in self._figures])
                for name in Figures.__slots__
            )
        )
        pairs = np.concatenate(self._pairs, axis=1)
        graph = coo_array((np.ones(pairs.shape[1]), pairs), shape=(self._count, self._count))
        count, piece = connected_components(graph, directed=False)
        value = np.empty(count, dtype=np.int64)
        value[piece] = parts.value
        first = np.full(count, np.iinfo(np.int64).max)
        np.minimum.at(first, piece, np.concatenate(self._first))
        # numbered anew by their first pixel; what has no class comes last
        rank = np.empty(count, dtype=np.int64)
        order = np.lexsort((first, value == NO_CLASS))
        rank[order] = np.arange(count)
        numbers = np.argsort(rank[piece], kind="stable")
        kept = np.arange(np.count_nonzero(value != NO_CLASS))
        bounds = np.searchsorted(rank[piece][numbers], np.append(kept, len(kept)))
        figures = parts.summed(rank[piece], value[order]).at(kept)
        sums, least = self._tally.joined(rank[piece], len(kept))
        means = sums / figures.pixels[:, None]
        return Pieces(figures, numbers, bounds, self._store, means, least)


def _sums(group: IntArray, figures: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Sums of figures by groups, in the type of the figures."""
    return np.bincount(group, figures).astype(figures.dtype)

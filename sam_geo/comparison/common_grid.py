"""CommonGrid: two class maps on the pixels of the first one, read by windows.

A pixel of the first map is compared with the pixel of the second one whose centre is nearest to its
own: the pixel that its centre lies in. Nothing is resampled beforehand, and memory is bounded by a
window, whatever the reference systems, resolutions and extents of the maps.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np
import pyproj

from sam_common.errors import InputError
from sam_common.frame import Frame
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from sam_geo.class_maps.class_map import ClassMap

    FloatArray: TypeAlias = npt.NDArray[np.float64]
    IntArray: TypeAlias = npt.NDArray[np.int64]

T = TypeVar("T", bound=np.generic)

SIDE = 1024
"""Pixels on a side of the windows that are compared at once."""
MOST_READ = 2048 * 2048
"""Most pixels of the second map that are read at once; windows with more of them are divided."""
EDGE_PX = 1e-3
"""A centre that lies nearer than this to the edge of a pixel counts as on it, and belongs to the
pixel after it: rounding errors of a geotransform do not decide between two pixels."""
LATTICE = 256
"""Places along an axis of the second map at which its extent in the first one is looked up."""
BULGE = 0.01
"""Share of its extent by which a map is taken to reach further: edges are curves in another
reference system."""
PLACES = 4096
"""Places at which the distance between the centres of the pixels of both maps is measured."""
# the plastic number: points that no regular pattern of two grids can hide from
# (https://extremelearning.com.au/unreasonable-effectiveness-of-quasirandom-sequences)
SPREAD = (0.7548776662466927, 0.5698402909980532)


@dataclass(frozen=True, slots=True)
class Offset:
    """How far the centres of the second map's pixels lie from those that they are compared with.

    (row, col), in pixels of the first map.
    """

    mean: tuple[float, float]
    """Mean signed distance: down and to the right are positive."""
    spread: tuple[float, float]
    """Mean absolute difference from the mean: 0 where both maps have pixels of one size."""


@dataclass(frozen=True, slots=True, eq=False)
class PairPixels:
    """A window of both maps."""

    before: IntArray
    """(h, w) values of the first map."""
    after: IntArray
    """(h, w) values of the second map at the nearest pixels."""
    valid: npt.NDArray[np.bool_]
    """(h, w) pixels at which both maps have a class."""


@dataclass(frozen=True, eq=False)
class CommonGrid:
    """Two open class maps on the grid of the first; make one with `common_grid`."""

    before: ClassMap
    after: ClassMap
    extent: Window
    """Window of the first map that holds every pixel which the second one covers too."""
    way: tuple[pyproj.Transformer, pyproj.Transformer] | None
    """From the first reference system to the second, and back; None where they are the same."""

    def windows(self, side: int = SIDE) -> Iterator[Window]:
        """Windows (row, col) of the first map that cover the extent, row by row, no overlap."""
        (top, left), (bottom, right) = self.extent.start, self.extent.stop
        # multiples of the side, so that the blocks of a file are read once
        tops = range(top // side * side, bottom, side)
        lefts = range(left // side * side, right, side)
        for start in itertools.product(tops, lefts):
            window = Window(start, (start[0] + side, start[1] + side)).intersect(self.extent)
            if window is not None:
                yield window

    def read(self, window: Window) -> PairPixels:
        """Values of both maps in a window (row, col) of the first map.

        Raises:
            InputError: A map cannot be read there.
        """
        before, valid = self.before.read(window)
        after, covered = self._at_places(window, self.after.read, np.int64)
        return PairPixels(before, after, valid & covered)

    def probabilities(self, window: Window) -> tuple[FloatArray | None, FloatArray | None]:
        """(h, w) probabilities of the classes of both maps in a window, 0 to 1; or None.

        They mean something only where `read` says that both maps have a class.
        """
        first = self.before.probability(window) if self.before.has_probability else None
        if not self.after.has_probability:
            return first, None

        def read(part: Window) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
            found = self.after.probability(part)
            return found, np.ones(found.shape, dtype=np.bool_)

        second, _ = self._at_places(window, read, np.float64)
        return first, second

    @cached_property
    def offset(self) -> Offset:
        """Distance between the centres that are compared, from a few thousand places."""
        share = np.arange(1, PLACES + 1)[:, None] * SPREAD % 1
        start, shape = np.array(self.extent.start), np.array(self.extent.shape)
        places = np.floor(start + share * shape)
        found = self.into_after(places)
        near = _nearest(found)
        at = _inside(near, self.after.source.size_hw)
        apart = self.into_before(near[at]) - places[at]
        apart = apart[np.isfinite(apart).all(axis=1)]
        if not len(apart):
            return Offset((0.0, 0.0), (0.0, 0.0))
        mean = apart.mean(axis=0)
        spread = np.abs(apart - mean).mean(axis=0)
        # what counts as on an edge is as good as no distance
        down, right, *more = np.where(np.abs([*mean, *spread]) < EDGE_PX, 0.0, [*mean, *spread])
        return Offset((float(down), float(right)), (float(more[0]), float(more[1])))

    def _at_places(
        self,
        window: Window,
        read: Callable[[Window], tuple[npt.NDArray[T], npt.NDArray[np.bool_]]],
        kind: type[T],
    ) -> tuple[npt.NDArray[T], npt.NDArray[np.bool_]]:
        """What `read` gives of the second map, at the pixels nearest to those of a window.

        Args:
            window: (row, col) of the first map.
            read: Gives (h, w) values of a window of the second map, and where there are any.
            kind: Type of the values.

        Returns:
            (h, w) values, and where there are any; elsewhere the values mean nothing.
        """
        places, size_hw = self._places(window), self.after.source.size_hw
        within = [(part >= 0) & (part < side) for part, side in zip(places, size_hw, strict=True)]
        inside: npt.NDArray[np.bool_] = within[0] & within[1]
        if not inside.any():
            return np.zeros(inside.shape, dtype=kind), inside
        used = [part[known] for part, known in zip(places, within, strict=True)]
        needed = Window(
            tuple(int(part.min()) for part in used), tuple(int(part.max()) + 1 for part in used)
        )
        if needed.shape[0] * needed.shape[1] > MOST_READ and inside.size > 1:
            axis = int(np.argmax(window.shape))
            parts = [self._at_places(half, read, kind) for half in _halves(window, axis)]
            return (
                np.concatenate([part[0] for part in parts], axis=axis),
                np.concatenate([part[1] for part in parts], axis=axis),
            )
        found, has_value = read(needed)
        at = tuple(
            np.clip(part - first, 0, side - 1)
            for part, first, side in zip(places, needed.start, needed.shape, strict=True)
        )
        return found[at], inside & has_value[at]

    def _places(self, window: Window) -> tuple[IntArray, IntArray]:
        """Rows and columns of the second map's pixels nearest to those of a window.

        Returns:
            Two arrays (h, w), or (h, 1) and (1, w) where the grids are parallel; -1 or beyond the
            map where there is none.
        """
        rows, cols = (np.arange(a, b) for a, b in zip(window.start, window.stop, strict=True))
        if self.way is None and self._is_parallel:
            down = self.into_after(np.stack([rows, np.zeros_like(rows)], axis=-1))[:, None, 0]
            across = self.into_after(np.stack([np.zeros_like(cols), cols], axis=-1))[None, :, 1]
        else:
            index = np.stack(np.meshgrid(rows, cols, indexing="ij"), axis=-1)
            down, across = np.moveaxis(self.into_after(index), -1, 0)
        limit = 2.0**31  # what lies further off is beyond any raster
        found = (np.nan_to_num(_nearest(part), nan=-1) for part in (down, across))
        near_rows, near_cols = (np.clip(part, -1, limit).astype(np.int64) for part in found)
        return near_rows, near_cols

    @cached_property
    def _is_parallel(self) -> bool:
        """Whether rows and columns of both maps run the same way."""
        one, two = self.before.source.frame.array, self.after.source.frame.inverse_array
        (_, across), (down, _) = (two @ one)[:2, :2].tolist()
        return bool(across == 0 and down == 0)

    def into_after(self, index: npt.ArrayLike) -> FloatArray:
        """Indices (..., 2) of the first map to those of the second, NaN where there are none."""
        return _moved(index, self.before.source.frame, self.after.source.frame, self.way, 0)

    def into_before(self, index: npt.ArrayLike) -> FloatArray:
        """Indices (..., 2) of the second map to those of the first, NaN where there are none."""
        return _moved(index, self.after.source.frame, self.before.source.frame, self.way, 1)


def common_grid(before: ClassMap, after: ClassMap) -> CommonGrid:
    """Put two class maps on the grid of the first.

    Args:
        before: The map whose pixels are the common ones.
        after: The map that is looked up at the centres of these pixels.

    Raises:
        InputError: One of the maps has a reference system and the other has none, there is no
            way from one system to the other, or the maps do not overlap.
    """
    one, two = before.source, after.source
    if (one.crs is None) != (two.crs is None):
        bare, placed = (one, two) if one.crs is None else (two, one)
        raise InputError(
            f"{bare.path} has no reference system and {placed.path} has one: nothing says where "
            f"one map lies on the other (gdal_edit.py -a_srs gives a file its reference system)"
        )
    way = None
    if one.crs is not None and two.crs is not None and one.crs != two.crs:
        try:
            way = (
                pyproj.Transformer.from_crs(one.crs, two.crs, always_xy=True),
                pyproj.Transformer.from_crs(two.crs, one.crs, always_xy=True),
            )
        except pyproj.exceptions.ProjError as error:
            raise InputError(
                f"there is no way from the reference system of {one.path}, {one.crs.name}, to that "
                f"of {two.path}, {two.crs.name}"
            ) from error
    extent = _extent(CommonGrid(before, after, Window.full(one.size_hw), way))
    if extent is None:
        raise InputError(
            f"{one.path} and {two.path} do not overlap: no pixel of the one lies on the other"
        )
    return CommonGrid(before, after, extent, way)


def _extent(whole: CommonGrid) -> Window | None:
    """A window of the first map that holds all of the second one; None where that lies beyond."""
    full, way = whole.extent, whole.way
    size_hw = whole.after.source.size_hw
    axes = [np.linspace(-0.5, side - 0.5, LATTICE) for side in size_hw]
    lattice = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    places = whole.into_before(lattice)
    places = places[np.isfinite(places).all(axis=1)]
    if not len(places):  # nothing of it has a place in the reference system of the first
        return None
    low, high = places.min(axis=0), places.max(axis=0)
    margin = np.zeros(2) if way is None else 1 + BULGE * (high - low)
    # first and last pixel whose centre lies between the edges
    ends = np.ceil(np.stack([low - margin, high + margin]) - EDGE_PX)
    limit = 2.0**31  # what lies further off is beyond any raster
    first, stop = np.clip(ends, -limit, limit).astype(np.int64)
    return None if (stop <= first).any() else Window(tuple(first), tuple(stop)).intersect(full)


def _moved(
    index: npt.ArrayLike,
    origin: Frame,
    target: Frame,
    way: tuple[pyproj.Transformer, pyproj.Transformer] | None,
    direction: int,
) -> FloatArray:
    """Indices (..., 2) of one frame to those of another one."""
    if way is None:
        # one matrix: large coordinates of the world cancel before they are rounded
        return Frame.from_array(target.inverse_array @ origin.array).to_world(index)
    world = origin.to_world(index)
    x, y = way[direction].transform(world[..., 0], world[..., 1])
    moved = np.stack([x, y], axis=-1)
    moved[~np.isfinite(moved).all(axis=-1)] = np.nan
    return target.to_index(moved)


def _nearest(index: FloatArray) -> FloatArray:
    """Indices (..., 2) of the pixels that places lie in, as floats; NaN stays."""
    return np.floor(index + 0.5 + EDGE_PX)


def _inside(index: FloatArray, size_hw: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """(...) whether indices (..., 2) are pixels of a map; NaN is none."""
    return np.asarray(((index >= 0) & (index < size_hw)).all(axis=-1))


def _halves(window: Window, axis: int) -> tuple[Window, Window]:
    """Cut a window in two along an axis."""
    middle = (window.start[axis] + window.stop[axis]) // 2
    stop, start = list(window.stop), list(window.start)
    stop[axis] = start[axis] = middle
    return Window(window.start, tuple(stop)), Window(tuple(start), window.stop)

"""True areas of pixels, on the ellipsoid of the raster's reference system.

A pixel of a map in degrees shrinks towards the poles, and most projections stretch areas: web
mercator doubles them at 45 degrees. How much a projection stretches changes slowly, so it is
measured at nodes a few pixels apart, as the geodesic area of the cell of the grid around each, and
interpolated between them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import shapely
from scipy import sparse

from sam_geo.outlines.area import measurer

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    import pyproj

    from sam_common.frame import Frame
    from sam_common.window import Window

    FloatArray: TypeAlias = npt.NDArray[np.float64]

NODES = 32
"""Pixels between two nodes of a projected raster; between them, the scale is taken to be linear."""


def pixel_areas(crs: pyproj.CRS | None, frame: Frame) -> Callable[[Window], FloatArray]:
    """A function that gives the area of every pixel of a window.

    Args:
        crs: The raster's reference system; None where it has none: pixels count 1 then.
        frame: Index (row, col) of pixel centres to world (x, y).

    Returns:
        A window (row, col) to (h, w) square metres. Where the ellipsoid is not known or the
        projection is not defined, areas are those of the grid.
    """
    if crs is None:
        return lambda window: np.ones((window.shape[0], window.shape[1]))
    (a, b, _), (d, e, _) = frame.matrix[:2]
    unit = float(crs.axis_info[0].unit_conversion_factor)
    cell = abs(a * e - b * d) * unit**2
    if crs.is_geographic:
        step, scale = 1, _m2_per_steradian(crs, frame)
    else:
        step, scale = NODES, _stretch(crs, frame, cell)

    def areas(window: Window) -> FloatArray:
        rows, cols = (_nodes(window.start[axis], window.stop[axis], step) for axis in (0, 1))
        grid = np.stack(np.meshgrid(rows, cols, indexing="ij"), axis=-1).astype(np.float64)
        nodes = scale(grid.reshape(-1, 2)).reshape(len(rows), len(cols))
        down = _weights(rows, np.arange(window.start[0], window.stop[0]), step)
        across = _weights(cols, np.arange(window.start[1], window.stop[1]), step)
        found: FloatArray = cell * (down @ nodes @ across.T)
        return found

    return areas


def _nodes(start: int, stop: int, step: int) -> npt.NDArray[np.int64]:
    """Multiples of a step that enclose a range: the same ones whatever window asks."""
    return np.arange(start // step, -(-(stop - 1) // step) + 1) * step


def _weights(
    nodes: npt.NDArray[np.int64], at: npt.NDArray[np.int64], step: int
) -> sparse.csr_array:
    """(N, M) share that each of M nodes has in each of N places, by linear interpolation."""
    first = (at - nodes[0]) // step
    share = (at - nodes[first]) / step
    beyond = np.minimum(first + 1, len(nodes) - 1)
    places = np.arange(len(at))
    entries = np.concatenate([1 - share, share])
    where = np.concatenate([places, places]), np.concatenate([first, beyond])
    return sparse.csr_array((entries, where), shape=(len(at), len(nodes)))


def _stretch(crs: pyproj.CRS, frame: Frame, cell: float) -> Callable[[FloatArray], FloatArray]:
    """A function from nodes (N, 2) in indices to true square metres of a square metre there."""
    measure = measurer(crs)
    corners = np.array([[-0.5, -0.5], [-0.5, 0.5], [0.5, 0.5], [0.5, -0.5]]) * NODES

    def scale(nodes: FloatArray) -> FloatArray:
        rings = frame.to_world((nodes[:, None] + corners).reshape(-1, 2)).reshape(-1, 4, 2)
        true, _ = measure(np.asarray(shapely.polygons(rings), dtype=object))
        return np.where(np.isfinite(true), true / (cell * NODES**2), 1.0)

    return scale


def _m2_per_steradian(crs: pyproj.CRS, frame: Frame) -> Callable[[FloatArray], FloatArray]:
    """A function from nodes (N, 2) in indices to square metres of a squared radian there.

    The product of the radii of curvature of the meridian and of the prime vertical, and the cosine
    of the latitude.
    """
    geod = crs.get_geod()
    axis, squared = (1.0, 0.0) if geod is None else (float(geod.a), float(geod.es))
    radians = float(crs.axis_info[0].unit_conversion_factor)

    def scale(nodes: FloatArray) -> FloatArray:
        latitude = np.clip(frame.to_world(nodes)[:, 1] * radians, -math.pi / 2, math.pi / 2)
        radii = axis**2 * (1 - squared) / (1 - squared * np.sin(latitude) ** 2) ** 2
        found: FloatArray = radii * np.cos(latitude)
        return found

    return scale

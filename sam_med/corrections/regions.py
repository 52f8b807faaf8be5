"""Regions: parts of a slice that belong to a mark by their shades and places alone.

They are the last resort where no prediction of the network agrees with a mark, and give boxes to
try before that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from sam_med.propagate.object_ends import MOST_SDS

if TYPE_CHECKING:
    import numpy.typing as npt


def pieces_at(mask: npt.NDArray[np.bool_], at: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The connected pieces of a mask that hold a pixel, or voxel, of another one."""
    named, _ = ndimage.label(mask)
    return np.isin(named, np.setdiff1d(named[at], 0))


def spread_of(shades: npt.NDArray[np.uint8], mask: npt.NDArray[np.bool_]) -> float:
    """The standard deviation of the shades under a mask, at least one step of them."""
    return max(1.0, float(np.std(shades[mask]))) if mask.any() else 1.0


def similar_around(
    shades: npt.NDArray[np.uint8],
    at: npt.NDArray[np.bool_],
    allowed: npt.NDArray[np.bool_],
    *,
    spread: float,
    reach_mm: float,
    pixel_mm: tuple[float, float],
) -> npt.NDArray[np.bool_]:
    """The pixels connected to a mark that are shaded like it.

    Args:
        shades: A slice, 0 to 255.
        at: Pixels of the mark, at least one; they are part of the result.
        allowed: Pixels that may be taken.
        spread: Standard deviation of the object's shades; `MOST_SDS` of them are alike.
        reach_mm: Distance from the mark beyond which nothing is taken.
        pixel_mm: Distance of neighbouring (rows, columns).
    """
    alike = np.abs(shades.astype(np.float32) - np.median(shades[at])) <= MOST_SDS * spread
    near = ndimage.distance_transform_edt(~at, sampling=pixel_mm) <= reach_mm
    return pieces_at((allowed & alike & near) | at, at)


def nearer_part(
    shades: npt.NDArray[np.uint8],
    mask: npt.NDArray[np.bool_],
    at: npt.NDArray[np.bool_],
    kept: npt.NDArray[np.bool_],
    *,
    spread: float,
    pixel_mm: tuple[float, float],
) -> npt.NDArray[np.bool_]:
    """The part of a mask that is nearer to a mark than to what is kept, on ways inside the mask.

    A way is longer where shades change along it: by the length of the step in the space of place
    and shade, in which one `spread` counts as much as the step itself (geodesic distance).

    Args:
        shades: A slice, 0 to 255.
        mask: The object on the slice.
        at: Pixels of the mark, in the mask.
        kept: Pixels that surely are of the object; where there are none, the pixels farthest from
            the mask's edge stand for them.
        spread: Standard deviation of the object's shades.
        pixel_mm: Distance of neighbouring (rows, columns).
    """
    kept = kept & mask & ~at
    if not kept.any():
        depth = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=pixel_mm)[1:-1, 1:-1]
        depth[at] = 0
        # all of the deepest pixels: no order of them may decide
        kept = mask & ~at & (depth >= depth.max()) if depth.max() > 0 else np.zeros_like(mask)
    if not kept.any():
        return pieces_at(mask, at)
    graph, number = _graph(shades, mask, spread, pixel_mm)
    away = [
        dijkstra(graph, directed=False, indices=number[mark & mask], min_only=True)
        for mark in (at, kept)
    ]
    cut = np.zeros_like(mask)
    cut[mask] = away[0] < away[1]
    return pieces_at(cut | (at & mask), at)


def _graph(
    shades: npt.NDArray[np.uint8],
    mask: npt.NDArray[np.bool_],
    spread: float,
    pixel_mm: tuple[float, float],
) -> tuple[coo_array, npt.NDArray[np.int64]]:
    """The pixels of a mask with their eight neighbours, and the number of each pixel."""
    number = np.full(mask.shape, -1, dtype=np.int64)
    number[mask] = np.arange(np.count_nonzero(mask))
    light = shades.astype(np.float64) / spread
    small = min(pixel_mm)
    ends, lengths = [], []
    height, width = mask.shape
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        one = slice(0, height - down), slice(max(0, -right), width - max(0, right))
        other = slice(down, height), slice(max(0, right), width + min(0, right))
        both = mask[one] & mask[other]
        step = np.hypot(down * pixel_mm[0], right * pixel_mm[1]) / small
        ends.append(np.stack([number[one][both], number[other][both]]))
        lengths.append(step * np.hypot(1.0, (light[one] - light[other])[both]))
    (rows, columns), values = np.concatenate(ends, axis=1), np.concatenate(lengths)
    count = int(np.count_nonzero(mask))
    return coo_array((values, (rows, columns)), shape=(count, count)).tocsr(), number

"""Align: objects of one grid on the voxels of another one, where both have the same voxels.

```
same grid            axes in another order or direction       voxels are moved, none is resampled
a part of it         a DICOM SEG, a cropped .seg.nrrd         the rest of the grid is empty
anything else        another spacing, half a voxel off        refused
```
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from sam_common.errors import GeometryError, InputError
from sam_common.frame import Frame
from sam_common.window import Window
from sam_med.geometry.frame import mm
from sam_med.segmentations.objects import SegmentationFile, grid_of

if TYPE_CHECKING:
    from sam_med.geometry.volume import Volume
    from sam_med.objects.segments import Segment

GRID_TOLERANCE = 0.01
"""Part of the smallest spacing by which corners of two grids may differ, because NIfTI rounds."""
MAX_SLICES = 100_000
"""Two files that lie more slices apart than this have a damaged position."""
NDIM = 3
ADVICE = "(both have to be of the same volume, voxel on voxel)"
"""End of messages on grids that differ."""

Index: TypeAlias = "list[npt.NDArray[np.int64]]"
"""For each axis of the grid, the index on it of each index along the matching axis of a file."""


def onto_grid(file: SegmentationFile, target: Volume) -> SegmentationFile:
    """Put the objects of a file on the voxels of another grid; no voxel is resampled.

    Args:
        file: The objects on their own grid. Voxels that a sparse file leaves out are empty.
        target: The grid. Where its slices are unevenly spaced, their true positions count for a
            file that states the position of each slice, and the even affine for any other file.

    Returns:
        The file with `target` as its grid.

    Raises:
        GeometryError: The voxels of the file lie elsewhere; the message says by how much.
    """
    grid = target
    if target.origins_lps is not None and not file.exact:
        grid = dataclasses.replace(target, origins_lps=None)
    order = _order(file, grid)
    if not file.sparse and tuple(np.array(file.shape)[np.argsort(order)]) != grid.shape:
        one, two = (" x ".join(str(n) for n in shape[::-1]) for shape in (target.shape, file.shape))
        raise GeometryError(f"the grids differ: {one} and {two} voxels {ADVICE}")
    index = [_along(file, grid, axis, order[axis]) for axis in range(NDIM)]
    off = _off_mm(file, grid, index, order)
    if not off <= GRID_TOLERANCE * float(np.linalg.norm(grid.frame.array[:3, :3], axis=0).min()):
        raise GeometryError(f"the grids differ: voxels are {off:.3g} mm apart {ADVICE}")
    segments = tuple(_moved(segment, index, order) for segment in file.segments)
    if not all(grid.window.contains(segment.window) for segment in segments):
        raise GeometryError(f"the grids differ: objects of one lie beyond the other {ADVICE}")
    return dataclasses.replace(file, grid=target, segments=segments)


def common_grid(one: SegmentationFile, two: SegmentationFile) -> Volume:
    """A grid for the objects of two files.

    It is the grid of the first file that is not sparse. For two sparse files it is a grid around
    both, with the slices of the file whose slices are closer together.

    Raises:
        GeometryError: The files lie too far apart for one grid.
        InputError: Both files are sparse, and one has slices at uneven distances.
    """
    for file in (one, two):
        if not file.sparse:
            return file.grid
    for file in (one, two):
        if file.grid.origins_lps is not None:
            raise uneven(file.grid)
    base, other = sorted((one, two), key=lambda file: (file.shape[0] == 1, file.spacing_mm))
    last = np.array(other.shape) - 1
    corners = np.array(list(itertools.product((0, 1), repeat=NDIM))) * last
    ends = base.frame.to_index(other.frame.to_world(corners))
    start = np.minimum(np.rint(ends.min(axis=0)), 0).astype(int)
    stop = np.maximum(np.rint(ends.max(axis=0)).astype(int) + 1, base.shape)
    if max(stop - start) > MAX_SLICES:
        raise GeometryError(f"the grids differ: they lie {max(stop - start)} voxels apart {ADVICE}")
    matrix = base.frame.array.copy()
    matrix[:3, 3] = base.frame.to_world(start)
    k, j, i = (stop - start).tolist()
    return grid_of((k, j, i), Frame.from_array(matrix))


def _order(file: SegmentationFile, grid: Volume) -> list[int]:
    """For each axis of a file, the axis of the grid that it runs along.

    Raises:
        GeometryError: The axes are turned against each other.
    """
    steps = grid.frame.inverse_array[:3, :3] @ file.frame.array[:3, :3]
    # the slice distance of a sparse file may be any number of slices of the grid, so compare in mm
    apart = np.abs(steps) * np.array(grid.spacing_mm)[:, None]
    order = [int(n) for n in apart.argmax(axis=0)]
    if sorted(order) != [0, 1, 2]:
        raise GeometryError(f"the grids differ: their axes are turned {ADVICE}")
    return order


def _along(file: SegmentationFile, grid: Volume, axis: int, target: int) -> npt.NDArray[np.int64]:
    """For each index along an axis of a file, the index along the matching axis of the grid."""
    own = np.zeros((file.shape[axis], NDIM))
    own[:, axis] = np.arange(file.shape[axis])
    found = grid.to_index(file.grid.to_world(own))[:, target]
    return np.asarray(np.rint(np.clip(found, -MAX_SLICES, MAX_SLICES)).astype(np.int64))


def _off_mm(file: SegmentationFile, grid: Volume, index: Index, order: list[int]) -> float:
    """The largest distance in mm between corners of slices with objects and their new voxels."""
    shown = np.zeros(file.shape[0], dtype=np.bool_)
    for segment in file.segments:
        shown[segment.window.start[0] : segment.window.stop[0]] |= segment.mask.any(axis=(1, 2))
    if not shown.any() or not file.sparse:
        shown[[0, -1]] = True
    ends = [np.flatnonzero(shown), *(np.unique([0, n - 1]) for n in file.shape[1:])]
    own = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1)
    meant = np.empty(own.shape)
    for axis in range(NDIM):
        meant[..., order[axis]] = index[axis][own[..., axis]]
    apart = grid.to_world(meant) - file.grid.to_world(own)
    return float(np.linalg.norm(apart, axis=-1).max())


def _moved(segment: Segment, index: Index, order: list[int]) -> Segment:
    """A segment on the grid: its voxel n along an axis becomes voxel `index[axis][n]`."""
    if not segment.mask.any():
        return dataclasses.replace(
            segment, window=Window((0,) * NDIM, (1,) * NDIM), mask=np.zeros((1,) * NDIM, np.bool_)
        )
    axes = [int(axis) for axis in np.argsort(order)]
    mask = segment.mask.transpose(axes)
    parts = [index[a][segment.window.start[a] : segment.window.stop[a]] for a in axes]
    # a reversed axis begins at its far end
    mask = mask[tuple(slice(None, None, -1 if part[0] > part[-1] else 1) for part in parts)]
    parts = [part[::-1] if part[0] > part[-1] else part for part in parts]
    window = Window(
        tuple(int(part[0]) for part in parts), tuple(int(part[-1]) + 1 for part in parts)
    )
    if window.shape != mask.shape:
        spread = np.zeros(window.shape, dtype=np.bool_)
        spread[np.ix_(*(part - part[0] for part in parts))] = mask
        mask = spread
    return dataclasses.replace(segment, window=window, mask=np.ascontiguousarray(mask))


def uneven(grid: Volume) -> InputError:
    """The error for slices at uneven distances, on which surfaces cannot be measured."""
    normal = np.cross(grid.frame.array[:3, 1], grid.frame.array[:3, 2])
    along = (grid.origins_lps if grid.origins_lps is not None else np.zeros((2, 3))) @ normal
    gaps = np.abs(np.diff(along)) / np.linalg.norm(normal)
    seen = f"gaps of {mm(float(gaps.min()))} to {mm(float(gaps.max()))}"
    if np.ptp(gaps) <= GRID_TOLERANCE * gaps.max():
        seen = "they are shifted against each other along their planes"
    return InputError(
        f"the frames lie on no even grid: {seen} (compare label maps of the same series instead)"
    )

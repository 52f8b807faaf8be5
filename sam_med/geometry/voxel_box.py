"""Voxel boxes: windows from inclusive voxel numbers or from millimetres, and back.

```
voxel numbers, ends included     i0,j0,k0,i1,j1,k1    3,0,0,5,9,9
half-open, inside the suite      Window (k, j, i)     (0, 0, 3) .. (10, 10, 6)
millimetres, outer edges         x0,y0,z0,x1,y1,z1    of the voxels, not of their centres
```
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from sam_common.errors import PromptError
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_common.frame import FloatArray
    from sam_med.geometry.volume import Volume

Space: TypeAlias = Literal["ijk", "LPS", "RAS"]
"""Coordinates of a prompt: voxel indices (i, j, k), or mm in LPS or RAS."""

SPACES: tuple[Space, ...] = ("ijk", "LPS", "RAS")
EDGE_TOLERANCE = 0.01
"""Part of a voxel within which an edge is on the border of a voxel: files round millimetres."""
NUMBERS = 6
"""Numbers of a box: three of its low corner, three of its high corner."""


def box_from_ijk(box: Sequence[float]) -> Window:
    """The (k, j, i) window of inclusive voxel indices (i0, j0, k0, i1, j1, k1).

    Raises:
        PromptError: The box is not six whole, finite numbers, or has min > max.
    """
    check_corners("ijk", box)
    if any(not float(v).is_integer() for v in box):
        raise PromptError(f"box-ijk must be whole voxel indices, got {text_of(box)}")
    whole = [int(v) for v in box]
    # inclusive (i, j, k) to half-open (k, j, i)
    return Window(tuple(whole[2::-1]), tuple(v + 1 for v in whole[:2:-1]))


def box_from_lps(box: Sequence[float], volume: Volume, *, space: Space = "LPS") -> Window:
    """The smallest voxel window around a box (x0, y0, z0, x1, y1, z1) in LPS or RAS mm.

    The numbers are outer edges. All eight corners are enclosed, so on an oblique grid the window is
    larger than the box; see `window_around`.

    Raises:
        PromptError: The box is not six finite numbers, or has min > max.
    """
    check_corners(space.lower(), box)
    corners = np.array(list(itertools.product(*zip(box[:3], box[3:], strict=True))))
    return window_around(to_lps(corners, space), volume)


def window_around(corners_lps: npt.ArrayLike, volume: Volume) -> Window:
    """The smallest voxel window that encloses points in LPS mm.

    An edge within `EDGE_TOLERANCE` of the border of a voxel is taken to be on it.

    Args:
        corners_lps: (N, 3) mm, outer edges of what is to be enclosed.
        volume: The volume of the voxels; uneven spacing is taken into account.

    Law:
        `window_around(corners_of(w, v), v) == w` on any grid
    """
    return enclosing(volume.to_index(corners_lps))


def enclosing(index_kji: FloatArray) -> Window:
    """The smallest window that encloses fractional indices (N, 3), outer edges of voxels included.

    Raises:
        PromptError: An index is not finite, e.g. of a point 1e300 mm away.
    """
    if not np.isfinite(index_kji).all():
        raise PromptError(f"a box must be finite, got voxels {index_kji.tolist()}")
    # index 4 covers 3.5 .. 4.5, so the edges 3.5 and 5.5 enclose the indices 4 and 5
    start = [math.floor(v + 0.5 + EDGE_TOLERANCE) for v in index_kji.min(axis=0)]
    stop = [math.ceil(v + 0.5 - EDGE_TOLERANCE) for v in index_kji.max(axis=0)]
    return Window(tuple(start), tuple(max(s + 1, e) for s, e in zip(start, stop, strict=True)))


def corners_of(window: Window, volume: Volume) -> FloatArray:
    """The eight outer corners of a (k, j, i) window in LPS mm, (8, 3)."""
    edges = [
        (start - 0.5, stop - 0.5) for start, stop in zip(window.start, window.stop, strict=True)
    ]
    return volume.to_world(list(itertools.product(*edges)))


def bounds_lps(window: Window, volume: Volume) -> tuple[FloatArray, FloatArray]:
    """Smallest and largest LPS mm (x, y, z) of the outer edges of a (k, j, i) window."""
    corners = corners_of(window, volume)
    return corners.min(axis=0), corners.max(axis=0)


def to_lps(points: npt.ArrayLike, space: Space) -> FloatArray:
    """Points (..., 3) in LPS or RAS mm to LPS mm, or LPS mm to RAS mm."""
    signs = (-1.0, -1.0, 1.0) if space == "RAS" else (1.0, 1.0, 1.0)
    # 0 is added because -1 * 0 is -0, which prints and hashes as another number
    return np.asarray(np.asarray(points, dtype=np.float64) * signs + 0.0)


def window_ijk(window: Window) -> tuple[int, ...]:
    """Inclusive voxel indices (i0, j0, k0, i1, j1, k1) of a (k, j, i) window."""
    return (*window.start[::-1], *(v - 1 for v in window.stop[::-1]))


def extents(volume: Volume) -> str:
    """The index and LPS ranges of a volume as text for error messages."""
    low, high = bounds_lps(volume.window, volume)
    last_i, last_j, last_k = (n - 1 for n in volume.shape[::-1])
    return (
        f"the volume has i 0 to {last_i}, j 0 to {last_j}, k 0 to {last_k} "
        f"(LPS mm x {low[0]:.1f} to {high[0]:.1f}, y {low[1]:.1f} to {high[1]:.1f}, "
        f"z {low[2]:.1f} to {high[2]:.1f})"
    )


def check_corners(kind: str, box: Sequence[float]) -> None:
    """Raise `PromptError` unless a box is six finite numbers with min <= max."""
    if len(box) != NUMBERS:
        raise PromptError(f"box-{kind} must be six numbers, got {len(box)}")
    if not all(math.isfinite(v) for v in box):
        raise PromptError(f"box-{kind} must be finite, got {text_of(box)}")
    if any(low > high for low, high in zip(box[:3], box[3:], strict=True)):
        order = "i0,j0,k0,i1,j1,k1" if kind == "ijk" else "x0,y0,z0,x1,y1,z1"
        raise PromptError(f"box-{kind} must have min <= max as {order}, got {text_of(box)}")


def text_of(box: Sequence[float]) -> str:
    """Numbers separated by commas, as in the options of the command line."""
    return ",".join(f"{v:.12g}" if math.isfinite(v) else str(v) for v in box)

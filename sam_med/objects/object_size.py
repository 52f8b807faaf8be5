"""Object size: the volume of a mask in millilitres, computed here and nowhere else.

The height of a voxel is that of its slice, which reaches half way to the neighbouring slices. Where
slices are evenly spaced, a voxel so measured has the volume of a voxel of the grid, also of a
sheared grid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_common.frame import FloatArray
    from sam_common.window import Window
    from sam_med.geometry.volume import Volume

MM3_PER_ML = 1000.0


def slice_thickness_mm(volume: Volume) -> FloatArray:
    """The height of each slice along the slice normal: half way to the neighbour on either side.

    The outermost slices reach as far outwards as inwards. Evenly spaced slices are as high as they
    are apart.

    Returns:
        (slices,) heights in mm.
    """
    normal = np.cross(volume.frame.array[:3, 1], volume.frame.array[:3, 2])
    normal /= np.linalg.norm(normal)
    if volume.origins_lps is None:
        return np.full(volume.shape[0], abs(float(normal @ volume.frame.array[:3, 0])))
    gaps = np.abs(np.diff(volume.origins_lps @ normal))
    return np.asarray((np.concatenate([gaps[:1], gaps]) + np.concatenate([gaps, gaps[-1:]])) / 2)


def volume_ml(volume: Volume, window: Window, mask: npt.NDArray[np.bool_]) -> float:
    """The volume of a mask in millilitres, not rounded: a voxel of micro-CT has some 1e-10 ml.

    Args:
        volume: The volume that the mask belongs to; the true distances of its slices count.
        window: (k, j, i) part of the volume that the mask covers.
        mask: Array of `window.shape`.
    """
    counts = np.count_nonzero(mask, axis=(1, 2))
    in_plane = np.cross(volume.frame.array[:3, 1], volume.frame.array[:3, 2])
    heights = slice_thickness_mm(volume)[window.slices[0]]
    return float(counts @ heights) * float(np.linalg.norm(in_plane)) / MM3_PER_ML

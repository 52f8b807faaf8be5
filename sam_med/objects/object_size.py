"""Object size: how many millilitres a mask has. The one place where volumes are computed.

A voxel is as high as its slice, which reaches half way to its neighbours: where slices are evenly
spaced that is the volume of a voxel of the grid, sheared ones included.
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
    """The part of the normal that each slice stands for: half way to its neighbours.

    The outermost slices reach as far out as in.

    Returns:
        (slices,) mm; the distance of slices everywhere where they are even.
    """
    normal = np.cross(volume.frame.array[:3, 1], volume.frame.array[:3, 2])
    normal /= np.linalg.norm(normal)
    if volume.origins_lps is None:
        return np.full(volume.shape[0], abs(float(normal @ volume.frame.array[:3, 0])))
    gaps = np.abs(np.diff(volume.origins_lps @ normal))
    return np.asarray((np.concatenate([gaps[:1], gaps]) + np.concatenate([gaps, gaps[-1:]])) / 2)


def volume_ml(volume: Volume, window: Window, mask: npt.NDArray[np.bool_]) -> float:
    """Millilitres of a mask, not rounded: voxels of micro-CT have a ten-billionth of one.

    Args:
        volume: Where it is; the true distances of slices count.
        window: (k, j, i) part of the volume that the mask covers.
        mask: Array of `window.shape`.
    """
    counts = np.count_nonzero(mask, axis=(1, 2))
    in_plane = np.cross(volume.frame.array[:3, 1], volume.frame.array[:3, 2])
    heights = slice_thickness_mm(volume)[window.slices[0]]
    return float(counts @ heights) * float(np.linalg.norm(in_plane)) / MM3_PER_ML

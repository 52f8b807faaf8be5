"""Affine geotransforms and frames: GDAL's half pixel is converted here and nowhere else.

GDAL's geotransform maps pixel corners: `(col, row) = (0, 0)` is the outer corner of the first
pixel. The suite's index is the pixel centre (decision 0001), so the same place is index
`(-0.5, -0.5)`:

```
corner   0     1     2     3         rasterio's Affine, vector files, Pascal VOC, CSV
         |  0  |  1  |  2  |         index: what arrays, prompts and masks are given in
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from affine import Affine

from sam_common.errors import GeometryError
from sam_common.frame import Frame

if TYPE_CHECKING:
    import numpy.typing as npt


def frame_from_affine(transform: Affine) -> Frame:
    """The frame of a raster: index (row, col) of a pixel centre to world (x, y).

    Laws, for any invertible transform, rotated, sheared and south-up ones included:
        `frame.to_world((row, col)) == rasterio.transform.xy(transform, row, col)`
        `affine_from_frame(frame_from_affine(t)) == t` (to rounding)

    Raises:
        GeometryError: The transform is singular or not finite.
    """
    a, b, c, d, e, f = tuple(transform)[:6]
    return Frame.from_array(
        [
            [b, a, c + (a + b) / 2],
            [e, d, f + (d + e) / 2],
            [0, 0, 1],
        ]
    )


def affine_from_frame(frame: Frame) -> Affine:
    """The geotransform (a, b, c, d, e, f) of a 2-D frame, as rasterio and GDAL drivers take it.

    Raises:
        GeometryError: The frame is not two-dimensional.
    """
    if frame.ndim != 2:  # noqa: PLR2004
        raise GeometryError(f"a raster frame has 2 axes, got {frame.ndim}")
    (b, a, x), (e, d, y) = frame.array[:2].tolist()
    return Affine(a, b, x - (a + b) / 2, d, e, y - (d + e) / 2)


PIXELS = frame_from_affine(Affine.identity())
"""The frame of an image without a geotransform: world (x, y) is (col, row) of pixel corners."""


def corners_to_index(corners_xy: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Pixel-corner coordinates (..., 2), x before y, to index coordinates, x before y.

    >>> corners_to_index([(0.0, 0.0), (203.0, 67.0)]).tolist()
    [[-0.5, -0.5], [202.5, 66.5]]
    """
    return PIXELS.to_index(corners_xy)[..., ::-1]


def index_to_corners(index_xy: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Index coordinates (..., 2), x before y, to pixel-corner coordinates, x before y."""
    return PIXELS.to_world(np.asarray(index_xy, dtype=np.float64)[..., ::-1])


def corners_to_world(corners_xy: npt.ArrayLike, frame: Frame) -> npt.NDArray[np.float64]:
    """Pixel-corner coordinates (..., 2), x before y, to world (x, y)."""
    return frame.to_world(PIXELS.to_index(corners_xy))


def world_to_corners(world_xy: npt.ArrayLike, frame: Frame) -> npt.NDArray[np.float64]:
    """World (x, y) to pixel-corner coordinates (..., 2), x before y."""
    return PIXELS.to_world(frame.to_index(world_xy))

"""Frames of rasters: GDAL's geotransforms and pixel corners to and from the indices of pixels.

GDAL's geotransform maps pixel corners: `(col, row) = (0, 0)` is the outer corner of the first
pixel. An index of this suite is a pixel centre (decision 0001), so the same place is index
`(-0.5, -0.5)`. The half pixel between the two is converted in this file only:

```
corner   0     1     2     3         rasterio's Affine, vector files, Pascal VOC, CSV
         |  0  |  1  |  2  |         index: what arrays, prompts and masks are given in
```
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from affine import Affine

from sam_common.errors import GeometryError
from sam_common.frame import Frame

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_geo.raster.header import Header


def frame_from_affine(transform: Affine) -> Frame:
    """Make the frame of a geotransform: index (row, col) of a pixel centre to world (x, y).

    Laws for any invertible transform, rotated, sheared and south-up ones included:
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
    """Make the geotransform (a, b, c, d, e, f) of a two-dimensional frame, as rasterio takes it.

    Raises:
        GeometryError: The frame is not two-dimensional.
    """
    if frame.ndim != 2:  # noqa: PLR2004
        raise GeometryError(f"a raster frame has 2 axes, got {frame.ndim}")
    (b, a, x), (e, d, y) = frame.array[:2].tolist()
    return Affine(a, b, x - (a + b) / 2, d, e, y - (d + e) / 2)


PIXELS = frame_from_affine(Affine.identity())
"""The frame of an image without a geotransform: world (x, y) is (col, row) of pixel corners."""


def frame_of_raster(header: Header, name: str) -> Frame:
    """Make the frame of a raster from its header.

    Args:
        header: The raster's metadata.
        name: The raster's path as messages show it.

    Raises:
        GeometryError: The raster is placed by ground control points, by rational polynomials or by
            arrays of coordinates, or its geotransform is singular.
    """
    if header.transform.is_identity:
        if header.gcps:
            crs = header.gcps_crs or header.crs or "EPSG:4326"
            raise _warp_first(name, f"{header.gcps} ground control points", f"-t_srs {crs}")
        if header.has_rpcs:
            raise _warp_first(name, "rational polynomials (RPC)", "-rpc")
        if header.has_geolocation:
            raise _warp_first(name, "arrays of coordinates", "-geoloc")
    return frame_from_affine(header.transform)


def _warp_first(name: str, placed_by: str, option: str) -> GeometryError:
    """Word the error of a raster that `gdalwarp` has to put on a regular grid first."""
    warped = shlex.quote(Path(name).with_suffix(".warped.tif").name)
    return GeometryError(
        f"{name} is placed by {placed_by}, not by a geotransform; warp it first: "
        f"gdalwarp {option} {shlex.quote(name)} {warped}"
    )


def raster_bounds(transform: Affine, size_hw: tuple[int, int]) -> tuple[float, float, float, float]:
    """Compute left, bottom, right, top of a raster; of a rotated one the box around it."""
    a, b, c, d, e, f = list(transform)[:6]
    height, width = size_hw
    if b == 0 and d == 0:
        return c, f + e * height, c + a * width, f
    xs = [c + a * col + b * row for col in (0, width) for row in (0, height)]
    ys = [f + d * col + e * row for col in (0, width) for row in (0, height)]
    return min(xs), min(ys), max(xs), max(ys)


def corners_to_index(corners_xy: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Turn pixel-corner coordinates (..., 2), x before y, into indices (x, y).

    >>> corners_to_index([(0.0, 0.0), (203.0, 67.0)]).tolist()
    [[-0.5, -0.5], [202.5, 66.5]]
    """
    return PIXELS.to_index(corners_xy)[..., ::-1]


def index_to_corners(index_xy: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Turn indices (..., 2), x before y, into pixel-corner coordinates (x, y)."""
    return PIXELS.to_world(np.asarray(index_xy, dtype=np.float64)[..., ::-1])


def corners_to_world(corners_xy: npt.ArrayLike, frame: Frame) -> npt.NDArray[np.float64]:
    """Turn pixel-corner coordinates (..., 2), x before y, into world coordinates (x, y)."""
    return frame.to_world(PIXELS.to_index(corners_xy))


def world_to_corners(world_xy: npt.ArrayLike, frame: Frame) -> npt.NDArray[np.float64]:
    """Turn world coordinates (..., 2), x before y, into pixel-corner coordinates (x, y)."""
    return PIXELS.to_world(frame.to_index(world_xy))

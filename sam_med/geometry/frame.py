"""Frames of volumes: index (k, j, i) of a voxel centre to LPS mm, from and to other conventions.

Inside the suite a volume has one `Frame`, from array order (slice k, row j, column i) to patient
coordinates in **LPS mm** (x to the Left, y to the Posterior, z to the Superior). The index orders
and signs of file formats and libraries are converted here and nowhere else:

```
                      index order   world   matrix
inside                (k, j, i)     LPS     columns k, j, i
SimpleITK             (i, j, k)     LPS     origin, spacing, direction (row-major 3 x 3)
NIfTI, nibabel        (i, j, k)     RAS     R = -L, A = -P, S = S
DICOM                 (column, row, slice) LPS   position, orientation, pixel spacing
```
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sam_common.errors import GeometryError
from sam_common.frame import FloatArray, Frame

if TYPE_CHECKING:
    from collections.abc import Sequence

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""(4, 4) matrix from RAS to LPS coordinates, which is its own inverse."""
ORTHOGONAL_TOLERANCE = 1e-4
"""Largest cosine between perpendicular axes; the limit of ITK's NIfTI reader."""
PLACE_MM = 0.01
"""Distance below which two positions are the same, for usual voxels; see `tolerance_mm`."""
SMALL_MM = 0.1
"""Length below which messages give three significant digits."""


def from_itk(
    origin: Sequence[float], spacing: Sequence[float], direction: Sequence[float]
) -> Frame:
    """The frame of a SimpleITK image.

    Args:
        origin: LPS mm of voxel (0, 0, 0).
        spacing: mm along (i, j, k).
        direction: 9 cosines, row-major; the columns are the directions of i, j and k.

    Law:
        `from_itk(*to_itk(f)) == f` (to rounding)
    """
    columns = np.asarray(direction, dtype=np.float64).reshape(3, 3) * np.asarray(spacing)
    return _from_columns(columns, origin)


def to_itk(
    frame: Frame,
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Origin (LPS mm), spacing (mm) and direction (9 cosines) for SimpleITK; see `from_itk`."""
    columns = frame.array[:3, 2::-1]
    spacing = np.linalg.norm(columns, axis=0)
    direction = columns / spacing
    return (
        tuple(frame.array[:3, 3].tolist()),
        tuple(spacing.tolist()),
        tuple(direction.ravel().tolist()),
    )


def from_ras_affine(affine: npt.ArrayLike) -> Frame:
    """The frame of a (4, 4) NIfTI affine, (i, j, k) to RAS mm, as nibabel gives it.

    Law:
        `from_ras_affine(to_ras_affine(f)) == f`
    """
    lps = LPS_FROM_RAS @ np.asarray(affine, dtype=np.float64)
    return _from_columns(lps[:3, :3], lps[:3, 3])


def to_ras_affine(frame: Frame) -> FloatArray:
    """The (4, 4) NIfTI affine, (i, j, k) to RAS mm."""
    affine = frame.array.copy()
    affine[:3, :3] = frame.array[:3, 2::-1]
    return np.asarray(LPS_FROM_RAS @ affine)


def from_dicom(
    position: Sequence[float],
    orientation: Sequence[float],
    pixel_spacing: Sequence[float],
    step: Sequence[float],
) -> Frame:
    """The frame of a stack of DICOM slices (PS3.3, C.7.6.2.1.1).

    Args:
        position: ImagePositionPatient of the first slice, LPS mm.
        orientation: ImageOrientationPatient: the direction in which the column index grows, then
            the direction in which the row index grows.
        pixel_spacing: PixelSpacing: mm between rows, then mm between columns.
        step: LPS mm from one slice to the next, (last - first) / (slices - 1).
    """
    between_rows, between_columns = pixel_spacing
    along_i = np.asarray(orientation[:3], dtype=np.float64) * between_columns
    along_j = np.asarray(orientation[3:], dtype=np.float64) * between_rows
    columns = np.stack([along_i, along_j, np.asarray(step, dtype=np.float64)], axis=1)
    return _from_columns(columns, position)


def stack_to_world(frame: Frame, origins_lps: FloatArray, index_kji: npt.ArrayLike) -> FloatArray:
    """Indices (..., 3) in a stack of unevenly spaced parallel slices to LPS mm (..., 3).

    Between two slices the position is interpolated linearly; beyond the ends of the stack, the step
    of the two outermost slices is continued.

    Args:
        frame: The even grid nearest to the slices; its columns for j and i hold for every slice.
        origins_lps: (slices, 3) LPS mm of voxel (k, 0, 0).
        index_kji: (k, j, i), fractional or beyond the stack.
    """
    index = np.asarray(index_kji, dtype=np.float64)
    low = np.clip(np.floor(index[..., 0]).astype(np.int64), 0, len(origins_lps) - 2)
    part = (index[..., 0] - low)[..., None]
    origin = origins_lps[low] + part * (origins_lps[low + 1] - origins_lps[low])
    return np.asarray(origin + index[..., 1:] @ frame.array[:3, 1:3].T)


def stack_to_index(frame: Frame, origins_lps: FloatArray, lps: npt.ArrayLike) -> FloatArray:
    """LPS mm (..., 3) to fractional indices (k, j, i); the inverse of `stack_to_world`."""
    world = np.asarray(lps, dtype=np.float64)
    in_plane = frame.array[:3, 1:3]
    normal = np.cross(in_plane[:, 0], in_plane[:, 1])
    along, places = world @ normal, origins_lps @ normal
    if places[-1] < places[0]:
        along, places = -along, -places
    low = np.clip(np.searchsorted(places, along, side="right") - 1, 0, len(places) - 2)
    part = (along - places[low]) / (places[low + 1] - places[low])
    origin = origins_lps[low] + part[..., None] * (origins_lps[low + 1] - origins_lps[low])
    rows_cols = (world - origin) @ np.linalg.pinv(in_plane).T
    return np.concatenate([(low + part)[..., None], rows_cols], axis=-1)


def check_origins(origins_lps: FloatArray, slices: int, frame: Frame) -> None:
    """Raise `GeometryError` unless each slice has a finite origin, sorted along the normal."""
    if origins_lps.shape != (slices, 3) or slices < 2 or not np.isfinite(origins_lps).all():  # noqa: PLR2004
        raise GeometryError(
            f"uneven slices need one finite LPS origin each and at least 2 slices, got "
            f"{origins_lps.shape} for {slices} slices"
        )
    normal = np.cross(frame.array[:3, 1], frame.array[:3, 2])
    steps = np.diff(origins_lps @ normal)
    if not ((steps > 0).all() or (steps < 0).all()):
        raise GeometryError(f"slices must be sorted along their normal, got steps {steps.tolist()}")


def with_scaled_world(frame: Frame, factors: Sequence[float]) -> Frame:
    """The frame with world axis n multiplied by factor n, e.g. -1 to swap sides, or mm per unit."""
    return Frame.from_array(np.diag([*factors, 1.0]) @ frame.array)


def is_orthogonal(frame: Frame) -> bool:
    """Whether the voxel axes are perpendicular, so that qform, MetaImage and ITK can hold them."""
    return _largest_cosine(frame) <= ORTHOGONAL_TOLERANCE


def shear_degrees(frame: Frame) -> float:
    """Largest deviation of two voxel axes from a right angle, in degrees."""
    return math.degrees(math.asin(min(1.0, _largest_cosine(frame))))


def _largest_cosine(frame: Frame) -> float:
    """Largest cosine between two voxel axes."""
    axes = frame.array[:3, :3] / np.linalg.norm(frame.array[:3, :3], axis=0)
    return float(np.abs(axes.T @ axes - np.eye(3)).max())


def spacing_mm(frame: Frame) -> tuple[float, float, float]:
    """Distance of neighbouring voxels along (k, j, i) in mm."""
    k, j, i = np.linalg.norm(frame.array[:3, :3], axis=0).tolist()
    return k, j, i


def tolerance_mm(spacing_mm: float) -> float:
    """Largest difference of two positions that are the same but for the rounding of files.

    It is 0.01 mm, or a hundredth of a voxel where that is more. For voxels below 0.1 mm, as in
    micro-CT, it is a tenth of a voxel.

    >>> tolerance_mm(2.0), tolerance_mm(0.5), tolerance_mm(0.005)
    (0.02, 0.01, 0.0005)
    """
    return max(min(PLACE_MM, 0.1 * spacing_mm), 0.01 * spacing_mm)


def mm(length_mm: float) -> str:
    """A length as text: with three decimals, or three significant digits below 0.1 mm.

    >>> mm(5.0), mm(0.0004921)
    ('5.000 mm', '0.000492 mm')
    """
    small = 0 < abs(length_mm) < SMALL_MM
    return f"{length_mm:.3g} mm" if small else f"{length_mm:.3f} mm"


def voxel_volume_mm3(frame: Frame) -> float:
    """Volume of one voxel in mm3, on oblique and sheared grids too."""
    return float(abs(np.linalg.det(frame.array[:3, :3])))


def _from_columns(columns_ijk: npt.ArrayLike, origin: npt.ArrayLike) -> Frame:
    """The frame whose steps along i, j and k are the columns of a (3, 3) matrix in LPS mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.asarray(columns_ijk, dtype=np.float64)[:, ::-1]
    matrix[:3, 3] = np.asarray(origin, dtype=np.float64)
    if not np.isfinite(matrix).all() or not np.linalg.norm(matrix[:3, :3], axis=0).all():
        raise GeometryError(
            f"voxel axes must be finite and longer than 0 mm, got {matrix[:3].tolist()}"
        )
    return Frame.from_array(matrix)

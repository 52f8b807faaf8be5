"""NIfTI, read through nibabel, with any affine, sheared ones included.

A file may hold two affines. The sform is used where it is set, else the qform; a conflict of them
is reported. Where neither is set, only the voxel sizes are used (NIfTI's method 1).

```
scan.nii, scan.nii.gz            header and voxels in one file
scan.hdr + scan.img (.gz)        header and voxels in two files, of which either may be given
```
"""

from __future__ import annotations

import itertools
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
from nibabel.nifti1 import Nifti1Pair, unit_codes

from sam_common.errors import InputError
from sam_med.files.nibabel_image import readable, shape_of, voxels_of
from sam_med.geometry import frame as frames
from sam_med.geometry.anatomical_plane import check_frame
from sam_med.geometry.diagnostics import Diagnostic, found
from sam_med.geometry.units import in_millimetres, millimetres
from sam_med.geometry.volume import NDIM, Volume

if TYPE_CHECKING:
    from pathlib import Path

    from sam_common.frame import FloatArray, Frame

WHAT = "NIfTI"
CONFLICT_MM = 0.01
"""Largest distance of corners of two affines that agree: the quaternion of a qform is rounded."""
CONFLICT_VOXELS = 0.5
"""Largest distance as a part of the smallest voxel, if that is less, as in micro-CT."""
ROUNDING = 4 * float(np.finfo(np.float32).eps)
"""Relative rounding error of the float32 coordinates in the header."""
SPATIAL_CODES = 8
"""`xyzt_units` modulo this number is the code of the unit of length."""


def read_nifti(path: Path, *, time: int | None = None) -> Volume:
    """Read a NIfTI-1 or NIfTI-2 file as it is stored.

    Args:
        path: `.nii` or `.nii.gz`, or either file of a pair `.hdr` and `.img`.
        time: Number of the time point of a 4-D file, from 1.

    Raises:
        InputError: The file is damaged, cut off or not three-dimensional, has several numbers per
            voxel, or is Analyze 7.5, which does not state where the voxels are.
        RefusedError: The file is 4-D, and no time point is chosen.
    """
    with readable(WHAT, path):
        # without mmap: a mapped file that vanishes from a network drive would kill the process
        image: Any = nibabel.load(path, mmap=False)
        if not isinstance(image, Nifti1Pair):
            raise InputError(
                "the file is Analyze 7.5, which does not say which side is left: convert it to "
                "NIfTI with the program that made it, or one that knows how it was made"
            )
        shape, told = shape_of(image, time, WHAT)
        frame, about_frame = _frame(image, shape)
        array = voxels_of(image, time if len(image.shape) > NDIM else None)
    told = [*told, *about_frame, *check_frame(frame)]
    return Volume(
        array=array,
        frame=frame,
        source=path,
        files=tuple(dict.fromkeys(type(path)(f.filename) for f in image.file_map.values())),
        header=MappingProxyType(
            {code: str(int(image.header[code])) for code in ("sform_code", "qform_code")}
        ),
        notes=tuple(d.line for d in told),
        diagnostics=tuple(told),
    )


def _frame(image: Any, shape: tuple[int, ...]) -> tuple[Frame, list[Diagnostic]]:
    """The frame of an image of size (i, j, k), and diagnostics about its affines and units."""
    sform, _ = image.get_sform(coded=True)
    qform, _ = image.get_qform(coded=True)
    unit = _unit(image)
    told: list[Diagnostic] = []
    if sform is None and qform is None:
        affine = np.diag([*(float(v) or 1.0 for v in image.header.get_zooms()[:NDIM]), 1.0])
        told = [found("no-affine", "neither sform nor qform is set")]
    else:
        affine = np.asarray(qform if sform is None else sform, dtype=np.float64)
    if sform is not None and qform is not None:
        forms = np.asarray(sform, dtype=np.float64), np.asarray(qform, dtype=np.float64)
        told += _conflict(*forms, shape, millimetres(unit) or 1.0)
    if not unit:
        told.append(found("no-units", "the unit of lengths is not stated"))
    frame, about_units = in_millimetres(frames.from_ras_affine(affine), (unit,) if unit else ())
    return frame, [*told, *about_units]


def _unit(image: Any) -> str:
    """Name of the unit of length; "" where the header states none."""
    code = int(image.header["xyzt_units"]) % SPATIAL_CODES
    if code not in unit_codes.label:
        return f"code {code}"
    return "" if code == 0 else str(unit_codes.label[code])


def _conflict(
    sform: FloatArray, qform: FloatArray, shape: tuple[int, ...], unit_mm: float
) -> list[Diagnostic]:
    """The diagnostic of two affines, in units of `unit_mm`, that place a corner differently."""
    ends = [(0, n - 1) for n in shape]
    corners = np.array([(*corner, 1) for corner in itertools.product(*ends)], dtype=np.float64)
    apart = np.linalg.norm((corners @ (sform - qform).T)[:, :3], axis=1)
    worst = float(apart.max())
    voxel = float(np.linalg.norm(sform[:3, :3], axis=0).min())
    rounding = ROUNDING * float(np.abs(corners @ sform.T).max())
    if worst <= max(min(CONFLICT_MM / unit_mm, CONFLICT_VOXELS * voxel), rounding):
        return []
    worst_mm = worst * unit_mm
    message = f"sform and qform place a corner of the volume {frames.mm(worst_mm)} apart"
    return [found("affine-conflict", message, worst_mm=worst_mm)]

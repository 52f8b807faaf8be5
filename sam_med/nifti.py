"""NIfTI through nibabel: any affine as it is, sheared ones included.

A file may hold two affines. The sform is taken where it is set, else the qform, and a conflict is
reported with its largest distance; where neither is set, the voxel sizes alone (NIfTI's method 1).
"""

from __future__ import annotations

import itertools
import zlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
import numpy.typing as npt
from nibabel.arrayproxy import ArrayProxy
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from sam_common.errors import InputError
from sam_med import frame as frames
from sam_med.axes import check_frame
from sam_med.diagnostics import Diagnostic, found
from sam_med.rescale import settle
from sam_med.time_points import choose_time
from sam_med.volume import NDIM, Volume

if TYPE_CHECKING:
    from pathlib import Path

    from sam_common.frame import FloatArray

CONFLICT_MM = 0.01
"""The qform's quaternion is rounded: affines nearer than this at every corner agree."""
MILLIMETRES = {"meter": 1000.0, "micron": 0.001}
"""Of spatial units that are not mm; unknown ones are taken as mm."""
TIME_NDIM = 4
DAMAGE = (
    ArithmeticError,
    HeaderDataError,
    ImageFileError,
    LookupError,
    MemoryError,
    TypeError,
    ValueError,
)
"""What nibabel raises on headers that make no sense."""


def read_nifti(path: Path, *, time: int | None = None) -> Volume:
    """Read a NIfTI-1 or NIfTI-2 file as it is stored.

    Args:
        path: `.nii` or `.nii.gz`.
        time: Number of the time point of a 4-D file, from 1.

    Raises:
        InputError: Not readable, cut off, not three-dimensional, or more than one number a voxel.
        RefusedError: 4-D, and no time point chosen.
    """
    try:
        # mmap: a file of a network drive may vanish under a map, which would kill the process
        image: Any = nibabel.load(path, mmap=False)
        shape, told = _shape(image, time)
        affine, about_affine = _affine(image, shape)
        array = _voxels(image, time if len(image.shape) > NDIM else None)
    except DAMAGE as error:
        raise InputError(f"cannot read the NIfTI file: {_first_line(error, path)}") from None
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(
            f"truncated-pixels: the NIfTI file is damaged or ends early: "
            f"{_first_line(error, path)} (have it copied again)"
        ) from None
    frame = frames.from_ras_affine(affine)
    told = [*told, *about_affine, *check_frame(frame)]
    return Volume(
        array=array,
        frame=frame,
        source=path,
        files=(path,),
        header=MappingProxyType(
            {code: str(int(image.header[code])) for code in ("sform_code", "qform_code")}
        ),
        notes=tuple(d.line for d in told),
        diagnostics=tuple(told),
    )


def _shape(image: Any, time: int | None) -> tuple[tuple[int, ...], list[Diagnostic]]:
    """(i, j, k) of the volume to be read.

    Raises:
        InputError: Not a volume of real numbers.
        RefusedError: 4-D, and no time point chosen.
    """
    dtype = image.get_data_dtype()
    if dtype.kind not in "iuf":
        raise InputError(
            f"the NIfTI file holds {_type_name(dtype)}: a volume needs one real number per voxel"
        )
    shape = tuple(int(n) for n in image.shape)
    while len(shape) > NDIM and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) not in {NDIM, TIME_NDIM}:
        raise InputError(f"the NIfTI file has {len(shape)} dimensions, {shape}: a volume needs 3")
    times = shape[NDIM] if len(shape) == TIME_NDIM else 1
    return shape[:NDIM], choose_time(times, time)


def _voxels(image: Any, time: int | None) -> npt.NDArray[Any]:
    """(k, j, i); only one time point is held."""
    proxy = image.dataobj
    shape = tuple(int(n) for n in proxy.shape)
    # a proxy without scale gives the stored type; nibabel's own would give float64
    plain = ArrayProxy(
        proxy.file_like, (shape, proxy.dtype, proxy.offset, 1.0, 0.0), mmap=False, order="F"
    )
    several = len(shape) > NDIM and np.prod(shape[NDIM:]) > 1
    stored = np.asarray(plain[..., (time or 1) - 1] if several else plain)
    kji = stored.reshape(shape[:NDIM], order="F").T
    return settle(kji, float(proxy.slope), float(proxy.inter))


def _affine(image: Any, shape: tuple[int, ...]) -> tuple[FloatArray, list[Diagnostic]]:
    """The affine to be used, (i, j, k) to RAS mm, and what is unusual about it."""
    sform, _ = image.get_sform(coded=True)
    qform, _ = image.get_qform(coded=True)
    told: list[Diagnostic] = []
    if sform is None and qform is None:
        affine = np.diag([*(float(v) or 1.0 for v in image.header.get_zooms()[:NDIM]), 1.0])
        told = [found("no-affine", "neither sform nor qform is set")]
    else:
        affine = np.asarray(qform if sform is None else sform, dtype=np.float64)
    if sform is not None and qform is not None:
        told += _conflict(np.asarray(sform), np.asarray(qform), shape)
    unit = image.header.get_xyzt_units()[0]
    if scale := MILLIMETRES.get(unit):
        affine = np.diag([scale, scale, scale, 1.0]) @ affine
        told.append(found("scaled-units", f"lengths are in {unit}s", unit=unit))
    return affine, told


def _conflict(sform: FloatArray, qform: FloatArray, shape: tuple[int, ...]) -> list[Diagnostic]:
    ends = [(0, n - 1) for n in shape]
    corners = np.array([(*corner, 1) for corner in itertools.product(*ends)], dtype=np.float64)
    apart = np.linalg.norm((corners @ (sform - qform).T)[:, :3], axis=1)
    worst = float(apart.max())
    if worst <= CONFLICT_MM:
        return []
    message = f"sform and qform place a corner of the volume {worst:.3f} mm apart"
    return [found("affine-conflict", message, worst_mm=worst)]


def _type_name(dtype: np.dtype[Any]) -> str:
    return "colours" if dtype.names else str(dtype)


def _first_line(error: Exception, path: Path) -> str:
    """What a library says, without the path."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return text.replace(str(path), "the file").replace(path.name, "the file")

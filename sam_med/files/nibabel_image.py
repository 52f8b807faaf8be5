"""Images opened by nibabel: their size, their voxels, and errors of damaged files."""

from __future__ import annotations

import gzip
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from nibabel.arrayproxy import ArrayProxy
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from sam_common.errors import InputError
from sam_med.geometry.rescale import volume_values
from sam_med.geometry.time_points import TIME_NDIM, check_dimensions, time_diagnostics
from sam_med.geometry.volume import NDIM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sam_med.geometry.diagnostics import Diagnostic

REST_BYTES = 2**20
"""Number of bytes after the voxels that are read to reach the checksum of a compressed file."""
MOST_BYTES = 2**43
"""Largest size of the voxels (8 TiB); a header that states more is damaged."""
DAMAGE = (
    ArithmeticError,
    HeaderDataError,
    ImageFileError,
    LookupError,
    TypeError,
    ValueError,
)
"""Exceptions of nibabel on damaged headers."""


@contextmanager
def readable(what: str, path: Path) -> Iterator[None]:
    """While the block runs, exceptions of nibabel on a damaged file become `InputError`.

    Args:
        what: Name of the format for messages, e.g. "NIfTI".
        path: The file, whose name is removed from messages.
    """
    try:
        yield
    except InputError:
        raise
    except MemoryError:
        raise InputError(
            f"cannot read the {what} file: its voxels do not fit into memory (is its header "
            "damaged? else use a machine with more memory)"
        ) from None
    except DAMAGE as error:
        raise InputError(f"cannot read the {what} file: {_first_line(error, path)}") from None
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(
            f"truncated-pixels: the {what} file is damaged or ends early: "
            f"{_first_line(error, path)} (have it copied again)"
        ) from None


def shape_of(image: Any, time: int | None, what: str) -> tuple[tuple[int, ...], list[Diagnostic]]:
    """Size (i, j, k) of the volume in an image, and diagnostics about the choice of a time point.

    Raises:
        InputError: The image is no volume of real numbers, or its size is impossible.
        RefusedError: The image is 4-D, and no time point is chosen.
    """
    dtype = image.get_data_dtype()
    if dtype.kind not in "iuf":
        raise InputError(
            f"the {what} file holds {_type_name(dtype)}: a volume needs one real number per voxel"
        )
    shape = tuple(int(n) for n in image.shape)
    while len(shape) > NDIM and shape[-1] == 1:
        shape = shape[:-1]
    check_dimensions(shape, f"the {what} file")
    if min(shape) < 1 or np.prod(shape, dtype=np.float64) * dtype.itemsize > MOST_BYTES:
        raise InputError(f"the {what} file says that it has {shape} voxels: its header is damaged")
    times = shape[NDIM] if len(shape) == TIME_NDIM else 1
    return shape[:NDIM], time_diagnostics(times, time)


def voxels_of(image: Any, time: int | None) -> npt.NDArray[Any]:
    """Read the voxels (k, j, i) of one time point, rescaled.

    A compressed file is read up to its checksum, unless other time points follow.
    """
    source = image.dataobj.file_like
    packed = isinstance(source, str) and source.lower().endswith(".gz")
    if not packed:
        return _voxels_in(source, image.dataobj, time)
    with gzip.open(source) as file:
        found = _voxels_in(file, image.dataobj, time)
        file.read(REST_BYTES)
    return found


def _voxels_in(source: Any, proxy: Any, time: int | None) -> npt.NDArray[Any]:
    """Read the voxels that a proxy of nibabel describes, from a path or an open file."""
    shape = tuple(int(n) for n in proxy.shape)
    # a proxy without a scale returns the stored type, where the given one would return float64
    plain = ArrayProxy(source, (shape, proxy.dtype, proxy.offset, 1.0, 0.0), mmap=False, order="F")
    several = len(shape) > NDIM and np.prod(shape[NDIM:]) > 1
    stored = np.asarray(plain[..., (time or 1) - 1] if several else plain)
    kji = stored.reshape(shape[:NDIM], order="F").T
    return volume_values(kji, float(proxy.slope), float(proxy.inter))


def _type_name(dtype: np.dtype[Any]) -> str:
    """Name of a type of voxels for messages."""
    return "colours" if dtype.names else str(dtype)


def _first_line(error: Exception, path: Path) -> str:
    """The first line of an exception's message, without the path."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return text.replace(str(path), "the file").replace(path.name, "the file")

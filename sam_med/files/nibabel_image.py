"""Images that nibabel opens: size, voxels and what damaged files raise, whatever the format."""

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
from sam_med.geometry.rescale import settle
from sam_med.geometry.time_points import choose_time
from sam_med.geometry.volume import NDIM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sam_med.geometry.diagnostics import Diagnostic

TIME_NDIM = 4
REST_BYTES = 2**20
"""What may follow the voxels in a packed file, at most, to be looked at."""
MOST_BYTES = 2**43
"""A header that promises more voxels than this (8 TiB) is damaged."""
DAMAGE = (
    ArithmeticError,
    HeaderDataError,
    ImageFileError,
    LookupError,
    TypeError,
    ValueError,
)
"""What nibabel raises on headers that make no sense."""


@contextmanager
def readable(what: str, path: Path) -> Iterator[None]:
    """While the block runs, what nibabel raises on a damaged file becomes an `InputError`.

    Args:
        what: The format, e.g. "NIfTI".
        path: The file, which no message names.
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
    """(i, j, k) of the volume to be read, and what is said of several time points.

    Raises:
        InputError: Not a volume of real numbers, or a size that no file has.
        RefusedError: 4-D, and no time point chosen.
    """
    dtype = image.get_data_dtype()
    if dtype.kind not in "iuf":
        raise InputError(
            f"the {what} file holds {_type_name(dtype)}: a volume needs one real number per voxel"
        )
    shape = tuple(int(n) for n in image.shape)
    while len(shape) > NDIM and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) not in {NDIM, TIME_NDIM}:
        raise InputError(f"the {what} file has {len(shape)} dimensions, {shape}: a volume needs 3")
    if min(shape) < 1 or np.prod(shape, dtype=np.float64) * dtype.itemsize > MOST_BYTES:
        raise InputError(f"the {what} file says that it has {shape} voxels: its header is damaged")
    times = shape[NDIM] if len(shape) == TIME_NDIM else 1
    return shape[:NDIM], choose_time(times, time)


def voxels_of(image: Any, time: int | None) -> npt.NDArray[Any]:
    """(k, j, i); only one time point is held.

    A packed file is read up to its end, where its checksum is, unless other time points follow.
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
    shape = tuple(int(n) for n in proxy.shape)
    # a proxy without scale gives the stored type; nibabel's own would give float64
    plain = ArrayProxy(source, (shape, proxy.dtype, proxy.offset, 1.0, 0.0), mmap=False, order="F")
    several = len(shape) > NDIM and np.prod(shape[NDIM:]) > 1
    stored = np.asarray(plain[..., (time or 1) - 1] if several else plain)
    kji = stored.reshape(shape[:NDIM], order="F").T
    return settle(kji, float(proxy.slope), float(proxy.inter))


def _type_name(dtype: np.dtype[Any]) -> str:
    return "colours" if dtype.names else str(dtype)


def _first_line(error: Exception, path: Path) -> str:
    """What a library says, without the path."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return text.replace(str(path), "the file").replace(path.name, "the file")

"""Grid check: a written volume file is read back and compared with what was to be written.

The library of the format reads size, type and place. The voxels are read as a stream and compared
slice by slice, which takes the memory of one slice.
"""

from __future__ import annotations

import gzip
import zlib
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from sam_common.errors import InputError, OutputError
from sam_med.formats.compressed_voxels import CHUNK_BYTES, Inflated, is_compressed, skip_header
from sam_med.formats.text_header import META_SUFFIXES, NRRD_SUFFIXES, header_fields
from sam_med.geometry import frame as frames

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sam_common.frame import Frame

ROUNDING = 4 * float(np.finfo(np.float32).eps)
"""Largest difference of positions in NIfTI, whose affines are float32, per mm of coordinates."""
ITK_ROUNDING = 1e-9
"""Largest difference of positions in NRRD and MetaImage, per mm of coordinates."""
ITK_TYPES = MappingProxyType(
    {
        **{f"{bits}-bit unsigned integer": f"uint{bits}" for bits in (8, 16, 32)},
        **{f"{bits}-bit signed integer": f"int{bits}" for bits in (8, 16, 32)},
        **{f"{bits}-bit float": f"float{bits}" for bits in (32, 64)},
    }
)
"""numpy's name of each type of voxels by the name that ITK gives it."""
DAMAGE = (EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError, zlib.error)
"""Exceptions of the libraries on a file that is cut or empty."""


class Readable(Protocol):
    """A stream of voxels."""

    def read(self, size: int, /) -> bytes:
        """Read at most `size` bytes; empty at the end."""


def check_grid(part: Path, array: npt.NDArray[Any], frame: Frame) -> None:
    """Compare a written file with the array and the frame that it should hold.

    Args:
        part: A NIfTI, NRRD or MetaImage file that holds its own voxels.
        array: (k, j, i), or (k, j, i, layers).
        frame: Index (k, j, i) to LPS mm.

    Raises:
        OutputError: The file cannot be read, or differs in size, type, place or a voxel.
    """
    try:
        _check_place(part, array, frame)
        with _voxels(part) as stream:
            _compare(stream, array)
    except (InputError, *DAMAGE) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise differs(f"it cannot be read ({type(error).__name__})") from error


def check_pairs(part: Path, pairs: Mapping[str, str]) -> None:
    """Compare the key/value pairs of a written NRRD header with those that it should hold.

    Raises:
        OutputError: A pair is missing, or has another value.
    """
    with part.open("rb") as file:
        lines = set(iter(lambda: file.readline().rstrip(b"\n"), b""))
    for key, value in pairs.items():
        if f"{key}:={escaped(value)}".encode() not in lines:
            raise differs(f"its field {key} is another one, or missing")


def escaped(value: str) -> str:
    """The value of a NRRD key/value pair with backslashes and line ends escaped."""
    return value.replace("\\", "\\\\").replace("\n", "\\n")


def differs(what: str) -> OutputError:
    """The error of a written file that does not hold what it should."""
    return OutputError(f"the file that was written is not what was meant, and is not kept: {what}")


def _compare(stream: Readable, array: npt.NDArray[Any]) -> None:
    """Compare a stream of voxels with an array, slice by slice."""
    for k, plane in enumerate(array):
        meant = np.ascontiguousarray(plane, plane.dtype.newbyteorder("<")).tobytes()
        if _read(stream, len(meant)) != meant:
            raise differs(f"voxels of slice {k} are others, or missing")
    if stream.read(1):
        raise differs("there is more in it than the voxels")


def _read(stream: Readable, size: int) -> bytes:
    """Read exactly `size` bytes, or fewer where the stream ends."""
    parts = []
    while size > 0 and (part := stream.read(min(size, CHUNK_BYTES))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _check_place(part: Path, array: npt.NDArray[Any], frame: Frame) -> None:
    """Compare size, type and place of a file with those that it should have."""
    name = part.name.lower()
    itk = name.endswith((*NRRD_SUFFIXES, *META_SUFFIXES))
    size, dtype, found = _read_itk(part) if itk else _read_nifti(part)
    if size != array.shape[2::-1] or dtype != array.dtype.newbyteorder("="):
        raise differs(f"it holds {size} voxels of {dtype}")
    ends = [(0, 0, 0), tuple(n - 1 for n in array.shape[:3])]
    meant = frame.to_world(ends)
    off = float(np.abs(found.to_world(ends) - meant).max())
    largest = float(np.abs(meant).max() + np.abs(frame.array).max())
    if off > (ITK_ROUNDING if itk else ROUNDING) * largest:
        raise differs(f"its voxels are up to {frames.mm(off)} off their places")


def _read_nifti(part: Path) -> tuple[tuple[int, ...], np.dtype[Any], Frame]:
    """Size (i, j, k), type and frame of a NIfTI file."""
    import nibabel  # noqa: PLC0415  # only for this format

    from sam_med.files.nibabel_image import readable  # noqa: PLC0415  # only for this format

    with readable("NIfTI", part):
        image: Any = nibabel.load(part, mmap=False)
        frame = frames.from_ras_affine(image.get_sform())
    return tuple(image.shape), image.get_data_dtype().newbyteorder("="), frame


def _read_itk(part: Path) -> tuple[tuple[int, ...], np.dtype[Any], Frame]:
    """Size (i, j, k), type and frame of a NRRD or MetaImage file."""
    import SimpleITK as sitk  # noqa: N813, PLC0415  # the name its manual uses; only for this

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(part))
    reader.ReadImageInformation()
    frame = frames.from_itk(reader.GetOrigin(), reader.GetSpacing(), reader.GetDirection())
    kind = sitk.GetPixelIDValueAsString(reader.GetPixelID()).removeprefix("vector of ")
    return tuple(reader.GetSize()), np.dtype(ITK_TYPES[kind]), frame


@contextmanager
def _voxels(part: Path) -> Iterator[Readable]:
    """A stream of the uncompressed voxels of a file, from the first voxel on."""
    name = part.name.lower()
    with part.open("rb") as file:
        if name.endswith(NRRD_SUFFIXES):
            while file.readline().strip():
                pass
            packed = header_fields(part).get("encoding") == "gzip"
            yield gzip.GzipFile(fileobj=file) if packed else file
        elif name.endswith(META_SUFFIXES):
            skip_header(file)
            yield Inflated(file) if is_compressed(part) else file
        else:
            stream = gzip.GzipFile(fileobj=file) if name.endswith(".gz") else file
            _read(stream, _offset(part))
            yield stream


def _offset(part: Path) -> int:
    """Offset of the first voxel in the uncompressed bytes of a NIfTI file."""
    import nibabel  # noqa: PLC0415  # only for this format

    image: Any = nibabel.load(part, mmap=False)
    return int(image.dataobj.offset)

"""Grid check: whether a volume file that was just written says what was meant.

It is opened by the library that reads the format, for its place, and its voxels are read as a
stream and compared with the array plane by plane. So it costs one reading of the file and the
memory of one plane.
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
from sam_med.formats.packed import CHUNK_BYTES, Inflated, is_packed, to_voxels
from sam_med.formats.text_header import META_SUFFIXES, NRRD_SUFFIXES, header_fields
from sam_med.geometry import frame as frames

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sam_common.frame import Frame

ROUNDING = 4 * float(np.finfo(np.float32).eps)
"""NIfTI's affines are float32: a part of the largest coordinate ..."""
ITK_ROUNDING = 1e-9
"""... and what text and unit vectors lose of it in the other formats."""
ITK_TYPES = MappingProxyType(
    {
        **{f"{bits}-bit unsigned integer": f"uint{bits}" for bits in (8, 16, 32)},
        **{f"{bits}-bit signed integer": f"int{bits}" for bits in (8, 16, 32)},
        **{f"{bits}-bit float": f"float{bits}" for bits in (32, 64)},
    }
)
"""ITK's names of types to numpy's."""
DAMAGE = (EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError, zlib.error)
"""What libraries raise on a file that is cut or empty."""


class Readable(Protocol):
    """What voxels are read from."""

    def read(self, size: int, /) -> bytes:
        """As of a file."""


def check_grid(part: Path, array: npt.NDArray[Any], frame: Frame) -> None:
    """Compare a file with what was meant.

    Args:
        part: NIfTI, NRRD or MetaImage, voxels in the file itself.
        array: (k, j, i), or (k, j, i, layers).
        frame: Index (k, j, i) to LPS mm.

    Raises:
        OutputError: It cannot be read, or differs in size, type, place or a voxel.
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
    """Compare the key/value pairs of a NRRD header with what was meant.

    Raises:
        OutputError: One is missing or another.
    """
    with part.open("rb") as file:
        lines = set(iter(lambda: file.readline().rstrip(b"\n"), b""))
    for key, value in pairs.items():
        if f"{key}:={escaped(value)}".encode() not in lines:
            raise differs(f"its field {key} is another one, or missing")


def escaped(value: str) -> str:
    """A value as NRRD writes it."""
    return value.replace("\\", "\\\\").replace("\n", "\\n")


def differs(what: str) -> OutputError:
    """The error of a file that says something else than was meant."""
    return OutputError(f"the file that was written is not what was meant, and is not kept: {what}")


def _compare(stream: Readable, array: npt.NDArray[Any]) -> None:
    for k, plane in enumerate(array):
        meant = np.ascontiguousarray(plane, plane.dtype.newbyteorder("<")).tobytes()
        if _read(stream, len(meant)) != meant:
            raise differs(f"voxels of slice {k} are others, or missing")
    if stream.read(1):
        raise differs("there is more in it than the voxels")


def _read(stream: Readable, size: int) -> bytes:
    """As many bytes as asked for, unless the stream ends."""
    parts = []
    while size > 0 and (part := stream.read(min(size, CHUNK_BYTES))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _check_place(part: Path, array: npt.NDArray[Any], frame: Frame) -> None:
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
    import nibabel  # noqa: PLC0415  # only for this format

    from sam_med.files.nibabel_image import readable  # noqa: PLC0415  # the same

    with readable("NIfTI", part):
        image: Any = nibabel.load(part, mmap=False)
        frame = frames.from_ras_affine(image.get_sform())
    return tuple(image.shape), image.get_data_dtype().newbyteorder("="), frame


def _read_itk(part: Path) -> tuple[tuple[int, ...], np.dtype[Any], Frame]:
    import SimpleITK as sitk  # noqa: N813, PLC0415  # the name its manual uses; only for this

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(part))
    reader.ReadImageInformation()
    frame = frames.from_itk(reader.GetOrigin(), reader.GetSpacing(), reader.GetDirection())
    kind = sitk.GetPixelIDValueAsString(reader.GetPixelID()).removeprefix("vector of ")
    return tuple(reader.GetSize()), np.dtype(ITK_TYPES[kind]), frame


@contextmanager
def _voxels(part: Path) -> Iterator[Readable]:
    """A stream that begins with the first voxel."""
    name = part.name.lower()
    with part.open("rb") as file:
        if name.endswith(NRRD_SUFFIXES):
            while file.readline().strip():
                pass
            packed = header_fields(part).get("encoding") == "gzip"
            yield gzip.GzipFile(fileobj=file) if packed else file
        elif name.endswith(META_SUFFIXES):
            to_voxels(file)
            yield Inflated(file) if is_packed(part) else file
        else:
            stream = gzip.GzipFile(fileobj=file) if name.endswith(".gz") else file
            _read(stream, _offset(part))
            yield stream


def _offset(part: Path) -> int:
    import nibabel  # noqa: PLC0415  # only for this format

    image: Any = nibabel.load(part, mmap=False)
    return int(image.dataobj.offset)

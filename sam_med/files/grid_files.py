"""Grid files: an array and its frame are written as NIfTI, NRRD or MetaImage.

The formats differ on grids whose axes are not perpendicular (a tilted gantry):

```
NIfTI       sform: any affine; the qform cannot, so its code is 0 ("not set")
NRRD        space directions: any three vectors
MetaImage   perpendicular axes only: refused
```

Equal arrays give equal bytes: no time, file name or program version is written.
"""

from __future__ import annotations

import gzip
import zlib
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from sam_common.errors import OutputError
from sam_common.support.files import atomic_output, writing
from sam_med.files.grid_check import check_grid, escaped
from sam_med.geometry import frame as frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from sam_common.frame import Frame

GRID_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha")
"""Suffixes of the formats that hold one array with its place in a single file."""
SCANNER = 1
"""NIfTI code of an affine to scanner coordinates."""
NIFTI_MAX = 32767
"""Largest size of an axis in NIfTI-1, whose header has 16-bit sizes."""
GZIP_LEVEL = 6
NRRD_TYPES = {
    "int8": "int8",
    "uint8": "uint8",
    "int16": "int16",
    "uint16": "uint16",
    "int32": "int32",
    "uint32": "uint32",
    "float32": "float",
    "float64": "double",
}
"""NRRD's names of the types of voxels that all three formats hold, by numpy's names."""

META_TYPES = {
    "int8": "MET_CHAR",
    "uint8": "MET_UCHAR",
    "int16": "MET_SHORT",
    "uint16": "MET_USHORT",
    "int32": "MET_INT",
    "uint32": "MET_UINT",
    "float32": "MET_FLOAT",
    "float64": "MET_DOUBLE",
}
"""MetaImage's names of the types in `NRRD_TYPES`, by numpy's names."""
SIZE_DIGITS = 20
"""Digits of the largest number of bytes."""


def write_grid(
    array: npt.NDArray[Any],
    frame: Frame,
    path: Path,
    *,
    sform_code: int = SCANNER,
) -> None:
    """Write an array with its frame as a volume file; the file appears whole or not at all.

    Before the file gets its name, it is read back and compared (`sam_med.files.grid_check`).

    Args:
        array: (k, j, i) voxels: integers of 8 to 32 bits, float32 or float64.
        frame: Index (k, j, i) to LPS mm; sheared frames where the format can hold them.
        path: The file; its suffix chooses the format, see `GRID_SUFFIXES`.
        sform_code: For NIfTI, the space of the affine (1 scanner, 2 aligned, 3 Talairach, 4 MNI),
            written for the sform and the qform.

    Raises:
        OutputError: The format is unknown or cannot hold the type of voxels or the shear, the disk
            is full, or the file that was read back differs.
    """
    suffix = grid_suffix(path)
    _check_holds(array, path)
    if suffix == ".mha":
        check_perpendicular(frame, path)

    def verify(part: Path) -> None:
        check_grid(part, array, frame)

    with writing(path), atomic_output(path, verify=verify) as part:
        if suffix == ".mha":
            _write_metaimage(array, frame, part)
        elif suffix == ".nrrd":
            write_nrrd(array, frame, part)
        else:
            _write_nifti(array, frame, part, sform_code)


def grid_suffix(path: Path) -> str:
    """The one of `GRID_SUFFIXES` with which a path ends.

    Raises:
        OutputError: The path has another suffix, also `.seg.nrrd`, which is a format of its own.
    """
    name = path.name.lower()
    for suffix in GRID_SUFFIXES:
        if name.endswith(suffix) and not name.endswith(".seg.nrrd"):
            return suffix
    raise OutputError(
        f"unknown format for a volume: {path.name} (known: {', '.join(GRID_SUFFIXES)})"
    )


def check_perpendicular(frame: Frame, path: Path) -> None:
    """Raise `OutputError` for a sheared grid, which MetaImage cannot hold."""
    if frames.is_orthogonal(frame):
        return
    degrees = frames.shear_degrees(frame)
    raise OutputError(
        f"cannot write {path.name}: MetaImage holds perpendicular axes only, and the slices of "
        f"this grid are shifted against each other by {degrees:.3f} degrees, as a "
        "tilted gantry does (write .nii.gz or .nrrd)"
    )


def write_nrrd(
    array: npt.NDArray[Any],
    frame: Frame,
    part: Path,
    *,
    fields: Mapping[str, str] | None = None,
) -> None:
    """Write an NRRD file (http://teem.sourceforge.net/nrrd/format.html) to `part`, not atomically.

    pynrrd is not used: it writes the date and its version into every file, and holds three copies
    of the voxels.

    Args:
        array: (k, j, i), or (k, j, i, layers) for a list of volumes on one grid.
        frame: Index (k, j, i) to LPS mm.
        part: The path to write to.
        fields: Key/value pairs of the header, e.g. Slicer's description of segments.
    """
    layered = array.ndim > frame.ndim
    vectors = [_vector(frame.array[:3, axis]) for axis in (2, 1, 0)]
    header = {
        "type": NRRD_TYPES[array.dtype.name],
        "dimension": str(array.ndim),
        "space": "left-posterior-superior",
        "sizes": " ".join(str(n) for n in array.shape[3:] + array.shape[2::-1]),
        "space directions": " ".join(["none"] * layered + vectors),
        "kinds": " ".join(["list"] * layered + ["domain"] * 3),
        "endian": "little",
        "encoding": "gzip",
        "space origin": _vector(frame.array[:3, 3]),
    }
    lines = ["NRRD0004", *(f"{name}: {value}" for name, value in header.items())]
    lines += [f"{key}:={escaped(value)}" for key, value in (fields or {}).items()]
    with part.open("wb") as file:
        file.write(("\n".join(lines) + "\n\n").encode("utf-8"))
        with _gzipped(file) as target:
            for plane in array:
                target.write(np.ascontiguousarray(plane, plane.dtype.newbyteorder("<")).data)


def _vector(values: npt.NDArray[np.float64]) -> str:
    """A vector as NRRD writes it, in digits that lose nothing."""
    return f"({','.join(repr(float(v)) for v in values)})"


def _check_holds(array: npt.NDArray[Any], path: Path) -> None:
    """Raise `OutputError` where the format cannot hold the type or the size of an array."""
    if array.dtype.name not in NRRD_TYPES:
        raise OutputError(
            f"cannot write {path.name}: voxels of type {array.dtype} are not held by every format "
            f"(known: {', '.join(NRRD_TYPES)})"
        )
    if path.name.lower().endswith((".nii", ".nii.gz")) and max(array.shape) > NIFTI_MAX:
        raise OutputError(
            f"cannot write {path.name}: an axis of {max(array.shape)} voxels is more than the "
            f"{NIFTI_MAX} that NIfTI-1 holds (write .nrrd)"
        )


def _write_metaimage(array: npt.NDArray[Any], frame: Frame, part: Path) -> None:
    """Write a MetaImage file (https://itk.org/Wiki/ITK/MetaIO/Documentation), not atomically.

    ITK is not used: it holds a second array, and does not say why it fails where a disk is full.
    """
    origin, spacing, direction = frames.to_itk(frame)
    header = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "True",
        # blanks that the size replaces when all voxels are written
        "CompressedDataSize": " " * SIZE_DIGITS,
        # the rows of this matrix are the directions of the axes, which are columns in ITK
        "TransformMatrix": _numbers(np.reshape(direction, (3, 3)).T.ravel()),
        "Offset": _numbers(origin),
        "CenterOfRotation": "0 0 0",
        "ElementSpacing": _numbers(spacing),
        "DimSize": " ".join(str(n) for n in array.shape[::-1]),
        "ElementType": META_TYPES[array.dtype.name],
        "ElementDataFile": "LOCAL",
    }
    head = "".join(f"{name} = {value}\n" for name, value in header.items()).encode()
    packer = zlib.compressobj(GZIP_LEVEL)
    with part.open("wb") as file:
        file.write(head)
        for plane in array:
            values = np.ascontiguousarray(plane, plane.dtype.newbyteorder("<")).data
            file.write(packer.compress(values))
        file.write(packer.flush())
        size = file.tell() - len(head)
        file.seek(head.index(b" " * SIZE_DIGITS))
        file.write(str(size).encode())


def _numbers(values: Iterable[float]) -> str:
    """Numbers as MetaImage writes them, in digits that lose nothing."""
    return " ".join(repr(float(v)) for v in values)


def _write_nifti(array: npt.NDArray[Any], frame: Frame, part: Path, code: int) -> None:
    """Write a NIfTI file through nibabel, not atomically."""
    from nibabel.nifti1 import Nifti1Image  # noqa: PLC0415  # for this format only

    affine = frames.to_ras_affine(frame)
    image = Nifti1Image(array.T, affine, dtype=array.dtype)
    image.set_sform(affine, code)
    # a quaternion cannot hold a shear: a qform beside the sform would contradict it
    image.set_qform(affine, code if frames.is_orthogonal(frame) else 0)
    image.header.set_xyzt_units("mm")
    files = Nifti1Image.make_file_map()
    packed = part.suffix.lower() == ".gz"
    with part.open("wb") as file, _gzipped(file) if packed else nullcontext(file) as target:
        files["image"].fileobj = target
        image.to_file_map(files)


def _gzipped(file: BinaryIO) -> gzip.GzipFile:
    """A gzip stream into a file that holds no file name and no time."""
    return gzip.GzipFile("", "wb", GZIP_LEVEL, file, mtime=0)

"""NIfTI, NRRD and MetaImage through SimpleITK."""

from __future__ import annotations

import gzip
import math
import zlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk  # noqa: N813  # the name its manual uses

from sam_common.errors import InputError
from sam_med import frame as frames
from sam_med.volume import NDIM, Volume

if TYPE_CHECKING:
    from pathlib import Path

KEPT_KEYS = ("sform_code", "qform_code")
"""What a result keeps: which space NIfTI's affine leads to (scanner, aligned, Talairach, MNI)."""
TIME_NDIM = 4


def read_image(path: Path) -> Volume:
    """Read a volume file as it is stored.

    Where NIfTI has two affines, SimpleITK's choice is taken: the sform where it is set.

    Raises:
        InputError: Not readable, not three-dimensional, or more than one number per voxel.
    """
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        _check_kind(path, reader)
        _check_whole(path, reader)
        image = reader.Execute()
    except RuntimeError as error:
        raise InputError(f"cannot read {path}: {_reason(error)}") from error
    array = sitk.GetArrayFromImage(image)
    if array.dtype == np.float64:
        # the network sees 8 bits; float64 would only double what a volume holds in memory
        array = array.astype(np.float32)
    keys = set(image.GetMetaDataKeys())
    return Volume(
        array=array,
        frame=frames.from_itk(image.GetOrigin(), image.GetSpacing(), image.GetDirection()),
        source=path,
        files=(path,),
        header=MappingProxyType({key: image.GetMetaData(key) for key in KEPT_KEYS if key in keys}),
    )


def _check_kind(path: Path, reader: Any) -> None:
    size = reader.GetSize()
    if reader.GetDimension() == TIME_NDIM:
        raise InputError(
            f"{path} has 4 dimensions, {size[3]} time points of {_times(size[:3])} voxels: "
            "save the time point you want as a volume of its own"
        )
    if reader.GetDimension() != NDIM:
        raise InputError(
            f"{path} has {reader.GetDimension()} dimensions ({_times(size)}): a volume needs 3"
        )
    if reader.GetNumberOfComponents() != 1 or "complex" in _type_name(reader):
        raise InputError(
            f"{path} holds {_type_name(reader)} with {reader.GetNumberOfComponents()} component(s) "
            "per voxel: a volume needs one real number per voxel"
        )


def _check_whole(path: Path, reader: Any) -> None:
    """Raise where a NIfTI file ends early: ITK would fill the rest with zeros and say nothing."""
    if not {"vox_offset", "bitpix"} <= set(reader.GetMetaDataKeys()):
        return  # not NIfTI; the other formats are checked by their own readers
    voxel_bytes = int(reader.GetMetaData("bitpix")) // 8
    end = int(float(reader.GetMetaData("vox_offset"))) + math.prod(reader.GetSize()) * voxel_bytes
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            file.seek(end - 1)
            whole = bool(file.read(1))
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(f"{path} is damaged: {error}") from error
    if not whole:
        raise InputError(f"{path} ends early: its header promises {end} bytes")


def _type_name(reader: Any) -> str:
    return str(sitk.GetPixelIDValueAsString(reader.GetPixelID()))


def _times(size: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in size)


def _reason(error: RuntimeError) -> str:
    """The sentence of an ITK exception without its C++ file names."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].split("ERROR:")[-1].strip() if lines else "unknown reason"

"""NRRD and MetaImage through SimpleITK, which keeps sheared space directions of both."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import SimpleITK as sitk  # noqa: N813  # the name its manual uses

from sam_common.errors import InputError
from sam_med import frame as frames
from sam_med.axes import check_frame
from sam_med.diagnostics import Diagnostic, RefusedError, found
from sam_med.rescale import settle
from sam_med.time_points import check_time, choose_time
from sam_med.volume import NDIM, Volume

if TYPE_CHECKING:
    from pathlib import Path

TIME_NDIM = 4
LAYERS = "list"
"""NRRD's kind of an axis along which volumes are listed, as the layers of a .seg.nrrd are."""
SEGMENT_FIELD = "Segment"
"""Slicer's fields of a .seg.nrrd start so; they are kept."""


def read_itk_image(path: Path, *, time: int | None = None) -> Volume:
    """Read a NRRD or MetaImage file as it is stored.

    Args:
        path: `.nrrd`, `.nhdr`, `.seg.nrrd`, `.mha` or `.mhd`.
        time: Number of the time point of a 4-D file, or of the layer of a .seg.nrrd, from 1.

    Raises:
        InputError: Not readable, not three-dimensional, or more than one number per voxel.
        RefusedError: Several time points or layers, and none chosen.
    """
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        image, told = _execute(reader, time)
    except RuntimeError as error:
        raise InputError(f"cannot read the volume file: {_reason(error, path)}") from None
    return _volume(reader, path, image, told)


def read_layers(path: Path) -> list[Volume]:
    """All layers of a .seg.nrrd, or the one volume of any other file; the file is read once.

    Raises:
        InputError: As `read_itk_image`.
        RefusedError: Several time points.
    """
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        count = reader.GetNumberOfComponents()
        # ITK writes a vector where it read a list, but keeps what Slicer says of the segments
        described = any(_is_kept(key) for key in reader.GetMetaDataKeys())
        if count == 1 or not (_is_listed(reader) or described):
            image, told = _execute(reader, None)
            return [_volume(reader, path, image, told)]
        whole = reader.Execute()
        images = [sitk.VectorIndexSelectionCast(whole, n) for n in range(count)]
    except RuntimeError as error:
        raise InputError(f"cannot read the volume file: {_reason(error, path)}") from None
    return [_volume(reader, path, image, []) for image in images]


def _volume(reader: Any, path: Path, image: Any, told: list[Diagnostic]) -> Volume:
    """An image of three dimensions with what its file says."""
    frame = frames.from_itk(image.GetOrigin(), image.GetSpacing(), image.GetDirection())
    told = [*told, *_place(reader, path), *check_frame(frame)]
    # only the fields of segments: others may say who the patient is
    fields = {k: reader.GetMetaData(k) for k in reader.GetMetaDataKeys() if _is_kept(k)}
    return Volume(
        array=settle(sitk.GetArrayFromImage(image)),
        frame=frame,
        source=path,
        files=(path,),
        header=MappingProxyType(fields),
        notes=tuple(d.line for d in told),
        diagnostics=tuple(told),
    )


def _execute(reader: Any, time: int | None) -> tuple[Any, list[Diagnostic]]:
    """The image of three dimensions, and what was said about the others."""
    size = tuple(int(n) for n in reader.GetSize())
    if "complex" in _type_name(reader):
        raise InputError(_not_real(reader))
    if reader.GetNumberOfComponents() > 1:
        return _layer(reader, time)
    if len(size) == NDIM:
        check_time(1, time)
        return reader.Execute(), []
    if len(size) != TIME_NDIM:
        raise InputError(f"the file has {len(size)} dimensions {size}: a volume needs 3")
    told = choose_time(size[NDIM], time)
    reader.SetExtractSize([*size[:NDIM], 0])
    reader.SetExtractIndex([0, 0, 0, (time or 1) - 1])
    return reader.Execute(), told


def _layer(reader: Any, time: int | None) -> tuple[Any, list[Diagnostic]]:
    """One layer of a list of volumes."""
    layers = reader.GetNumberOfComponents()
    if not _is_listed(reader):
        raise InputError(_not_real(reader))
    check_time(layers, time)
    said = found("layers", f"the file holds {layers} layers", layers=layers)
    if time is None:
        raise RefusedError([said])
    image = sitk.VectorIndexSelectionCast(reader.Execute(), time - 1)
    note = Diagnostic(said.code, "note", said.message, f"layer {time} is read", said.numbers)
    return image, [note]


def _is_listed(reader: Any) -> bool:
    """Whether the numbers of a voxel are a list of volumes."""
    kinds = [reader.GetMetaData(k) for k in reader.GetMetaDataKeys() if "NRRD_kinds" in k]
    return LAYERS in kinds and reader.GetDimension() == NDIM


def _place(reader: Any, path: Path) -> list[Diagnostic]:
    """Say "no-affine" where a NRRD file names no space."""
    if path.suffix.lower() not in {".nrrd", ".nhdr"} or "NRRD_space" in reader.GetMetaDataKeys():
        return []
    return [found("no-affine", "the NRRD file names no space, so its axes are taken as LPS")]


def _is_kept(key: str) -> bool:
    return key.startswith(SEGMENT_FIELD)


def _not_real(reader: Any) -> str:
    return (
        f"the file holds {_type_name(reader)} with {reader.GetNumberOfComponents()} component(s) "
        "per voxel: a volume needs one real number per voxel"
    )


def _type_name(reader: Any) -> str:
    return str(sitk.GetPixelIDValueAsString(reader.GetPixelID()))


def _reason(error: RuntimeError, path: Path) -> str:
    """The sentence of an ITK exception without its C++ file names and the path."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return "unknown reason"
    text = lines[-1].split("ERROR:")[-1].strip()
    text = text.replace(str(path), "the file").replace(path.name, "the file")
    # what is quoted of a header may be anything, a name too
    return re.sub(r'"(?!the file")[^"]*"', '"..."', text)

"""NRRD and MetaImage, read through SimpleITK, which keeps sheared axes.

ITK takes every length as mm and every space that is not RAS or LAS as LPS. The units and the space
in the header are therefore read by `sam_med.formats`, and applied or reported here.
"""

from __future__ import annotations

import math
import re
import zlib
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import SimpleITK as sitk  # noqa: N813  # the name its manual uses

from sam_common.errors import InputError
from sam_med.formats import stated_fields
from sam_med.formats.compressed_voxels import check_voxels
from sam_med.formats.meta_header import check_meta
from sam_med.formats.text_header import META_SUFFIXES, data_files, field_names, header_fields
from sam_med.geometry import frame as frames
from sam_med.geometry.anatomical_plane import check_frame
from sam_med.geometry.diagnostics import Diagnostic, RefusedError, found
from sam_med.geometry.rescale import volume_values
from sam_med.geometry.time_points import check_dimensions, check_time, time_diagnostics
from sam_med.geometry.units import in_millimetres
from sam_med.geometry.volume import NDIM, Volume

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLASSES = re.compile(r"\b\w+ ?\(0x[0-9a-fA-F]+\):\s*(\w+:\s+)?|\[nrrd\]\s+|\b_?nrrd\w+:\s+")
"""Text that ITK puts before a reason: a class with its address in memory, or a function."""
SEGMENT_FIELD = "Segment"
"""First letters of the fields of a .seg.nrrd that describe segments, which are kept."""


def read_itk_image(path: Path, *, time: int | None = None) -> Volume:
    """Read a NRRD or MetaImage file as it is stored.

    Args:
        path: `.nrrd`, `.nhdr`, `.seg.nrrd`, `.mha` or `.mhd`.
        time: Number of the time point of a 4-D file, or of the layer of a .seg.nrrd, from 1.

    Raises:
        InputError: The file is damaged or not three-dimensional, or has several numbers per voxel.
        RefusedError: There are several time points or layers, and no choice.
    """
    with _readable(path):
        reader = _opened(path)
        image, told = _execute(reader, time)
    return _volume(reader, path, image, told)


def _opened(path: Path) -> Any:
    """ITK's reader of a file whose header was read and whose voxels were checked.

    Raises:
        InputError: The path is not UTF-8, which would make ITK end the program.
        RuntimeError: ITK cannot read the header.
        EOFError, zlib.error, OSError: As from `check_voxels`.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise InputError(
            "the name of the file or of its folder is not UTF-8, and NRRD and MetaImage cannot be "
            "read by such names: rename it"
        ) from None
    if path.name.lower().endswith(META_SUFFIXES):
        check_meta(header_fields(path), field_names(path))
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    check_voxels(path, math.prod(reader.GetSize()) * _voxel_bytes(reader))
    return reader


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """While the block runs, what ITK raises on a damaged file becomes an `InputError`."""
    try:
        yield
    except RuntimeError as error:
        raise InputError(f"cannot read the volume file: {_reason(error, path)}") from None
    except OSError as error:
        raise InputError(f"cannot read the volume file: {error.strerror or error}") from None
    except (EOFError, zlib.error):
        raise InputError(
            "truncated-pixels: the volume file is damaged or ends early, or the file of its voxels "
            "is not beside it (have it copied again)"
        ) from None
    except MemoryError:
        raise InputError(
            "cannot read the volume file: its voxels do not fit into memory (is its header "
            "damaged? else use a machine with more memory)"
        ) from None


def read_layers(path: Path) -> list[Volume]:
    """Read all layers of a .seg.nrrd, or the one volume of any other file.

    Raises:
        InputError: The file is damaged or not three-dimensional, or has several numbers per voxel.
        RefusedError: There are several time points.
    """
    with _readable(path):
        reader = _opened(path)
        count = reader.GetNumberOfComponents()
        # a file that ITK wrote has vectors instead of a list, but still Slicer's segment fields
        described = any(_is_kept(key) for key in reader.GetMetaDataKeys())
        if count == 1 or not (_is_listed(reader) or described):
            image, told = _execute(reader, None)
            return [_volume(reader, path, image, told)]
        whole = reader.Execute()
        images = [sitk.VectorIndexSelectionCast(whole, n) for n in range(count)]
    return [_volume(reader, path, image, []) for image in images]


def _volume(reader: Any, path: Path, image: Any, told: list[Diagnostic]) -> Volume:
    """The volume of a 3-D image of ITK, with the place, units and values that its header states."""
    with _readable(path):
        fields = header_fields(path)
        files = (path, *data_files(path))
    stated_fields.check_place(fields)
    frame = frames.from_itk(image.GetOrigin(), image.GetSpacing(), image.GetDirection())
    frame = frames.with_scaled_world(frame, stated_fields.lps_factors(fields))
    frame, about_units = in_millimetres(frame, stated_fields.length_units(fields))
    slope, intercept, about_values = stated_fields.stated_values(fields)
    told = [
        *told,
        *stated_fields.place_diagnostics(fields, path),
        *about_units,
        *check_frame(frame),
    ]
    told += about_values
    # only the fields of segments: others may identify the patient
    kept = {k: reader.GetMetaData(k) for k in reader.GetMetaDataKeys() if _is_kept(k)}
    return Volume(
        array=volume_values(sitk.GetArrayFromImage(image), slope, intercept),
        frame=frame,
        source=path,
        files=files,
        header=MappingProxyType(kept),
        notes=tuple(d.line for d in told),
        diagnostics=tuple(told),
    )


def _execute(reader: Any, time: int | None) -> tuple[Any, list[Diagnostic]]:
    """The 3-D image of a file or of its chosen time point, and diagnostics about the choice."""
    size = tuple(int(n) for n in reader.GetSize())
    if "complex" in _type_name(reader):
        raise InputError(_not_real(reader))
    if reader.GetNumberOfComponents() > 1:
        return _layer(reader, time)
    if len(size) == NDIM:
        check_time(1, time)
        return reader.Execute(), []
    check_dimensions(size, "the file")
    told = time_diagnostics(size[NDIM], time)
    reader.SetExtractSize([*size[:NDIM], 0])
    reader.SetExtractIndex([0, 0, 0, (time or 1) - 1])
    return reader.Execute(), told


def _layer(reader: Any, time: int | None) -> tuple[Any, list[Diagnostic]]:
    """The chosen layer of a list of volumes, and a diagnostic about the choice."""
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
    """Whether the components of a voxel are layers: NRRD's kind of an axis that lists volumes."""
    kinds = [reader.GetMetaData(k) for k in reader.GetMetaDataKeys() if "NRRD_kinds" in k]
    return stated_fields.LAYERS in kinds and reader.GetDimension() == NDIM


def _is_kept(key: str) -> bool:
    """Whether a field of the header describes segments."""
    return key.startswith(SEGMENT_FIELD)


def _voxel_bytes(reader: Any) -> int:
    """Size of one voxel in bytes, of all its components together."""
    bits = re.search(r"(\d+)-bit", _type_name(reader))
    return int(reader.GetNumberOfComponents()) * (int(bits[1]) // 8 if bits else 1)


def _not_real(reader: Any) -> str:
    """The message about voxels that are not one real number."""
    return (
        f"the file holds {_type_name(reader)} with {reader.GetNumberOfComponents()} component(s) "
        "per voxel: a volume needs one real number per voxel"
    )


def _type_name(reader: Any) -> str:
    """ITK's name of the type of voxels."""
    return str(sitk.GetPixelIDValueAsString(reader.GetPixelID()))


def _reason(error: RuntimeError, path: Path) -> str:
    """The message of an ITK exception without C++ classes, addresses and the path."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return "unknown reason"
    text = lines[-1].split("ERROR:")[-1].strip()
    text = CLASSES.sub("", text)
    text = text.replace(str(path), "the file").replace(path.name, "the file")
    # quoted parts of a header may be anything, also the name of a patient
    return re.sub(r'"(?!the file")[^"]*"', '"..."', text)

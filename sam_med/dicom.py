"""DICOM: a folder with one classic series (one slice per file) becomes a `Volume`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
from pydicom.errors import InvalidDicomError
from pydicom.pixels import pixel_array

from sam_common.errors import InputError
from sam_med.series import SliceHeader, only_series, stack
from sam_med.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt
    from pydicom.dataset import FileDataset

GEOMETRY_TAGS = {"PixelSpacing": 2, "ImageOrientationPatient": 6, "ImagePositionPatient": 3}
"""The tags that place a slice in the patient, and how many numbers each one has."""
HEADER_TAGS = (
    "SeriesInstanceUID",
    "SeriesNumber",
    "Modality",
    "ImageType",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    *GEOMETRY_TAGS,
)
NOT_IMAGES = frozenset({"SEG", "RTSTRUCT", "RTDOSE", "RTPLAN", "SR", "PR", "KO", "REG", "FID"})
"""Modalities of objects that are made from images and lie beside them."""
RESULT_TYPES = (np.int16, np.uint16, np.int32)
"""Integer types of a rescaled volume, the smallest that holds its values is taken."""


def read_series(folder: Path) -> Volume:
    """Read the one classic series in a folder and its sub-folders.

    Slices are ordered by position along the normal. Values are rescaled: to an integer type where
    all slices share an integer slope and intercept, else each slice to float32 by its own.

    Raises:
        InputError: No DICOM images, several series, a kind that is not supported, missing tags,
            or pixels that cannot be decoded.
        GeometryError: The slices do not form a regular grid.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    datasets = [(path, dataset) for path in files if (dataset := _header(path)) is not None]
    images = [(path, dataset) for path, dataset in datasets if _is_image(dataset)]
    if not images:
        raise InputError(
            f"no DICOM images in folder {folder} ({len(files)} file(s) looked at; "
            "give the folder that holds the slices of one series)"
        )
    chosen = only_series([_slice_header(*pair) for pair in images])
    _check_classic([dataset for _, dataset in images])
    ordered, frame = stack(chosen)
    paths = tuple(header.path for header in ordered)
    return Volume(
        array=_voxels(paths),
        frame=frame,
        modality=ordered[0].modality or None,
        source=folder,
        files=paths,
        notes=_notes(len(files), len(datasets), len(images)),
    )


def _header(path: Path) -> FileDataset | None:
    """The header of a DICOM file without its pixels; None for any other file."""
    try:
        return pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(HEADER_TAGS))
    except InvalidDicomError:
        return None
    except (EOFError, OSError, ValueError) as error:
        raise InputError(f"cannot read the DICOM header of {path}: {error}") from error


def _is_image(dataset: FileDataset) -> bool:
    return "Rows" in dataset and str(dataset.get("Modality", "")) not in NOT_IMAGES


def _check_classic(datasets: Sequence[FileDataset]) -> None:
    """Refuse what one slice per file does not cover, and say what it is."""
    for dataset in datasets:
        frames = int(dataset.get("NumberOfFrames", None) or 1)
        if frames > 1:
            raise InputError(
                f"a file of the folder is multi-frame ({frames} frames): only series with one "
                "slice per file are read yet"
            )
        if "MOSAIC" in dataset.get("ImageType", ()):
            raise InputError(
                "the series is a mosaic (many slices tiled in one image): it is not read yet"
            )
        photometric = str(dataset.get("PhotometricInterpretation", "MONOCHROME2"))
        if int(dataset.get("SamplesPerPixel", 1)) != 1 or photometric != "MONOCHROME2":
            raise InputError(
                f"the images are {photometric} with {dataset.get('SamplesPerPixel', 1)} sample(s) "
                "per pixel: only MONOCHROME2 is read yet"
            )
    for tag in GEOMETRY_TAGS:
        missing = sum(not _numbers(dataset, tag) for dataset in datasets)
        if missing:
            raise InputError(
                f"{missing} of {len(datasets)} images lack {tag}: their place in the patient is "
                "unknown"
            )


def _slice_header(path: Path, dataset: FileDataset) -> SliceHeader:
    return SliceHeader(
        path=path,
        series=str(dataset.get("SeriesInstanceUID", "")),
        number=str(dataset.get("SeriesNumber", None) or ""),
        modality=str(dataset.get("Modality", "")),
        size=(int(dataset.Rows), int(dataset.Columns)),
        pixel_spacing_mm=_numbers(dataset, "PixelSpacing"),
        orientation=_numbers(dataset, "ImageOrientationPatient"),
        position=_numbers(dataset, "ImagePositionPatient"),
    )


def _numbers(dataset: FileDataset, tag: str) -> tuple[float, ...]:
    """The numbers of a geometry tag; empty where it is missing.

    Raises:
        InputError: It is there, but holds something else.
    """
    try:
        numbers = tuple(float(v) for v in dataset.get(tag, None) or ())
    except (TypeError, ValueError) as error:
        raise InputError(f"{tag} of an image holds no numbers: {error}") from error
    if numbers and (len(numbers) != GEOMETRY_TAGS[tag] or not np.isfinite(numbers).all()):
        raise InputError(f"{tag} must be {GEOMETRY_TAGS[tag]} numbers, got {list(numbers)}")
    return numbers


def _voxels(paths: Sequence[Path]) -> npt.NDArray[Any]:
    """Rescaled voxels (k, j, i) of files in slice order."""
    slices: list[npt.NDArray[Any]] = []
    scales: list[tuple[float, float]] = []
    for path in paths:
        dataset = pydicom.dcmread(path)
        slices.append(_decode(path, dataset))
        scales.append(_rescale(dataset))
    slope, intercept = scales[0]
    shared = len(set(scales)) == 1 and slope.is_integer() and intercept.is_integer()
    if shared and slices[0].dtype.kind in "iu":
        dtype = _smallest_type(slices, int(slope), int(intercept))
        # numpy refuses a scale that does not fit the slice's own type, so widen slice by slice
        work: Any = np.int64
    else:
        dtype, work = np.float32, np.float32
    voxels = np.empty((len(slices), *slices[0].shape), dtype=dtype)
    for k, (slope, intercept) in enumerate(scales):
        voxels[k] = slices[k].astype(work) * work(slope) + work(intercept)
    return voxels


def _decode(path: Path, dataset: FileDataset) -> npt.NDArray[Any]:
    if "ModalityLUTSequence" in dataset:
        raise InputError(
            f"{path} maps its values through a table (Modality LUT): it is not read yet"
        )
    try:
        return np.asarray(pixel_array(dataset))
    except (AttributeError, EOFError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"cannot decode the pixels of {path}: {error}") from error


def _rescale(dataset: FileDataset) -> tuple[float, float]:
    slope, intercept = dataset.get("RescaleSlope", None), dataset.get("RescaleIntercept", None)
    return (
        1.0 if slope is None else float(slope),
        0.0 if intercept is None else float(intercept),
    )


def _smallest_type(slices: Sequence[npt.NDArray[Any]], slope: int, intercept: int) -> Any:
    """The smallest of `RESULT_TYPES` that holds every rescaled value, else float32."""
    ends = [int(v) * slope + intercept for part in slices for v in (part.min(), part.max())]
    for dtype in RESULT_TYPES:
        limits = np.iinfo(dtype)
        if limits.min <= min(ends) and max(ends) <= limits.max:
            return dtype
    return np.float32


def _notes(files: int, dicom: int, images: int) -> tuple[str, ...]:
    """What was left out of the folder, so that nothing is dropped in silence."""
    notes = []
    if files > dicom:
        notes.append(f"{files - dicom} file(s) of the folder are no DICOM and were left out")
    if dicom > images:
        notes.append(f"{dicom - images} DICOM file(s) of the folder are no images, left out")
    return tuple(notes)

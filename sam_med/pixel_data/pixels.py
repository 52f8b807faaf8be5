"""Pixels: the stored values of DICOM slices, decoded into one array and rescaled in place.

```
all slices share an integer slope and intercept     the smallest integer type that holds the values
slices differ, or their scale is no integer         float32, each slice by its own scale
colour, palette                                     luminance, 0.299 R + 0.587 G + 0.114 B
```

Memory holds one array of the volume's size and one slice at a time.
"""

from __future__ import annotations

import hashlib
import re
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydicom.encaps import get_frame
from pydicom.errors import InvalidDicomError
from pydicom.pixels import apply_color_lut, iter_pixels, pixel_array
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
)

from sam_med.dicom import progress
from sam_med.dicom.encoding import DAMAGE, quiet_pydicom, read_header, read_whole
from sam_med.geometry.diagnostics import refused
from sam_med.geometry.rescale import rescale_integers
from sam_med.headers import mosaic
from sam_med.headers.image_checks import GREY
from sam_med.headers.stored_bits import moved_down
from sam_med.pixel_data.jpeg_guard import check_jpeg
from sam_med.pixel_data.modality_lut import apply_modality_lut

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pydicom.dataset import Dataset

    from sam_med.headers.slice_header import SliceHeader

LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601), those of YBR_FULL (PS3.3, C.7.6.3.1.2)."""
PALETTE = "PALETTE COLOR"
COLOUR_SAMPLES = 3
PLUGINS: dict[str, str] = {
    JPEGBaseline8Bit: "pillow",
    JPEG2000Lossless: "pylibjpeg",
    JPEG2000: "pylibjpeg",
}
"""Preferred decoders, where pydicom has several: GDCM crashes on some damaged files."""
CHECKED = frozenset(
    {
        JPEGBaseline8Bit,
        JPEGExtended12Bit,
        JPEGLossless,
        JPEGLosslessSV1,
        JPEGLSLossless,
        JPEGLSNearLossless,
    }
)
"""Transfer syntaxes of JPEG streams, which `check_jpeg` checks."""


def read_voxels(slices: Sequence[SliceHeader], *, factor: float | None = None) -> npt.NDArray[Any]:
    """Read the rescaled voxels (k, j, i) of slices, in the order of the slices.

    Args:
        slices: Slices of the same size.
        factor: A number by which the rescaled values are multiplied, e.g. for SUV; the result is
            then float32.

    Raises:
        RefusedError: "undecodable": a slice is damaged, or not of the size that its header states;
            "no-pixels": there are no slices.
    """
    scales = {header.rescale for header in slices}
    whole = all(slope.is_integer() and intercept.is_integer() for slope, intercept in scales)
    if factor is None and len(scales) == 1 and whole:
        stored = _stored(slices)
        if stored.dtype.kind in "iu":
            slope, intercept = slices[0].rescale
            return rescale_integers(stored, int(slope), int(intercept))
        return stored if stored.dtype == np.float32 else stored.astype(np.float32)
    out = np.empty((len(slices), *slices[0].size), dtype=np.float32)
    for k, image in _images(slices):
        slope, intercept = slices[k].rescale
        out[k] = (image.astype(np.float64) * slope + intercept) * (factor or 1.0)
    return out


def decode(header: SliceHeader) -> npt.NDArray[Any]:
    """Read the stored values of the frame that holds a slice: for a tile, the whole mosaic.

    Returns:
        (rows, columns) or (rows, columns, samples).
    """
    frame: npt.NDArray[Any] = next(_frames(header, [max(0, header.frame_number - 1)]))
    return frame


def digest(header: SliceHeader) -> bytes:
    """A hash of the values of a slice: slices of the same values and rescale have the same hash."""
    _, image = next(_images([header]))
    state = f"{image.dtype} {image.shape} {header.rescale}".encode()
    return hashlib.sha256(state + np.ascontiguousarray(image).tobytes()).digest()


def _stored(slices: Sequence[SliceHeader]) -> npt.NDArray[Any]:
    """The stored grey values (k, j, i) of all slices, in one type that holds them all."""
    out: npt.NDArray[Any] | None = None
    for k, image in _images(slices):
        if out is None:
            native = image.dtype.newbyteorder("=")
            out = np.empty((len(slices), *slices[0].size), dtype=native)
        wide = np.result_type(out.dtype, image.dtype)
        if wide != out.dtype:  # rare: the slices of a series have several types
            out = out.astype(wide)
        out[k] = image
    if out is None:
        raise refused("no-pixels", "there are no slices")
    return out


def _images(slices: Sequence[SliceHeader]) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """Index and grey values (rows, columns) of each slice; slices of one file are read together."""
    for _, run in groupby(enumerate(slices), key=lambda pair: pair[1].path):
        members = list(run)
        progress.next_file()
        try:
            yield from _run_of(members)
        except DAMAGE as error:
            syntax = members[0][1].facts.transfer_syntax
            message = f"slice {members[0][0] + 1} of {len(slices)} ({syntax}): {_reason(error)}"
            raise refused("undecodable", message, syntax=syntax) from None


def _reason(error: BaseException) -> str:
    """The class of an error and the DICOM elements it names, without their values."""
    names = re.findall(r"\([0-9A-Fa-f]{4},[0-9A-Fa-f]{4}\) '([A-Z][A-Za-z ]+)'", str(error))
    listed = " and ".join(dict.fromkeys(name.replace(" ", "") for name in names))
    return type(error).__name__ + (f", for what it says of {listed}" if listed else "")


def _run_of(members: list[tuple[int, SliceHeader]]) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """Index and grey values of slices that lie in the same file."""
    head = members[0][1]
    if head.tile:
        image = _grey(decode(head), head)
        for k, header in members:
            yield k, mosaic.cut(image, header)
        return
    indices = [max(0, header.frame_number - 1) for _, header in members]
    for (k, header), image in zip(members, _frames(head, indices), strict=True):
        yield k, _checked(_grey(image, header), header)


def _checked(image: npt.NDArray[Any], header: SliceHeader) -> npt.NDArray[Any]:
    """The image; `ValueError` where it has another size than its header states."""
    if image.shape != header.size:
        raise ValueError(f"{image.shape} instead of {header.size} pixels")
    return image


def _frames(head: SliceHeader, indices: list[int]) -> Iterator[npt.NDArray[Any]]:
    """The decoded frames of the file of a slice, by their indices from 0."""
    options: dict[str, Any] = {
        "decoding_plugin": PLUGINS.get(head.facts.syntax, ""),
        "correct_unused_bits": head.facts.bits is None,
    }
    with quiet_pydicom():  # not around a yield, or it would silence the caller too
        source = _source(head, indices)
        # iter_pixels would parse all frames, which costs too much for one
        first = pixel_array(source, index=indices[0], **options)
        rest = iter_pixels(source, indices=indices[1:], **options)
    yield _in_lowest_bits(first, head)
    for _ in indices[1:]:
        with quiet_pydicom():
            frame = next(rest)
        yield _in_lowest_bits(frame, head)


def _in_lowest_bits(image: npt.NDArray[Any], head: SliceHeader) -> npt.NDArray[Any]:
    """The image with its values in the lowest bits, see `sam_med.headers.stored_bits`."""
    return np.asarray(image if head.facts.bits is None else moved_down(image, head.facts.bits))


def _source(head: SliceHeader, indices: list[int]) -> Path | Dataset:
    """What pydicom decodes from: the path of a file that it can read alone, else a data set."""
    facts = head.facts
    if facts.as_stated and facts.syntax not in {*CHECKED, DeflatedExplicitVRLittleEndian}:
        return head.path
    # pydicom does not inflate when it reads from the file
    dataset = read_whole(head.path, facts.syntax)
    if facts.syntax in CHECKED:
        _check_streams(dataset, indices)
    return dataset


def _check_streams(dataset: Dataset, indices: list[int]) -> None:
    """Raise `ValueError` where a JPEG frame is damaged, or not of the size in the header."""
    frames = int(dataset.get("NumberOfFrames", None) or 1)
    for index in indices:
        check_jpeg(
            get_frame(dataset.PixelData, index, number_of_frames=frames),
            rows=int(dataset.Rows),
            columns=int(dataset.Columns),
            samples=int(dataset.SamplesPerPixel),
        )


def _grey(image: npt.NDArray[Any], header: SliceHeader) -> npt.NDArray[Any]:
    """Grey values of a decoded image: as they are, by the Modality LUT, or luminance of colours."""
    facts = header.facts
    if facts.photometric in GREY and not facts.has_modality_lut:
        return image
    with quiet_pydicom():
        dataset = _tables(header)
        if facts.photometric == PALETTE:
            image = apply_color_lut(image, dataset)
        elif facts.has_modality_lut:
            return apply_modality_lut(image, dataset, facts.syntax)
    return luminance(image)


def _tables(header: SliceHeader) -> Dataset:
    """The header of the file of a slice, with the real transfer syntax of its tables."""
    read = read_header(header.path)
    if read is None:
        raise InvalidDicomError
    dataset: Dataset = read[0]
    dataset.file_meta.TransferSyntaxUID = UID(header.facts.syntax)
    return dataset


def luminance(rgb: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Grey (rows, columns) of a colour image (rows, columns, 3), rounded to its integer type.

    Raises:
        ValueError: The last axis has not 3 numbers.
    """
    if rgb.shape[-1] != COLOUR_SAMPLES:
        raise ValueError(f"a colour has {COLOUR_SAMPLES} numbers, got {rgb.shape}")
    grey: npt.NDArray[Any] = np.rint(rgb @ np.array(LUMINANCE)).astype(rgb.dtype)
    return grey

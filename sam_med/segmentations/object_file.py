"""Object files: opening of a DICOM SEG or RTSTRUCT, also without preamble, gzipped or zipped.

As for images, `sam_med.dicom.encoding` finds the encoding of a file, and
`sam_med.series.zip_input` unpacks a `.gz`, or a zip that holds this one file.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pydicom.dataelem import RawDataElement
from pydicom.uid import RTStructureSetStorage

from sam_common.errors import InputError
from sam_med.dicom.encoding import DAMAGE, PLAIN, UNDEFINED, is_dicom_head, read_header, read_whole
from sam_med.series import zip_input

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pydicom.dataset import Dataset, FileDataset

RTSTRUCT = "RTSTRUCT"
ANNOTATIONS = ("SR", "PR")
"""Modalities of structured reports and presentation states, see `sam_med.annotations`."""
ENCODING_TAGS = ("SOPClassUID", "Modality")
"""Elements from which the encoding of a file can be told."""


def open_dicom(path: Path) -> FileDataset:
    """Read a DICOM file of any kind with its pixels.

    The head of a file without a stated encoding, or with compressed pixels, is read twice.

    Raises:
        InputError: The file is not DICOM, cannot be read, or has compressed pixels of an unknown
            transfer syntax.
    """
    try:
        return _opened(_unpacked(path))
    except DAMAGE as error:
        if isinstance(error, OSError) and error.strerror:
            raise InputError(f"cannot read the file of objects: {error.strerror}") from error
        raise InputError("the DICOM file is damaged: it cannot be read to its end") from error


def modality_of(path: Path) -> str | None:
    """The modality of a DICOM file, of which the head alone is read; None for any other file.

    Raises:
        InputError: The file is an archive of DICOM that cannot be unpacked.
    """
    try:
        read = read_header(_unpacked(path), list(ENCODING_TAGS))
        return None if read is None else stated_modality(read[0])
    except DAMAGE:
        return None


def stated_modality(dataset: Dataset) -> str:
    """The modality of a data set; that of its SOP class where an RTSTRUCT states none."""
    stated = str(dataset.get("Modality", None) or "")
    if not stated and dataset.get("SOPClassUID", None) == RTStructureSetStorage:
        return RTSTRUCT
    return stated


def check_numbers(numbers: Sequence[int], what: str) -> None:
    """Raise `InputError` where two items of a file have one number, so that references are unclear.

    Args:
        numbers: Numbers of all items.
        what: Name of the items for the message: "segments".
    """
    for number, count in Counter(numbers).items():
        if count > 1:
            raise InputError(
                f"{count} {what} have the number {number}, so nothing says which of them is meant: "
                "save the file anew in the program that wrote it"
            )


def _opened(path: Path) -> FileDataset:
    """Read an unpacked DICOM file, with its transfer syntax in the meta information."""
    if read_header(path, []) is None:
        raise InputError("neither a volume file nor DICOM: the file of objects")
    dataset = read_whole(path)
    _check_end(dataset)
    stated = dataset.file_meta.get("TransferSyntaxUID", None)
    if dataset.preamble is not None and stated in PLAIN:
        return dataset
    read = read_header(path, list(ENCODING_TAGS))
    encoding = None if read is None else read[1]
    if encoding is None or (encoding.has_pixels and encoding.syntax is None):
        raise InputError("the file of objects is compressed, but does not say how")
    dataset.file_meta.TransferSyntaxUID = encoding.syntax
    return dataset


def _check_end(dataset: Dataset) -> None:
    """Raise `EOFError` for an element that is shorter than stated, which pydicom reads silently."""
    for raw in dataset.values():
        if (
            isinstance(raw, RawDataElement)
            and raw.length != UNDEFINED
            and len(raw.value or b"") < raw.length
        ):
            raise EOFError


def _unpacked(path: Path) -> Path:
    """The file itself, or the one file in a gzip or zip archive.

    Raises:
        InputError: The archive cannot be unpacked, or holds several files.
    """
    kind = zip_input.kind_of(path)
    if kind not in {"zip", "gzip"} or zip_input.peek(path, kind, is_dicom_head) != kind:
        return path
    files = sorted(file for file in zip_input.unpack(path).iterdir() if file.is_file())
    if len(files) != 1:
        raise InputError(
            f"the archive holds {len(files)} files, and a segmentation is one: unpack it, and name "
            "the one that is meant"
        )
    return files[0]

"""Object files: a DICOM SEG or RTSTRUCT as it is, with or without preamble, also packed.

They are opened as images are: `sam_med.dicom.encoding` tells how a file is written, and
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
ENCODING_TAGS = ("SOPClassUID", "Modality")
"""Enough elements to see how a file is written."""


def open_dicom(path: Path) -> FileDataset:
    """A DICOM file with its pixels, whatever it holds.

    It is read once; one that does not say how it is written, or says that its pixels are
    compressed, is looked at once more.

    Raises:
        InputError: It is no DICOM file, or cannot be read, or nothing says how it is compressed.
    """
    try:
        return _opened(_unpacked(path))
    except DAMAGE as error:
        if isinstance(error, OSError) and error.strerror:
            raise InputError(f"cannot read the file of objects: {error.strerror}") from error
        raise InputError("the DICOM file is damaged: it cannot be read to its end") from error


def modality_of(path: Path) -> str | None:
    """What a DICOM file says it holds; None for any other file.

    Raises:
        InputError: It is an archive that holds DICOM and cannot be unpacked.
    """
    try:
        read = read_header(_unpacked(path), list(ENCODING_TAGS))
        return None if read is None else kind_of(read[0])
    except DAMAGE:
        return None


def kind_of(dataset: Dataset) -> str:
    """The modality of an opened file, which is that of its class where none is stated."""
    stated = str(dataset.get("Modality", None) or "")
    if not stated and dataset.get("SOPClassUID", None) == RTStructureSetStorage:
        return RTSTRUCT
    return stated


def check_numbers(numbers: Sequence[int], what: str) -> None:
    """Raise `InputError` where two items of a file have one number: whose is what, then?

    Args:
        numbers: Of all items.
        what: They are, for the message.
    """
    for number, count in Counter(numbers).items():
        if count > 1:
            raise InputError(
                f"{count} {what} have the number {number}, so nothing says which of them is meant: "
                "save the file anew in the program that wrote it"
            )


def _opened(path: Path) -> FileDataset:
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
    """Raise `EOFError` for an element that is shorter than it says: pydicom takes what is there."""
    for raw in dataset.values():
        if (
            isinstance(raw, RawDataElement)
            and raw.length != UNDEFINED
            and len(raw.value or b"") < raw.length
        ):
            raise EOFError


def _unpacked(path: Path) -> Path:
    """The file itself, or the one in an archive of it."""
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

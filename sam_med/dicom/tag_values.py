"""Tag values: numbers and text of DICOM elements, with missing and damaged ones told apart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom.dataset import Dataset

from sam_med.dicom.encoding import tag_of
from sam_med.geometry.diagnostics import RefusedError, refused
from sam_med.geometry.volume import HOUNSFIELD, UNSPECIFIED

if TYPE_CHECKING:
    from collections.abc import Sequence

UNPARSABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""Exceptions of pydicom for a value that does not fit its value representation."""
FARTHEST = 1e12
"""Numbers of this size are damage: no position, size or value of an image is so large."""
RESCALE_TYPES = frozenset({"OD", "MGML", "Z_EFF", "ED", "EDW", "HU_MOD", "PCT"})
"""Units of CT other than HU (PS3.3, C.11.1.1.2); "US" is unspecified."""


def value(dataset: Dataset, tag: str) -> Any:
    """The value of a tag; None where it is missing, empty, or does not fit its type."""
    try:
        found = _held(dataset, tag)
    except UNPARSABLE:
        return None
    return None if found == "" else found


def _held(dataset: Dataset, keyword: str) -> Any:
    """The value of a tag; None where the tag is missing, which most are in most files.

    Raises:
        UNPARSABLE: One of these: the value does not fit its type.
    """
    tag = tag_of(keyword)
    return dataset[tag].value if tag in dataset else None


def text(dataset: Dataset, tag: str) -> str:
    """The value of a tag as text; "" where it is missing, empty, or does not fit its type."""
    found = value(dataset, tag)
    return "" if found is None else str(found)


def number(dataset: Dataset, tag: str, *, below: float = FARTHEST) -> float | None:
    """The number of a tag; None where it is missing, no number, NaN or infinite.

    Args:
        dataset: A data set with or without the tag.
        tag: Keyword of the tag.
        below: Numbers of this absolute value or more are damage, and None.
    """
    try:
        found = float(value(dataset, tag))
    except UNPARSABLE:
        return None
    return found if abs(found) < below else None


def numbers_or_none(dataset: Dataset, tag: str, count: int) -> tuple[float, ...]:
    """The `count` numbers of a tag; empty where it is missing or holds anything else."""
    try:
        return numbers(dataset, tag, count)
    except UNPARSABLE:
        return ()


def holds_nonsense(dataset: Dataset, tag: str, count: int) -> bool:
    """Whether a tag is there and not empty, but does not hold `count` numbers."""
    try:
        return len(numbers(dataset, tag, count)) not in {0, count}
    except UNPARSABLE:
        return True


def holds_no_number(dataset: Dataset, tag: str) -> bool:
    """Whether a tag is there and not empty, but holds no number."""
    try:
        held = _held(dataset, tag)
    except UNPARSABLE:
        return True
    return held is not None and held != "" and number(dataset, tag) is None


def numbers(dataset: Dataset, tag: str, count: int) -> tuple[float, ...]:
    """The `count` numbers of a tag; empty where it is missing.

    Raises:
        ValueError: The tag holds another count, NaN, or a number of `FARTHEST` or more.
        UNPARSABLE: One of these: the value is no number.
    """
    values = _held(dataset, tag)
    if values is None or values == "":
        return ()
    listed = tuple(float(v) for v in np.atleast_1d(np.asarray(values, dtype=np.float64)))
    if len(listed) != count or not all(abs(v) < FARTHEST for v in listed):  # false for NaN too
        raise ValueError(f"{tag} must be {count} numbers")
    return listed


def count(dataset: Dataset, tag: str, missing: int | None = None) -> int:
    """A positive whole number that is needed to read the file, such as Rows.

    Args:
        dataset: A data set with or without the tag.
        tag: Keyword of the tag.
        missing: Returned where the tag is missing or 0; without it, such a tag is refused.

    Raises:
        RefusedError: "unreadable-header": the tag is missing, or holds anything else.
    """
    found = number(dataset, tag)
    if missing is not None and (tag not in dataset or found == 0):
        return missing
    if found is None or not found.is_integer() or found <= 0:
        what = "holds no number of its kind" if tag in dataset else "is missing"
        raise unreadable(f"{tag} {what}")
    return int(found)


def unreadable(reason: str) -> RefusedError:
    """The error of a header in which a needed tag is missing or damaged; `reason` names the tag."""
    return refused("unreadable-header", reason, reason=reason)


def positive(dataset: Dataset, tag: str) -> float | None:
    """The number of a tag, e.g. a length; None where it is missing, damaged, or not above 0."""
    found = number(dataset, tag)
    return found if found is not None and found > 0 else None


def rescale(dataset: Dataset) -> tuple[float, float]:
    """RescaleSlope and RescaleIntercept; 1 and 0 where missing, `math.nan` where no numbers."""
    return _factor(dataset, "RescaleSlope", 1.0), _factor(dataset, "RescaleIntercept", 0.0)


def _factor(dataset: Dataset, tag: str, missing: float) -> float:
    """The number of a tag; `missing` where there is none, NaN where it is damaged."""
    if holds_nonsense(dataset, tag, 1):
        return math.nan
    found = number(dataset, tag)
    return missing if found is None else found


def kind_of(image_type: Sequence[str]) -> str:
    """The words of ImageType that tell kinds of image apart, without those on how it was made."""
    dull = {"ORIGINAL", "DERIVED", "PRIMARY", "SECONDARY", "MOSAIC", "ND", "NORM"}
    return " ".join(word for word in image_type if word not in dull)


def units(dataset: Dataset, modality: str) -> str:
    """The unit of rescaled values; where none is stated "", and `UNSPECIFIED` for CT.

    CT is in Hounsfield units where slope and intercept are stated, and RescaleType is HU or
    missing, which means HU as well (PS3.3, C.8.2.1.1.2).
    """
    stated = text(dataset, "Units") or text(dataset, "RescaleType")
    if modality != "CT":
        return stated
    if "ModalityLUTSequence" in dataset:
        table = (value(dataset, "ModalityLUTSequence") or [Dataset()])[0]
        return HOUNSFIELD if text(table, "ModalityLUTType") == HOUNSFIELD else UNSPECIFIED
    if any(value(dataset, tag) is None for tag in ("RescaleSlope", "RescaleIntercept")):
        return UNSPECIFIED
    if stated in {"", HOUNSFIELD}:
        return HOUNSFIELD
    return stated if stated in RESCALE_TYPES else UNSPECIFIED


def padding(dataset: Dataset) -> tuple[float, float] | None:
    """Smallest and largest stored value of padding, both inclusive; None where none is stated.

    Some writers state PixelPaddingValue with another sign than the pixels have, e.g. 63536 for
    -2000. Its bits are therefore read with the sign of the pixels.
    """
    for kind in ("", "Float", "DoubleFloat"):
        # writers often take the smallest float, beyond `FARTHEST`, as padding
        first = number(dataset, f"{kind}PixelPaddingValue", below=math.inf)
        if first is None:
            continue
        last = number(dataset, f"{kind}PixelPaddingRangeLimit", below=math.inf)
        ends = [first, first if last is None else last]
        if not kind:
            ends = [_in_the_sign_of_pixels(end, dataset) for end in ends]
        return min(ends), max(ends)
    return None


def _in_the_sign_of_pixels(stored: float, dataset: Dataset) -> float:
    """A stored value whose bits are read with the sign of the pixels."""
    bits = int(number(dataset, "BitsAllocated") or 16)
    bits_as_number = int(stored) % (1 << bits)
    if number(dataset, "PixelRepresentation") == 1 and bits_as_number >= 1 << (bits - 1):
        bits_as_number -= 1 << bits
    return float(bits_as_number)

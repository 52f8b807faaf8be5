"""Values of DICOM tags as plain numbers, missing ones included."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom.dataset import Dataset

from sam_med.dicom.encoding import tag_of
from sam_med.geometry.diagnostics import RefusedError
from sam_med.geometry.diagnostics import found as diagnosed
from sam_med.geometry.volume import HOUNSFIELD, UNSPECIFIED

if TYPE_CHECKING:
    from collections.abc import Sequence

UNPARSABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What pydicom raises on a value that is none of its type."""
FARTHEST = 1e12
"""Numbers from here on are damage: no place, size or value of an image is so large."""
RESCALE_TYPES = frozenset({"OD", "MGML", "Z_EFF", "ED", "EDW", "HU_MOD", "PCT"})
"""Units of CT other than HU (PS3.3, C.11.1.1.2); "US" is unspecified."""


def value(dataset: Dataset, tag: str) -> Any:
    """The value of a tag; None where it is missing, empty, or nothing of its type."""
    try:
        found = _held(dataset, tag)
    except UNPARSABLE:
        return None
    return None if found == "" else found


def _held(dataset: Dataset, keyword: str) -> Any:
    """The value of a tag, None where it is missing: that most are is seen without their names.

    Raises:
        UNPARSABLE: It is there, but nothing of its type.
    """
    tag = tag_of(keyword)
    return dataset[tag].value if tag in dataset else None


def text(dataset: Dataset, tag: str) -> str:
    """The value of a tag in letters; "" where there is none, see `value`."""
    found = value(dataset, tag)
    return "" if found is None else str(found)


def number(dataset: Dataset, tag: str, *, below: float = FARTHEST) -> float | None:
    """A number; None where the tag is missing or holds anything else, NaN and infinity too.

    Args:
        dataset: With or without the tag.
        tag: Its keyword.
        below: Numbers as large as this, of either sign, are damage.
    """
    try:
        found = float(value(dataset, tag))
    except UNPARSABLE:
        return None
    return found if abs(found) < below else None


def numbers_or_none(dataset: Dataset, tag: str, count: int) -> tuple[float, ...]:
    """The numbers of a tag; empty where it is missing or holds anything else."""
    try:
        return numbers(dataset, tag, count)
    except UNPARSABLE:
        return ()


def holds_nonsense(dataset: Dataset, tag: str, count: int) -> bool:
    """Whether a tag is there and not empty, but its value is not so many numbers."""
    try:
        return len(numbers(dataset, tag, count)) not in {0, count}
    except UNPARSABLE:
        return True


def holds_no_number(dataset: Dataset, tag: str) -> bool:
    """Whether a tag is there and not empty, but its value is no number."""
    try:
        held = _held(dataset, tag)
    except UNPARSABLE:
        return True
    return held is not None and held != "" and number(dataset, tag) is None


def numbers(dataset: Dataset, tag: str, count: int) -> tuple[float, ...]:
    """The numbers of a tag; empty where it is missing.

    Raises:
        ValueError: It is there, but holds something else.
    """
    values = _held(dataset, tag)
    if values is None or values == "":
        return ()
    listed = tuple(float(v) for v in np.atleast_1d(np.asarray(values, dtype=np.float64)))
    if len(listed) != count or not all(abs(v) < FARTHEST for v in listed):  # nor is NaN
        raise ValueError(f"{tag} must be {count} numbers")
    return listed


def count(dataset: Dataset, tag: str, missing: int | None = None) -> int:
    """A whole number of something that a file cannot be read without.

    Args:
        dataset: With or without the tag.
        tag: Its keyword.
        missing: What stands for a tag that is missing or 0; such a tag is refused without it.

    Raises:
        RefusedError: "unreadable-header": the tag holds anything else, or nothing.
    """
    found = number(dataset, tag)
    if missing is not None and (tag not in dataset or found == 0):
        return missing
    if found is None or not found.is_integer() or found <= 0:
        what = "holds no number of its kind" if tag in dataset else "is missing"
        raise unreadable(f"{tag} {what}")
    return int(found)


def unreadable(reason: str) -> RefusedError:
    """A header of which something that is needed is missing or damaged; `reason` names the tag."""
    return RefusedError([diagnosed("unreadable-header", reason, reason=reason)])


def positive(dataset: Dataset, tag: str) -> float | None:
    """A length in mm; None where it is missing or no length."""
    found = number(dataset, tag)
    return found if found is not None and found > 0 else None


def rescale(dataset: Dataset) -> tuple[float, float]:
    """Slope and intercept; 1 and 0 where they are missing, `math.nan` where they are no numbers."""
    return _factor(dataset, "RescaleSlope", 1.0), _factor(dataset, "RescaleIntercept", 0.0)


def _factor(dataset: Dataset, tag: str, missing: float) -> float:
    if holds_nonsense(dataset, tag, 1):
        return math.nan
    found = number(dataset, tag)
    return missing if found is None else found


def kind_of(image_type: Sequence[str]) -> str:
    """What of the image type tells kinds of image apart; how it was stored does not."""
    dull = {"ORIGINAL", "DERIVED", "PRIMARY", "SECONDARY", "MOSAIC", "ND", "NORM"}
    return " ".join(word for word in image_type if word not in dull)


def units(dataset: Dataset, modality: str) -> str:
    """What rescaled values are; "" where nothing says so, and for CT `UNSPECIFIED`.

    CT is in Hounsfield units where slope and intercept are there and RescaleType is HU, or is not,
    which means the same (PS3.3, C.8.2.1.1.2).
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
    """Smallest and largest stored value that stands for no pixel, both inclusive; None for none.

    Some writers give the value in the other sign than the pixels (63536 for -2000): it is the bits
    that count.
    """
    for kind in ("", "Float", "DoubleFloat"):
        # the smallest of all floats is a usual one
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
    bits = int(number(dataset, "BitsAllocated") or 16)
    bits_as_number = int(stored) % (1 << bits)
    if number(dataset, "PixelRepresentation") == 1 and bits_as_number >= 1 << (bits - 1):
        bits_as_number -= 1 << bits
    return float(bits_as_number)

"""MetaImage headers: a check whether ITK can read one, before ITK is asked to.

ITK writes what a header lacks to stderr in several lines, and its exception says that the file does
not exist. The check here raises one sentence instead.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

NEEDED = {
    "ndims": "NDims",
    "dimsize": "DimSize",
    "elementtype": "ElementType",
    "elementdatafile": "ElementDataFile",
}
LISTS = {
    "offset": ("Offset", 1),
    "position": ("Position", 1),
    "origin": ("Origin", 1),
    "centerofrotation": ("CenterOfRotation", 1),
    "elementspacing": ("ElementSpacing", 1),
    "elementsize": ("ElementSize", 1),
    "transformmatrix": ("TransformMatrix", 2),
    "rotation": ("Rotation", 2),
    "orientation": ("Orientation", 2),
}
"""Fields that list numbers: the name, and the power of NDims that is their count."""
MATRIX = 2
"""Power of NDims of the fields that hold a matrix of directions."""
FLAGS = {
    "binarydata": "BinaryData",
    "compresseddata": "CompressedData",
    "binarydatabyteordermsb": "BinaryDataByteOrderMSB",
    "elementbyteordermsb": "ElementByteOrderMSB",
}
FLAG_VALUES = frozenset({"true", "false", "1", "0", "t", "f"})
COMPRESSED_SIZE = "compresseddatasize"
TYPE_PREFIX = "MET_"
"""First letters of every ElementType."""


def check_meta(fields: Mapping[str, str], names: Collection[str]) -> None:
    """Raise `InputError` where a MetaImage header lacks a needed field, or holds a wrong value.

    Args:
        fields: From `sam_med.formats.text_header.header_fields`.
        names: From `sam_med.formats.text_header.field_names`, because ITK distinguishes upper and
            lower case in the names of fields.
    """
    for key, name in NEEDED.items():
        if not fields.get(key) or name not in names:
            raise _damaged(f"states no {name}")
    axes = _whole(fields["ndims"])
    if axes is None or axes < 1:
        raise _damaged("has an NDims that is no number of axes")
    sizes = [_whole(word) for word in fields["dimsize"].split()]
    if len(sizes) != axes or not all(size is not None and size > 0 for size in sizes):
        raise _damaged(f"has a DimSize that is not {axes} sizes")
    for name in _wrong(fields, axes):
        raise _damaged(f"has a value of {name} that is none of its kind")


def _wrong(fields: Mapping[str, str], axes: int) -> Iterator[str]:
    """Names of the fields whose value ITK cannot use."""
    if not fields["elementtype"].startswith(TYPE_PREFIX):
        yield "ElementType"
    if _whole(fields.get(COMPRESSED_SIZE, "0")) is None:
        yield "CompressedDataSize"
    # a negative distance is allowed: it reverses its axis
    if not all(math.isfinite(n) and n for n in _numbers(fields.get("elementspacing", ""))):
        yield "ElementSpacing"
    for key, (name, power) in LISTS.items():
        if key in fields and not _are_numbers(fields[key], axes, power):
            yield name
    for key, name in FLAGS.items():
        if fields.get(key, "true").lower() not in FLAG_VALUES:
            yield name


def _damaged(what: str) -> InputError:
    return InputError(f"cannot read the volume file: its header {what} (have it copied again)")


def _whole(text: str) -> int | None:
    """A whole number in decimal digits; None for other text."""
    digits = text.strip().removeprefix("-")
    return int(text) if digits.isascii() and digits.isdecimal() else None


def _are_numbers(text: str, axes: int, power: int) -> bool:
    """Whether a field lists `axes ** power` numbers; a matrix must be finite and invertible."""
    numbers = _numbers(text)
    if len(numbers) != axes**power:
        return False
    if power != MATRIX:
        return True
    matrix = np.reshape(numbers, (axes, axes))
    return bool(np.isfinite(matrix).all() and np.linalg.matrix_rank(matrix) == axes)


def _numbers(text: str) -> list[float]:
    """The numbers of a list; empty where one of its words is no number."""
    try:
        return [float(word) for word in text.split()]
    except ValueError:
        return []

"""MetaImage headers: whether ITK could read one, looked at before ITK does.

Of a header that lacks something ITK says on stderr what it is, in several lines, and that there is
no such file in its error; here it is one sentence.
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
"""Fields of as many numbers as there are axes, or the square of that."""
MATRIX = 2
FLAGS = {
    "binarydata": "BinaryData",
    "compresseddata": "CompressedData",
    "binarydatabyteordermsb": "BinaryDataByteOrderMSB",
    "elementbyteordermsb": "ElementByteOrderMSB",
}
ANSWERS = frozenset({"true", "false", "1", "0", "t", "f"})
PACKED = "compresseddatasize"
KIND = "MET_"
"""Names of types start so."""


def check_meta(fields: Mapping[str, str], names: Collection[str]) -> None:
    """Raise `InputError` where a MetaImage header lacks what it needs, or it is no number.

    Args:
        fields: From `sam_med.formats.text_header.header_fields`.
        names: From `sam_med.formats.text_header.field_names`: ITK knows a field by its very
            letters.
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
    """Names of fields that hold something else than they must."""
    if not fields["elementtype"].startswith(KIND):
        yield "ElementType"
    if _whole(fields.get(PACKED, "0")) is None:
        yield "CompressedDataSize"
    # a distance below 0 turns its axis round
    if not all(math.isfinite(n) and n for n in _numbers(fields.get("elementspacing", ""))):
        yield "ElementSpacing"
    for key, (name, power) in LISTS.items():
        if key in fields and not _are_numbers(fields[key], axes, power):
            yield name
    for key, name in FLAGS.items():
        if fields.get(key, "true").lower() not in ANSWERS:
            yield name


def _damaged(what: str) -> InputError:
    return InputError(f"cannot read the volume file: its header {what} (have it copied again)")


def _whole(text: str) -> int | None:
    digits = text.strip().removeprefix("-")
    return int(text) if digits.isascii() and digits.isdecimal() else None


def _are_numbers(text: str, axes: int, power: int) -> bool:
    """Whether a list is as long as it must be; directions are finite, and no two the same."""
    numbers = _numbers(text)
    if len(numbers) != axes**power:
        return False
    if power != MATRIX:
        return True
    matrix = np.reshape(numbers, (axes, axes))
    return bool(np.isfinite(matrix).all() and np.linalg.matrix_rank(matrix) == axes)


def _numbers(text: str) -> list[float]:
    """Those of a list; none where one of them is none."""
    try:
        return [float(word) for word in text.split()]
    except ValueError:
        return []

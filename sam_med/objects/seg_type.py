"""SEG type: how a DICOM SEG holds its pixels (PS3.3, C.8.20.2).

```
binary       one bit a pixel, a frame for each object and slice       objects may overlap
labelmap     the number of the object, a frame for each slice         one object a pixel
fractional   0 or 255, a frame for each object and slice              objects may overlap
```
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from sam_common.errors import OutputError

SegType: TypeAlias = Literal["binary", "labelmap", "fractional"]
"""Name of a type, as `--seg-type` takes it."""
SEG_TYPES: tuple[SegType, ...] = ("binary", "labelmap", "fractional")
DEFAULT_SEG_TYPE: SegType = "binary"
"""What every program that reads DICOM SEG takes, and keeps overlaps: decision record 0012."""


def seg_type_of(name: str) -> SegType:
    """The type of a name.

    Raises:
        OutputError: No type has that name.

    >>> seg_type_of("labelmap")
    'labelmap'
    """
    for known in SEG_TYPES:
        if name == known:
            return known
    raise OutputError(f"a DICOM SEG is {', '.join(SEG_TYPES[:-1])} or {SEG_TYPES[-1]}, got {name}")

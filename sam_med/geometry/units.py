"""Units of length: what the words of volume files mean in millimetres.

```
NIfTI        xyzt_units          meter, mm, micron, or a code that says nothing
NRRD         space units, units  free text, by convention "mm", "um", "microns", ...
MetaImage    DistanceUnits       mm, cm, um
```
A word that is not known is never taken for another one: mm is taken, and that is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sam_med.geometry import frame as frames
from sam_med.geometry.diagnostics import Diagnostic, found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_common.frame import Frame

_WORDS = {
    1e-6: ("nm", "nanometer", "nanometre"),
    1e-3: ("um", "\u00b5m", "\u03bcm", "micron", "micrometer", "micrometre"),
    1.0: ("mm", "millimeter", "millimetre"),
    10.0: ("cm", "centimeter", "centimetre"),
    25.4: ("in", "inch", "inche"),
    1000.0: ("m", "meter", "metre"),
}
MILLIMETRES = {word: size for size, words in _WORDS.items() for word in words}
"""Millimetres of each unit, in small letters and the singular."""


def millimetres(unit: str) -> float | None:
    """How many millimetres a unit has; None for a word that is no known unit of length.

    >>> millimetres("Microns"), millimetres("mm"), millimetres("voxel")
    (0.001, 1.0, None)
    """
    word = unit.strip().lower()
    return MILLIMETRES.get(word, MILLIMETRES.get(word.removesuffix("s")))


def in_millimetres(frame: Frame, units: Sequence[str]) -> tuple[Frame, list[Diagnostic]]:
    """A frame whose world is in the units that a file states, in mm, and what to say about it.

    Args:
        frame: Index to world.
        units: One for all three world axes, or one each; none where the file names none.

    Returns:
        The same frame where the units are mm, are not named, or are not known.
    """
    sizes = [millimetres(unit) for unit in units]
    if None in sizes:
        odd = units[sizes.index(None)]
        return frame, [found("unknown-units", f"lengths are in {odd!r}", unit=odd)]
    scales = np.array([size or 1.0 for size in sizes])
    if (scales == 1).all():
        return frame, []
    word = ", ".join(dict.fromkeys(unit.strip() for unit in units))
    told = found("scaled-units", f"lengths are in {word}", unit=word)
    return frames.turned(frame, np.broadcast_to(scales, 3).tolist()), [told]

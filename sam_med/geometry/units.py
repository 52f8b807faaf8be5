"""Units of length: the names in the headers of volume files, and their size in mm.

```
NIfTI        xyzt_units          meter, mm, micron, or a code that says nothing
NRRD         space units, units  free text, by convention "mm", "um", "microns", ...
MetaImage    DistanceUnits       mm, cm, um
```
An unknown name is never taken for a similar one: mm is assumed, and a diagnostic says so.
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
"""Size in mm of each unit, by its name in lower case and singular."""


def millimetres(unit: str) -> float | None:
    """Size of a unit in mm; None for a name that is no known unit of length.

    >>> millimetres("Microns"), millimetres("mm"), millimetres("voxel")
    (0.001, 1.0, None)
    """
    word = unit.strip().lower()
    return MILLIMETRES.get(word, MILLIMETRES.get(word.removesuffix("s")))


def in_millimetres(frame: Frame, units: Sequence[str]) -> tuple[Frame, list[Diagnostic]]:
    """A frame in the units of its file as a frame in mm, and diagnostics about the units.

    Args:
        frame: Index (k, j, i) to world coordinates in `units`.
        units: One unit for all three world axes, or one for each; empty where the file states none.

    Returns:
        The frame as it is where the units are mm, not stated or unknown.
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
    return frames.with_scaled_world(frame, np.broadcast_to(scales, 3).tolist()), [told]

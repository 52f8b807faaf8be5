"""Stated fields: what NRRD and MetaImage headers say about the places and values of voxels.

ITK takes every length as mm, every space that is not RAS or LAS as LPS, and a missing distance of
voxels as 1. It also ignores two statements about values:

```
MetaImage    ElementToIntensityFunctionSlope, -Offset    value = stored * slope + offset
NRRD         old min, old max                            the range before it was quantized
```
The rescale is applied, because nothing else says what the stored numbers mean. A quantization only
says how coarse the values are, and becomes a diagnostic. The `fields` of all functions are those of
`sam_med.formats.text_header.header_fields`.
"""

from __future__ import annotations

import math
import re
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from sam_med.formats.text_header import NRRD_SUFFIXES, quoted_strings
from sam_med.geometry.diagnostics import Diagnostic, found, refused
from sam_med.geometry.volume import NDIM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LAYERS = "list"
"""NRRD's kind of an axis that lists volumes, such as the layers of a .seg.nrrd."""
OF_THE_PATIENT = frozenset(
    {
        *("leftposteriorsuperior", "rightanteriorsuperior", "leftanteriorsuperior"),
        *("lps", "ras", "las"),
    }
)
"""NRRD spaces that ITK converts to LPS, written as `_space` returns them."""
WITH_TIME = MappingProxyType(
    {
        **dict.fromkeys(("leftposteriorsuperiortime", "lpst"), (1.0, 1.0, 1.0)),
        **dict.fromkeys(("rightanteriorsuperiortime", "rast"), (-1.0, -1.0, 1.0)),
        **dict.fromkeys(("leftanteriorsuperiortime", "last"), (1.0, -1.0, 1.0)),
    }
)
"""NRRD spaces with an axis of time, which ITK does not convert: factors of x, y and z to LPS."""
LEFT_HANDED = frozenset({"3dlefthanded", "3dlh", "3dlefthandedtime", "3dlht"})
"""NRRD spaces that are mirrored, and say nothing about the patient."""
MATRICES = ("transformmatrix", "rotation", "orientation")
"""Names in use for MetaImage's matrix, whose rows are the directions of i, j and k."""
SPACINGS = frozenset({"elementspacing", "elementsize"})
PLACE_FIELDS = MappingProxyType(
    {
        "offset": frozenset({"offset", "position", "origin"}),
        "directions of its axes": frozenset(MATRICES),
    }
)
"""Parts of a place, and the MetaImage fields of which one has to state it."""
IDENTITY = ("1", "0", "0", "0", "1", "0", "0", "0", "1")
ENDS = ("RL", "AP", "IS")
"""Sides of the patient at the low and the high end of x, y and z in LPS."""
SIDES = frozenset("".join(ENDS))

SLOPE, OFFSET = "elementtointensityfunctionslope", "elementtointensityfunctionoffset"
QUANTIZED = frozenset({"oldmin", "oldmax"})
"""NRRD fields of the range that the values had before they were quantized."""


def check_place(fields: Mapping[str, str]) -> None:
    """Raise `RefusedError` for a NRRD file that ITK would put at a wrong place.

    Its space is left-handed, so it cannot be LPS ("mirrored-space"), or it states the ends of its
    axes instead of the distance of its voxels ("ends-of-axes").
    """
    if _space(fields) in LEFT_HANDED:
        space = fields["space"].lower()
        raise refused("mirrored-space", f"the space is {space!r}", space=space)
    if "axismaxs" in fields and _without_distance(fields):
        message = "the distances of voxels are stated by axis mins and axis maxs only"
        raise refused("ends-of-axes", message)


def lps_factors(fields: Mapping[str, str]) -> tuple[float, float, float]:
    """Factors (x, y, z), each 1 or -1, to LPS from the space in which ITK leaves the voxels."""
    return WITH_TIME.get(_space(fields), (1.0, 1.0, 1.0))


def _space(fields: Mapping[str, str]) -> str:
    """The space of a NRRD header in lower case, without hyphens and blanks."""
    return re.sub(r"[\s-]", "", fields.get("space", "").lower())


def length_units(fields: Mapping[str, str]) -> list[str]:
    """The stated unit of length of each world axis, or one for all; empty where none is stated."""
    if "distanceunits" in fields:
        return [fields["distanceunits"]]
    if "spaceunits" in fields:
        return _spatial(quoted_strings(fields["spaceunits"]))
    # without a space, the world's axes are the array's
    kinds = fields.get("kinds", "").lower().split()
    named = quoted_strings(fields.get("units", ""))
    return _spatial([u for n, u in enumerate(named) if kinds[n : n + 1] != [LAYERS]])


def _spatial(named: Sequence[str]) -> list[str]:
    """The units of the first three axes; empty where none of them has a unit."""
    first = list(named[:NDIM])
    return first if any(unit.strip() for unit in first) else []


def _without_distance(fields: Mapping[str, str]) -> bool:
    """Whether a NRRD header lacks the distance of voxels along one of the three axes of space."""
    if "spacedirections" in fields:
        return fields["spacedirections"].count("(") < NDIM
    kinds = fields.get("kinds", "").lower().split()
    spacings = [
        text
        for n, text in enumerate(fields.get("spacings", "").split())
        if kinds[n : n + 1] != [LAYERS]
    ]
    return len(spacings) < NDIM or any(not _is_length(text) for text in spacings[:NDIM])


def _is_length(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def place_diagnostics(fields: Mapping[str, str], path: Path) -> list[Diagnostic]:
    """Diagnostics of a header that leaves out a part of the place, or contradicts itself."""
    if path.name.lower().endswith(NRRD_SUFFIXES):
        return _of_nrrd(fields)
    matrix = next((fields[name] for name in MATRICES if name in fields), None)
    found_odd = []
    if missing := [what for what, names in PLACE_FIELDS.items() if not names & fields.keys()]:
        found_odd.append(
            found("no-affine", f"the MetaImage file states no {' and no '.join(missing)}")
        )
    if not SPACINGS & fields.keys():
        found_odd.append(
            found("no-pixel-spacing", "the MetaImage file states no distance of voxels")
        )
    letters = fields.get("anatomicalorientation", "").upper()
    if letters and not _agree(letters, matrix):
        message = f"the orientation is said to be {letters}, which is not that of the axes"
        found_odd.append(found("orientation-conflict", message, letters=letters))
    return found_odd


def _of_nrrd(fields: Mapping[str, str]) -> list[Diagnostic]:
    """The diagnostics of a NRRD header."""
    space = fields.get("space", "").lower()
    found_odd = []
    if not space:
        message = "the NRRD file names no space, so its axes are taken as LPS"
        found_odd.append(found("no-affine", message))
    elif _space(fields) not in OF_THE_PATIENT | WITH_TIME.keys():
        found_odd.append(found("unknown-space", f"the space is {space!r}", space=space))
    if space and "spaceorigin" not in fields:
        found_odd.append(found("no-affine", "the NRRD file states no origin of its space"))
    if _without_distance(fields):
        message = "the NRRD file does not state the distance of voxels along each axis"
        found_odd.append(found("no-pixel-spacing", message))
    return found_odd


def _agree(letters: str, matrix: str | None) -> bool:
    """Whether AnatomicalOrientation, e.g. "RAI", agrees with the matrix of directions.

    A letter may name the side where its axis begins or where it ends: both readings are in use.
    Letters without meaning, such as "???", agree with every matrix.
    """
    if len(letters) != NDIM or any(letter not in SIDES for letter in letters):
        return True
    text = matrix.split() if matrix is not None else IDENTITY
    try:
        axes = np.array(text, dtype=np.float64).reshape(NDIM, NDIM)
    except ValueError:
        return True
    along = np.abs(axes).argmax(axis=1)
    ends = [ENDS[axis][int(axes[n, axis] > 0)] for n, axis in enumerate(along)]
    begins = [ENDS[axis][int(axes[n, axis] <= 0)] for n, axis in enumerate(along)]
    return list(letters) in (ends, begins)


def stated_values(fields: Mapping[str, str]) -> tuple[float, float, list[Diagnostic]]:
    """Slope and intercept of the stored numbers, and diagnostics about them.

    Raises:
        RefusedError: "bad-rescale": the slope or intercept is no number, or the slope is 0.
    """
    slope, intercept = _number(fields, SLOPE, 1.0), _number(fields, OFFSET, 0.0)
    if not (slope and math.isfinite(slope) and math.isfinite(intercept)):
        message = "ElementToIntensityFunctionSlope is 0, or it or its Offset is no number"
        raise refused("bad-rescale", message)
    told = []
    if (slope, intercept) != (1.0, 0.0):
        message = f"values are the stored ones times {slope:g} plus {intercept:g}"
        told.append(found("stated-rescale", message, slope=slope, intercept=intercept))
    if QUANTIZED & fields.keys():
        message = "the file states the range that its values had before they were quantized"
        told.append(found("other-values", message))
    return slope, intercept, told


def _number(fields: Mapping[str, str], name: str, missing: float) -> float:
    try:
        return float(fields.get(name) or missing)
    except ValueError:
        return math.nan

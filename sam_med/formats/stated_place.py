"""Stated place: what the header of a NRRD or MetaImage file says of where its voxels are.

ITK takes every length as mm, every space that is not RAS or LAS as LPS, and a distance that is not
stated as 1. What the header says, and what it leaves out, is found here.
"""

from __future__ import annotations

import math
import re
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from sam_med.formats.text_header import NRRD_SUFFIXES, words
from sam_med.geometry.diagnostics import Diagnostic, RefusedError, found
from sam_med.geometry.volume import NDIM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LAYERS = "list"
"""NRRD's kind of an axis along which volumes are listed, as the layers of a .seg.nrrd are."""
OF_THE_PATIENT = frozenset(
    {
        *("leftposteriorsuperior", "rightanteriorsuperior", "leftanteriorsuperior"),
        *("lps", "ras", "las"),
    }
)
"""NRRD's spaces that ITK turns to LPS, as `_space` writes them."""
WITH_TIME = MappingProxyType(
    {
        **dict.fromkeys(("leftposteriorsuperiortime", "lpst"), (1.0, 1.0, 1.0)),
        **dict.fromkeys(("rightanteriorsuperiortime", "rast"), (-1.0, -1.0, 1.0)),
        **dict.fromkeys(("leftanteriorsuperiortime", "last"), (1.0, -1.0, 1.0)),
    }
)
"""Those with an axis of time, which ITK leaves as they are: what turns them to LPS."""
LEFT_HANDED = frozenset({"3dlefthanded", "3dlh", "3dlefthandedtime", "3dlht"})
MATRICES = ("transformmatrix", "rotation", "orientation")
"""MetaImage's names of its axes, of which the rows are the directions of i, j and k."""
SPACINGS = frozenset({"elementspacing", "elementsize"})
STATED = MappingProxyType(
    {
        "offset": frozenset({"offset", "position", "origin"}),
        "directions of its axes": frozenset(MATRICES),
    }
)
IDENTITY = ("1", "0", "0", "0", "1", "0", "0", "0", "1")
ENDS = ("RL", "AP", "IS")
"""Sides of the patient at the low and the high end of x, y and z in LPS."""
SIDES = frozenset("".join(ENDS))


def check(fields: Mapping[str, str]) -> None:
    """Raise `RefusedError` for a NRRD file whose place is not what ITK takes it for.

    That is a space which is nobody's left and cannot be LPS, or distances that are stated as the
    ends of the axes.

    Args:
        fields: From `sam_med.formats.text_header.header_fields`, as in the other functions.
    """
    if _space(fields) in LEFT_HANDED:
        space = fields["space"].lower()
        raise RefusedError([found("mirrored-space", f"the space is {space!r}", space=space)])
    if "axismaxs" in fields and _without_distance(fields):
        message = "the distances of voxels are stated by axis mins and axis maxs only"
        raise RefusedError([found("ends-of-axes", message)])


def turn(fields: Mapping[str, str]) -> tuple[float, float, float]:
    """What turns the axes of a space to LPS where ITK does not: a factor for x, y and z."""
    return WITH_TIME.get(_space(fields), (1.0, 1.0, 1.0))


def _space(fields: Mapping[str, str]) -> str:
    """A NRRD space in small letters, without the hyphens or blanks that it is written with."""
    return re.sub(r"[\s-]", "", fields.get("space", "").lower())


def units(fields: Mapping[str, str]) -> list[str]:
    """The unit of each world axis, as NRRD or MetaImage says it; none where neither does."""
    if "distanceunits" in fields:
        return [fields["distanceunits"]]
    if "spaceunits" in fields:
        return _spatial(words(fields["spaceunits"]))
    # without a space, the world's axes are the array's
    kinds = fields.get("kinds", "").lower().split()
    named = words(fields.get("units", ""))
    return _spatial([u for n, u in enumerate(named) if kinds[n : n + 1] != [LAYERS]])


def _spatial(named: Sequence[str]) -> list[str]:
    """Of the three axes of space; none where no axis has one."""
    first = list(named[:NDIM])
    return first if any(unit.strip() for unit in first) else []


def _without_distance(fields: Mapping[str, str]) -> bool:
    """Whether a NRRD header states no distance of voxels along an axis of space."""
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


def told(fields: Mapping[str, str], path: Path) -> list[Diagnostic]:
    """What a header does not say of the place of its voxels, or says twice."""
    if path.name.lower().endswith(NRRD_SUFFIXES):
        return _of_nrrd(fields)
    matrix = next((fields[name] for name in MATRICES if name in fields), None)
    found_odd = []
    if missing := [what for what, names in STATED.items() if not names & fields.keys()]:
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
    """Whether letters name the axes of a matrix, by where they begin or by where they end.

    Both readings are in use. Letters that say nothing, "???", agree with anything.
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

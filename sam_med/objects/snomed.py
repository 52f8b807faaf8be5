"""Codes: SNOMED CT concepts for the names of structures, with side and category."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sam_med.objects.snomed_table import ABNORMAL, PAIRED, PLURALS, STRUCTURES, SYNONYMS, TISSUES

SNOMED = "SCT"
"""DICOM's designator of SNOMED CT (PS3.16, 8)."""


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept, as DICOM holds it (PS3.3, 8.8)."""

    value: str
    """E.g. "10200004"."""
    scheme: str
    """E.g. "SCT"."""
    meaning: str
    """E.g. "Liver"."""
    modifier: Code | None = None
    """Laterality of a paired structure: left, right, or both; None where no side is named."""


ANATOMY = Code("91723000", SNOMED, "Anatomical Structure")
FINDING = Code("49755003", SNOMED, "Morphologically Abnormal Structure")
TISSUE = Code("85756007", SNOMED, "Tissue")
"""Category and type of an object with an unknown name, as in 3D Slicer."""
SIDES = {
    "left": Code("7771000", SNOMED, "Left"),
    "right": Code("24028007", SNOMED, "Right"),
    "both": Code("51440002", SNOMED, "Right and left"),
}
"""Laterality, from DICOM context group 244 (PS3.16)."""
_SPINE = re.compile(r"(?:vertebrae?_([clt])_?(\d{1,2})|([clt])_?(\d{1,2})_vertebrae?)")


def find_code(name: str) -> Code | None:
    """The SNOMED CT code of a structure by its name in English; None for an unknown name.

    Case, spaces, hyphens, plurals and usual synonyms make no difference, and numbers are ignored.
    A side becomes a modifier, and the plural of a paired structure the modifier "both".

    >>> find_code("Liver").meaning
    'Liver'
    >>> code = find_code("left kidney")
    >>> code.meaning, code.modifier.meaning
    ('Kidney', 'Left')
    >>> find_code("kidneys").modifier.meaning
    'Right and left'
    >>> find_code("object 3") is None
    True
    """
    words = [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]
    if (level := _SPINE.fullmatch("_".join(words))) is not None:
        words = [f"vertebra_{level[1] or level[3]}{level[2] or level[4]}"]
    # numbers count objects, as in "lesion 2" or "rib_left_7": they are not a part of the structure
    words = [word for word in words if not word.isdigit()]
    if (found := _entry(words)) is not None:
        entry, plural = found
        return _coded(entry, "both" if plural and entry in PAIRED else None)
    sides = [word for word in words if word in SIDES]
    found = _entry([word for word in words if word not in SIDES])
    if found is None or len(sides) != 1 or found[0] not in PAIRED:
        return None
    return _coded(found[0], sides[0])


def category_of(code: Code | None) -> Code:
    """The category of a code: anatomy, finding or tissue (DICOM context group 7150).

    Args:
        code: From `find_code` or a file; None for an unknown structure, which is tissue.
    """
    if code is None:
        return TISSUE
    names = {name for name, (value, _) in STRUCTURES.items() if value == code.value}
    if names & ABNORMAL:
        return FINDING
    return TISSUE if names & TISSUES or code == TISSUE else ANATOMY


def _entry(words: list[str]) -> tuple[str, bool] | None:
    """The entry of `STRUCTURES` for the words of a name, and whether the name was a plural.

    Returns:
        None where no entry has such a name.
    """
    *first, last = words or [""]
    singulars = [last, PLURALS.get(last, last), last.removesuffix("s"), last.removesuffix("es")]
    for singular in singulars:
        name = "_".join([*first, singular])
        name = SYNONYMS.get(name, name)
        if name in STRUCTURES:
            return name, singular != last
    return None


def _coded(entry: str, side: str | None) -> Code:
    """The code of an entry of `STRUCTURES`, with a key of `SIDES` as its modifier."""
    value, meaning = STRUCTURES[entry]
    return Code(value, SNOMED, meaning, None if side is None else SIDES[side])

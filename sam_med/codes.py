"""Codes: what an object is, in the words of SNOMED CT."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept, as DICOM holds it (PS3.3, 8.8)."""

    value: str
    """E.g. "10200004"."""
    scheme: str
    """E.g. "SCT"."""
    meaning: str
    """E.g. "Liver"."""

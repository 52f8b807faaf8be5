"""Joining: slices of one volume that were given several series or frames of reference.

Some anonymisers and converters draw a new SeriesInstanceUID or FrameOfReferenceUID for every file.
Only the positions of such slices can show that they belong together:

```
series a, b, c, d of one slice each       z = 0, 2, 4, 6      evidence of one volume
```
Evidence becomes a diagnostic ("split-series"); slices are joined only where the user asks for it.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import GeometryError
from sam_med.geometry.diagnostics import Diagnostic, found
from sam_med.geometry.frame import mm
from sam_med.headers.stack import place_tolerance_mm, position_numbers, stack
from sam_med.series.grouping import grouped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sam_med.headers.slice_header import SliceHeader

SPLIT = "split-series"
"""Code of the diagnostic of slices that seem to be one volume."""
FEWEST = 3
"""Smallest number of slices that shows an even line."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    """Slices that differ in nothing but their series and frame of reference."""

    members: tuple[SliceHeader, ...]
    parts: int
    """Number of pairs of a series and a frame of reference among the slices."""
    largest: int
    """Number of slices in the largest of those parts."""
    step_mm: float | None
    """Distance of neighbouring slices; None where they do not lie on an even line."""

    @property
    def joinable(self) -> bool:
        """Whether the slices are joined where the user asks for it."""
        return self.largest == 1 or self.step_mm is not None

    @property
    def is_evidence(self) -> bool:
        """Whether the positions are evidence of one volume."""
        alone = self.largest == 1 or len({header.series for header in self.members}) == 1
        return alone and self.step_mm is not None


def split_diagnostics(
    headers: Sequence[SliceHeader], alike: Callable[[SliceHeader, SliceHeader], bool]
) -> list[Diagnostic]:
    """Diagnostics "split-series" of slices that seem to be one volume in several series.

    Args:
        headers: All slices under a path.
        alike: Tells whether two slices have the same pixel spacing and orientation.
    """
    return [
        found(
            SPLIT,
            f"{len(one.members)} slices in {one.parts} series or frames of reference lie "
            f"{mm(one.step_mm or 0.0)} apart, as those of one volume do",
            slices=len(one.members),
            parts=one.parts,
            step_mm=one.step_mm,
        )
        for one in _candidates(headers, alike)
        if one.is_evidence
    ]


def join(
    headers: Sequence[SliceHeader], alike: Callable[[SliceHeader, SliceHeader], bool]
) -> list[SliceHeader]:
    """The slices, with one series and one frame of reference for those that can be joined.

    Args:
        headers: All slices under a path.
        alike: Tells whether two slices have the same pixel spacing and orientation.
    """
    changed: dict[int, SliceHeader] = {}
    for one in _candidates(headers, alike):
        if not one.joinable:
            continue
        head = min(one.members, key=lambda header: str(header.path))
        for header in one.members:
            changed[id(header)] = dataclasses.replace(
                header,
                series=head.series,
                number=head.number,
                frame_of_reference=head.frame_of_reference,
                joined=one.parts,
            )
    return [changed.get(id(header), header) for header in headers]


def _candidates(
    headers: Sequence[SliceHeader], alike: Callable[[SliceHeader, SliceHeader], bool]
) -> list[_Candidate]:
    placed = (h for h in headers if h.placed and not h.frame_number and not h.tile)
    groups = grouped(placed, lambda h: (h.patient, h.modality, h.size, h.localizer), alike)
    candidates = [_candidate(members) for members in groups]
    return [one for one in candidates if one.parts > 1 and len(one.members) >= FEWEST]


def _candidate(members: Sequence[SliceHeader]) -> _Candidate:
    parts = Counter((header.series, header.frame_of_reference) for header in members)
    step = _even_step_mm(members) if len(parts) > 1 else None
    return _Candidate(tuple(members), len(parts), max(parts.values()), step)


def _even_step_mm(members: Sequence[SliceHeader]) -> float | None:
    """Distance of neighbouring slices; None where it varies, or two are at the same position."""
    head = members[0]
    if not np.linalg.norm(np.cross(head.orientation[:3], head.orientation[3:])):
        return None
    along = np.sort(np.array([header.position for header in members]) @ head.normal)
    if position_numbers(along, place_tolerance_mm(head))[-1] != len(members) - 1:
        return None
    try:
        even = stack(members).origins_lps is None
    except GeometryError:
        return None
    return float(along[-1] - along[0]) / (len(members) - 1) if even else None

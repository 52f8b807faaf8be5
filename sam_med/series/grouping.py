"""Grouping: which DICOM slices form a series, and in which stacks and time points.

Slices belong together when series, patient, frame of reference, size, pixel spacing, orientation
and stack are the same. Where positions occur more than once, image types, echoes and b-values are
series of their own; the remaining repetitions are copies or time points
(`sam_med.series.repetitions`). No file is read here: pixels are compared by a function that the
caller passes.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.errors import GeometryError
from sam_med.geometry.anatomical_plane import UNPLACED, plane_of
from sam_med.geometry.diagnostics import Diagnostic, RefusedError, errors_of, found
from sam_med.headers.image_checks import check_images
from sam_med.headers.stack import Stack, stack
from sam_med.series.repetitions import placed_numbers, time_points

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sam_med.headers.slice_header import SliceHeader

SAME_TOLERANCE = 1e-4
"""Largest difference of equal direction cosines, and of equal pixel spacings in mm."""
SAME_PART = 1e-3
"""Largest difference of equal pixel spacings as a part of the smallest one, if that is less."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """A DICOM series as it is read: slices that form one volume, or one for each time point."""

    number: int
    """Number from 1 in the list of `sam_med.find_series`; the choice of `--series`."""
    slices: tuple[SliceHeader, ...]
    """All slices of the series, copies included."""
    stacks: tuple[Stack, ...]
    """The sorted slices of each time point; empty where the series is refused."""
    diagnostics: tuple[Diagnostic, ...]
    """What is unusual about the series."""
    kind: str = ""
    """Image type, echo and b-value, where other series lie at the same positions; else ""."""
    suv_factor: float | None = None
    """Factor from rescaled values to SUVbw (g/ml) of a PET; None where there is none."""

    @property
    def modality(self) -> str:
        """DICOM modality, e.g. "CT"; "" where it is not stated."""
        return self.slices[0].modality

    @property
    def size_ijk(self) -> tuple[int, int, int]:
        """Number of columns, rows and slices of one time point."""
        rows, columns = self.slices[0].size
        return columns, rows, len(self.stacks[0].slices) if self.stacks else len(self.slices)

    @property
    def plane(self) -> str:
        """Plane of the slices, e.g. "axial"; "unplaced" where no orientation is stated."""
        return _plane(self.slices[0])

    def matches(self, choice: int | str) -> bool:
        """Whether a choice, a number from 1 or a SeriesInstanceUID, means this series."""
        text = str(choice)
        if text.isdecimal():
            return int(text) == self.number
        return bool(text) and text == self.slices[0].series

    def describe(self) -> dict[str, Any]:
        """Facts about the series, JSON-able, without names, dates, UIDs or paths."""
        head = self.slices[0]
        spacing = None
        if self.stacks:
            columns = self.stacks[0].frame.array[:3, 2::-1]
            spacing = [float(f"{v:.7g}") for v in np.linalg.norm(columns, axis=0)]
        return {
            "number": self.number,
            "series_number": head.number or None,
            "modality": self.modality or None,
            "size_ijk": list(self.size_ijk),
            "spacing_ijk_mm": spacing,
            "plane": self.plane,
            "kind": self.kind or None,
            "time_points": len(self.stacks) or None,
            "files": len({header.path for header in self.slices}),
            "transfer_syntax": sorted({header.facts.transfer_syntax for header in self.slices}),
            "readable": not [
                d for d in errors_of(self.diagnostics) if d.code != "repeated-positions"
            ],
            "diagnostics": [d.describe() for d in self.diagnostics],
        }

    def summary(self) -> str:
        """The series in a few words, for a list of choices."""
        facts = self.describe()
        size = " x ".join(str(n) for n in self.size_ijk)
        number = f"series number {facts['series_number']}, " if facts["series_number"] else ""
        times = f", {len(self.stacks)} time points" if len(self.stacks) > 1 else ""
        kind = f", {self.kind}" if self.kind else ""
        modality = self.modality or "modality not stated"
        return f"{number}{modality}, {size}, {self.plane}{kind}{times}"


def group(headers: Iterable[SliceHeader], digest: Callable[[SliceHeader], bytes]) -> list[Series]:
    """Group slices into series, in an order that does not depend on that of the slices.

    Args:
        headers: Slices of any number of series.
        digest: A hash of the pixels of a slice; called for slices that may be copies of each other.
    """
    groups = grouped(headers, _exact_key, alike)
    reasons = _reasons(groups)
    found_series = []
    for members, why in zip(groups, reasons, strict=True):
        parts = _split_stacks(members)
        for part in parts:
            kind, split = "", list(why)
            if len(parts) > 1:
                kind = ", ".join(word for word in part[0].stack[1:] if word) or "not stated"
                message = f"one of {len(parts)} stacks: {kind}"
                split.append(found("mixed-stacks", message, stacks=len(parts)))
            found_series.append((part, split, kind))
    found_series.sort(key=lambda triple: _sort_key(triple[0]))
    return [
        dataclasses.replace(_series(number, members, why, digest), kind=kind)
        for number, (members, why, kind) in enumerate(found_series, start=1)
    ]


def _series(
    number: int,
    members: list[SliceHeader],
    why: Sequence[Diagnostic],
    digest: Callable[[SliceHeader], bytes],
) -> Series:
    """A series of slices that belong together, with the reasons `why` they were split off."""
    stacks: list[Stack] = []
    told: list[Diagnostic] = [*why]
    try:
        times, repeats = time_points(members, digest)
        told += repeats
        stacks = [stack(time) for time in times]
        told += stacks[0].diagnostics if stacks else ()
    except RefusedError as error:
        told += error.diagnostics
    except GeometryError as error:
        # an impossible series must not keep the others from being listed
        told.append(found("impossible-axes", str(error)))
    told += check_images(members)
    return Series(number, tuple(members), tuple(stacks), tuple(told))


def grouped(
    headers: Iterable[SliceHeader],
    key: Callable[[SliceHeader], object],
    is_alike: Callable[[SliceHeader, SliceHeader], bool],
) -> list[list[SliceHeader]]:
    """Groups of slices of the same key that are alike the first member of their group."""
    by_key: dict[object, list[list[SliceHeader]]] = defaultdict(list)
    for header in headers:
        groups = by_key[key(header)]
        for members in groups:
            if is_alike(members[0], header):
                members.append(header)
                break
        else:
            groups.append([header])
    return [members for groups in by_key.values() for members in groups]


def _exact_key(header: SliceHeader) -> tuple[object, ...]:
    """What must be equal for two slices of one series."""
    # photographs and projections without a place are a series each, but frames of a film are not
    alone = not header.placed and not header.cross_sectional and not header.frame_number
    return (
        header.series,
        header.patient,
        header.frame_of_reference,
        header.modality,
        header.size,
        header.localizer,
        header.stack[:1],
        header.path if alone else None,
    )


def alike(a: SliceHeader, b: SliceHeader) -> bool:
    """Whether two slices have the same pixel spacing and orientation."""
    if not _same_spacing(a, b):
        return False
    if a.cross_sectional and not (a.orientation and b.orientation):
        return True  # kept, so that the whole series is refused ("missing-tags"), not split
    return _near(a.orientation, b.orientation)


def _near(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether two orientations are the same to rounding."""
    return len(a) == len(b) and all(abs(x - y) <= SAME_TOLERANCE for x, y in zip(a, b, strict=True))


def _same_spacing(a: SliceHeader, b: SliceHeader) -> bool:
    """Whether two pixel spacings are the same to rounding, or both are missing."""
    smallest = min((*a.pixel_spacing_mm, *b.pixel_spacing_mm), default=0.0)
    allowed = min(SAME_TOLERANCE, SAME_PART * abs(smallest))
    return len(a.pixel_spacing_mm) == len(b.pixel_spacing_mm) and all(
        abs(x - y) <= allowed for x, y in zip(a.pixel_spacing_mm, b.pixel_spacing_mm, strict=True)
    )


def _reasons(groups: Sequence[list[SliceHeader]]) -> list[list[Diagnostic]]:
    """Diagnostics that say how each group differs from others of its SeriesInstanceUID."""
    counts = Counter(members[0].series for members in groups)
    reasons: list[list[Diagnostic]] = []
    for members in groups:
        head = members[0]
        others = [g[0] for g in groups if g[0].series == head.series and g[0] is not head]
        reasons.append(_differences(head, others, counts[head.series]))
    return reasons


def _differences(head: SliceHeader, others: Sequence[SliceHeader], parts: int) -> list[Diagnostic]:
    """Diagnostics of how a slice differs from those of the other parts of its series."""
    rows, columns = head.size
    spacing = " x ".join(f"{v:g}" for v in reversed(head.pixel_spacing_mm)) or "none"
    plane = _plane(head)
    checks = (
        ("mixed-patients", f"one of {parts} parts", any(o.patient != head.patient for o in others)),
        (
            "mixed-frames-of-reference",
            f"one of {parts} parts",
            any(o.frame_of_reference != head.frame_of_reference for o in others),
        ),
        (
            "localizer",
            "these images are the localizer" if head.localizer else "a localizer was split off",
            any(o.localizer != head.localizer for o in others),
        ),
        (
            "mixed-size",
            f"this part has {columns} x {rows} pixels",
            any(o.size != head.size for o in others),
        ),
        (
            "mixed-spacing",
            f"this part has pixels of {spacing} mm",
            any(not _same_spacing(o, head) for o in others),
        ),
        (
            "mixed-orientation",
            f"this part is {plane}",
            any(not _near(o.orientation, head.orientation) for o in others),
        ),
        (
            "mixed-stacks",
            f"one of {parts} stacks",
            any(o.stack[:1] != head.stack[:1] for o in others),
        ),
    )
    return [found(code, message, parts=parts) for code, message, applies in checks if applies]


def _split_stacks(members: list[SliceHeader]) -> list[list[SliceHeader]]:
    """The slices as one group, or as a group for each kind where kinds share positions."""
    if not members[0].placed or max(_counts(members).values(), default=1) == 1:
        return [members]
    by_kind: dict[tuple[str, ...], list[SliceHeader]] = defaultdict(list)
    for header in members:
        by_kind[header.stack].append(header)
    parts = list(by_kind.values())
    # kinds that differ from slice to slice, but share no position, are one stack
    return parts if _share_places(parts) else [members]


def _share_places(parts: Sequence[list[SliceHeader]]) -> bool:
    """Whether each part has fewer images at one position than all parts together."""
    together = max(_counts([header for part in parts for header in part]).values())
    return all(max(_counts(part).values()) < together for part in parts)


def _counts(members: Sequence[SliceHeader]) -> Counter[int]:
    """How often each distinct position occurs; empty where a position is missing."""
    if not all(header.placed for header in members):
        return Counter()
    return Counter(placed_numbers(members)[1])


def _plane(header: SliceHeader) -> str:
    """The name of the plane of a slice."""
    if not header.orientation:
        return UNPLACED
    return plane_of(header.orientation[:3], header.orientation[3:])


def _sort_key(members: Sequence[SliceHeader]) -> tuple[object, ...]:
    """Sorts series by SeriesNumber, then larger ones first."""
    head = min(members, key=lambda header: str(header.path))
    return (
        len(head.number),
        head.number,
        -len(members),
        head.stack,
        head.size,
        head.orientation,
        head.series,
        str(head.path),
    )

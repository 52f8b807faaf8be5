"""Series: which DICOM slices belong together, in which order, and whether they form a grid.

Nothing here reads a file: a slice is known by a few numbers of its header. Order comes from the
positions along the normal, never from names or instance numbers; the grid comes from the first
and the last slice, and every slice between is checked against it.

```
position along the normal   0   2   4   8   10        median step 2: a gap of 4 between 4 and 8
```
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import GeometryError, InputError
from sam_med import frame as frames

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sam_common.frame import FloatArray, Frame

POSITION_TOLERANCE_MM = 0.01
"""Slices nearer than this are at the same position; files round to a thousandth or better."""
SPACING_TOLERANCE = 0.01
"""Part of the slice distance by which a slice may be off its place on the regular grid."""
ORTHOGONAL_TOLERANCE = 1e-4
"""Largest cosine between axes that should be perpendicular; the limit of ITK's NIfTI reader."""
SAME_TOLERANCE = 1e-4
"""Cosines and millimetres of pixel spacing that differ by less are the same."""
MIN_SLICES = 2


@dataclass(frozen=True, slots=True)
class SliceHeader:
    """What the geometry of one classic DICOM slice depends on."""

    path: Path
    series: str
    """SeriesInstanceUID."""
    number: str
    """SeriesNumber, for people; may be empty."""
    modality: str
    size: tuple[int, int]
    """Rows and columns."""
    pixel_spacing_mm: tuple[float, ...]
    """Between rows, between columns; empty where the file does not say, as are the next two."""
    orientation: tuple[float, ...]
    """Six cosines: direction of growing column index, then of growing row index, LPS."""
    position: tuple[float, ...]
    """Centre of the first pixel, LPS mm."""

    @property
    def normal(self) -> FloatArray:
        """Unit vector across the slice."""
        across = np.cross(self.orientation[:3], self.orientation[3:])
        return np.asarray(across / np.linalg.norm(across))


def only_series(headers: Sequence[SliceHeader]) -> list[SliceHeader]:
    """The headers as they are, if they are one series on one grid.

    Raises:
        InputError: There are several; the message lists them.
    """
    groups: list[list[SliceHeader]] = []
    for header in headers:
        for group in groups:
            if _alike(group[0], header):
                group.append(header)
                break
        else:
            groups.append([header])
    if len(groups) > 1:
        listed = "; ".join(
            f"{n}) {_describe(group)}" for n, group in enumerate(_by_number(groups), start=1)
        )
        raise InputError(
            f"the folder holds {len(groups)} series: {listed} "
            "(put the one to segment into a folder of its own)"
        )
    return groups[0]


def stack(headers: Sequence[SliceHeader]) -> tuple[list[SliceHeader], Frame]:
    """Slices in order of their position along the normal, and the grid that they form.

    Raises:
        GeometryError: Fewer than two slices, or duplicates, gaps, uneven spacing, tilt or shear;
            every problem is named with its numbers.
    """
    if len(headers) < MIN_SLICES:
        raise GeometryError(
            f"only {len(headers)} slice: the distance to the next one is unknown, "
            "and a volume needs at least 2"
        )
    _check_axes(headers[0])
    normal = headers[0].normal
    ordered = sorted(headers, key=lambda header: float(np.dot(header.position, normal)))
    positions = np.array([header.position for header in ordered], dtype=np.float64)
    found = _problems(positions, ordered[0])
    if found:
        raise GeometryError(
            f"the {len(ordered)} slices do not form a regular grid: {'; '.join(found)} "
            "(such series are not read yet)"
        )
    step = (positions[-1] - positions[0]) / (len(ordered) - 1)
    first = ordered[0]
    frame = frames.from_dicom(first.position, first.orientation, first.pixel_spacing_mm, step)
    return ordered, frame


def _problems(positions: FloatArray, header: SliceHeader) -> list[str]:
    """What keeps slices, sorted along the normal, from being a regular grid."""
    along = positions @ header.normal
    return [
        *_repeats(along),
        *_uneven(along),
        *_sheared(positions, along, header.normal),
    ]


def _check_axes(header: SliceHeader) -> None:
    """Raise unless the orientation is two perpendicular unit vectors and the spacing positive."""
    axes = np.reshape(header.orientation, (2, 3))
    off = np.abs(axes @ axes.T - np.eye(2))
    if not off.max() <= ORTHOGONAL_TOLERANCE:
        raise GeometryError(
            f"ImageOrientationPatient must be two perpendicular unit vectors, "
            f"got {list(header.orientation)}"
        )
    if not min(header.pixel_spacing_mm) > 0:
        raise GeometryError(
            f"PixelSpacing must be longer than 0 mm, got {list(header.pixel_spacing_mm)}"
        )


def _repeats(along: FloatArray) -> list[str]:
    """Positions that occur more than once."""
    counts = Counter(_position_numbers(along))
    repeated = {number: count for number, count in counts.items() if count > 1}
    if not repeated:
        return []
    if len(counts) > 1 and len(repeated) == len(counts) and len(set(repeated.values())) == 1:
        times = next(iter(repeated.values()))
        return [f"each of {len(counts)} positions occurs {times} times (4-D, {times} time points)"]
    places = _distinct(along)
    return [f"{count} slices at {places[number]:.3f} mm" for number, count in repeated.items()]


def _uneven(along: FloatArray) -> list[str]:
    """Gaps between neighbouring positions that are not the usual one."""
    places = _distinct(along)
    if len(places) < MIN_SLICES:
        return []
    gaps = np.diff(places)
    # the lower median is always a gap that occurs
    usual = float(np.sort(gaps)[(len(gaps) - 1) // 2])
    allowed = max(POSITION_TOLERANCE_MM, SPACING_TOLERANCE * usual)
    off = np.flatnonzero(np.abs(gaps - usual) > allowed)
    if len(off):
        listed = ", ".join(
            f"{gaps[n]:.3f} mm from {places[n]:.3f} to {places[n + 1]:.3f}" for n in off
        )
        return [f"uneven spacing, usually {usual:.3f} mm but {listed}"]
    # steps that are each within tolerance may still add up
    grid = np.linspace(places[0], places[-1], len(places))
    worst = int(np.argmax(np.abs(places - grid)))
    if abs(places[worst] - grid[worst]) > allowed:
        shift = places[worst] - grid[worst]
        return [f"uneven spacing, {places[worst]:.3f} mm is {shift:+.3f} mm off the even grid"]
    return []


def _sheared(positions: FloatArray, along: FloatArray, normal: FloatArray) -> list[str]:
    """Slices that shift sideways from one to the next, as with a tilted gantry."""
    height = along[-1] - along[0]
    if height <= POSITION_TOLERANCE_MM:
        return []
    sideways = (positions - positions[0]) - np.outer(along - along[0], normal)
    slope = float(np.linalg.norm(sideways[-1])) / height
    if slope > ORTHOGONAL_TOLERANCE:
        degrees = math.degrees(math.atan(slope))
        return [f"slices are sheared by {degrees:.2f} degrees (gantry tilt)"]
    worst = float(np.linalg.norm(sideways, axis=1).max())
    if worst > max(POSITION_TOLERANCE_MM, ORTHOGONAL_TOLERANCE * height):
        return [f"slices are shifted sideways by up to {worst:.3f} mm"]
    return []


def _position_numbers(along: FloatArray) -> list[int]:
    """For sorted positions, the number of the distinct position that each one is."""
    steps = np.diff(along, prepend=along[0]) > POSITION_TOLERANCE_MM
    return [int(n) for n in np.cumsum(steps)]


def _distinct(along: FloatArray) -> FloatArray:
    """Sorted positions without their repetitions."""
    _, first = np.unique(_position_numbers(along), return_index=True)
    return np.asarray(along[first])


def _alike(a: SliceHeader, b: SliceHeader) -> bool:
    return (
        a.series == b.series
        and a.size == b.size
        and _near(a.pixel_spacing_mm, b.pixel_spacing_mm)
        and _near(a.orientation, b.orientation)
    )


def _near(a: Sequence[float], b: Sequence[float]) -> bool:
    return len(a) == len(b) and bool(np.allclose(a, b, rtol=0, atol=SAME_TOLERANCE))


def _by_number(groups: list[list[SliceHeader]]) -> list[list[SliceHeader]]:
    """Groups in the order of their series numbers, so that the list is the same every time."""
    return sorted(groups, key=lambda group: (len(group[0].number), group[0].number, -len(group)))


def _describe(group: list[SliceHeader]) -> str:
    """One line without names, dates or UIDs."""
    head = group[0]
    rows, columns = head.size
    number = f"series number {head.number}, " if head.number else ""
    return f"{number}{head.modality}, {len(group)} slice(s) of {columns} x {rows} pixels"

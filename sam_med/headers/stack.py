"""Stack: DICOM slices in order along their normal, their grid, and diagnostics about it.

The order comes from the positions along the normal, never from file names or instance numbers. The
grid comes from the first and the last slice, and every slice between is checked against it:

```
position along the normal   0   2   4   8   10        median step 2: a gap of 4 between 4 and 8
```

Slices that are off the grid keep their true positions in `Stack.origins_lps`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sam_med.geometry import frame as frames
from sam_med.geometry.anatomical_plane import check_oblique
from sam_med.geometry.diagnostics import Diagnostic, RefusedError, found, refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_common.frame import FloatArray, Frame
    from sam_med.headers.slice_header import SliceHeader

AXES_LIMIT = 0.01
"""Largest deviation from unit length or a right angle that rounding explains."""
DEFAULT_STEP_MM = 1.0
"""Assumed thickness of a single slice that states none."""
MIN_SLICES = 2


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Slices of one time point, sorted along their normal, on their grid."""

    slices: tuple[SliceHeader, ...]
    frame: Frame
    """(k, j, i) to LPS mm; the even grid nearest to the slices where they are uneven."""
    origins_lps: FloatArray | None
    """(slices, 3) LPS mm of voxel (k, 0, 0) where the slices are uneven, else None."""
    diagnostics: tuple[Diagnostic, ...]


def stack(headers: Sequence[SliceHeader]) -> Stack:
    """Put slices at different positions in order and find their grid.

    Args:
        headers: At least one slice, all of the same orientation, size and pixel spacing, each at a
            position of its own.

    Raises:
        RefusedError: "missing-tags", "impossible-axes".
    """
    first = headers[0]
    if not first.placed and len(headers) == 1 and not first.cross_sectional:
        return _unplaced(first)
    _check_tags(headers)
    slanted = _check_axes(first)
    normal = first.normal
    ordered = sorted(headers, key=lambda header: float(np.dot(header.position, normal)))
    if len(ordered) < MIN_SLICES:
        return _single(first, slanted)
    positions = np.array([header.position for header in ordered], dtype=np.float64)
    along = positions @ normal
    uneven = _uneven(along)
    tilt, shift = _sideways(positions, along, normal, place_tolerance_mm(first))
    step = (positions[-1] - positions[0]) / (len(ordered) - 1)
    return Stack(
        slices=tuple(ordered),
        frame=_frame(ordered[0], step),
        origins_lps=positions if uneven or shift else None,
        diagnostics=(
            *slanted,
            *uneven,
            *tilt,
            *shift,
            *check_oblique(_axes(first)),
            *_order(ordered),
            *_stated_step(ordered, along),
        ),
    )


def position_numbers(along: FloatArray, tolerance_mm: float) -> list[int]:
    """Number from 0 of the distinct position of each slice, for sorted positions in mm."""
    steps = np.diff(along, prepend=along[:1]) > tolerance_mm
    return [int(n) for n in np.cumsum(steps)]


def place_tolerance_mm(header: SliceHeader) -> float:
    """Distance below which slices are at the same position: 0.01 mm, less for tiny voxels.

    It goes by the smallest stated size of a voxel, as files round to a part of that.
    """
    sizes = [*header.pixel_spacing_mm, header.thickness_mm, header.step_mm]
    known = [size for size in sizes if size is not None and size > 0]
    return min([frames.PLACE_MM, *(frames.tolerance_mm(size) for size in known)])


def _check_tags(headers: Sequence[SliceHeader]) -> None:
    """Refuse slices without a place, and CT, MR and PET without a pixel spacing."""
    images = len(headers)
    if headers[0].places == "nowhere":
        raise refused("frames-without-places", f"the file holds {images} frames")
    lacking = {
        "ImageOrientationPatient": [h for h in headers if not h.orientation],
        "ImagePositionPatient": [h for h in headers if not h.position],
        # other modalities are read with 1 mm and a diagnostic "no-pixel-spacing"
        "PixelSpacing": [h for h in headers if h.cross_sectional and not h.pixel_spacing_mm],
    }
    told = [_lacking(tag, members, images) for tag, members in lacking.items() if members]
    if told:
        raise RefusedError(told)


def _lacking(tag: str, members: Sequence[SliceHeader], images: int) -> Diagnostic:
    """The diagnostic of a tag that some of the images lack."""
    count = len(members)
    what = f"lack {tag}"
    if damaged := sum(tag in header.damaged for header in members):
        what = f"have no {tag} that can be read ({damaged} hold something else)"
    message = f"{count} of {images} images {what}"
    return found("missing-tags", message, tag=tag, missing=count, images=images)


def _check_axes(header: SliceHeader) -> list[Diagnostic]:
    """Refuse impossible axes; return a diagnostic where they are slightly off."""
    axes = np.reshape(header.orientation, (2, 3))
    off = float(np.abs(axes @ axes.T - np.eye(2)).max())
    if not off <= AXES_LIMIT:
        message = (
            "ImageOrientationPatient must be two perpendicular unit vectors, "
            f"got {list(header.orientation)}"
        )
        raise refused("impossible-axes", message, off=off)
    if header.pixel_spacing_mm and not min(header.pixel_spacing_mm) > 0:
        message = f"PixelSpacing must be longer than 0 mm, got {list(header.pixel_spacing_mm)}"
        raise refused("impossible-axes", message)
    if off <= frames.ORTHOGONAL_TOLERANCE:
        return []
    return [
        found(
            "non-orthonormal", f"lengths or right angle of the axes are off by {off:.2g}", off=off
        )
    ]


def _unplaced(header: SliceHeader) -> Stack:
    """The stack of one image without a place, at the origin of the coordinates."""
    message = "the image says nothing about its place in the patient"
    step = np.array([0.0, 0.0, header.thickness_mm or DEFAULT_STEP_MM])
    spacing = header.pixel_spacing_mm or (1.0, 1.0)
    frame = frames.from_dicom((0, 0, 0), (1, 0, 0, 0, 1, 0), spacing, step.tolist())
    return Stack((header,), frame, None, (found("unplaced", message),))


def _single(header: SliceHeader, slanted: list[Diagnostic]) -> Stack:
    """The stack of one slice, whose thickness is the step of its grid."""
    thickness = header.thickness_mm or DEFAULT_STEP_MM
    stated = "" if header.thickness_mm else ", which is not stated"
    message = f"one slice; its thickness is taken as {thickness:g} mm{stated}"
    one = found("single-slice", message, thickness_mm=thickness, stated=bool(header.thickness_mm))
    frame = _frame(header, header.normal * thickness)
    return Stack((header,), frame, None, (*slanted, one, *check_oblique(_axes(header))))


def _frame(header: SliceHeader, step: FloatArray) -> Frame:
    spacing = header.pixel_spacing_mm or (1.0, 1.0)
    return frames.from_dicom(header.position, header.orientation, spacing, step.tolist())


def _uneven(along: FloatArray) -> list[Diagnostic]:
    """The diagnostic of slices whose distances differ along the normal."""
    gaps = np.diff(along)
    # the lower median is a gap that really occurs
    usual = float(np.sort(gaps)[(len(gaps) - 1) // 2])
    allowed = frames.tolerance_mm(usual)
    off = np.flatnonzero(np.abs(gaps - usual) > allowed)
    if len(off):
        return [_gaps(along, gaps, off, usual, allowed)]
    # steps that are each within tolerance may add up to more
    grid = np.linspace(along[0], along[-1], len(along))
    worst = int(np.argmax(np.abs(along - grid)))
    shift = float(along[worst] - grid[worst])
    if abs(shift) <= allowed:
        return []
    message = f"{_mm(along[worst], usual)} is {_mm(shift, usual, sign='+')} off the even grid"
    return [found("uneven-spacing", message, usual_mm=usual, off_mm=shift)]


def _gaps(
    along: FloatArray, gaps: FloatArray, off: npt.NDArray[np.intp], usual: float, allowed: float
) -> Diagnostic:
    """The diagnostic of gaps that differ from the usual one: missing slices, or uneven spacing."""
    listed = ", ".join(
        f"{_mm(gaps[n], usual)} from {_digits(along[n], usual)} to {_digits(along[n + 1], usual)}"
        for n in off[:6]
    )
    more = f" and {len(off) - 6} more" if len(off) > 6 else ""  # noqa: PLR2004  # those listed
    multiples = np.rint(gaps[off] / usual)
    whole = (np.abs(gaps[off] - multiples * usual) <= allowed) & (multiples > 1)
    numbers = {
        "usual_mm": round(usual, 6),
        "gaps": [
            {"from_mm": float(along[n]), "to_mm": float(along[n + 1]), "gap_mm": float(gaps[n])}
            for n in off
        ],
    }
    if whole.all():
        missing = int((multiples - 1).sum())
        message = f"{missing} slice(s) of {_mm(usual, usual)} are missing: {listed}{more}"
        return found("missing-slices", message, missing=missing, **numbers)
    return found("uneven-spacing", f"usually {_mm(usual, usual)} but {listed}{more}", **numbers)


def _mm(length_mm: float, usual_mm: float, *, sign: str = "") -> str:
    return f"{_digits(length_mm, usual_mm, sign=sign)} mm"


def _digits(length_mm: float, usual_mm: float, *, sign: str = "") -> str:
    """A length with three decimals, or more where the slice distance is tiny."""
    tiny = 0 < usual_mm < frames.SMALL_MM
    decimals = 3 - math.floor(math.log10(usual_mm)) if tiny else 3
    return f"{length_mm:{sign}.{decimals}f}"


def _sideways(
    positions: FloatArray, along: FloatArray, normal: FloatArray, tolerance_mm: float
) -> tuple[list[Diagnostic], list[Diagnostic]]:
    """Diagnostics of slices that shift sideways: evenly ("gantry-tilt"), and unevenly."""
    height = along - along[0]
    offset = (positions - positions[0]) - np.outer(height, normal)
    slope = offset[-1] / height[-1]
    steepness = float(np.linalg.norm(slope))
    tilt = []
    if steepness > frames.ORTHOGONAL_TOLERANCE:
        degrees = math.degrees(math.atan(steepness))
        message = f"slices are sheared by {degrees:.2f} degrees"
        tilt = [found("gantry-tilt", message, degrees=round(degrees, 4))]
    worst = float(np.linalg.norm(offset - np.outer(height, slope), axis=1).max())
    if worst <= max(tolerance_mm, frames.ORTHOGONAL_TOLERANCE * height[-1]):
        return tilt, []
    message = f"slices are shifted sideways by up to {frames.mm(worst)}"
    return tilt, [found("sideways-shift", message, worst_mm=worst)]


def _axes(header: SliceHeader) -> FloatArray:
    """LPS directions of columns, rows and slices, (3, 3) with one direction in each row."""
    return np.vstack([np.reshape(header.orientation, (2, 3)), header.normal])


def _order(ordered: Sequence[SliceHeader]) -> list[Diagnostic]:
    """The diagnostic of instance numbers that neither rise nor fall with the position."""
    numbers = [header.instance for header in ordered]
    known = [n for n in numbers if n is not None]
    if len(known) < len(numbers) or len(set(known)) < len(known):
        return []
    if known in (sorted(known), sorted(known, reverse=True)):
        return []
    moved = sum(a != b for a, b in zip(known, sorted(known), strict=True))
    message = f"{moved} of {len(known)} slices are not where their instance number would put them"
    return [found("slice-order", message, moved=moved, slices=len(known))]


def _stated_step(ordered: Sequence[SliceHeader], along: FloatArray) -> list[Diagnostic]:
    """The diagnostic of a SpacingBetweenSlices that differs from the positions."""
    stated = ordered[0].step_mm
    usual = float(np.median(np.diff(along)))
    if not stated or abs(abs(stated) - usual) <= frames.tolerance_mm(usual):
        return []
    message = f"SpacingBetweenSlices is {stated:g} mm, but slices are {_mm(usual, usual)} apart"
    return [found("spacing-tag", message, stated_mm=stated, usual_mm=usual)]

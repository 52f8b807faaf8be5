"""Plates: slices of a scan with thin outlines, as radiologists look at them.

Anatomy stays to be seen: what was found is a line in the colour of the object, what it is compared
with a dashed one. Letters at the edges name the sides of the patient, a bar says how long a
centimetre is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from sam_common.frame import Frame
from sam_common.pages.marks import EDGE_PX, draw_key, draw_scale_bar, draw_sides, round_length
from sam_common.pages.plate import WHITE, Line, Word, draw_lines, draw_words, enlarge, outlines
from sam_med.geometry.anatomical_plane import plane_of_frame
from sam_med.report.slice_picture import turn_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_common.pages.plate import Canvas, Rgb
    from sam_med.geometry.volume import Volume
    from sam_med.objects.segments import Segment
    from sam_med.report.slice_picture import Turn
    from sam_med.slices.window_level import Stretch

COLOURS: tuple[Rgb, ...] = ((255, 221, 51), (80, 220, 255), (255, 120, 200), (130, 240, 110))
"""Colours of the objects in their order: bright on grey, and told apart by most eyes."""
OTHER: Rgb = WHITE
"""Colour of what an object is compared with."""
MOST_NAMES = 8
"""Names of objects in a key."""
BAR_SHARE = 0.25
MARGIN_MM = 15.0
"""Room around the body, or around an object, in a picture."""
BODY = 40
"""Bytes of a stretched slice above which the body is."""


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """One slice of a volume, turned as it is looked at."""

    turn: Turn
    axis: int
    """Axis of the array (k, j, i) at right angles to the slice."""
    index: int
    spacing_mm: tuple[float, float]
    """Distance of rows and of columns in the turned slice."""
    name: str
    """Axial, coronal or sagittal, and how oblique it is."""

    def cut(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The slice out of an array of the volume's shape, turned."""
        place: list[slice | int] = [slice(None)] * array.ndim
        place[self.axis] = self.index
        return self.turn.apply(array[tuple(place)])

    def mask(self, segment: Segment, volume: Volume) -> npt.NDArray[np.bool_]:
        """An object on the slice, turned."""
        size_hw = tuple(n for axis, n in enumerate(volume.shape) if axis != self.axis)
        return self.turn.apply(segment.on_slice(self.index, size_hw, axis=self.axis))


def plane_at(volume: Volume, axis: int, index: int) -> Plane:
    """The plane of all voxels that have an index along an axis of the array (k, j, i)."""
    rows, cols = (other for other in range(3) if other != axis)
    frame = Frame.from_array(volume.frame.array[:, [axis, rows, cols, 3]])
    turn, steps = turn_of(frame), (volume.spacing_mm[rows], volume.spacing_mm[cols])
    steps = steps[::-1] if turn.transposed else steps
    return Plane(turn, axis, index, steps, plane_of_frame(frame))


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What is drawn over a slice."""

    volume: Volume
    stretch: Stretch
    found: Sequence[Segment]
    other: Sequence[Segment] = ()
    """What each object is compared with, in the same order; nothing where empty."""
    other_name: str = ""
    """What the dashed lines are."""


def draw_plane(
    shown: Shown, plane: Plane, side_px: int, *, only: int | None = None, lines: bool = True
) -> Canvas:
    """Draw a slice with its outlines, sides and scale bar.

    Args:
        shown: The volume, and what is drawn over it.
        plane: The slice.
        side_px: Longer side of the picture.
        only: Number of the object to draw alone, with what is around it; all objects, and the whole
            body, where None.
        lines: Whether outlines and key are drawn.

    Returns:
        (H, W, 3) RGB picture.
    """
    grey = shown.stretch.apply(plane.cut(shown.volume.array))
    numbers = range(len(shown.found)) if only is None else [only]
    masks = {n: _masks(shown, plane, n) for n in numbers}
    if only is None:
        part = _around(_largest(grey > BODY), plane.spacing_mm)
    else:
        around = np.logical_or.reduce(masks[only])
        part = _square(_around(around, plane.spacing_mm), plane, grey.shape)
    grey = grey[part]
    high, wide = (n * step for n, step in zip(grey.shape, plane.spacing_mm, strict=True))
    scale = side_px / max(high, wide)
    size_wh = (max(1, round(wide * scale)), max(1, round(high * scale)))
    canvas = enlarge(np.ascontiguousarray(grey), size_wh)
    drawn: list[Line] = []
    for n, (mine, *others) in masks.items():
        colour = COLOURS[n % len(COLOURS)]
        drawn += [Line(line, colour, 2) for line in outlines(mine[part], size_wh)]
        for other in others:
            lines_of_other = outlines(other[part], size_wh)
            drawn += [Line(line, OTHER, 1, is_dashed=True) for line in lines_of_other]
    if lines:
        canvas = draw_lines(canvas, drawn)
        canvas = canvas if only is not None else _with_key(canvas, shown, masks)
    turn = plane.turn
    if only is None:
        canvas = _with_window(canvas, shown.stretch)
    canvas = draw_sides(canvas, turn.left, turn.right, turn.top, turn.bottom)
    length = round_length(BAR_SHARE * wide)
    text = f"{length / 10:g} cm" if length >= 10 else f"{length:g} mm"  # noqa: PLR2004
    return draw_scale_bar(canvas, length * scale, text)


def _masks(shown: Shown, plane: Plane, number: int) -> list[npt.NDArray[np.bool_]]:
    """An object on a slice, and what it is compared with where there is such a thing."""
    sets = (shown.found, shown.other) if shown.other else (shown.found,)
    return [plane.mask(segments[number], shown.volume) for segments in sets]


def _with_key(
    canvas: Canvas, shown: Shown, masks: dict[int, list[npt.NDArray[np.bool_]]]
) -> Canvas:
    """A picture with the names of the objects that are on it, and of the dashed lines."""
    rows = [
        (shown.found[n].name, COLOURS[n % len(COLOURS)], False)
        for n, drawn in masks.items()
        if any(mask.any() for mask in drawn)
    ]
    if len(rows) > MOST_NAMES:
        more = len(rows) - MOST_NAMES + 1
        rows = [*rows[: MOST_NAMES - 1], (f"and {more} more", WHITE, False)]
    if shown.other:
        rows.append((shown.other_name, OTHER, True))
    return draw_key(canvas, rows) if rows else canvas


def _with_window(canvas: Canvas, stretch: Stretch) -> Canvas:
    """A picture with the width and level of its intensity window in the lower right corner."""
    width, level = stretch.upper - stretch.lower, (stretch.upper + stretch.lower) / 2
    at = (canvas.shape[1] - EDGE_PX, canvas.shape[0] - EDGE_PX)
    return draw_words(canvas, [Word(f"W {width:g}  L {level:g}", at, size_px=18, anchor="rs")])


def _largest(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The largest piece of a mask: the trunk, without arms and table."""
    _, pieces, facts, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if len(facts) == 1:
        return mask
    largest = 1 + int(np.argmax(facts[1:, cv2.CC_STAT_AREA]))
    return np.asarray(pieces == largest)


def _square(
    part: tuple[slice, slice], plane: Plane, size_hw: tuple[int, ...]
) -> tuple[slice, slice]:
    """A part of a slice, made as tall as wide in millimetres where the slice reaches so far."""
    longest = max(
        (one.stop - one.start) * step for one, step in zip(part, plane.spacing_mm, strict=True)
    )
    wider = []
    for one, step, size in zip(part, plane.spacing_mm, size_hw, strict=True):
        wanted = min(size, round(longest / step))
        start = min(max(0, (one.start + one.stop - wanted) // 2), size - wanted)
        wider.append(slice(start, start + wanted))
    return wider[0], wider[1]


def _around(mask: npt.NDArray[np.bool_], spacing_mm: tuple[float, float]) -> tuple[slice, slice]:
    """The rows and columns of what is in a mask, with a margin; all of them where it is empty."""
    if not mask.any():
        return slice(0, mask.shape[0]), slice(0, mask.shape[1])
    parts = []
    for axis, step in enumerate(spacing_mm):
        inside = np.flatnonzero(mask.any(axis=1 - axis))
        margin = round(MARGIN_MM / step)
        stop = min(mask.shape[axis], int(inside[-1]) + 1 + margin)
        parts.append(slice(max(0, int(inside[0]) - margin), stop))
    return parts[0], parts[1]

"""Plates: slices of a scan with thin outlines, as radiologists look at them.

Anatomy stays to be seen: what was found is a line in the colour of the organ, the truth a dashed
one. Letters at the edges name the sides of the patient, a bar says how long a centimetre is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from sam_common.frame import Frame
from sam_common.pages.marks import EDGE_PX, draw_key, draw_scale_bar, draw_sides, round_length
from sam_common.pages.plate import Line, Word, draw_lines, draw_words, enlarge, outlines
from sam_med.report.slice_picture import turn_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_common.pages.plate import Canvas, Rgb
    from sam_med.geometry.volume import Volume
    from sam_med.objects.segments import Segment
    from sam_med.report.slice_picture import Turn
    from sam_med.slices.window_level import Stretch

COLOURS: tuple[Rgb, ...] = ((255, 221, 51), (80, 220, 255), (255, 120, 200), (130, 240, 110))
"""Colours of the organs in their order: bright on grey, and told apart by most eyes."""
TRUTH: Rgb = (255, 255, 255)
BAR_SHARE = 0.25
MARGIN_MM = 15.0
"""Room around the body, or around an organ, in a picture."""
BODY = 40
"""Bytes of a stretched slice above which the body is."""


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """One slice of a volume, turned as it is looked at."""

    turn: Turn
    axis: int
    """Axis of the array (k, j, i) at right angles to the slice: 0 or 1."""
    index: int
    spacing_mm: tuple[float, float]
    """Distance of rows and of columns in the turned slice."""

    def cut(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The slice out of an array of the volume's shape, turned."""
        part = np.take(array, self.index, axis=self.axis)
        return self.turn.apply(part)


def axial(volume: Volume, k: int) -> Plane:
    """The plane of a slice as it was acquired."""
    turn = turn_of(volume.frame)
    rows, cols = volume.spacing_mm[1], volume.spacing_mm[2]
    return Plane(turn, 0, k, (cols, rows) if turn.transposed else (rows, cols))


def coronal(volume: Volume, j: int) -> Plane:
    """The plane along the slices, through their row j; for slices that were acquired axially."""
    swapped = volume.frame.array[:, [1, 0, 2, 3]]
    turn = turn_of(Frame.from_array(swapped))
    rows, cols = volume.spacing_mm[0], volume.spacing_mm[2]
    return Plane(turn, 1, j, (cols, rows) if turn.transposed else (rows, cols))


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What is drawn over a slice."""

    volume: Volume
    stretch: Stretch
    found: Sequence[Segment]
    truth: Sequence[Segment]
    """The truth of each object, in the same order."""


def draw_plane(
    shown: Shown, plane: Plane, width_px: int, *, only: int | None = None, lines: bool = True
) -> Canvas:
    """Draw a slice with its outlines, sides and scale bar.

    Args:
        shown: The volume, and what is drawn over it.
        plane: The slice.
        width_px: Width of the picture.
        only: Number of the object to draw alone, with what is around it; all objects, and the whole
            body, where None.
        lines: Whether outlines and key are drawn.

    Returns:
        (H, W, 3) RGB picture.
    """
    grey = plane.cut(shown.stretch.apply(shown.volume.array))
    numbers = range(len(shown.found)) if only is None else [only]
    masks = {
        n: [plane.cut(s[n].full(shown.volume.shape)) for s in (shown.found, shown.truth)]
        for n in numbers
    }
    if only is None:
        part = _around(_largest(grey > BODY), plane.spacing_mm)
    else:
        part = _square(
            _around(masks[only][0] | masks[only][1], plane.spacing_mm), plane, grey.shape
        )
    grey = grey[part]
    high, wide = (n * step for n, step in zip(grey.shape, plane.spacing_mm, strict=True))
    size_wh = (width_px, max(1, round(width_px * high / wide)))
    canvas = enlarge(np.ascontiguousarray(grey), size_wh)
    drawn: list[Line] = []
    for n, (mine, true) in masks.items():
        colour = COLOURS[n % len(COLOURS)]
        drawn += [Line(line, colour, 2) for line in outlines(mine[part], size_wh)]
        drawn += [Line(line, TRUTH, 1, is_dashed=True) for line in outlines(true[part], size_wh)]
    if lines:
        canvas = draw_lines(canvas, drawn)
        canvas = canvas if only is not None else _with_key(canvas, shown, masks)
    turn = plane.turn
    if only is None:
        canvas = _with_window(canvas, shown.stretch)
    canvas = draw_sides(canvas, turn.left, turn.right, turn.top, turn.bottom)
    length = round_length(BAR_SHARE * wide)
    text = f"{length / 10:g} cm" if length >= 10 else f"{length:g} mm"  # noqa: PLR2004
    return draw_scale_bar(canvas, length * width_px / wide, text)


def middle_slice(truth: Sequence[Segment]) -> int:
    """The slice on which the organs together are largest, counted by the truth."""
    counts: dict[int, list[float]] = {}
    for segment in truth:
        areas = segment.mask.sum(axis=(1, 2))
        for n, area in enumerate(areas.tolist()):
            counts.setdefault(segment.window.start[0] + n, []).append(area / areas.max())
    # as many organs as possible, then as much of each as possible
    return max(counts, key=lambda k: (sum(share > 0 for share in counts[k]), sum(counts[k])))


def middle_row(truth: Sequence[Segment]) -> int:
    """The row j through the middle of the organs together."""
    ends = [(segment.window.start[1], segment.window.stop[1]) for segment in truth]
    return (max(start for start, _ in ends) + min(stop for _, stop in ends)) // 2


def _with_key(
    canvas: Canvas, shown: Shown, masks: dict[int, list[npt.NDArray[np.bool_]]]
) -> Canvas:
    """A picture with the names of the organs that are on it, and of the labels of the scan."""
    rows = [
        (shown.found[n].name, COLOURS[n % len(COLOURS)], False)
        for n, (mine, true) in masks.items()
        if mine.any() or true.any()
    ]
    return draw_key(canvas, [*rows, ("labels of the scan", TRUTH, True)])


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

"""Slice picture: the part of a slice around an object, without and with the outline of its mask.

The slice is turned as radiologists look at it, and a millimetre is as long in both directions. The
letters at the edges name the sides of the patient that the axes of the slice point to best:

```
axial  A    coronal  S    sagittal  S
     R   L         R   L          A   P
       P             I              I
```
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from sam_common.masks.decoded import MaskRegion
from sam_common.masks.overlay import draw_overlay
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sam_common.frame import Frame
    from sam_med.geometry.volume import Volume
    from sam_med.objects.segments import Segment
    from sam_med.slices.window_level import Stretch

PANEL_PX = 260
"""Length of the longer side of each of the two panels."""
GAP_PX = 4
MARGIN = 0.3
"""Part of the size of the object's box that is shown around the box on every side."""
MIN_MARGIN_MM, MIN_MARGIN_PX = 15.0, 60.0
"""Least margin: the smaller one of the two, because 15 mm would show all of a micro-CT."""
LETTERS = (("R", "L"), ("A", "P"), ("I", "S"))
"""Sides of the patient at the low and the high end of x, y and z in LPS."""
SUPERIOR = 2


@dataclass(frozen=True, slots=True)
class Turn:
    """How a slice (row = j, column = i) is turned to be looked at."""

    transposed: bool
    """Whether the columns of the picture are the rows of the slice; it is turned before flips."""
    flip_rows: bool
    flip_columns: bool
    left: str
    """Side of the patient at the left edge of the picture; `right`, `top` and `bottom` likewise."""
    right: str
    top: str
    bottom: str

    def apply(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Turn a slice, or a part of one."""
        turned = array.swapaxes(0, 1) if self.transposed else array
        return turned[:: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]


def turn_of(frame: Frame) -> Turn:
    """The turn that shows the slices of a grid as radiologists look at them.

    Args:
        frame: Affine of index (k, j, i) to LPS mm.
    """
    columns = frame.array[:3, 1:3] / np.linalg.norm(frame.array[:3, 1:3], axis=0)
    sides = _sides(columns)
    # superior is up, else anterior; the other axis runs across
    transposed = sides[1] == SUPERIOR or (sides[0] != SUPERIOR and sides[1] > sides[0])
    rows, cols = (1, 0) if transposed else (0, 1)
    down = columns[sides[rows], rows] > 0
    rightwards = columns[sides[cols], cols] > 0
    # x grows to the left, shown on the right; y to the back, shown below; z to the head, above
    flip_rows = bool(down) if sides[rows] == SUPERIOR else not down
    low_row, high_row = LETTERS[sides[rows]]
    top, bottom = (high_row, low_row) if sides[rows] == SUPERIOR else (low_row, high_row)
    left, right = LETTERS[sides[cols]]
    return Turn(transposed, flip_rows, not rightwards, left, right, top, bottom)


def draw_slice(
    volume: Volume, stretch: Stretch, segment: Segment, k: int, *, number: int = 0
) -> npt.NDArray[np.uint8]:
    """Draw the slice around an object twice, side by side: plain, and with the outline of the mask.

    Args:
        volume: The volume that the object lies in.
        stretch: Window and level of its values.
        segment: The object.
        k: Index of the slice; the object need not be on it.
        number: Number of the object, from 0, for its colour.

    Returns:
        (H, W, 3) RGB picture.
    """
    turn = turn_of(volume.frame)
    part = _around(segment, volume)
    grey = turn.apply(stretch.apply(volume.array[k][part.slices]))
    mask = turn.apply(segment.on_slice(k, volume.shape[1:])[part.slices])
    _, along_j, along_i = volume.spacing_mm
    rows_mm, columns_mm = (along_i, along_j) if turn.transposed else (along_j, along_i)
    size = _size_px(grey.shape[0] * rows_mm, grey.shape[1] * columns_mm)
    labels = mask * np.uint16(number + 1)
    plain, outlined = draw_labels(grey, labels, range(1, number + 2), size, alpha=0.0)
    gap = np.zeros((plain.shape[0], GAP_PX, 3), dtype=np.uint8)
    return np.concatenate([plain, gap, outlined], axis=1)


def draw_labels(
    grey: npt.NDArray[np.uint8],
    labels: npt.NDArray[Any],
    values: Iterable[int],
    size: tuple[int, int],
    *,
    alpha: float,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Resize a grey slice, and draw the labels on it over the slice.

    Args:
        grey: (rows, columns) of the slice.
        labels: Value of each pixel of the slice, 0 for background.
        values: Values of the objects in the order of their colours.
        size: Width and height of the picture in pixels.
        alpha: Opacity of the objects inside of their outlines, 0 to 1.

    Returns:
        The slice without and with labels, both (H, W, 3) RGB.
    """
    image = cv2.resize(np.ascontiguousarray(grey), size, interpolation=cv2.INTER_LINEAR)
    shown = cv2.resize(np.ascontiguousarray(labels), size, interpolation=cv2.INTER_NEAREST)
    full = Window.full(shown.shape)
    masks = (shown == value for value in values)
    regions = [MaskRegion(full, mask) if mask.any() else None for mask in masks]
    plain = np.repeat(image[:, :, None], 3, axis=2).astype(np.uint8)
    return plain, draw_overlay(plain, regions, alpha=alpha)


def _sides(columns: npt.NDArray[np.float64]) -> tuple[int, int]:
    """The two different axes of the patient that rows and columns of a slice run along best."""
    strength = np.abs(columns)
    pairs = [(a, b) for a in range(3) for b in range(3) if a != b]
    return max(pairs, key=lambda pair: strength[pair[0], 0] + strength[pair[1], 1])


def _around(segment: Segment, volume: Volume) -> Window:
    """The (j, i) part of every slice that is shown for an object: its box with a margin."""
    edges = []
    for axis in (1, 2):
        start, stop = segment.window.start[axis], segment.window.stop[axis]
        least = min(MIN_MARGIN_MM / volume.spacing_mm[axis], MIN_MARGIN_PX)
        margin = max(MARGIN * (stop - start), least)
        edges.append(
            (
                max(0, int(start - margin)),
                min(volume.shape[axis], int(np.ceil(stop + margin))),
            )
        )
    (top, bottom), (left, right) = edges
    return Window((top, left), (bottom, right))


def _size_px(height_mm: float, width_mm: float) -> tuple[int, int]:
    """Width and height in pixels of a panel of these millimetres."""
    scale = PANEL_PX / max(height_mm, width_mm)
    return max(1, round(width_mm * scale)), max(1, round(height_mm * scale))

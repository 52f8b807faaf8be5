"""Windows: which parts of the raster are read so that every prompt has its object and context.

The plan goes by the prompts, not by a grid, so no prompted box is ever cut by a window:

```
+------------------------+     side = the model's input, at native resolution
|   [a]      [b]         |     a, b, c with their context fit one window: one embedding
|        [c]             |
+------------------------+     a box too large for it gets a window of its own
```
It depends on the set of prompts, not on their order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import GeometryError
from sam_common.frame import Frame
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_geo.placement import Box, Point
    from sam_geo.prompts import GeoPrompt

CONTEXT_PX = 32
"""Least distance between a box and the edge of its window, in pixels."""
CONTEXT_RATIO = 0.25
"""The same as a part of the box's longer side."""
POINT_RATIO = 0.25
"""A point's object has no known size: this part of a window lies around it on each side."""
NATIVE_SIDES = 2
"""A window up to so many model inputs wide is read at native resolution, larger ones coarser."""


@dataclass(frozen=True, slots=True)
class ReadWindow:
    """One read, one embedding, and the prompts that it serves."""

    window: Window
    """(row, col) in the raster."""
    size_hw: tuple[int, int]
    """Size of the image that is read: the window's own, or smaller where it is read coarser."""
    prompts: tuple[int, ...]
    """Positions in the list of prompts, ascending."""

    @property
    def scale_xy(self) -> tuple[float, float]:
        """Raster pixels per image pixel along x and y; (1.0, 1.0) at native resolution."""
        (height, width), (rows, cols) = self.window.shape, self.size_hw
        return width / cols, height / rows

    @property
    def is_native(self) -> bool:
        """Whether it is read at the raster's own resolution."""
        return self.window.shape == self.size_hw

    def image_frame(self, raster_frame: Frame) -> Frame:
        """The frame of the image that is read, given the raster's."""
        (row, col), (sx, sy) = self.window.start, self.scale_xy
        into_raster: list[list[float]] = [
            [sy, 0, row + (sy - 1) / 2],
            [0, sx, col + (sx - 1) / 2],
            [0, 0, 1],
        ]
        return raster_frame.compose(Frame.from_array(into_raster))

    def point_into_image(self, xy: Point) -> Point:
        """Raster index (x, y) to the index of the image that is read.

        >>> ReadWindow(Window((0, 10), (40, 50)), (20, 20), ()).point_into_image((10.5, 0.5))
        (0.0, 0.0)
        """
        (row, col), (sx, sy) = self.window.start, self.scale_xy
        # pixel centres scale about the window's corner, half a pixel up and left
        return (xy[0] - col + 0.5) / sx - 0.5, (xy[1] - row + 0.5) / sy - 0.5

    def box_into_image(self, box_xyxy: Box) -> Box:
        """The same for both corners of a box."""
        return self.point_into_image(box_xyxy[:2]) + self.point_into_image(box_xyxy[2:])

    def corners_into_raster(self, corners_xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Pixel corners (..., 2) of the image, x before y, to pixel corners of the raster.

        Exact at native resolution, so that the same pixel gives the same vertex in every window.
        """
        row, col = self.window.start
        scale, origin = np.array(self.scale_xy), np.array([col, row], dtype=np.float64)
        return np.asarray(corners_xy * scale + origin, dtype=np.float64)


def plan_windows(
    prompts: Sequence[GeoPrompt],
    raster_hw: tuple[int, int],
    *,
    side: int,
    encoded: Sequence[Window] = (),
) -> list[ReadWindow]:
    """Windows that together hold every placed prompt with its context.

    Args:
        prompts: All prompts of the job; those that lie nowhere are left out.
        raster_hw: Size of the raster.
        side: Side of the model's input in pixels: the size of a window, where the raster and the
            prompts allow it.
        encoded: Windows whose embeddings lie in a store: a prompt that fits one of them with its
            context goes there, to the one in whose middle it lies most.

    Returns:
        Encoded windows in their order, then others from top to bottom and left to right, those
        of large objects last. Each placed prompt is in exactly one.

    Raises:
        GeometryError: The side is not positive.
    """
    if side < 1:
        raise GeometryError(f"window side must be positive, got {side}")
    needs = {
        n: needed_window(prompt, raster_hw, side=side)
        for n, prompt in enumerate(prompts)
        if prompt.is_placed
    }
    plan = _into_encoded(needs, encoded)
    held = {n for _, members in plan for n in members}
    needs = {n: need for n, need in needs.items() if n not in held}
    small = {n: need for n, need in needs.items() if max(need.shape) <= side}
    plan += _sweep(small, raster_hw, side)
    large: dict[Window, list[int]] = {}
    for n in sorted(needs.keys() - small.keys(), key=lambda n: (needs[n].start, needs[n].stop)):
        window = _square(needs[n], raster_hw, max(needs[n].shape))
        large.setdefault(window, []).append(n)
    plan += [(window, sorted(members)) for window, members in large.items()]
    return [
        ReadWindow(window, _read_size(window, side), tuple(members)) for window, members in plan
    ]


def needed_window(prompt: GeoPrompt, raster_hw: tuple[int, int], *, side: int) -> Window:
    """The pixels that a prompt touches and the context around them, inside the raster.

    The context is 32 px or a quarter of the longer side of a box, whichever is more; a quarter of
    the window around points.
    """
    xs = [x for x, _ in prompt.points_xy]
    ys = [y for _, y in prompt.points_xy]
    if prompt.box_xyxy is not None:
        x0, y0, x1, y1 = prompt.box_xyxy
        context = max(CONTEXT_PX, math.ceil(CONTEXT_RATIO * max(x1 - x0, y1 - y0)))
        xs, ys = [*xs, x0, x1], [*ys, y0, y1]
    else:
        context = math.floor(POINT_RATIO * side)
    # a pixel spans half an index on both sides of its centre
    start = (math.floor(min(ys) + 0.5), math.floor(min(xs) + 0.5))
    stop = (math.ceil(max(ys) + 0.5), math.ceil(max(xs) + 0.5))
    touched = Window(start, tuple(max(e, s + 1) for s, e in zip(start, stop, strict=True)))
    inside = touched.expand(context).intersect(Window.full(raster_hw))
    if inside is None:
        raise GeometryError(f"prompt {prompt.prompt_id} lies outside the raster: {touched}")
    return inside


def _into_encoded(
    needs: dict[int, Window], encoded: Sequence[Window]
) -> list[tuple[Window, list[int]]]:
    """Prompts by the encoded window that holds them best."""
    members: dict[int, list[int]] = {}
    if not encoded:
        return []
    starts = np.array([window.start for window in encoded])
    stops = np.array([window.stop for window in encoded])
    for n, need in needs.items():
        low, high = np.array(need.start) - starts, stops - np.array(need.stop)
        around = np.minimum(low, high).min(axis=1)  # pixels to the nearest edge of the window
        best = int(around.argmax())
        if around[best] >= 0:
            members.setdefault(best, []).append(n)
    return [(encoded[at], sorted(members[at])) for at in sorted(members)]


def _sweep(
    needs: dict[int, Window], raster_hw: tuple[int, int], side: int
) -> list[tuple[Window, list[int]]]:
    """Cover small needs with windows: strips from the top, each swept from the left."""
    plan: list[tuple[Window, list[int]]] = []
    waiting = sorted(needs, key=lambda n: (needs[n].start, needs[n].stop))
    while waiting:
        bottom = needs[waiting[0]].start[0] + side
        strip = [n for n in waiting if needs[n].stop[0] <= bottom]
        waiting = [n for n in waiting if needs[n].stop[0] > bottom]
        strip.sort(key=lambda n: (needs[n].start[::-1], needs[n].stop[::-1]))
        while strip:
            right = needs[strip[0]].start[1] + side
            members = [n for n in strip if needs[n].stop[1] <= right]
            strip = [n for n in strip if needs[n].stop[1] > right]
            held = needs[members[0]]
            for n in members[1:]:
                held = held.union(needs[n])
            plan.append((_square(held, raster_hw, side), sorted(members)))
    return plan


def _square(held: Window, raster_hw: tuple[int, int], side: int) -> Window:
    """A window of this side around another, moved into the raster and cut where it is smaller."""
    start, stop = [], []
    for low, high, size in zip(held.start, held.stop, raster_hw, strict=True):
        first = min(max(0, (low + high - side) // 2), max(0, size - side))
        start.append(first)
        stop.append(min(size, first + side))
    return Window(tuple(start), tuple(stop))


def _read_size(window: Window, side: int) -> tuple[int, int]:
    height, width = window.shape
    factor = max(1.0, max(height, width) / (NATIVE_SIDES * side))
    return max(1, round(height / factor)), max(1, round(width / factor))

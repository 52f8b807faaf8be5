"""Windows: which parts of the raster are read so that every prompt has its object and context.

Where a window lies follows from one prompt alone, whatever else a job or a session asks for, so
the same prompt is always decoded from the same pixels. Windows lie on grids, so that neighbours
share an embedding; the coarsest grid on which a prompt fits with its context is taken:

```
+------------------------+     side = the model's input, at native resolution
|   [a]      [b]   +-----|-----------------+
|                  |  [c]|                 |     c does not fit the first window: the next one
+------------------|-----+          [d]    |     that holds it has its middle nearest to it
                   +-----------------------+
```
A box that fits none, or is larger, gets a window of its own; no prompted box is ever cut.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sam_common.errors import GeometryError
from sam_common.tiled_job.plan import tile_grid
from sam_common.window import Window
from sam_geo.raster.read_window import ReadWindow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_geo.prompts.geo_prompt import GeoPrompt

CONTEXT_PX = 32
"""Least distance between a box and the edge of its window, in pixels."""
CONTEXT_RATIO = 0.25
"""The same as a part of the box's longer side."""
POINT_RATIO = 0.25
"""A point's object has no known size: this part of a window lies around it on each side."""
BOX_OVERLAPS = (1 / 4, 1 / 2, 3 / 4, 7 / 8)
"""Part of a window that the next one of the grid shares, coarsest grid first: any box fits the
first one that is up to a quarter of a window with its context. A grid with less overlap has fewer
windows, but boxes that fall through to the next one cost more than that saves."""
POINT_OVERLAPS = (1 / 2, 3 / 4, 7 / 8)
"""The same for points without a box, which lie better near the middle of their window."""
NATIVE_SIDES = 2
"""A window up to so many model inputs wide is read at native resolution, larger ones coarser."""


def plan_windows(
    prompts: Sequence[GeoPrompt], raster_hw: tuple[int, int], *, side: int
) -> list[ReadWindow]:
    """The windows of several prompts, each with all prompts that it serves.

    Args:
        prompts: All prompts of the job; those that lie nowhere are left out.
        raster_hw: Size of the raster.
        side: Side of the model's input in pixels: the size of a window, where the raster and the
            prompts allow it.

    Returns:
        From top to bottom and left to right, those of large objects last. Each placed prompt is in
        exactly one: its own by `window_for`.

    Raises:
        GeometryError: The side is not positive.
    """
    if side < 1:
        raise GeometryError(f"window side must be positive, got {side}")
    members: dict[Window, list[int]] = {}
    for n, prompt in enumerate(prompts):
        if prompt.is_placed:
            window = window_for(prompt, raster_hw, side=side).window
            members.setdefault(window, []).append(n)
    ordered = sorted(members, key=lambda w: (max(w.shape) > side, w.start, w.stop))
    return [
        ReadWindow(window, _read_size(window, side), tuple(members[window])) for window in ordered
    ]


def window_for(prompt: GeoPrompt, raster_hw: tuple[int, int], *, side: int) -> ReadWindow:
    """The window of one prompt, by that prompt alone.

    Args:
        prompt: One that is placed.
        raster_hw: Size of the raster.
        side: Side of the model's input in pixels.
    """
    need = needed_window(prompt, raster_hw, side=side)
    if max(need.shape) > side:
        window = _square(need, raster_hw, max(need.shape))
        return ReadWindow(window, _read_size(window, side), (0,))
    for overlap in POINT_OVERLAPS if prompt.box_xyxy is None else BOX_OVERLAPS:
        found = _on_grid(need, raster_hw, side, side - int(side * overlap))
        if found is not None:
            return ReadWindow(found, _read_size(found, side), (0,))
    window = _square(need, raster_hw, side)
    return ReadWindow(window, _read_size(window, side), (0,))


def shared_windows(raster_hw: tuple[int, int], *, side: int) -> list[Window]:
    """All windows of the coarsest grids of boxes and of points, row by row.

    What lies in one of them with its context is most of what a job is asked for: a box and its
    context of up to half a window, or a point.
    """
    grids = (
        tile_grid(raster_hw, side=side, overlap=int(side * overlaps[0]))
        for overlaps in (BOX_OVERLAPS, POINT_OVERLAPS)
    )
    return sorted({w for grid in grids for w in grid}, key=lambda w: (w.start, w.stop))


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


def _on_grid(need: Window, size_hw: tuple[int, int], side: int, step: int) -> Window | None:
    """The window on a grid that holds what is needed nearest to its middle; None if none does."""
    start, stop = [], []
    for low, high, size in zip(need.start, need.stop, size_hw, strict=True):
        # the last one ends at the raster's edge
        last = max(0, size - side)
        starts = {*range(low // step * step, max(-1, high - side - 1), -step), last}
        fitting = [at for at in starts if at <= min(low, last) and high <= at + side]
        if not fitting:
            return None
        _, best = min((abs(2 * at + side - low - high), at) for at in fitting)
        start.append(best)
        stop.append(min(size, best + side))
    return Window(tuple(start), tuple(stop))


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

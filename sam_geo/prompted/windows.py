"""Windows: the parts of a raster that are read, so that each prompt has its object and context.

Where a window lies follows from one prompt alone, whatever other prompts a job or a session has, so
a prompt is always decoded from the same pixels. Windows lie on grids, so that neighbouring prompts
share an embedding; the coarsest grid on which a prompt fits with its context is taken:

```
+------------------------+     side = the model's input, at native resolution
|   [a]      [b]   +-----|-----------------+
|                  |  [c]|                 |     c does not fit the first window: the next one
+------------------|-----+          [d]    |     that holds it has its middle nearest to it
                   +-----------------------+
```
A box that fits no window of a grid, or is larger than one, gets a window of its own; no box is ever
cut by its window.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sam_common.errors import GeometryError
from sam_common.tiled_job.plan import tile_grid
from sam_common.window import Window
from sam_geo.raster.read_window import ReadWindow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sam_geo.prompts.geo_prompt import GeoPrompt

CONTEXT_PX = 32
"""Least distance between a box and the edge of its window, in pixels."""
CONTEXT_RATIO = 0.25
"""Least distance between a box and the edge of its window, as a part of the box's longer side."""
POINT_RATIO = 0.25
"""Context of a point, whose object has no known size: this part of a window on each side."""
BOX_OVERLAPS = (1 / 4, 1 / 2, 3 / 4, 7 / 8)
"""Grids that are tried for a box, by the part of a window that neighbouring windows share. On the
first grid fits any box that is, with its context, up to a quarter of a window. A grid with less
overlap has fewer windows, but boxes that fit only the next grid cost more than that saves."""
POINT_OVERLAPS = (1 / 2, 3 / 4, 7 / 8)
"""Grids that are tried for points without a box, which are to lie near the middle of a window."""
NATIVE_SIDES = 2
"""A window of up to this many sides of the network's input is read at the raster's resolution,
a larger one coarser."""


def plan_windows(
    prompts: Sequence[GeoPrompt], raster_hw: tuple[int, int], *, side: int
) -> list[ReadWindow]:
    """The windows of some prompts, each with the numbers of all prompts that are decoded from it.

    Args:
        prompts: All prompts of the job; those outside the raster are left out.
        raster_hw: Rows and columns of the raster.
        side: Side of the network's input in pixels: the side of a window, where the raster and
            the prompts allow it.

    Returns:
        Windows from top to bottom and left to right, those of large objects last. Each prompt in
        the raster belongs to exactly one: the one that `window_for` gives.

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
    """The window from which a prompt is decoded; it follows from that prompt alone.

    Args:
        prompt: A prompt in the raster.
        raster_hw: Rows and columns of the raster.
        side: Side of the network's input in pixels.

    Raises:
        GeometryError: The prompt lies outside the raster.
    """
    need = needed_window(prompt, raster_hw, side=side)
    size = max(side, *need.shape)
    overlaps = POINT_OVERLAPS if prompt.box_xyxy is None else BOX_OVERLAPS
    grids = overlaps if size == side else ()
    fitting = (_on_grid(need, raster_hw, side, side - int(side * part)) for part in grids)
    window = next(filter(None, fitting), None) or square_at(_around(need, size), size, raster_hw)
    return ReadWindow(window, _read_size(window, side), (0,))


def shared_windows(raster_hw: tuple[int, int], *, side: int) -> list[Window]:
    """All windows of the coarsest grid of boxes and of the coarsest grid of points, row by row.

    Most prompts are decoded from one of them: every point, and every box that is, with its context,
    up to half a window.

    Args:
        raster_hw: Rows and columns of the raster.
        side: Side of the network's input in pixels.
    """
    points = tile_grid(raster_hw, side=side, overlap=int(side * POINT_OVERLAPS[0]))
    every = {*box_windows(raster_hw, side=side), *points}
    return sorted(every, key=lambda w: (w.start, w.stop))


def box_windows(raster_hw: tuple[int, int], *, side: int) -> list[Window]:
    """The windows of the coarsest grid of boxes, which cover a raster, row by row.

    Args:
        raster_hw: Rows and columns of the raster.
        side: Side of the network's input in pixels.
    """
    return tile_grid(raster_hw, side=side, overlap=int(side * BOX_OVERLAPS[0]))


def needed_window(prompt: GeoPrompt, raster_hw: tuple[int, int], *, side: int) -> Window:
    """The pixels that a prompt touches, with the context around them, cut at the raster's edge.

    The context of a box is 32 pixels or a quarter of its longer side, whichever is more; that of
    points is a quarter of the window's side.

    Raises:
        GeometryError: The prompt lies outside the raster.
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
    """The window of a grid that has a needed part nearest to its middle.

    Args:
        need: The part of the raster that has to lie in the window.
        size_hw: Rows and columns of the raster.
        side: Side of the windows.
        step: Distance between neighbouring windows of the grid.

    Returns:
        None where the needed part fits no window of the grid.
    """
    start, stop = [], []
    for low, high, size in zip(need.start, need.stop, size_hw, strict=True):
        # the last window of the grid ends at the raster's edge
        last = max(0, size - side)
        starts = {*range(low // step * step, max(-1, high - side - 1), -step), last}
        fitting = [at for at in starts if at <= min(low, last) and high <= at + side]
        if not fitting:
            return None
        _, best = min((abs(2 * at + side - low - high), at) for at in fitting)
        start.append(best)
        stop.append(min(size, best + side))
    return Window(tuple(start), tuple(stop))


def square_at(start: Iterable[int], side: int, raster_hw: Sequence[int]) -> Window:
    """A square window, moved into the raster, and cut where the raster is smaller.

    Args:
        start: (row, col) at which the window would begin; may lie outside the raster.
        side: Side of the window in pixels.
        raster_hw: Rows and columns of the raster.

    >>> square_at((-3, 40), 10, (20, 45))
    Window(start=(0, 35), stop=(10, 45))
    """
    first = [
        min(max(0, at), max(0, size - side)) for at, size in zip(start, raster_hw, strict=True)
    ]
    last = [min(size, at + side) for at, size in zip(first, raster_hw, strict=True)]
    return Window(tuple(first), tuple(last))


def _around(held: Window, side: int) -> list[int]:
    """(row, col) at which a square window has another one in its middle."""
    return [(low + high - side) // 2 for low, high in zip(held.start, held.stop, strict=True)]


def _read_size(window: Window, side: int) -> tuple[int, int]:
    """(rows, columns) at which a window is read: its own, or fewer where it is very large."""
    height, width = window.shape
    factor = max(1.0, max(height, width) / (NATIVE_SIDES * side))
    return max(1, round(height / factor)), max(1, round(width / factor))

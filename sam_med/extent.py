"""Extent: how far an object reaches from a box on one slice, or on several.

The object is followed both ways along the axis of the boxes. Its end is where the first of three
tests fails:

- the look's quality is at least 0.4;
- its area is at least a tenth of the area on the nearest slice with a box;
- its mean shade lies within two standard deviations of the shades of the object there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sam_common.window import Window
from sam_med.look import Look, Looker, across, edges
from sam_med.track import follow

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_med.slice_box import SliceBox
    from sam_med.slices import SliceEmbeddings

LEAST_QUALITY = 0.4
LEAST_AREA = 0.1
MOST_SDS = 2.0
REACH = 0.5
"""By how much of its size an object may reach beyond its boxes on each side of a slice."""
SLACK = 0.2
"""How much further than the last slice the object is looked for, as a share of its length."""
SIDE_SLACK = 0.05
"""How much wider than what was followed the window is, as a share of its size."""


@dataclass(frozen=True, slots=True)
class _Shade:
    """What the object looks like on a slice with a box."""

    area_px: int
    mean: float
    sd: float


def window_of(slices: SliceEmbeddings, boxes: Sequence[SliceBox]) -> Window:
    """The part of the volume in which the object of some boxes lies.

    Boxes on slices of two axes say how far it reaches along all three; boxes along one axis do
    not, and the object is followed.

    Args:
        slices: Embeddings of the volume.
        boxes: Inside the volume, at least one.
    """
    hull = boxes[0].window_kji
    for box in boxes[1:]:
        hull = hull.union(box.window_kji)
    axes = {box.axis for box in boxes}
    if len(axes) > 1:
        return hull
    (axis,) = axes
    return _followed(slices, boxes, _reach(slices, hull, axis), axis)


def _reach(slices: SliceEmbeddings, hull: Window, axis: int) -> Window:
    """Where the object may be: anywhere along the axis, and not far beside its boxes."""
    start, stop = [], []
    for d, size in enumerate(slices.shape):
        more = size if d == axis else int(np.ceil(REACH * hull.shape[d]))
        start.append(max(0, hull.start[d] - more))
        stop.append(min(size, hull.stop[d] + more))
    return Window(tuple(start), tuple(stop))


def _followed(
    slices: SliceEmbeddings, boxes: Sequence[SliceBox], search: Window, axis: int
) -> Window:
    looker = Looker(slices, search)
    seeds = [seed_of(looker, box) for box in boxes]
    shades = {seed.index: _shade(slices, seed, search) for seed in seeds}

    def go_on(one: Look) -> bool:
        nearest = min(shades, key=lambda index: abs(index - one.index))
        return _same_object(one, shades[nearest], _values(slices, one, search))

    looks = follow(looker, seeds, go_on)
    rows = [box.window for box in boxes]
    for one in looks.values():
        if (box := looker.box_of(one.mask, axis)) is not None:
            x0, y0, x1, y1 = (int(edge + 0.5) for edge in box)
            rows.append(Window((y0, x0), (y1, x1)))
    side = rows[0]
    for row in rows[1:]:
        side = side.union(row)
    start, stop = list(side.start), list(side.stop)
    start.insert(axis, min(looks))
    stop.insert(axis, max(looks) + 1)
    return _with_slack(slices, Window(tuple(start), tuple(stop)), axis)


def seed_of(looker: Looker, box: SliceBox) -> Look:
    """The look for a box that a person drew: the box is right, the network's answer may not be."""
    return looker.look((box.axis, box.index), [edges(box.window)])[0]


def _with_slack(slices: SliceEmbeddings, window: Window, axis: int) -> Window:
    start, stop = [], []
    for d, size in enumerate(slices.shape):
        more = int(np.ceil((SLACK if d == axis else SIDE_SLACK) * window.shape[d]))
        start.append(max(0, window.start[d] - more))
        stop.append(min(size, window.stop[d] + more))
    return Window(tuple(start), tuple(stop))


def _same_object(one: Look, seed: _Shade, values: npt.NDArray[np.uint8]) -> bool:
    if one.quality < LEAST_QUALITY or len(values) < max(1.0, LEAST_AREA * seed.area_px):
        return False
    return abs(float(np.mean(values)) - seed.mean) <= MOST_SDS * seed.sd


def _shade(slices: SliceEmbeddings, seed: Look, window: Window) -> _Shade:
    values = _values(slices, seed, window)
    if not len(values):
        return _Shade(0, 0.0, np.inf)
    # a phantom of one shade still has the noise of one step
    return _Shade(len(values), float(np.mean(values)), max(1.0, float(np.std(values))))


def _values(slices: SliceEmbeddings, one: Look, window: Window) -> npt.NDArray[np.uint8]:
    """Shades of the object on its slice."""
    pixels = slices.pixels(one.axis, one.index)[across(window, one.axis).slices]
    return np.asarray(pixels[one.mask])

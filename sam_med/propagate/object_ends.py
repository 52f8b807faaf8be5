"""Object ends: how far an object reaches from a box on one slice, or on several.

```
             first                boxes                last
followed       <---------------------*------------------->      slice by slice, until a test fails
crossed            [  |  |    |      *      |    |  |  ]        the best box of a crossing slice
```
The object is *followed* both ways along the axis of the boxes. Its end is where the first of three
tests fails:

- the look's quality is at least 0.4;
- its area is at least a tenth of the area on the nearest slice with a box;
- its mean shade lies within two standard deviations of the shades of the object there.

It is *crossed* by the slices of the other axes through the middle of the boxes. There its width is
known and its length is not, so boxes of many lengths are tried; the one that is best filled by what
the network is surest of, on all crossing slices together, says how long the object is. Following
suits long objects and crossing plump ones, so the object is looked for as far as either says. Only
where no crossing slice sees what the drawn slices show is that outvoted, and nothing followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from sam_common.metrics.agreement import dice
from sam_common.window import Window
from sam_med.propagate.prediction import Look, Looker, across, edges, whole
from sam_med.propagate.three_planes import usable_axes
from sam_med.propagate.track import follow, middles
from sam_med.slices.embedded_slices import AXES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from sam_med.geometry.slice_box import SliceBox
    from sam_med.geometry.volume import Volume
    from sam_med.slices.embedded_slices import SliceEmbeddings

LEAST_QUALITY = 0.4
LEAST_AREA = 0.1
MOST_SDS = 2.0
REACH = 0.5
"""By how much of its size an object may reach beyond its boxes on each side of a slice."""
SLACK = 0.2
"""How much further than the last slice the object is looked for, as a share of its length."""
SIDE_SLACK = 0.05
"""How much wider than what was followed the window is, as a share of its size."""
LENGTHS = (0.125, 0.25, 0.5, 1.0, 2.0)
"""How far an object may reach beyond its boxes, in longer sides of them: all are tried."""
SEEN = 0.5
"""Dice on a drawn slice from which a crossing slice shows the same object."""
DIGITS = 6
"""To which merits count: the last bits depend on the order of the axes."""


@dataclass(frozen=True, slots=True)
class _Shade:
    """What the object looks like on a slice with a box."""

    area_px: int
    mean: float
    sd: float


def window_of(
    slices: SliceEmbeddings,
    boxes: Sequence[SliceBox],
    step: Callable[[int], None] = lambda _done: None,
) -> Window:
    """The part of the volume in which the object of some boxes lies.

    Boxes on slices of two axes say how far it reaches along all three; boxes along one axis do
    not, and the object is followed.

    Args:
        slices: Embeddings of the volume.
        boxes: Inside the volume, at least one.
        step: Called with 1 after each slice that is looked at.
    """
    hull = boxes[0].window_kji
    for box in boxes[1:]:
        hull = hull.union(box.window_kji)
    axes = {box.axis for box in boxes}
    if len(axes) > 1:
        return hull
    (axis,) = axes
    looker = Looker(slices, _reach(slices, hull, axis))
    seeds = [seed_of(looker, box) for box in boxes]
    step(len(seeds))
    crossing = _crossed(looker, hull, axis, seeds, step)
    if crossing is None:
        return _followed(looker, boxes, seeds, step)
    window, seen = crossing
    return window.union(_followed(looker, boxes, seeds, step)) if seen else window


def _reach(slices: SliceEmbeddings, hull: Window, axis: int) -> Window:
    """Where the object may be: anywhere along the axis, and not far beside its boxes."""
    start, stop = [], []
    for d, size in enumerate(slices.shape):
        more = size if d == axis else int(np.ceil(REACH * hull.shape[d]))
        start.append(max(0, hull.start[d] - more))
        stop.append(min(size, hull.stop[d] + more))
    return Window(tuple(start), tuple(stop))


def _followed(
    looker: Looker,
    boxes: Sequence[SliceBox],
    seeds: Sequence[Look],
    step: Callable[[int], None],
) -> Window:
    """What tracks from the boxes find, and some more."""
    axis = boxes[0].axis
    slices, search = looker.slices, looker.window
    shades = {seed.index: _shade(slices, seed, search) for seed in seeds}

    def go_on(one: Look) -> bool:
        step(1)
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
    return _with_slack(slices, Window(tuple(start), tuple(stop)), axis, SLACK)


def _crossed(
    looker: Looker,
    hull: Window,
    axis: int,
    seeds: Sequence[Look],
    step: Callable[[int], None],
) -> tuple[Window, bool] | None:
    """What slices across the boxes find, and whether any of them sees what the seeds show.

    None where the other axes have no slices that are fine enough.
    """
    volume = looker.slices.volume
    others = [other for other in usable_axes(volume) if other != axis]
    places = [(other, index) for other in others for index in middles(hull, other)]
    if not places:
        return None
    guesses = _guesses(volume, hull, axis)
    looks = {}
    for place in places:
        looks[place] = looker.look(place, [whole(guess, place[0]) for guess in guesses])
        step(1)
    merits = [
        round(sum(_filled(looker, looks[place][n], guess, axis) for place in places), DIGITS)
        for n, guess in enumerate(guesses)
    ]
    best = [n for n, merit in enumerate(merits) if merit == max(merits)]
    window = guesses[best[0]]
    for n in best[1:]:
        window = window.union(guesses[n])
    seen = any(
        _alike(_line(looker, seed, place), _line(looker, looks[place][n], (axis, seed.index)))
        for seed, place, n in product(seeds, places, best)
    )
    return _with_slack(looker.slices, window, axis, 0.0), seen


def _guesses(volume: Volume, hull: Window, axis: int) -> list[Window]:
    """Windows around the boxes, of many lengths along their axis."""
    spacing = volume.spacing_mm
    side = max(hull.shape[d] * spacing[d] for d in range(AXES) if d != axis)
    more = sorted({int(np.floor(share * side / spacing[axis] + 0.5)) for share in LENGTHS})
    ends = {
        (max(0, hull.start[axis] - before), min(volume.shape[axis], hull.stop[axis] + behind))
        for before, behind in product(more, repeat=2)
    }
    guesses = []
    for first, last in sorted(ends):
        start, stop = list(hull.start), list(hull.stop)
        start[axis], stop[axis] = first, last
        guesses.append(Window(tuple(start), tuple(stop)))
    return guesses


def _filled(looker: Looker, one: Look, guess: Window, axis: int) -> float:
    """Quality of a look times the share of the guessed length that it covers."""
    first = looker.window.start[axis]
    rows = np.moveaxis(one.mask, _place(one.axis, axis), 0)
    there = np.flatnonzero(rows[guess.start[axis] - first : guess.stop[axis] - first].any(axis=1))
    return one.quality * (int(there[-1] - there[0]) + 1) / guess.shape[axis] if len(there) else 0.0


def _line(looker: Looker, one: Look, place: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Where the slice `place` (axis, index) meets a look of another axis."""
    axis, index = place
    return np.asarray(one.mask.take(index - looker.window.start[axis], _place(one.axis, axis)))


def _alike(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> bool:
    """Whether two slices show the same where they meet; two that show nothing there say nothing."""
    return bool(one.any()) and dice(one, other) >= SEEN


def _place(fixed: int, axis: int) -> int:
    """Which dimension of a slice along `fixed` is `axis`."""
    return axis - (axis > fixed)


def seed_of(looker: Looker, box: SliceBox) -> Look:
    """The look for a box that a person drew: the box is right, the network's answer may not be."""
    return looker.look((box.axis, box.index), [edges(box.window)])[0]


def _with_slack(slices: SliceEmbeddings, window: Window, axis: int, slack: float) -> Window:
    start, stop = [], []
    for d, size in enumerate(slices.shape):
        more = int(np.ceil((slack if d == axis else SIDE_SLACK) * window.shape[d]))
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

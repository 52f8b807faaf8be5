"""Object ends: how far an object reaches from a box on one slice, or on several of one axis.

```
             first                boxes                last
followed       <---------------------*------------------->      slice by slice, until a test fails
crossed            [  |  |    |      *      |    |  |  ]        the best box of a crossing slice
```
The object is *followed* both ways along the axis of the boxes. Its end is where the first of three
tests fails:

- the quality of the prediction is at least 0.4;
- its area is at least a tenth of the area on the nearest slice with a box;
- its mean shade lies within two standard deviations of the shades of the object there.

It is *crossed* by the slices of the other axes through the middle of the boxes. There its width is
known and its length is not, so boxes of many lengths are tried; the one that is best filled by what
the network is surest of, on all crossing slices together, says how long the object is. Following
suits long objects and crossing plump ones, so the object is searched as far as either says. Only
where no crossing slice sees what the drawn slices show, the drawn slices are outvoted and nothing
is followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from sam_common.metrics.agreement import dice
from sam_common.window import Window
from sam_med.geometry.slice_box import AXES
from sam_med.propagate.planes_rounds import usable_axes
from sam_med.propagate.prediction import (
    Prediction,
    SlicePredictor,
    across,
    box_of_window,
    edges,
    window_of_box,
)
from sam_med.propagate.track import EIGHTHS, follow, starts_at
from sam_med.propagate.vote import SCORE_DIGITS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from sam_med.geometry.slice_box import SliceBox
    from sam_med.geometry.volume import Volume
    from sam_med.slices.embedded_slices import SliceEmbeddings

LEAST_QUALITY = 0.4
"""Quality below which a followed object has ended."""
LEAST_AREA = 0.1
"""Share of the area on the nearest slice with a box below which a followed object has ended."""
MOST_SDS = 2.0
"""Standard deviations by which the mean shade of a followed object may differ."""
SIDE_REACH = 0.5
"""Share of its boxes' size by which an object may reach beyond them on each side of a slice."""
SLACK = 0.2
"""Share of a followed object's length by which it is searched beyond either end."""
SIDE_SLACK = 0.05
"""Share of a followed object's size by which it is searched beyond its sides."""
LENGTHS = (0.125, 0.25, 0.5, 1.0, 2.0)
"""Lengths by which an object may reach beyond its boxes at either end, in longer sides of them."""
SAME_CROSSING = 0.5
"""Dice where two slices cross from which they show the same object."""


@dataclass(frozen=True, slots=True)
class _Shade:
    """Size and shades of the object on a slice with a box."""

    area_px: int
    mean: float
    sd: float


def search_window(
    slices: SliceEmbeddings,
    boxes: Sequence[SliceBox],
    step: Callable[[int], None] = lambda _done: None,
) -> Window:
    """The (k, j, i) part of the volume in which the object of some boxes is to be searched.

    Boxes on slices of two axes say how far it reaches along all three; boxes along one axis do
    not, and the object is followed and crossed.

    Args:
        slices: Embeddings of the volume.
        boxes: Inside the volume, at least one.
        step: Called with 1 after each slice that is predicted.
    """
    hull = boxes[0].window_kji
    for box in boxes[1:]:
        hull = hull.union(box.window_kji)
    axes = {box.axis for box in boxes}
    if len(axes) > 1:
        return hull
    (axis,) = axes
    predictor = SlicePredictor(slices, _reachable(slices, hull, axis))
    seeds = [seed_of(predictor, box) for box in boxes]
    step(len(seeds))
    crossing = _crossed(predictor, hull, axis, seeds, step)
    if crossing is None:
        return _followed(predictor, boxes, seeds, step)
    window, seen = crossing
    return window.union(_followed(predictor, boxes, seeds, step)) if seen else window


def seed_of(predictor: SlicePredictor, box: SliceBox) -> Prediction:
    """The prediction for a box that a person drew: the box is right, the mask in it may not be."""
    return predictor.predict((box.axis, box.index), [edges(box.window)])[0]


def _reachable(slices: SliceEmbeddings, hull: Window, axis: int) -> Window:
    """Where the object may be: anywhere along the axis, and `SIDE_REACH` beside its boxes."""
    more = [
        size if d == axis else int(np.ceil(SIDE_REACH * hull.shape[d]))
        for d, size in enumerate(slices.shape)
    ]
    return _grown(slices, hull, more)


def _followed(
    predictor: SlicePredictor,
    boxes: Sequence[SliceBox],
    seeds: Sequence[Prediction],
    step: Callable[[int], None],
) -> Window:
    """The window of what tracks from the boxes find, and `SLACK` more."""
    axis = boxes[0].axis
    slices, search = predictor.slices, predictor.window
    shades = {seed.index: _shade(slices, seed, search) for seed in seeds}

    def go_on(one: Prediction) -> bool:
        step(1)
        nearest = min(shades, key=lambda index: abs(index - one.index))
        return _is_same_object(one, shades[nearest], _values(slices, one, search))

    predictions = follow(predictor, seeds, go_on)
    side = boxes[0].window
    for drawn in boxes[1:]:
        side = side.union(drawn.window)
    for one in predictions.values():
        if (box := predictor.box_of(one.mask, axis)) is not None:
            side = side.union(window_of_box(box))
    start, stop = list(side.start), list(side.stop)
    start.insert(axis, min(predictions))
    stop.insert(axis, max(predictions) + 1)
    return _with_slack(slices, Window(tuple(start), tuple(stop)), axis, SLACK)


def _crossed(
    predictor: SlicePredictor,
    hull: Window,
    axis: int,
    seeds: Sequence[Prediction],
    step: Callable[[int], None],
) -> tuple[Window, bool] | None:
    """The window that slices across the boxes find, and whether any of them sees the seeds' object.

    None where the other axes have no slices that are fine enough.
    """
    volume = predictor.slices.volume
    others = [other for other in usable_axes(volume) if other != axis]
    places = [
        (other, index)
        for other in others
        for index in starts_at(range(hull.start[other], hull.stop[other]), EIGHTHS // 2)
    ]
    if not places:
        return None
    guesses = _guesses(volume, hull, axis)
    predictions = {}
    for place in places:
        boxes = [box_of_window(guess, place[0]) for guess in guesses]
        predictions[place] = predictor.predict(place, boxes)
        step(1)
    merits = [
        round(
            sum(_filled(predictor, predictions[place][n], guess, axis) for place in places),
            SCORE_DIGITS,
        )
        for n, guess in enumerate(guesses)
    ]
    best = [n for n, merit in enumerate(merits) if merit == max(merits)]
    window = guesses[best[0]]
    for n in best[1:]:
        window = window.union(guesses[n])
    seen = any(
        _is_alike(
            _crossing_line(predictor, seed, place),
            _crossing_line(predictor, predictions[place][n], (axis, seed.index)),
        )
        for seed, place, n in product(seeds, places, best)
    )
    return _with_slack(predictor.slices, window, axis, 0.0), seen


def _guesses(volume: Volume, hull: Window, axis: int) -> list[Window]:
    """Windows around the boxes, of all `LENGTHS` at either end along their axis."""
    spacing = volume.spacing_mm
    side = max(hull.shape[d] * spacing[d] for d in AXES if d != axis)
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


def _filled(predictor: SlicePredictor, one: Prediction, guess: Window, axis: int) -> float:
    """Quality of a prediction times the share of the guessed length that its mask covers."""
    first = predictor.window.start[axis]
    rows = np.moveaxis(one.mask, _dimension(one.axis, axis), 0)
    there = np.flatnonzero(rows[guess.start[axis] - first : guess.stop[axis] - first].any(axis=1))
    return one.quality * (int(there[-1] - there[0]) + 1) / guess.shape[axis] if len(there) else 0.0


def _crossing_line(
    predictor: SlicePredictor, one: Prediction, place: tuple[int, int]
) -> npt.NDArray[np.bool_]:
    """The line of a mask where the slice `place` (axis, index) of another axis crosses it."""
    axis, index = place
    row = index - predictor.window.start[axis]
    return np.asarray(one.mask.take(row, _dimension(one.axis, axis)))


def _is_alike(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> bool:
    """Whether two lines show the same object; false where the first shows none."""
    return bool(one.any()) and dice(one, other) >= SAME_CROSSING


def _dimension(fixed: int, axis: int) -> int:
    """The dimension of a slice along `fixed` that runs along `axis` of the volume."""
    return axis - (axis > fixed)


def _with_slack(slices: SliceEmbeddings, window: Window, axis: int, slack: float) -> Window:
    """A window grown by `slack` of its length along an axis and by `SIDE_SLACK` elsewhere."""
    more = [
        int(np.ceil((slack if d == axis else SIDE_SLACK) * length))
        for d, length in enumerate(window.shape)
    ]
    return _grown(slices, window, more)


def _grown(slices: SliceEmbeddings, window: Window, more: Sequence[int]) -> Window:
    """A window grown on both sides by `more` voxels along each axis, inside the volume."""
    return Window(
        tuple(max(0, first - n) for first, n in zip(window.start, more, strict=True)),
        tuple(
            min(size, last + n)
            for size, last, n in zip(slices.shape, window.stop, more, strict=True)
        ),
    )


def _is_same_object(one: Prediction, seed: _Shade, values: npt.NDArray[np.uint8]) -> bool:
    """Whether a prediction passes the three tests against the nearest slice with a box."""
    if one.quality < LEAST_QUALITY or len(values) < max(1.0, LEAST_AREA * seed.area_px):
        return False
    return abs(float(np.mean(values)) - seed.mean) <= MOST_SDS * seed.sd


def _shade(slices: SliceEmbeddings, seed: Prediction, window: Window) -> _Shade:
    """Size and shades of the object on a slice with a box; any shade passes where it is empty."""
    values = _values(slices, seed, window)
    if not len(values):
        return _Shade(0, 0.0, np.inf)
    # a phantom of one shade still has the noise of one step
    return _Shade(len(values), float(np.mean(values)), max(1.0, float(np.std(values))))


def _values(slices: SliceEmbeddings, one: Prediction, window: Window) -> npt.NDArray[np.uint8]:
    """The shades, 0 to 255, of the object's pixels on its slice."""
    pixels = slices.pixels(one.axis, one.index)[across(window, one.axis).slices]
    return np.asarray(pixels[one.mask])

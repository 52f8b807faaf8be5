"""Correct: an object corrected by a mark, a box or a painted slice, and no further than it reaches.

```
click without an axis    the change on the slices of each axis, followed along it; what most say
click, scribble, lasso   the change on its slice, followed along its axis
line                     its box, as drawn anew; the line itself is in the object
not_this                 the next best mask on its slice, followed along its axis
box, painted slice       as drawn
```
Whatever a mark said stays so in all later corrections.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias, cast

import numpy as np

from sam_common.errors import PromptError
from sam_med.corrections.alternatives import next_best
from sam_med.corrections.before import ObjectBefore
from sam_med.corrections.changes import change_on_slice
from sam_med.corrections.marks import Mark
from sam_med.corrections.reach import Reach
from sam_med.corrections.regions import pieces_at
from sam_med.corrections.spread import Spread, follow_change, follow_together
from sam_med.corrections.voxels import Voxels, counted
from sam_med.geometry.slice_box import SliceBox
from sam_med.geometry.voxel_box import text_of
from sam_med.prompts.drawings import box_of_lines
from sam_med.propagate.correction import PaintedSlice, follow_seed, redraw
from sam_med.propagate.planes_rounds import usable_axes
from sam_med.propagate.prediction import FULL, SlicePredictor, window_of_box
from sam_med.propagate.vote import SCORE_DIGITS, place_of, slice_index
from sam_med.slices.packed_slices import kept

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_med.corrections.marks import Place
    from sam_med.geometry.slice_box import Axis
    from sam_med.geometry.volume import Volume
    from sam_med.propagate.propagated_object import PropagatedObject
    from sam_med.slices.embedded_slices import SliceEmbeddings

Correction: TypeAlias = "Mark | SliceBox | PaintedSlice"
"""One correction of an object."""


def correct(
    result: PropagatedObject, slices: SliceEmbeddings, correction: Correction
) -> PropagatedObject:
    """An object corrected once; what the correction does not reach is unchanged to the voxel.

    Args:
        result: The object, from any function of `sam_med.propagate.planes` or from this one.
        slices: Embeddings of the same volume, by any network that takes boxes.
        correction: A mark, or the right mask or box of one slice; it may lie beyond the object.

    Raises:
        PromptError: The correction lies outside the volume or on no slice, a mark says the
            opposite of an earlier one, or there is no other mask for `not_this`.
    """
    if not isinstance(correction, Mark):
        return _redrawn(result, slices, correction)
    volume = slices.volume
    place = correction.place(volume)
    if correction.kind == "not_this":
        return _refused(result, slices, place)
    pixels = correction.on_slice(volume, place)
    marked = Voxels.of_slices({place[1]: pixels}, place[0])
    _check_answers(result, correction, marked)
    if correction.kind == "line":
        result = _redrawn(result, slices, _box_of(correction, volume, place))
        changed = marked
    else:
        on_all = correction.kind == "click" and correction.axis is None
        axes = usable_axes(volume) if on_all else (place[0],)
        reach = Reach.of(result, volume, marked, axes, positive=correction.positive)
        before = ObjectBefore.of(result, slices, reach)
        if on_all:
            changed = _by_all_axes(before, correction, marked)
        else:
            changed = _by_axis(before, place, pixels, positive=correction.positive)
        if reach is not None:
            changed = reach.part(changed)
    after = _changed(result, changed, positive=correction.positive)
    return _answered(after, marked, positive=correction.positive)


def choose_candidate(result: PropagatedObject, number: int) -> PropagatedObject:
    """An object as another of the answers that it was chosen from, but for what marks said.

    Slices that were drawn anew before are as the answer has them.

    Args:
        result: The object, from any function of `sam_med.propagate.planes` or from this module.
        number: Of `result.candidates`, from 1.

    Raises:
        PromptError: There is no such answer.
    """
    if not 1 <= number <= len(result.candidates):
        raise PromptError(
            f"there are {len(result.candidates)} answers to choose from, got number {number}"
        )
    other = result.candidates[number - 1]
    wide = result.widened(result.window.union(other.window))
    chosen = Voxels(other.window, other.mask).inside(wide.window)
    added = _forced(wide, chosen & ~wide.mask, positive=True)
    return _kept(_forced(added, wide.mask & ~chosen, positive=False))


def _by_axis(
    before: ObjectBefore, place: Place, pixels: npt.NDArray[np.bool_], *, positive: bool
) -> Voxels:
    """The voxels that a mark changes, on all slices along its axis that it reaches."""
    seed = change_on_slice(before, place, pixels, positive=positive)
    return Voxels.of_slices(follow_change(before, seed, positive=positive), place[0])


def _by_all_axes(before: ObjectBefore, click: Mark, marked: Voxels) -> Voxels:
    """The voxels that most axes change at a click; where they share none, those of the surest."""
    volume, spreads = before.slices.volume, []
    for axis in usable_axes(volume):
        along = replace(click, axis=cast("Axis", axis))
        place = along.place(volume)
        pixels = along.on_slice(volume, place)
        seed = change_on_slice(before, place, pixels, positive=click.positive)
        spreads.append(Spread(before, seed, positive=click.positive))
    if len(spreads) > 1:
        follow_together(spreads)
        agreed = _agreed(spreads, marked)
        if agreed is not None:
            return agreed
    # equal merits are taken together: no order of the axes may decide
    best = max(round(one.seed.merit, SCORE_DIGITS) for one in spreads)
    surest = [one for one in spreads if round(one.seed.merit, SCORE_DIGITS) == best]
    for one in surest:
        one.follow(0, before.size(one.seed.place[0]) - 1)
    window, counts = counted([*(_changed_by(one) for one in surest), marked])
    return Voxels(window, counts > 0)


def _agreed(spreads: Sequence[Spread], marked: Voxels) -> Voxels | None:
    """The voxels at a click that most axes change; None where that is no more than the click."""
    window, votes = counted([*(_changed_by(one) for one in spreads), marked])
    at = marked.inside(window)
    agreed = pieces_at((2 * (votes - at) > len(spreads)) | at, at)
    return None if np.array_equal(agreed, at) else Voxels(window, agreed)


def _changed_by(spread: Spread) -> Voxels:
    """The voxels that change along one axis."""
    return Voxels.of_slices(spread.slices, spread.seed.place[0])


def _changed(result: PropagatedObject, change: Voxels, *, positive: bool) -> PropagatedObject:
    """An object with voxels added or taken away; all of its predictions say the same of them."""
    if not change.mask.any():
        return result
    wide = result.widened(result.window.union(change.window))
    return _forced(wide, change.inside(wide.window), positive=positive)


def _forced(
    result: PropagatedObject, at: npt.NDArray[np.bool_], *, positive: bool
) -> PropagatedObject:
    """An object with the voxels of a mask of its window added or taken away."""
    mask = result.mask | at if positive else result.mask & ~at
    predictions = {}
    for key, one in result.predictions.items():
        part = at[place_of(one, result.window)]
        if part.any():
            certainty = np.where(part, FULL if positive else -FULL, one.certainty)
            predictions[key] = replace(one, kept=kept(certainty.astype(np.int8)))
        else:
            predictions[key] = one
    return replace(result, mask=mask, predictions=predictions)


def _answered(result: PropagatedObject, marked: Voxels, *, positive: bool) -> PropagatedObject:
    """An object that knows what a mark said of its voxels."""
    wide = result.widened(result.window.union(marked.window))
    known = wide.answered
    answered = np.zeros(wide.window.shape, dtype=np.int8) if known is None else known.copy()
    answered[marked.inside(wide.window)] = 1 if positive else -1
    return replace(wide, answered=answered)


def _check_answers(result: PropagatedObject, mark: Mark, marked: Voxels) -> None:
    """Raise `PromptError` where an earlier mark says the opposite of a voxel of a new one."""
    shared = marked.window.intersect(result.window)
    if result.answered is None or shared is None:
        return
    known = result.answered[shared.within(result.window).slices]
    clash = marked.inside(shared) & (known == (-1 if mark.positive else 1))
    if not clash.any():
        return
    first = [int(n) + start for n, start in zip(np.argwhere(clash)[0], shared.start, strict=True)]
    one, other = ("in", "outside of") if mark.positive else ("outside of", "in")
    raise PromptError(
        f"the {mark.told} says that voxel ijk {text_of(first[::-1])} is {one} the object, and an "
        f"earlier correction that it is {other} it: undo one of them"
    )


def _redrawn(
    result: PropagatedObject, slices: SliceEmbeddings, drawn: SliceBox | PaintedSlice
) -> PropagatedObject:
    """An object with a slice drawn anew; what marks said elsewhere stays so."""
    after = redraw(result, slices, drawn)
    if after.answered is None:
        return after
    answered = after.answered.copy()
    if isinstance(drawn, PaintedSlice):
        # who paints a whole slice has answered for all of it
        answered[slice_index(after.window, drawn.axis, drawn.index)] = 0
    return _kept(replace(after, answered=answered))


def _kept(result: PropagatedObject) -> PropagatedObject:
    """An object as its marks said that it is."""
    if result.answered is None:
        return result
    added = _forced(result, result.answered > 0, positive=True)
    return _forced(added, result.answered < 0, positive=False)


def _refused(result: PropagatedObject, slices: SliceEmbeddings, place: Place) -> PropagatedObject:
    """An object with the next best mask on a slice, but for what marks said."""
    before = ObjectBefore.of(result, slices)
    other = next_best(before, place)
    around = before.predictor.box_of(other.mask, place[0])
    if around is None:
        raise AssertionError("an alternative shows something")
    reach = SliceBox(*place, window_of_box(around)).window_kji
    wide = result.widened(result.window.union(reach))
    predictor = SlicePredictor(slices, wide.window)
    seed = predictor.predict(place, [other.box_xyxy])[0]
    return _kept(follow_seed(wide, predictor, seed))


def _box_of(line: Mark, volume: Volume, place: Place) -> SliceBox:
    """The box around an object of which a line is the long axis, cut to the volume."""
    flat = np.delete(line.array, place[0], axis=1)
    box = box_of_lines(volume, *place, [flat[n : n + 2] for n in range(0, len(flat), 2)])
    inside = box.window_kji.intersect(volume.window)
    if inside is None:
        raise AssertionError("the ends of the line lie in the volume, so its box does")
    return SliceBox.from_window(place[0], inside)

"""Corrections: one slice of an object said anew, and what follows from it, nothing else.

```
slice        3    4    5    6    7    8    9
before       a    b    c    d    e    f    g
corrected                   D                    by a box or a painted mask
looked at         b    C    D    E    f          f and b come out as they were: stop
after        a    b    C    D    E    f    g
```
From the corrected slice the object is followed both ways, as in `track`, until a slice comes out
as it was, or its object ends, or a person has answered for the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import PromptError
from sam_common.metrics.agreement import dice
from sam_med.geometry.slice_box import SliceBox
from sam_med.propagate.by_prompt import ObjectMask
from sam_med.propagate.object_ends import seed_of
from sam_med.propagate.prediction import FULL, Look, Looker, across, painted
from sam_med.propagate.three_planes import Found
from sam_med.propagate.track import next_box
from sam_med.propagate.vote import at

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_common.window import Window
    from sam_med.geometry.slice_box import Axis
    from sam_med.propagate.prediction import Looks
    from sam_med.slices.embedded_slices import SliceEmbeddings

SETTLED = 0.9
"""Dice from which a slice counts as it was."""
LEAST_QUALITY = 0.4
"""Of a look that a correction may go on from."""


@dataclass(frozen=True, slots=True, eq=False)
class PaintedSlice:
    """What a person painted on one slice."""

    axis: Axis
    """The array axis that the slice is fixed on."""
    index: int
    window: Window
    """(row, column) part of the slice that the mask covers."""
    mask: npt.NDArray[np.bool_]
    """Array of `window.shape`; the object is nowhere else on the slice."""

    def __post_init__(self) -> None:
        if self.mask.shape != self.window.shape or self.mask.dtype != np.bool_:
            raise PromptError(
                f"a painted mask must be boolean of shape {self.window.shape}, got "
                f"{self.mask.dtype} of {self.mask.shape}"
            )

    @property
    def window_kji(self) -> Window:
        """The (k, j, i) voxels that the mask covers."""
        return SliceBox(self.axis, self.index, self.window).window_kji


def correct(
    result: ObjectMask, slices: SliceEmbeddings, correction: SliceBox | PaintedSlice
) -> ObjectMask:
    """An object with one slice corrected.

    The corrected slice is exactly as painted, or as the network draws it in the new box; slices
    that the correction does not reach are unchanged to the voxel.

    Args:
        result: The object, as any function of `sam_med.propagate.by_prompt` or this one gave it.
        slices: Embeddings of the same volume.
        correction: What is right on one slice; it may reach beyond the object's window.

    Raises:
        PromptError: It lies outside the volume.
    """
    place = correction.window_kji
    if not slices.volume.window.contains(place):
        raise PromptError(f"correction {place} lies outside the volume {slices.volume.window}")
    found = _widened(result.found, result.window.union(place))
    looker = Looker(slices, found.window)
    seed = _seed(looker, correction)
    looks: Looks = {**found.looks, (seed.axis, seed.index): seed}
    mask = found.mask.copy()
    mask[at(found.window, seed.axis, seed.index)] = seed.mask
    for new in _followed(looker, found, seed):
        looks[new.axis, new.index] = new
        mask[at(found.window, new.axis, new.index)] = new.mask
    return ObjectMask(Found(found.window, mask, looks))


def _followed(looker: Looker, found: Found, seed: Look) -> list[Look]:
    """New looks on the slices that the correction reaches."""
    axis, window = seed.axis, found.window
    changed = []
    for way in (
        range(seed.index + 1, window.stop[axis]),
        range(seed.index - 1, window.start[axis] - 1, -1),
    ):
        last = seed
        for index in way:
            old = found.looks.get((axis, index))
            if (old is not None and old.given) or not last.mask.any():
                break
            last = looker.look((axis, index), [next_box(looker, last)])[0]
            before = found.mask[at(window, axis, index)]
            if last.quality < LEAST_QUALITY or dice(last.mask, before) >= SETTLED:
                break
            changed.append(last)
    return changed


def _seed(looker: Looker, correction: SliceBox | PaintedSlice) -> Look:
    if isinstance(correction, SliceBox):
        return replace(seed_of(looker, correction), given=True)
    part = across(looker.window, correction.axis)
    whole = np.zeros(part.shape, dtype=np.bool_)
    whole[correction.window.within(part).slices] = correction.mask
    return painted((correction.axis, correction.index), whole, looker.window)


def _widened(found: Found, window: Window) -> Found:
    """The same in a larger window, of which nothing more was seen."""
    if window == found.window:
        return found
    mask = np.zeros(window.shape, dtype=np.bool_)
    mask[found.window.within(window).slices] = found.mask
    looks = {}
    for key, one in found.looks.items():
        part, inner = across(window, one.axis), across(found.window, one.axis)
        certainty = np.full(part.shape, -FULL, dtype=np.int8)
        certainty[inner.within(part).slices] = one.certainty
        looks[key] = replace(one, certainty=certainty)
    return Found(window, mask, looks)

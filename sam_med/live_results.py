"""Objects in a live volume: propagated ones, and what the server sees of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from sam_common.server.sources import PlacedMask, Result
from sam_common.window import Window
from sam_med.segments import SliceConfidence, median_confidence
from sam_med.slice_box import Axis, SliceBox

if TYPE_CHECKING:
    from sam_med.planes import ObjectMask


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """A propagated object."""

    mask: ObjectMask
    slices: tuple[SliceConfidence, ...]

    @property
    def confidence(self) -> float | None:
        """Median over its slices."""
        return median_confidence(self.slices)


def array_of(result: Result) -> np.ndarray[Any, Any]:
    """All masks of a result in its (k, j, i) window."""
    if result.window is None:
        return np.zeros((0, 0, 0), dtype=np.bool_)
    whole = np.zeros(result.window.shape, dtype=np.bool_)
    for mask in result.masks:
        there = kji(mask).shift([-s for s in result.window.start])
        whole[there.slices] |= np.expand_dims(mask.array, cast("int", mask.axis))
    return whole


def whole_of(mask: ObjectMask) -> Whole:
    """An object as `planes` gives it."""
    return Whole(mask, mask.segment("object", 1).slices)


def recorrected(before: Whole, mask: ObjectMask, method: str | None) -> Whole:
    """What a correction left; slices that only the published loop has seen keep what it said."""
    after = whole_of(mask)
    if method != "litemedsam":
        return after
    known = {at.k: at for at in before.slices}
    kept = (
        known.get(at.k, at) if at.predicted_iou == at.stability == 0 else at for at in after.slices
    )
    return replace(after, slices=tuple(kept))


def result_of(whole: Whole, seconds: float) -> Result:
    """A propagated object slice by slice, as the server takes it."""
    window, mask = whole.mask.window, whole.mask.mask
    masks = []
    for n in np.flatnonzero(mask.any(axis=(1, 2))).tolist():
        rows, cols = np.flatnonzero(mask[n].any(axis=1)), np.flatnonzero(mask[n].any(axis=0))
        tight = Window((int(rows[0]), int(cols[0])), (int(rows[-1]) + 1, int(cols[-1]) + 1))
        part = np.ascontiguousarray(mask[n][tight.slices])
        masks.append(PlacedMask(tight.shift(window.start[1:]), part, 0, n + window.start[0]))
    around = None
    for one in masks:
        around = kji(one) if around is None else around.union(kji(one))
    return Result(
        "ok" if masks else "empty",
        tuple(masks),
        around,
        int(np.count_nonzero(mask)),
        whole.confidence,
        whole.confidence,
        whole,
        {"encode": 0.0, "decode": seconds},
    )


def kji(mask: PlacedMask) -> Window:
    """The (k, j, i) window of a mask on a slice."""
    axis, index = cast("Axis", mask.axis), cast("int", mask.index)
    return SliceBox(axis, index, mask.window).window_kji

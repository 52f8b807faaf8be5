"""Objects in a live volume: propagated ones, and what the server sees of them."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from sam_common.masks.decoded import MaskRegion
from sam_common.server.sessions.live_source import PlacedMask, Result
from sam_common.window import Window
from sam_med.geometry.slice_box import Axis, SliceBox
from sam_med.objects.segments import SliceConfidence, median_confidence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_med.propagate.propagated_object import PropagatedObject


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """A propagated object."""

    mask: PropagatedObject
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
        there = _kji(mask).shift([-s for s in result.window.start])
        whole[there.slices] |= np.expand_dims(mask.array, cast("int", mask.axis))
    return whole


def whole_of(mask: PropagatedObject) -> Whole:
    """An object as `planes` gives it."""
    return Whole(mask, mask.segment("object", 1).slices)


def recorrected(before: Whole, mask: PropagatedObject, method: str | None) -> Whole:
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
    masks = [
        PlacedMask(region.window, region.mask, 0, k)
        for k, part in enumerate(mask, start=window.start[0])
        if (region := MaskRegion.tight(window.start[1:], part)) is not None
    ]
    return Result(
        "ok" if masks else "empty",
        tuple(masks),
        around(masks),
        int(np.count_nonzero(mask)),
        whole.confidence,
        whole.confidence,
        whole,
        {"encode": 0.0, "decode": seconds},
    )


def around(masks: Sequence[PlacedMask]) -> Window | None:
    """The (k, j, i) window that holds masks on slices; None where there are none."""
    windows = [_kji(mask) for mask in masks]
    return functools.reduce(Window.union, windows) if windows else None


def _kji(mask: PlacedMask) -> Window:
    """The (k, j, i) window of a mask on a slice."""
    axis, index = cast("Axis", mask.axis), cast("int", mask.index)
    return SliceBox(axis, index, mask.window).window_kji

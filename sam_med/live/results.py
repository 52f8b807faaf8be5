"""Results of a live volume: propagated objects, and their masks slice by slice for the server."""

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

    from sam_med.objects.calibration import Calibration
    from sam_med.propagate.propagated_object import PropagatedObject


@dataclass(frozen=True, slots=True, eq=False)
class LiveObject:
    """A propagated object in a session, with the confidence of its slices."""

    propagated: PropagatedObject
    """The object, from which a correction starts."""
    slices: tuple[SliceConfidence, ...]
    """Confidence along the first axis, ascending; of the published loop, what it said itself."""
    calibration: Calibration | None = None
    """Bounds of the Dice by confidence; None where there is not enough evidence."""

    @property
    def confidence(self) -> float | None:
        """Median confidence of the slices; None where there are none."""
        return median_confidence(self.slices)


def array_of(result: Result) -> np.ndarray[Any, Any]:
    """All masks of a result in one array of its (k, j, i) window; of size 0 where it has none."""
    if result.window is None:
        return np.zeros((0, 0, 0), dtype=np.bool_)
    whole = np.zeros(result.window.shape, dtype=np.bool_)
    for mask in result.masks:
        there = _window_kji(mask).within(result.window)
        whole[there.slices] |= np.expand_dims(mask.array, cast("int", mask.axis))
    return whole


def live_object_of(
    propagated: PropagatedObject, calibration: Calibration | None = None
) -> LiveObject:
    """A propagated object with the confidences that follow from its predictions.

    Args:
        propagated: The object.
        calibration: Bounds of the Dice, where it was found in a 3-D box.
    """
    slices = propagated.slices
    if calibration is not None:
        slices = calibration.of_slices(slices)
    return LiveObject(propagated, slices, calibration)


def recorrected(before: LiveObject, corrected: PropagatedObject, method: str | None) -> LiveObject:
    """An object after a correction, with the confidences of its slices.

    The published loop leaves no predictions, so slices that it alone has seen keep their confidence
    from before the correction.

    Args:
        before: The object before the correction.
        corrected: The object that `correct` gave.
        method: How the object was propagated.
    """
    after = live_object_of(corrected, before.calibration)
    if method != "litemedsam":
        return after
    known = {at.k: at for at in before.slices}
    kept = (
        known.get(at.k, at) if at.predicted_iou == at.stability == 0 else at for at in after.slices
    )
    return replace(after, slices=tuple(kept))


def result_of(whole: LiveObject, seconds: float) -> Result:
    """A propagated object as masks on slices of the first axis, for the server.

    Args:
        whole: The object.
        seconds: Time that it took.
    """
    window, mask = whole.propagated.window, whole.propagated.mask
    masks = [
        PlacedMask(region.window, region.mask, 0, k)
        for k, part in enumerate(mask, start=window.start[0])
        if (region := MaskRegion.tight(window.start[1:], part)) is not None
    ]
    return Result(
        "ok" if masks else "empty",
        tuple(masks),
        hull_of(masks),
        int(np.count_nonzero(mask)),
        whole.confidence,
        whole.confidence,
        whole,
        {"encode": 0.0, "decode": seconds},
    )


def hull_of(masks: Sequence[PlacedMask]) -> Window | None:
    """The smallest (k, j, i) window that holds masks on slices; None where there are none."""
    windows = [_window_kji(mask) for mask in masks]
    return functools.reduce(Window.union, windows) if windows else None


def _window_kji(mask: PlacedMask) -> Window:
    """The (k, j, i) window of a mask on a slice."""
    axis, index = cast("Axis", mask.axis), cast("int", mask.index)
    return SliceBox(axis, index, mask.window).window_kji

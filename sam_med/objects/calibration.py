"""Calibration: what a confidence is worth, as a Dice that nine of ten such objects or slices reach.

```
score of an object        ->  its Dice is at least ... with 90 %
confidence of a slice     ->  the Dice of the slice is at least ... with 90 %
```
A confidence is made of what the method says without the truth. How it goes with the Dice was
measured on public volumes, and the bounds are a table of steps (`calibration_facts`): the higher
the confidence, the higher the bound. The table holds for objects that were found in tight 3-D
boxes, by the network and the method that it was measured with, in modalities of which there were
enough volumes. `docs/propagation.md` says how it was made, and how often it held on volumes that
had no part in it.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sam_med.objects import calibration_facts as facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_med.objects.segments import Segment, SliceConfidence

LEAST_VOLUMES = 5
"""Volumes of a modality from which a bound is given for it."""
DIGITS = 3
"""Decimals of a bound."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Bounds of the Dice, for one modality."""

    modality: str
    volumes: int
    """Public volumes of the modality that the bounds were measured on."""
    level: float
    """Share of objects, and of slices, whose Dice is at least the bound."""

    def of_object(self, score: float) -> float | None:
        """The bound of an object by its score; None where too few such ones were measured."""
        return _step(score, facts.OBJECTS)

    def of_slices(self, slices: Sequence[SliceConfidence]) -> tuple[SliceConfidence, ...]:
        """Slices with their bounds, by their confidence."""
        return tuple(replace(at, at_least=_step(at.confidence, facts.SLICES)) for at in slices)


def assured(segment: Segment, calibration: Calibration | None) -> Segment:
    """An object with bounds of its Dice and of that of its slices.

    Args:
        segment: Found in a 3-D box.
        calibration: Of its volume and network; without one the object stays as it is.
    """
    if calibration is None or segment.score is None:
        return segment
    bound = calibration.of_object(segment.score)
    return replace(segment, at_least=bound, slices=calibration.of_slices(segment.slices))


def rest_at_least(slices: Sequence[SliceConfidence], doubtful: float) -> tuple[int, float | None]:
    """How many slices are to be looked at, and a bound of every other one.

    Args:
        slices: Slices of one object.
        doubtful: Confidence below which a slice is to be looked at.

    Returns:
        The number, and the bound; that is None where no slice is left, or one has no bound.
    """
    rest = [at.at_least for at in slices if at.confidence >= doubtful]
    bounds = [bound for bound in rest if bound is not None]
    known = bounds and len(bounds) == len(rest)
    return len(slices) - len(rest), min(bounds) if known else None


def calibration_of(modality: str | None, model: str, method: str) -> Calibration | None:
    """The calibration of a modality, e.g. "CT"; None where there is not enough evidence.

    Args:
        modality: Of the volume.
        model: Name of the network.
        method: How prompts became 3-D masks.
    """
    volumes = facts.VOLUMES.get(modality or "", 0)
    measured = (model, method) == (facts.MODEL, facts.METHOD)
    if modality is None or not measured or volumes < LEAST_VOLUMES:
        return None
    return Calibration(modality, volumes, facts.LEVEL)


def told(modality: str | None, model: str, method: str) -> str:
    """A sentence on what bounds stand on, or why there are none.

    >>> told("PT", "lite_medsam", "planes")
    'not enough evidence for bounds of the Dice: 1 volume of PT was measured, 5 are needed'
    >>> told("CT", "mobile_sam", "planes")
    'not enough evidence for bounds of the Dice: they were measured with lite_medsam and planes'
    """
    found = calibration_of(modality, model, method)
    if found is not None:
        return (
            f"bounds hold with {100 * found.level:.0f} % for objects in tight 3-D boxes, measured "
            f"on {found.volumes} volumes of {modality}"
        )
    if (model, method) != (facts.MODEL, facts.METHOD):
        why = f"they were measured with {facts.MODEL} and {facts.METHOD}"
    else:
        volumes = facts.VOLUMES.get(modality or "", 0)
        counted = "1 volume" if volumes == 1 else f"{volumes or 'no'} volumes"
        kind = modality or "an unknown modality"
        verb = "was" if volumes == 1 else "were"
        why = f"{counted} of {kind} {verb} measured, {LEAST_VOLUMES} are needed"
    return f"not enough evidence for bounds of the Dice: {why}"


def _step(value: float, steps: Sequence[tuple[float, float]]) -> float | None:
    """The bound of the step that a value lies on; None where it is 0, which says nothing.

    Steps are (least value, bound), ascending.
    """
    place = bisect_right([least for least, _ in steps], value) - 1
    return round(steps[max(place, 0)][1], DIGITS) or None

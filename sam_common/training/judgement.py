"""Judgement: a network before and after, on objects that took no part, beside the prompt alone.

A tuned network is taken where both hold:

- It is better than before: the interval of its gain over all kinds of prompts lies above zero, and
  no kind of prompt is worse beyond its own interval.
- It sees more than the prompt gives away: for one kind of prompt at least, its gain over the best
  that can be drawn without looking at the image (the box filled or its ellipse; a disc of the usual
  size around a point) lies above zero. A network that was taught wrong outlines learns to draw
  just that, which would look like a gain.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.masks.region_overlap import region_iou
from sam_common.metrics.paired_bootstrap import LEVEL, paired_gain
from sam_common.training.answers import answers
from sam_common.training_data.simulated_prompts import middle

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from sam_common.masks.decoded import MaskRegion
    from sam_common.metrics.paired_bootstrap import Gain
    from sam_common.prompts import PromptKind
    from sam_common.segmenter.predictor import Embedding, Segmenter
    from sam_common.training.answers import Pick
    from sam_common.training_data.examples import TrainingObject

ALONE: Mapping[PromptKind, tuple[str, ...]] = {
    "boxes": ("box filled", "ellipse in the box"),
    "points": ("disc of the usual size",),
}
"""What can be drawn from a prompt without looking at the image."""


@dataclass(frozen=True, slots=True)
class Overlaps:
    """IoU of the judging objects by one kind of prompt, in one order for all lists."""

    before: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)
    alone: dict[str, list[float]] = field(default_factory=dict)
    """By what is drawn without looking at the image, see `ALONE`."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The overlaps of all judging objects, and what follows from them."""

    names: list[str]
    """Names of the objects."""
    units: list[str]
    """Their units, which are drawn together."""
    by_kind: dict[PromptKind, Overlaps]
    """Overlaps by kind of prompt."""

    @property
    def gain(self) -> Gain:
        """Gain of the mean over all kinds of prompts."""
        after = np.mean([one.after for one in self.by_kind.values()], axis=0)
        before = np.mean([one.before for one in self.by_kind.values()], axis=0)
        return paired_gain(after - before, self.units)

    def gain_by(self, kind: PromptKind) -> Gain:
        """Gain of one kind of prompt."""
        one = self.by_kind[kind]
        return paired_gain(np.subtract(one.after, one.before), self.units)

    def over_prompt(self, kind: PromptKind) -> Gain:
        """Gain over the best of what the prompt alone gives away."""
        one = self.by_kind[kind]
        best = max(one.alone.values(), key=lambda values: float(np.mean(values)))
        return paired_gain(np.subtract(one.after, best), self.units)

    @property
    def faults(self) -> list[str]:
        """Why the tuned network is not to be taken, a sentence each; empty where it is."""
        found = []
        if not (gain := self.gain).is_sure:
            found.append(
                f"it is not better than before beyond chance: {gain.mean:+.3f} mean IoU, "
                f"interval {gain.low:+.3f} to {gain.high:+.3f}"
            )
        found += [
            f"by {kind} it is worse: {self.gain_by(kind).mean:+.3f} mean IoU"
            for kind in self.by_kind
            if self.gain_by(kind).high < 0
        ]
        if not any(self.over_prompt(kind).is_sure for kind in self.by_kind):
            found.append(
                "it is not better than what can be drawn from the prompts without looking at the "
                "image, which hints at outlines that do not fit the image"
            )
        return found

    def figures(self) -> dict[str, Any]:
        """Means and intervals by kind of prompt, as plain values for a model card."""
        return {
            kind: {
                "before": float(np.mean(one.before)),
                "after": float(np.mean(one.after)),
                "prompt_alone": {name: float(np.mean(iou)) for name, iou in one.alone.items()},
                **_told(self.gain_by(kind)),
            }
            for kind, one in self.by_kind.items()
        }

    def verdict(self) -> dict[str, Any]:
        """Whether it is to be taken, and why, as plain values for a model card."""
        faults = self.faults
        gain = self.gain
        text = (
            f"Better on objects that it has not seen: {gain.mean:+.3f} mean IoU."
            if not faults
            else f"Not to be taken: {'; '.join(faults)}."
        )
        return {"is_better": not faults, "text": text, "level": LEVEL, **_told(gain)}

    def objects(self) -> list[dict[str, Any]]:
        """One row for each judging object: its name and its IoU before and after by each kind."""
        return [
            {
                "name": name,
                **{
                    f"{kind} {when}": getattr(one, when)[n]
                    for kind, one in self.by_kind.items()
                    for when in ("before", "after")
                },
            }
            for n, name in enumerate(self.names)
        ]


def _told(gain: Gain) -> dict[str, Any]:
    # one unit has no interval, and JSON no infinity
    low, high = (float(np.clip(end, -1, 1)) for end in (gain.low, gain.high))
    return {"gain": gain.mean, "low": low, "high": high, "units": gain.units}


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """Asks two segmenters about objects, image by image."""

    before: Segmenter
    after: Segmenter
    kinds: Sequence[PromptKind]
    pick: Pick
    usual_area_px: float
    """Area of a usual object, from those that were learned."""
    result: Judgement = field(init=False)

    def __post_init__(self) -> None:
        empty = {kind: Overlaps(alone={name: [] for name in ALONE[kind]}) for kind in self.kinds}
        object.__setattr__(self, "result", Judgement([], [], empty))

    def add(self, objects: Sequence[TrainingObject], before: Embedding, after: Embedding) -> None:
        """Judge the objects of one image.

        Args:
            objects: The objects.
            before: Embedding of the image by the segmenter `before`.
            after: Embedding of the image by the segmenter `after`.
        """
        wanted = [one.mask for one in objects]
        first = len(self.result.names)
        self.result.names.extend(one.name for one in objects)
        self.result.units.extend(one.unit or f"object {first + n}" for n, one in enumerate(objects))
        for kind in self.kinds:
            one = self.result.by_kind[kind]
            one.before.extend(
                _overlaps(wanted, answers(self.before, before, wanted, kind, self.pick))
            )
            one.after.extend(_overlaps(wanted, answers(self.after, after, wanted, kind, self.pick)))
            for name in ALONE[kind]:
                one.alone[name].extend(
                    drawn_iou(region, name, self.usual_area_px) for region in wanted
                )


def _overlaps(wanted: Sequence[MaskRegion], found: Iterable[MaskRegion | None]) -> list[float]:
    return [region_iou(*pair) for pair in zip(wanted, found, strict=True)]


def drawn_iou(region: MaskRegion, name: str, usual_area_px: float) -> float:
    """IoU of an object with what is drawn from its prompt alone.

    Args:
        region: The object.
        name: One of the names in `ALONE`.
        usual_area_px: Area of the disc around a point.
    """
    rows, cols = region.mask.shape
    if name == "box filled":
        return float(region.area_px / (rows * cols))
    if name == "ellipse in the box":
        drawn = _ellipse(rows, cols, (rows / 2, cols / 2), ((rows - 1) / 2, (cols - 1) / 2))
        return _iou(region.mask, drawn, int(drawn.sum()))
    radius = float(np.sqrt(usual_area_px / np.pi))
    x, y = middle(region)
    place = y - region.window.start[0], x - region.window.start[1]
    inside = _ellipse(rows, cols, (radius, radius), place)
    # the disc may reach beyond the box of the object, where nothing is shared
    return _iou(region.mask, inside, max(int(inside.sum()), round(usual_area_px)))


def _ellipse(
    rows: int, cols: int, radii: tuple[float, float], middle_rc: tuple[float, float]
) -> npt.NDArray[np.bool_]:
    """Pixels of an array whose centres lie in an ellipse along its axes."""
    y, x = np.ogrid[:rows, :cols]
    (ry, rx), (cy, cx) = radii, middle_rc
    return np.asarray(((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 <= 1)


def _iou(mask: npt.NDArray[np.bool_], drawn: npt.NDArray[np.bool_], area: int) -> float:
    shared = int((mask & drawn).sum())
    return shared / (int(mask.sum()) + area - shared)

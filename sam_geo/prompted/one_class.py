"""One class: of the candidates of each point those that agree in size and looks over the layer.

A point is answered with several masks, such as a window, a roof and a block, and the network's own
score often prefers another one at each point. Where all points are of one class, the others say
which: an object holds no point of another one, and is about as large and as bright as they are.

```
start from the smallest, the middle, the largest, the usual candidates
    repeat   what is the usual size and look of those that are chosen?
             choose at each point the candidate that goes best with it, and has a good score
take the start that ends with the best agreement; where another one is as good, it is not known
```
What the figures of these rules are was chosen on public images, each set being left out once
(`tests/benchmarks/one_class.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from sam_geo.prompted.candidates import Offered
    from sam_geo.prompts.geo_prompt import GeoPrompt

LEAST_POINTS = 5
"""Points of a class below which nothing is said of their usual size."""
SCORE_WEIGHT = 8.0
"""Weight of the network's score, beside the logarithm of the probability of size and looks."""
LOOKS_WEIGHT = 1.0
"""Weight of the looks of a candidate, beside that of its size."""
LEAST_SPREAD = 0.25
"""Least spread of log areas and of looks: a quarter of the area, of the spread of all looks."""
OUTLIER = 16.0
"""Squared distance in spreads from which a candidate is an outlier, and no worse beyond."""
ROUNDS = 30
"""Rounds after which a start is taken as it is; it settles in a few."""
MARGIN = 0.15
"""How much better the agreement of a start has to be than that of one which chose otherwise."""
MOST_SPREAD = 1.5
"""Spread of the log areas that are chosen above which they do not agree: a factor of 4.5."""
MOST_HELD = 0.5
"""Part of the points above which masks that hold other points too show no objects."""
OTHERWISE = 0.1
"""Part of the points at which a start has to choose another candidate to count as another one."""


@dataclass(frozen=True, slots=True)
class ClassChoice:
    """What was chosen for the points of one class."""

    points: int
    """Number of points."""
    changed: int = 0
    """Points that have another candidate than without the choice."""
    doubt: str = ""
    """Why nothing was chosen; empty where something was."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The candidate of each point, and what is told of it."""

    picks: Mapping[int, int] = field(default_factory=dict)
    """Number of the prompt to that of its candidate; prompts that are left out keep the usual."""
    classes: Mapping[str, ClassChoice] = field(default_factory=dict)
    """By the name of the class; that of points without one is empty."""

    @property
    def notes(self) -> list[str]:
        """A sentence for each class of which nothing is known."""
        return [
            f"--one-class changed nothing for the {one.points} points"
            f"{f' of {name}' if name else ''}: {one.doubt}"
            for name, one in self.classes.items()
            if one.doubt
        ]


def choose(offered: Offered, prompts: Sequence[GeoPrompt]) -> Choice:
    """Choose a candidate for each point, class by class.

    Args:
        offered: The candidates.
        prompts: All prompts of the job; points without a class are one.
    """
    names = np.array([prompts[n].class_name or "" for n in offered.prompts.tolist()], dtype=object)
    picks: dict[int, int] = {}
    classes: dict[str, ClassChoice] = {}
    for name in sorted(set(names)):
        at = np.flatnonzero(names == name)
        chosen, doubt = _of_one_class(offered, at)
        if not doubt:
            picks |= dict(zip(offered.prompts[at].tolist(), chosen.tolist(), strict=True))
        changed = 0 if doubt else int((chosen != offered.usual[at]).sum())
        classes[name] = ClassChoice(len(at), changed, doubt)
    return Choice(picks, classes)


def _of_one_class(offered: Offered, at: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], str]:
    """The candidates of the points of one class, and why they are not to be trusted."""
    usual = offered.usual[at]
    if len(at) < LEAST_POINTS:
        return usual, f"that needs {LEAST_POINTS} points or more"
    rows = np.arange(len(at))
    sizes, scores = np.log(offered.areas[at]), offered.scores[at]
    allowed = _allowed(offered, at)
    looks = offered.looks[at] / np.maximum(np.nanstd(offered.looks[at], axis=(0, 1)), 1e-6)
    by_size = np.argsort(np.where(allowed, sizes, np.inf), axis=1, kind="stable")
    count = allowed.sum(axis=1)
    starts = [
        np.where(allowed, scores, -np.inf).argmax(axis=1),
        by_size[:, 0],
        by_size[rows, (count - 1) // 2],
        by_size[rows, count - 1],
    ]
    ends = [_settled(start, sizes, looks, scores, allowed) for start in starts]
    best, agreement = max(ends, key=lambda end: end[1])
    if (offered.held[at][rows, best] > 0).mean() > MOST_HELD:
        return usual, "most of their masks hold other points too, so they show no single objects"
    if _spread(sizes[rows, best]) > MOST_SPREAD:
        return usual, "no size is that of most of them"
    for other, its in ends:
        if agreement - its < MARGIN and (other != best).mean() > OTHERWISE:
            return usual, "objects of several sizes agree as well, so the size is not known"
    return best, ""


def _allowed(offered: Offered, at: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """(N, C) candidates that are considered: no scenes, nothing that holds another point."""
    exist = ~np.isnan(offered.areas[at])
    objects = _unless_none(exist & ~offered.spans[at], exist)
    return _unless_none(objects & (offered.held[at] == 0), objects)


def _unless_none(
    wanted: npt.NDArray[np.bool_], instead: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """The wanted candidates of each point; where it has none, the others."""
    return np.where(wanted.any(axis=1, keepdims=True), wanted, instead)


def _settled(
    picks: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.float64],
    looks: npt.NDArray[np.float64],
    scores: npt.NDArray[np.float64],
    allowed: npt.NDArray[np.bool_],
) -> tuple[npt.NDArray[np.int64], float]:
    """The candidates at which a start settles, and how well they agree.

    Args:
        picks: (N,) candidates to start from.
        sizes: (N, C) logarithms of areas.
        looks: (N, C, K) in spreads of all candidates.
        scores: (N, C) of the network.
        allowed: (N, C) candidates that are considered.
    """
    rows = np.arange(len(picks))
    for _ in range(ROUNDS):
        fit = _nearness(sizes, sizes[rows, picks])
        fit = fit + LOOKS_WEIGHT * _nearness(looks, looks[rows, picks]).mean(axis=2)
        fit = np.where(allowed, fit + SCORE_WEIGHT * scores, -np.inf)
        before, picks = picks, fit.argmax(axis=1)
        if (before == picks).all():
            break
    return picks, float(fit[rows, picks].mean())


def _nearness(
    values: npt.NDArray[np.float64], chosen: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Log probability of values, by the median and the spread of those that are chosen.

    Args:
        values: (N, C) or (N, C, K).
        chosen: (N,) or (N, K).
    """
    middle = np.median(chosen, axis=0)
    spread = np.maximum(_spread(chosen), LEAST_SPREAD)
    away = ((values - middle) / spread) ** 2
    return np.asarray(-0.5 * np.minimum(away, OUTLIER) - np.log(spread))


def _spread(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Standard deviation of (N,) or (N, K) values by their median distance from the median."""
    # of a bell curve, which few outliers do not widen
    away = np.abs(values - np.median(values, axis=0))
    return np.asarray(1.4826 * np.median(away, axis=0))

"""Fitting: the set of features that earns its place, a calibrated classifier, two accuracies.

It knows nothing of what a row is: pixels of samples (`learning/training`) and whole objects
(`object_classes`) are fitted alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.tiled_job.progress import silent
from sam_geo.learning.classifier import Calibrated, best_temperature, tempered
from sam_geo.learning.folds import blocked_splits, random_splits, spatial_groups
from sam_geo.learning.trials import USUAL, Outcome, Trial, chosen, tested_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_common.tiled_job.progress import Progress
    from sam_geo.learning.folds import Groups
    from sam_geo.learning.samples import Samples
    from sam_geo.learning.trials import Candidate, Material

    IntArray = npt.NDArray[np.int64]

DOUBTFUL = 0.7
"""Probability of another class from which a sample is one to look at."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A sample that the others contradict."""

    row: int
    """Number of the feature in its file, counted from 0."""
    said: str
    """Class that it was given."""
    found: str
    """Class that the other samples would give it."""
    probability: float
    """Mean probability of that class over its pixels, from classifiers that had not learned it."""
    cell: tuple[int, int]
    """(row, col) of the middle one of its pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A classifier, and what is known of it from its own samples."""

    number: int
    """Position of the set of features that was chosen."""
    columns: IntArray
    """(F,) columns of the table that the classifier takes."""
    classifier: Calibrated
    groups: Groups
    blocked: Outcome | None
    """On ground that was not learned; None where no two classes have samples apart."""
    by_chance: Outcome | None
    """Where neighbours were learned; never to be shown without `blocked`."""
    tried: Sequence[dict[str, Any]]
    """Each candidate by its `name`, with `overall`, `macro_f1` and whether it was `chosen`."""
    doubts: Sequence[Doubt]
    """Samples to look at, the surest first."""


def fit_best(
    material: Material, every: Sequence[Candidate], *, progress: Progress = silent
) -> Fitted:
    """Choose a set of features, fit and calibrate a classifier, and say how good it is.

    Args:
        material: The table of all features, the samples, and the kind of classifier.
        every: Sets of features to try; the last one has all columns of the table.
        progress: Called with a description and a total for each step.
    """
    samples = material.samples
    groups = spatial_groups(samples)
    splits = blocked_splits(samples, groups, seed=material.seed)
    names = every[-1].names
    columns_of = [
        np.array([names.index(name) for name in each.names], dtype=np.int64) for each in every
    ]
    trials = []
    with progress("testing features", len(every) * len(splits)) as advance:
        for candidate, columns in zip(every, columns_of, strict=True):
            if splits:
                found = material.tested(columns, splits, advance)
                trials.append(Trial(candidate, columns, *found))
    best = chosen(trials, material, groups)
    number = USUAL if best is None else [trial is best for trial in trials].index(True)
    columns = columns_of[number]
    temperature, by_chance = 1.0, None
    if best is not None:
        truth = samples.pixel_classes[best.rows]
        temperature = best_temperature(best.chances, truth, material.weights[best.rows])
        splits_by_chance = random_splits(samples, seed=material.seed)
        rows, chances = material.tested(columns, splits_by_chance, lambda _: None)
        by_chance = tested_by(rows, chances, samples)
    with progress("learning", 1) as advance:
        fitted = material.fit(columns, np.arange(len(material.pixels.table)))
        advance(1)
    return Fitted(
        number,
        columns,
        Calibrated(fitted, temperature),
        groups,
        None if best is None else tested_by(best.rows, best.chances, samples),
        by_chance,
        [_told(each, samples, is_chosen=each is best) for each in trials],
        [] if best is None else _doubts(best, samples, temperature),
    )


def _told(trial: Trial, samples: Samples, *, is_chosen: bool) -> dict[str, Any]:
    found = tested_by(trial.rows, trial.chances, samples)
    return {
        "name": trial.candidate.name,
        "features": len(trial.columns),
        "overall": found.overall,
        "macro_f1": found.macro_f1,
        "chosen": is_chosen,
    }


def _doubts(trial: Trial, samples: Samples, temperature: float) -> list[Doubt]:
    owner = samples.feature_of[trial.rows]
    features, index = np.unique(owner, return_inverse=True)
    chances = tempered(trial.chances, temperature)
    sums = np.stack([np.bincount(index, column) for column in chances.T], axis=1)
    means = sums / np.bincount(index)[:, None]
    found = []
    for feature, chances in zip(features.tolist(), means, strict=True):
        said, best = int(samples.class_of[feature]), int(chances.argmax())
        if best != said and chances[best] >= DOUBTFUL:
            cells = samples.cells[samples.feature_of == feature]
            row, col = cells[len(cells) // 2].tolist()
            found.append(
                Doubt(
                    samples.rows[feature],
                    samples.classes[said],
                    samples.classes[best],
                    float(chances[best]),
                    (row, col),
                )
            )
    return sorted(found, key=lambda doubt: (-doubt.probability, doubt.row))

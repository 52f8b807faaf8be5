"""Training: samples to a model, with features that earn their place and two accuracies.

```
samples -> features of their pixels -> candidates, each tested on ground that it has not seen
        -> the simplest that is as good as the best -> temperature -> model of all samples
```
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.tiled_job.progress import silent
from sam_geo.bands.guide import survey
from sam_geo.learning.classifier import (
    DEFAULT,
    Calibrated,
    best_temperature,
    check_classifier,
    tempered,
)
from sam_geo.learning.folds import blocked_splits, random_splits, spatial_groups
from sam_geo.learning.model import LandcoverModel
from sam_geo.learning.sample_pixels import pixel_weights, read_features
from sam_geo.learning.trials import USUAL, Material, Outcome, Trial, candidates, chosen, tested_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_common.tiled_job.progress import Progress
    from sam_geo.bands.embedded_raster import EmbeddingFeatures
    from sam_geo.bands.indices import SpectralIndex
    from sam_geo.bands.stack import RasterStack
    from sam_geo.learning.folds import Groups
    from sam_geo.learning.samples import Samples

    Chances = npt.NDArray[np.float64]
    FloatArray = npt.NDArray[np.float32]
    IntArray = npt.NDArray[np.int64]

DOUBTFUL = 0.7
"""Probability of another class from which a sample is one to look at."""


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """A model, and what is known of it from its own samples."""

    model: LandcoverModel
    samples: Samples
    """Those that count, on pixels with data."""
    groups: Groups
    blocked: Outcome | None
    """On ground that was not learned; None where no two classes have samples apart."""
    by_chance: Outcome | None
    """Where neighbours were learned; never to be shown without `blocked`."""
    tried: Sequence[dict[str, Any]]
    """Each candidate by its `name`, with `overall`, `macro_f1` and whether it was `chosen`."""
    doubts: Sequence[Doubt]
    """Samples to look at, the surest first."""


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


def learn(  # noqa: PLR0913  # what a training is made of
    stack: RasterStack,
    samples: Samples,
    *,
    indices: Sequence[SpectralIndex] = (),
    classifier: str | None = None,
    seed: int = 0,
    embedding: EmbeddingFeatures | None = None,
    progress: Progress = silent,
) -> Learned:
    """Choose features, fit and calibrate a classifier, and say how good it is.

    Args:
        stack: The rasters.
        samples: Labelled pixels on them.
        indices: Spectral indices that are features too.
        classifier: A kind, or `module:function`, see `make_classifier`.
        seed: Another number gives other folds and other trees.
        embedding: What a network makes of the raster, which is tried as features too.
        progress: Called with a description and a total for each step.

    Raises:
        InputError: A raster cannot be read, or there is no such classifier.
        PromptError: Fewer than two classes have samples on data.
    """
    kind = classifier or DEFAULT
    check_classifier(kind)  # raises where there is none, before anything is read
    axes, beside = (None, None) if embedding is None else (embedding.axes, embedding.beside)
    guide = survey(stack)
    every = candidates(stack.band_names, indices, 0 if axes is None else axes.count)
    read = read_features(stack, samples, every[-1].features, guide, progress, beside)
    samples, pixels = samples.on_data(read.has_data), read.on_data()
    groups = spatial_groups(samples)
    splits = blocked_splits(samples, groups, seed=seed)
    material = Material(samples, pixels, pixel_weights(samples), kind, seed)
    names = every[-1].features.names
    columns_of = [
        np.array([names.index(name) for name in each.features.names], dtype=np.int64)
        for each in every
    ]
    trials = []
    with progress("testing features", len(every) * len(splits)) as advance:
        for candidate, columns in zip(every, columns_of, strict=True):
            if splits:
                found = material.tested(columns, splits, advance)
                trials.append(Trial(candidate, columns, *found))
    best = chosen(trials, material, groups)
    candidate, columns = (
        (every[USUAL], columns_of[USUAL]) if best is None else (best.candidate, best.columns)
    )
    temperature, by_chance = 1.0, None
    if best is not None:
        truth = samples.pixel_classes[best.rows]
        temperature = best_temperature(best.chances, truth, material.weights[best.rows])
        rows, chances = material.tested(columns, random_splits(samples, seed=seed), lambda _: None)
        by_chance = tested_by(rows, chances, samples)
    with progress("learning", 1) as advance:
        fitted = material.fit(columns, np.arange(len(pixels.table)))
        advance(1)
    table = pixels.table[:, columns]
    model = LandcoverModel(
        samples.classes,
        candidate.features,
        guide,
        Calibrated(fitted, temperature),
        np.stack([_least(table, np.fmin), _least(table, np.fmax)], axis=1),
        embedding=axes if candidate.features.embedding_axes else None,
    )
    return Learned(
        model,
        samples,
        groups,
        None if best is None else tested_by(best.rows, best.chances, samples),
        by_chance,
        [_told(each, samples, is_chosen=each is best) for each in trials],
        [] if best is None else _doubts(best, samples, temperature),
    )


def _least(table: FloatArray, least: np.ufunc) -> FloatArray:
    """(F,) least or greatest value of each feature; NaN where no pixel has one."""
    found: FloatArray = least.reduce(table, axis=0)
    return found


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

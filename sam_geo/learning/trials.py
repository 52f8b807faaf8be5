"""Trials: sets of features, tested on ground that was not learned, and the choice among them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import confusion_matrix, f1_score

from sam_geo.bands.features import Features
from sam_geo.learning.classifier import (
    Balance,
    make_classifier,
    tempered,
)
from sam_geo.learning.sample_pixels import chosen_pixels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy.typing as npt

    from sam_geo.bands.indices import SpectralIndex
    from sam_geo.learning.folds import Groups, Split
    from sam_geo.learning.sample_pixels import SamplePixels
    from sam_geo.learning.samples import Samples

    Chances = npt.NDArray[np.float64]
    FloatArray = npt.NDArray[np.float32]
    IntArray = npt.NDArray[np.int64]

SQUARES = (5, 11, 21)
"""Sides in pixels of the squares around a pixel."""
USUAL = 1
"""Which candidate is taken where none is surely better."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """How well a classifier did on samples that it had not learned."""

    classes: IntArray
    """(N,) true class of each tested pixel."""
    found: IntArray
    """(N,) class that it was given."""
    names: tuple[str, ...]

    @property
    def overall(self) -> float:
        """Share of pixels that got their class."""
        return float((self.classes == self.found).mean())

    @property
    def macro_f1(self) -> float:
        """Mean of the F1 scores of the classes that were tested."""
        tested = np.unique(self.classes)
        scores = f1_score(self.classes, self.found, labels=tested, average="macro", zero_division=0)
        return float(scores)

    def as_record(self) -> dict[str, Any]:
        """The figures as plain values, `counts` with true classes as rows."""
        numbers = range(len(self.names))
        counts = confusion_matrix(self.classes, self.found, labels=list(numbers))
        return {
            "overall": self.overall,
            "macro_f1": self.macro_f1,
            "pixels": len(self.classes),
            "classes": list(self.names),
            "counts": counts.tolist(),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A set of features that a classifier may be given."""

    name: str
    names: tuple[str, ...]
    """Names of the features."""


@dataclass(frozen=True, slots=True, eq=False)
class PixelCandidate(Candidate):
    """A set of features of pixels."""

    features: Features
    """How they are computed."""

    @classmethod
    def of(cls, name: str, features: Features) -> PixelCandidate:
        """A set by a name, whose features have names of their own."""
        return cls(name, features.names, features)


def candidates(
    band_names: Sequence[str], indices: Sequence[SpectralIndex], embedding_axes: int = 0
) -> list[PixelCandidate]:
    """Sets of features to try, the richest last; that one holds all others.

    Args:
        band_names: Bands of the stack.
        indices: Spectral indices.
        embedding_axes: Axes of a network's embedding; 0 where there is none to try.
    """
    bands, spectral = tuple(band_names), tuple(indices)
    around = Features(bands, spectral, SQUARES, with_openings=True)
    rich = replace(around, over_superpixels=True)
    found = [
        PixelCandidate.of("values", Features(bands, spectral)),
        PixelCandidate.of("values and surroundings", around),
        PixelCandidate.of("values, surroundings and superpixels", rich),
    ]
    if embedding_axes:
        seen, every = (replace(one, embedding_axes=embedding_axes) for one in (around, rich))
        found += [
            PixelCandidate.of("values, surroundings and embedding", seen),
            PixelCandidate.of("values, surroundings, superpixels and embedding", every),
        ]
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What every trial of a training shares."""

    samples: Samples
    pixels: SamplePixels
    weights: Chances
    kind: str
    seed: int

    def fit(self, columns: IntArray, rows: IntArray) -> Any:
        """Fit a classifier to some columns and rows of the table, few pixels of each feature.

        Its classes are those of the rows, numbered from 0 in their order.
        """
        of_rows = self.samples.pixel_classes[rows]
        classes = np.searchsorted(np.unique(of_rows), self.samples.pixel_classes)
        few = rows[chosen_pixels(self.samples)[rows]]
        # the only pixel of a class twice: one has no spread, which some classifiers refuse
        few = np.repeat(few, np.where(np.bincount(classes[few])[classes[few]] == 1, 2, 1))
        table = self.pixels.table[np.ix_(few, columns)]
        balance = Balance.of(classes[rows], classes[few])
        return make_classifier(self.kind, self.seed, balance).fit(table, classes[few])

    def tested(
        self, columns: IntArray, splits: Iterable[Split], advance: Callable[[int], None]
    ) -> tuple[IntArray, Chances]:
        """Rows that were tested, and their probabilities (M, K) without having been learned."""
        rows, found = [], []
        for learn, test in splits:
            classifier = self.fit(columns, learn)
            chances = np.zeros((len(test), len(self.samples.classes)))
            table = self.pixels.table[np.ix_(test, columns)]
            known = np.unique(self.samples.pixel_classes[learn])
            chances[:, known[classifier.classes_]] = classifier.predict_proba(table)
            rows.append(test)
            found.append(chances)
            advance(1)
        return np.concatenate(rows), np.concatenate(found)


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A candidate and its answers on ground that it had not learned."""

    candidate: Candidate
    columns: IntArray
    rows: IntArray
    """(M,) pixels of the samples that were tested."""
    chances: Chances
    """(M, K) their probabilities."""


def tested_by(rows: IntArray, chances: Chances, samples: Samples) -> Outcome:
    """How right the most probable classes (M, K) of tested rows (M,) are."""
    return Outcome(samples.pixel_classes[rows], chances.argmax(axis=1), samples.classes)


def chosen(trials: Sequence[Trial], material: Material, groups: Groups) -> Trial | None:
    """The usual candidate, or another one that is better by more than its standard error.

    Candidates are compared by the log-probability of the true class, averaged in each group of
    samples, so that the difference of two of them has an error that says something.
    """
    if not trials:
        return None
    usual = trials[USUAL]
    best, gain = usual, 0.0
    scores = [_by_group(trial, material, groups) for trial in trials]
    for trial, score in zip(trials, scores, strict=True):
        apart = score - scores[USUAL]
        mean = float(apart.mean())
        error = float(apart.std(ddof=1) / np.sqrt(len(apart))) if len(apart) > 1 else np.inf
        if trial is not usual and mean > max(gain, error):
            best, gain = trial, mean
    return best


def _by_group(trial: Trial, material: Material, groups: Groups) -> Chances:
    samples = material.samples
    truth = samples.pixel_classes[trial.rows]
    chance = tempered(trial.chances, 1.0)[np.arange(len(truth)), truth]
    _, owner = np.unique(groups.group_of[samples.feature_of[trial.rows]], return_inverse=True)
    weight = material.weights[trial.rows]
    total = np.bincount(owner, weight * np.log(chance)) / np.bincount(owner, weight)
    return np.asarray(total, dtype=np.float64)

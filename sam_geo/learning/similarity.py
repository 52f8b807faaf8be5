"""Similarity: how probably objects are of the kind of a few examples.

What a user neither showed nor refused is unlabelled: part of it is what is looked for, and nobody
knows how much. This is learning from positive and unlabelled examples (Elkan and Noto 2008,
https://doi.org/10.1145/1401890.1401920), in two rounds:

```
first     examples against what is known to be something else -> scores of what was not learned
mixture   two bell curves in the scores; what is known is known to be of one of them
second    the unlabelled as what they probably are, drawn several times -> scores -> mixture
```
The probability is that of the mixture, so the sum of all says how many are meant. Every score is of
an object that its classifier had not learned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, logit

from sam_geo.learning.classifier import LEAST_CHANCE, Balance, make_classifier

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Chances = npt.NDArray[np.float64]
    FloatArray = npt.NDArray[np.float32]
    IntArray = npt.NDArray[np.int64]
    Mask = npt.NDArray[np.bool_]

POSITIVE, NEGATIVE, UNLABELLED, IGNORED = 1, 0, -1, -2
"""What is known of an object: of the kind, something else, nothing, or nothing that may be used."""
FOLDS = 5
"""Folds where there are so many examples."""
LEAST_NEGATIVES = 10
"""Objects known to be something else from which the first round needs no unlabelled ones."""
DRAWS = 4
"""How often the unlabelled are drawn in the second round."""
STEPS = 200
"""Most steps of the mixture."""
TOLERANCE = 1e-4
"""Change of the greatest probability at which the mixture is found."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """Two bell curves of one width in scores: something else, and what is looked for."""

    low: float
    """Middle of the curve of something else."""
    high: float
    """Middle of the other one."""
    width: float
    """Standard deviation of both."""
    share: float
    """Part of the unlabelled that is looked for."""

    def chances(self, scores: Chances) -> Chances:
        """(N,) probability that scores (N,) are of the upper curve, never less for a higher one."""
        slope = (self.high - self.low) / self.width**2
        middle = (self.high + self.low) / 2
        return np.asarray(expit(slope * (scores - middle) + logit(self.share)))


def find_mixture(scores: Chances, known: IntArray) -> Mixture:
    """Find the two curves by expectation and maximisation.

    Args:
        scores: (N,) scores of objects that were not learned.
        known: (N,) `POSITIVE`, `NEGATIVE` or `UNLABELLED`, one of them positive.
    """
    free, is_known = known == UNLABELLED, known >= 0
    high, low = float(scores[known == POSITIVE].mean()), float(np.median(scores[known < POSITIVE]))
    found = Mixture(low, max(high, low), max(float(scores.std()) / 2, TOLERANCE), 0.1)
    before = np.zeros(len(scores))
    for _ in range(STEPS):
        chances = np.where(is_known, known, found.chances(scores))
        if np.abs(chances - before).max() < TOLERANCE:
            break
        before, rest = chances, 1 - chances
        high, low = (float((part * scores).sum() / part.sum()) for part in (chances, rest))
        squares = chances * (scores - high) ** 2 + rest * (scores - low) ** 2
        # one of each more, so that no share is 0 or 1
        share = (chances[free].sum() + 0.5) / (free.sum() + 1)
        width = max(float(np.sqrt(squares.mean())), TOLERANCE)
        found = Mixture(low, max(high, low), width, float(share))
    return found


def find_similar(table: FloatArray, known: IntArray, *, kind: str, seed: int = 0) -> Chances:
    """Probability of each object to be of the kind of the examples.

    Args:
        table: (N, F) features, NaN where one is missing.
        known: (N,) what is known of each; two or more are `POSITIVE`.
        kind: Kind of classifier, see `make_classifier`.
        seed: Another number gives other folds and draws.

    Returns:
        (N,) probabilities; of what is known too, as if it had not been learned. Those of `IGNORED`
        are found but weigh nothing.
    """
    weak = (known == NEGATIVE).sum() < LEAST_NEGATIVES
    taken = known >= 0 if not weak else known != IGNORED
    labels = (known == POSITIVE).astype(np.int64)
    used = known != IGNORED
    rng = np.random.default_rng(seed)
    scores = _scores(table, labels, taken, known, kind=kind, rng=rng)
    if (known == UNLABELLED).any():
        chances = find_mixture(scores[used], known[used]).chances(scores)
        rounds = []
        for _ in range(DRAWS):
            drawn = (rng.random(len(known)) < chances).astype(np.int64)
            probable = np.where(known == UNLABELLED, drawn, labels)
            rounds.append(_scores(table, probable, used, known, kind=kind, rng=rng))
        scores = np.mean(rounds, axis=0)
    return find_mixture(scores[used], known[used]).chances(scores)


def _scores(  # what a fit is made of
    table: FloatArray,
    labels: IntArray,
    taken: Mask,
    known: IntArray,
    *,
    kind: str,
    rng: np.random.Generator,
) -> Chances:
    """(N,) log-odds of the kind, each by a classifier that had not learned the object."""
    found = np.zeros(len(table))
    for test in _folds(known, rng):
        rows = np.flatnonzero(taken & ~test)
        classes = labels[rows]
        if not len(rows) or classes.min() == classes.max():
            continue  # nothing to tell apart: no odds for or against
        # the only one of a class twice: one has no spread, which some classifiers refuse
        twice = np.where(np.bincount(classes, minlength=2)[classes] == 1, 2, 1)
        rows, classes = np.repeat(rows, twice), np.repeat(classes, twice)
        seed = int(rng.integers(2**31))
        classifier = make_classifier(kind, seed, Balance.of(classes, classes))
        chances = classifier.fit(table[rows], classes).predict_proba(table[test])[:, 1]
        # not clipped as hard as for classes: here the order at the top counts
        found[test] = logit(np.clip(chances, LEAST_CHANCE**2, 1 - LEAST_CHANCE**2))
    return found


def _folds(known: IntArray, rng: np.random.Generator) -> Iterator[Mask]:
    """Parts (N,) of all objects, each with its share of the examples; every one is in one part."""
    count = int(np.clip((known == POSITIVE).sum(), 2, FOLDS))
    number = np.empty(len(known), dtype=np.int64)
    for one in np.unique(known).tolist():
        rows = np.flatnonzero(known == one)
        number[rows] = rng.permutation(len(rows)) % count
    for n in range(count):
        if (number == n).any():
            yield number == n

"""Similarity: how probably objects are of the kind of a few examples.

What a user neither showed nor refused is unlabelled: part of it is what is looked for, and nobody
knows how much. This is learning from positive and unlabelled examples (Elkan and Noto 2008,
https://doi.org/10.1145/1401890.1401920):

```
against what is known to be something else    log-odds, large for all that is like an example
against all others, what is known or not      log-odds, small where all others are of the kind too
sum                                           score of each object
mixture   two bell curves in the scores; what is known is known to be of one of them
```
The probability is that of the mixture, so the sum of all says how many are meant. Every score is of
an object that its classifier had not learned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logit, logsumexp, softmax

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
"""Objects known to be something else from which they are learned from alone, too."""
STEPS = 200
"""Most steps of the mixture."""
TOLERANCE = 1e-4
"""Gain of likelihood below which the mixture is found, and its least width."""
TINY = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """Bell curves of one width in scores: one or two of something else, and that of the kind."""

    middles: Chances
    """(K,) middles of the curves; the last one is that of the kind, and none is greater."""
    width: float
    """Standard deviation of all."""
    shares: Chances
    """(K,) parts of the unlabelled."""

    def logarithms(self, scores: Chances) -> Chances:
        """(N, K) logarithm of the share times the density of each curve, but for a constant."""
        apart = (scores[:, None] - self.middles) / self.width
        return np.asarray(np.log(self.shares) - apart**2 / 2 - np.log(self.width))

    def chances(self, scores: Chances) -> Chances:
        """(N,) probability that scores (N,) are of the kind, never less for a higher one."""
        return np.asarray(softmax(self.logarithms(scores), axis=1)[:, -1])


def find_mixture(scores: Chances, known: IntArray) -> Mixture:
    """Find the curves by expectation and maximisation; two, or three where they earn it.

    Objects that are something else may be of two sorts: what is known to be none at all, and
    other objects, which nobody named. A third curve has to earn its place (Schwarz 1978,
    https://doi.org/10.1214/aos/1176344136).

    Args:
        scores: (N,) scores of objects that were not learned.
        known: (N,) `POSITIVE`, `NEGATIVE` or `UNLABELLED`, one of them positive.
    """
    high = scores[known == POSITIVE].mean()
    free, refused = scores[known == UNLABELLED], scores[known == NEGATIVE]
    starts = [[np.median(scores[known < POSITIVE]), high]]
    if len(refused) and len(free):
        starts.append([refused.mean(), np.percentile(free, 25), high])
    found = [_fitted(scores, known, np.array(start)) for start in starts]
    return min(found, key=lambda each: each[1])[0]


def _fitted(scores: Chances, known: IntArray, middles: Chances) -> tuple[Mixture, float]:
    """A mixture with as many curves as there are middles to start from, and its criterion."""
    free, refused = known == UNLABELLED, known == NEGATIVE
    # what is known to be something else is chosen, and may outnumber what there is of it
    weight = np.where(refused, min(1.0, (known == POSITIVE).sum() / max(1, refused.sum())), 1.0)
    count = len(middles)
    may_be = np.ones((len(scores), count))
    may_be[refused, -1] = 0
    may_be[known == POSITIVE, :-1] = 0
    found = Mixture(middles, max(float(scores.std()) / 2, TOLERANCE), np.full(count, 1 / count))
    likelihood = -np.inf
    for _ in range(STEPS):
        with np.errstate(divide="ignore"):
            logarithms = found.logarithms(scores) + np.log(may_be)
        before, likelihood = likelihood, float((weight * logsumexp(logarithms, axis=1)).sum())
        if likelihood - before < TOLERANCE:
            break
        parts = softmax(logarithms, axis=1) * weight[:, None]
        own = parts.sum(axis=0) + TINY
        middles = (parts * scores[:, None]).sum(axis=0) / own
        middles[-1] = middles.max()
        squares = parts * (scores[:, None] - middles) ** 2
        width = max(float(np.sqrt(squares.sum() / weight.sum())), TOLERANCE)
        # half of one more each, so that no share is 0
        shares = parts[free].sum(axis=0) + 0.5
        found = Mixture(middles, width, shares / shares.sum())
    return found, 2 * count * float(np.log(weight.sum())) - 2 * likelihood


def find_similar(table: FloatArray, known: IntArray, *, kind: str, seed: int = 0) -> Chances:
    """Probability of each object to be of the kind of the examples.

    Args:
        table: (N, F) features, NaN where one is missing.
        known: (N,) what is known of each; two or more are `POSITIVE`.
        kind: Kind of classifier, see `make_classifier`.
        seed: Another number gives other folds.

    Returns:
        (N,) probabilities; of what is known too, as if it had not been learned. Those of `IGNORED`
        are found but weigh nothing.
    """
    used = known != IGNORED
    rng = np.random.default_rng(seed)
    scores = _scores(table, used, known, kind=kind, rng=rng)
    if (known == NEGATIVE).sum() >= LEAST_NEGATIVES and (known == UNLABELLED).any():
        scores = scores + _scores(table, known >= 0, known, kind=kind, rng=rng)
    return find_mixture(scores[used], known[used]).chances(scores)


def _scores(
    table: FloatArray, taken: Mask, known: IntArray, *, kind: str, rng: np.random.Generator
) -> Chances:
    """(N,) log-odds of the kind against all else that is taken, by what had not learned a row."""
    labels = (known == POSITIVE).astype(np.int64)
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

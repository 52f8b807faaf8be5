"""Error matrices: what samples of each class were taken for, class by class and in words.

Rows are true classes and columns those that were found, as in the `counts` of a training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    IntArray = npt.NDArray[np.int64]

MOST_TOLD = 3
"""Weak classes, and other classes that each is taken for, that are told in words."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """Samples of a class that were taken for another one."""

    name: str
    """The other class."""
    count: int
    """Number of samples."""


@dataclass(frozen=True, slots=True)
class ClassScores:
    """How well samples of one class were told from others."""

    name: str
    truth: int
    """Samples of the class."""
    found: int
    """Samples that were called this class."""
    right: int
    """Samples of the class that were called this class."""
    lost_to: tuple[Mistake, ...]
    """Classes that its samples were taken for, most first."""
    taken_from: tuple[Mistake, ...]
    """Classes whose samples were taken for this one, most first."""

    @property
    def producers(self) -> float | None:
        """Producer's accuracy, the share of its samples that were found; None without samples."""
        return self.right / self.truth if self.truth else None

    @property
    def users(self) -> float | None:
        """User's accuracy, the share of what was called so that is right.

        None where nothing was, or where the class was not tested: all of it would be wrong then.
        """
        return self.right / self.found if self.found and self.truth else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of both; None where the class was not tested."""
        return 2 * self.right / (self.truth + self.found) if self.truth else None


@dataclass(frozen=True, slots=True, eq=False)
class ErrorMatrix:
    """Counts of samples by true class (rows) and class that was found (columns)."""

    names: tuple[str, ...]
    counts: IntArray
    """(K, K) samples."""

    @classmethod
    def of(cls, names: Sequence[str], counts: Sequence[Sequence[int]]) -> ErrorMatrix:
        """The matrix of the entries `classes` and `counts` of an accuracy in a record."""
        return cls(tuple(names), np.array(counts, dtype=np.int64))

    @property
    def shares(self) -> npt.NDArray[np.float64]:
        """(K, K) shares of the samples of each true class; 0 where it has none."""
        totals = np.maximum(self.counts.sum(axis=1, keepdims=True), 1)
        return np.asarray(self.counts / totals, dtype=np.float64)

    def scores(self) -> list[ClassScores]:
        """The scores of each class, in the order of the matrix."""
        return [self._scores(n) for n in range(len(self.names))]

    def weakest(self) -> list[ClassScores]:
        """The classes that were tested and mistaken, the lowest F1 first; a few at most."""
        tested = [one for one in self.scores() if one.f1 is not None and one.f1 < 1]
        return sorted(tested, key=lambda one: one.f1 or 0.0)[:MOST_TOLD]

    def untested(self) -> list[str]:
        """The classes of which no sample was tested."""
        return [one.name for one in self.scores() if not one.truth]

    def _scores(self, n: int) -> ClassScores:
        return ClassScores(
            self.names[n],
            int(self.counts[n].sum()),
            int(self.counts[:, n].sum()),
            int(self.counts[n, n]),
            self._mistakes(self.counts[n], n),
            self._mistakes(self.counts[:, n], n),
        )

    def _mistakes(self, counts: IntArray, but: int) -> tuple[Mistake, ...]:
        order = np.argsort(-counts, kind="stable").tolist()
        return tuple(
            Mistake(self.names[n], int(counts[n])) for n in order if n != but and counts[n]
        )

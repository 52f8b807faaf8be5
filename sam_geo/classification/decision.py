"""Decision: from probabilities to one class for every pixel, object by object.

An object has the class that is most probable over all of its pixels. A pixel in it may differ where
it is surely something else, as those of a pond in a field are. What no object covers has its own
class.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_common.tiled_job.parts import Part

    ByteArray = npt.NDArray[np.uint8]
    FloatArray = npt.NDArray[np.float64]
    IntArray = npt.NDArray[np.int64]

SURE = 80
"""Probability in per cent from which a pixel keeps its own class within an object."""


def most_probable(chances: npt.NDArray[np.floating[Any]]) -> tuple[ByteArray, ByteArray]:
    """Class and probability of each row of (N, K) probabilities.

    Returns:
        (N,) number of the class from 1, the first one of several that are equal; (N,) its
        probability in per cent, at least 1, as 0 means nodata.
    """
    best = chances.argmax(axis=1)
    per_cent = np.rint(100 * chances[np.arange(len(chances)), best])
    return (best + 1).astype(np.uint8), np.clip(per_cent, 1, 100).astype(np.uint8)


def object_sums(
    objects: IntArray, chances: npt.NDArray[np.float32]
) -> dict[str, npt.NDArray[np.generic]]:
    """Sums of the probabilities of the pixels of each object, to be added up over blocks.

    Args:
        objects: (N,) number of the object of each pixel, -1 for none.
        chances: (N, K) probabilities of its classes.

    Returns:
        `objects` (M,) their numbers and `sums` (M, K).
    """
    inside = objects >= 0
    numbers, owner = np.unique(objects[inside], return_inverse=True)
    sums = [
        np.bincount(owner, column[inside], len(numbers)) for column in chances.astype(np.float64).T
    ]
    return {
        "objects": numbers,
        "sums": np.stack(sums, axis=1).reshape(len(numbers), chances.shape[1]),
    }


@dataclass(slots=True, eq=False)
class ObjectClasses:
    """The class of each object, from its pixels in all blocks."""

    _numbers: list[IntArray] = field(default_factory=list)
    _sums: list[FloatArray] = field(default_factory=list)
    _known: tuple[IntArray, ByteArray, ByteArray] | None = None

    def add(self, part: Part) -> None:
        """Add what `object_sums` found in a block."""
        if "objects" in part.arrays:
            self._numbers.append(part.arrays["objects"].astype(np.int64))
            self._sums.append(part.arrays["sums"])
            self._known = None

    def apply(
        self, objects: IntArray, classes: ByteArray, per_cent: ByteArray
    ) -> tuple[ByteArray, ByteArray]:
        """Give the pixels of objects the class of their object, but for those that surely differ.

        Args:
            objects: (h, w) number of the object of each pixel, -1 for none.
            classes: (h, w) classes of the pixels, 0 for nodata.
            per_cent: (h, w) their probabilities.

        Returns:
            Classes and probabilities; of a pixel that has the class of its object, the mean
            probability over the object.
        """
        numbers, best, mean = self._merged()
        if not len(numbers):
            return classes, per_cent
        place = np.minimum(np.searchsorted(numbers, objects), len(numbers) - 1)
        inside = (numbers[place] == objects) & (classes > 0)
        keeps = (classes != best[place]) & (per_cent >= SURE)
        given = inside & ~keeps
        return np.where(given, best[place], classes), np.where(given, mean[place], per_cent)

    def _merged(self) -> tuple[IntArray, ByteArray, ByteArray]:
        if self._known is None:
            every = np.concatenate([np.empty(0, dtype=np.int64), *self._numbers])
            numbers, owner = np.unique(every, return_inverse=True)
            if not len(numbers):
                self._known = numbers, np.empty(0, np.uint8), np.empty(0, np.uint8)
                return self._known
            sums = np.concatenate(self._sums)
            total = np.stack(
                [np.bincount(owner, column, len(numbers)) for column in sums.T], axis=1
            )
            self._known = (numbers, *most_probable(total / total.sum(axis=1, keepdims=True)))
        return self._known

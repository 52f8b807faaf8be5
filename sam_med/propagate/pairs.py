"""Pairs: of all tracks of an object, the two of different axes that found the same.

Whether a track finds the object depends on the slice that it starts from, and on another axis
another slice may be the right one. Two tracks of different axes have nothing in common but what
they found, so the pair with the largest (Dice of the two) x (mean quality) x (reach of their vote)
is a good first guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from sam_med.propagate.vote import consensus, mean_quality, reach, stack, tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_common.window import Window
    from sam_med.propagate.prediction import Looks

DIGITS = 6
"""To which scores count: the last bits depend on the order of the axes."""
SET_BITS = np.array([byte.bit_count() for byte in range(256)], dtype=np.uint8)
"""How many bits of a byte are set."""


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One look on every slice along one axis."""

    looks: Looks
    bits: npt.NDArray[np.uint8]
    """What they say on all of the window, eight voxels in a byte: many tracks are held at once."""
    area: int
    """Voxels that they say are the object."""
    quality: float
    """Mean quality of the looks, each counted by its area."""

    @classmethod
    def of(cls, looks: Looks, window: Window) -> Track:
        """From the looks on each slice of a window along one axis."""
        mask = stack(looks.values(), window)
        quality = mean_quality(looks, mask, window)
        return cls(looks, np.packbits(mask), int(np.count_nonzero(mask)), quality)

    def dice(self, other: Track) -> float:
        """Dice with another track of the same window; 1 where both are empty."""
        total = self.area + other.area
        both = int(SET_BITS[self.bits & other.bits].sum(dtype=np.int64))
        return 2 * both / total if total else 1.0


def best_pair(
    one: Sequence[Track], other: Sequence[Track], window: Window, *, tight: bool
) -> Looks:
    """The looks of the two tracks that agree best.

    Args:
        one: Tracks along one axis, at least one.
        other: Tracks along another.
        window: Part of the volume that they cover.
        tight: Whether the object is known to reach the faces of the window.
    """
    likely = [
        (round(a.dice(b) * (a.quality + b.quality) / 2, DIGITS), a.looks | b.looks)
        for a, b in product(one, other)
    ]
    likely.sort(key=lambda pair: -pair[0])
    best, rank = likely[0][1], (-1.0, 0)
    for score, looks in likely:
        if score < rank[0]:
            # nothing reaches further than to every face
            break
        mask = consensus(tally(looks.values(), window))
        merit = round(score * reach(mask) if tight else score, DIGITS)
        # of equals the larger one, whatever the order of the axes
        if (new := (merit, int(np.count_nonzero(mask)))) > rank:
            best, rank = looks, new
    return best

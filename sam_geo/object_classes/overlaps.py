"""Overlaps: of candidates that lie on each other, the one that is most probably meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from sam_geo.object_classes.examples import NESTED, overlap_of

if TYPE_CHECKING:
    import numpy.typing as npt

    Chances = npt.NDArray[np.float64]
    IntArray = npt.NDArray[np.int64]
    Shapes = npt.NDArray[np.object_]


def covered_by(shapes: Shapes, chances: Chances) -> IntArray:
    """The more probable candidate on each candidate, as `NESTED` tells.

    A network proposes a roof, its halves and the whole block: one of them is the object. A
    candidate that is covered covers no other.

    Args:
        shapes: (N,) polygons.
        chances: (N,) their probabilities; of equal ones the first counts as the greater.

    Returns:
        (N,) position of the candidate that covers each, -1 where none does.
    """
    tree = shapely.STRtree(shapes)
    area = shapely.area(shapes)
    cover = np.full(len(shapes), -1, dtype=np.int64)
    rank = np.empty(len(shapes), dtype=np.int64)
    order = np.argsort(-chances, kind="stable")
    rank[order] = np.arange(len(shapes))
    for n in order.tolist():
        if cover[n] >= 0:
            continue
        near = np.sort(tree.query(shapes[n]))
        near = near[(rank[near] > rank[n]) & (cover[near] < 0)]
        shared = overlap_of(shapes[n], shapes[near])
        cover[near[shared > NESTED * np.minimum(area[n], area[near])]] = n
    return cover

"""Judgement: precision and recall of objects against their true outlines, away from the examples.

Ground on which the user showed or refused something is left out, in squares; so is all that lies on
it, found or missed. An object is right where its IoU with a true one is one half or more, and each
true one counts once (as in Pascal VOC and COCO).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from scipy.spatial import cKDTree

from sam_common.errors import PromptError
from sam_geo.object_classes.examples import SAME_IOU, overlap_of

if TYPE_CHECKING:
    import numpy.typing as npt

    Chances = npt.NDArray[np.float64]
    IntArray = npt.NDArray[np.int64]
    Mask = npt.NDArray[np.bool_]
    Shapes = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """How right objects are."""

    precision: Chances
    """(K,) part of the first 1 to K objects, the most probable first, that is right."""
    recall: Chances
    """(K,) part of the true objects that is found among them."""
    chances: Chances
    """(K,) probability of the last one of each."""
    objects: int
    """True objects that are judged."""
    reachable: float
    """Part of these that some candidate shows, whatever its probability: no recall is greater."""
    side_px: float
    """Side of the squares of ground that are left out around examples."""

    @property
    def average_precision(self) -> float:
        """Area under precision over recall, each precision being the best one further on."""
        best = np.maximum.accumulate(self.precision[::-1])[::-1]
        return float((best * np.diff(self.recall, prepend=0)).sum())

    def at(self, probability: float) -> dict[str, float | None]:
        """Precision and recall of what has this probability; no precision where nothing has."""
        count = int((self.chances >= probability).sum())
        if not count:
            return {"precision": None, "recall": 0.0}
        return {
            "precision": float(self.precision[count - 1]),
            "recall": float(self.recall[count - 1]),
        }

    def as_record(self, probability: float) -> dict[str, Any]:
        """The figures as plain values for JSON."""
        return {
            "objects": self.objects,
            "iou": SAME_IOU,
            "average_precision": self.average_precision,
            **self.at(probability),
            "at_probability": probability,
            "reachable": self.reachable,
            "found": int((self.chances >= probability).sum()),
            "expected": float(self.chances.sum()),
            "blocks_px": self.side_px,
        }


def judge(shapes: Shapes, chances: Chances, chosen: Mask, said: Mask, truth: Shapes) -> Judgement:
    """Judge candidates by true outlines.

    Args:
        shapes: (N,) candidates in raster indices.
        chances: (N,) their probabilities.
        chosen: (N,) those that no more probable one covers.
        said: (N,) those of which a user said something.
        truth: (T,) true outlines.

    Raises:
        PromptError: All true outlines lie on the ground of the examples.
    """
    centres = shapely.get_coordinates(shapely.centroid(truth))
    side = _side(centres)
    shown = set(_squares(shapely.get_coordinates(shapely.centroid(shapes[said])), side))
    is_judged = np.array([square not in shown for square in _squares(centres, side)], dtype=bool)
    if not is_judged.any():
        raise PromptError(
            f"all {len(truth)} true objects lie in the squares of {side:.0f} pixels in which the "
            f"examples lie: none is left to judge"
        )
    own = _squares(shapely.get_coordinates(shapely.centroid(shapes)), side)
    apart = np.array([square not in shown for square in own], dtype=bool) & ~said
    meant = _true_ones(shapes, truth)
    # what shows a true object across the border of a square is judged with that object
    apart = np.where(meant >= 0, is_judged[np.maximum(meant, 0)] & ~said, apart)
    rows = np.flatnonzero(apart & chosen)
    rows = rows[np.argsort(-chances[rows], kind="stable")]
    _, first = np.unique(np.where(meant[rows] >= 0, meant[rows], -1 - rows), return_index=True)
    is_right = np.zeros(len(rows), dtype=np.bool_)
    is_right[first] = meant[rows[first]] >= 0
    right, total = np.cumsum(is_right), int(is_judged.sum())
    return Judgement(
        right / np.arange(1, len(rows) + 1),
        right / total,
        chances[rows],
        total,
        len(np.unique(meant[apart & (meant >= 0)])) / total,
        side,
    )


def _true_ones(shapes: Shapes, truth: Shapes) -> IntArray:
    """(N,) the true outline that each candidate shows, -1 for none."""
    tree = shapely.STRtree(shapes)
    best = np.full(len(shapes), SAME_IOU)
    found = np.full(len(shapes), -1, dtype=np.int64)
    for n, shape in enumerate(truth):
        near = np.sort(tree.query(shape))
        shared = overlap_of(shape, shapes[near])
        overlap = shared / np.maximum(shape.area + shapely.area(shapes[near]) - shared, 1e-12)
        better = overlap >= best[near]
        best[near[better]], found[near[better]] = overlap[better], n
    return found


def _side(centres: npt.NDArray[np.float64]) -> float:
    """Side of squares in pixels: the median distance from a true object to its neighbour."""
    if len(centres) < 2:  # noqa: PLR2004  # one has no neighbour
        return 1.0
    distance, _ = cKDTree(centres).query(centres, 2)
    return max(1.0, float(np.median(distance[:, 1])))


def _squares(centres: npt.NDArray[np.float64], side: float) -> list[tuple[int, int]]:
    """The square of ground of each place."""
    return [(int(x), int(y)) for x, y in np.floor(centres / side)]

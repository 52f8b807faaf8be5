"""Folds: samples apart in space, so that a classifier is tested where it has not learned.

Samples beside each other are alike, and pixels of one polygon are nearly copies: an accuracy from a
random split counts them as independent and is too good (Roberts et al. 2017,
https://doi.org/10.1111/ecog.02881). Here all samples of a square of ground fall into one fold. The
side of the squares comes from the spacing of the samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from sam_geo.learning.samples import Samples

    IntArray = npt.NDArray[np.int64]
    Split = tuple[IntArray, IntArray]

FOLDS = 5
"""Folds where there are groups enough."""
SPACINGS = 2.0
"""Side of a block of samples in median distances from a sample to its nearest neighbour."""
LEAST_GROUPS = 2
"""Groups that a class must be in to be tested at all: one to learn from, one to be tested on."""


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Samples in groups that are never split."""

    group_of: IntArray
    """(F,) number of the group of each feature of the samples."""
    side_px: float
    """Side in pixels of the squares of ground; 0 where each feature is a group of its own."""

    def count_by_class(self, samples: Samples) -> IntArray:
        """(K,) groups in which each class has a sample."""
        return np.array(
            [
                len(np.unique(self.group_of[samples.class_of == n]))
                for n in range(len(samples.classes))
            ],
            dtype=np.int64,
        )


def spatial_groups(samples: Samples) -> Groups:
    """Group samples by squares of ground.

    A feature belongs to the square of its centre, so no polygon is split. The side is twice the
    median distance between centres of neighbouring features, or what an even share of the ground
    between all of them would have, where that is more: points in dense clusters are near each
    other, and say the same. It is halved as long as a class of several features lies in one square
    only, down to where each feature is a group of its own.
    """
    count = len(samples.class_of)
    pixels = np.bincount(samples.feature_of, minlength=count)
    centres = np.stack(
        [np.bincount(samples.feature_of, part, count) / pixels for part in samples.cells.T], axis=1
    )
    distance, _ = cKDTree(centres).query(centres, 2)
    spacing = float(np.median(distance[:, 1]))
    share = float(np.sqrt(np.prod(np.ptp(centres, axis=0)) / count))
    own = Groups(np.arange(count, dtype=np.int64), 0.0)
    wanted = np.minimum(own.count_by_class(samples), LEAST_GROUPS)
    side = max(SPACINGS * spacing, share)
    while side >= 1:
        square = np.floor(centres / side).astype(np.int64)
        _, group_of = np.unique(square, axis=0, return_inverse=True)
        groups = Groups(group_of.astype(np.int64).ravel(), side)
        if (groups.count_by_class(samples) >= wanted).all():
            return groups
        side /= 2
    return own


def blocked_splits(samples: Samples, groups: Groups, *, seed: int = 0) -> list[Split]:
    """Splits of the pixels of samples, no group on both sides (`StratifiedGroupKFold`).

    Args:
        samples: The samples.
        groups: Their groups.
        seed: Another one gives other folds.

    Returns:
        For each fold, indices of pixels to learn from and to test. Classes in a single group are
        never tested, and always learned. Empty where fewer than two classes can be tested.
    """
    count = groups.count_by_class(samples)
    tested_classes = np.flatnonzero(count >= LEAST_GROUPS)
    if len(tested_classes) < LEAST_GROUPS:
        return []
    folds = int(min(FOLDS, count[tested_classes].min()))
    is_tested = np.isin(samples.pixel_classes, tested_classes)
    at = np.flatnonzero(is_tested)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    group = groups.group_of[samples.feature_of]
    found = []
    for _, test in splitter.split(at, samples.pixel_classes[at], group[at]):
        apart = ~np.isin(group, np.unique(group[at[test]]))
        learn = np.flatnonzero(apart | ~is_tested)
        if len(at[test]) and len(np.unique(samples.pixel_classes[learn])) >= LEAST_GROUPS:
            found.append((learn, at[test]))
    return found


def random_splits(samples: Samples, *, seed: int = 0) -> Iterator[Split]:
    """Splits of the pixels of samples by chance, as they are often made: neighbours on both sides.

    Classes with fewer pixels than folds are learned and tested as far as they go.
    """
    count = np.bincount(samples.pixel_classes, minlength=len(samples.classes))
    usual = count[count >= LEAST_GROUPS]
    if not len(usual):
        return
    folds = int(min(FOLDS, usual.min()))
    kept = np.flatnonzero(count[samples.pixel_classes] >= LEAST_GROUPS)
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    for learn, test in splitter.split(kept, samples.pixel_classes[kept]):
        yield kept[learn], kept[test]

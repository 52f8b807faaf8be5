"""Drawing a probability sample: pixels of a class map, stratified by class, by their true area.

Every pixel gets a random number that follows from its place and the seed alone, `u`, and the key
`-log(u) / area`; of each class the pixels with the smallest keys are the sample. That is drawing
one after the other without replacement, each time with a chance that goes by the area (Efraimidis
and Spirakis 2006, https://doi.org/10.1016/j.ipl.2005.11.003): where all pixels have one size, a
simple random sample. One pass over the map is enough, and no order of windows changes the sample.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from sam_common.errors import InputError
from sam_common.support.chance import uniform
from sam_common.tiled_job.progress import silent
from sam_geo.accuracy.estimates import point_areas
from sam_geo.class_maps.class_map import MOST_CLASSES

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_common.tiled_job.progress import Progress
    from sam_geo.class_maps.class_map import ClassMap, ClassPixels

    FloatArray: TypeAlias = npt.NDArray[np.float64]
    IntArray: TypeAlias = npt.NDArray[np.int64]

Allocation: TypeAlias = Literal["equal", "proportional", "neyman"]

LEAST_POINTS = 2
"""Points in a class below which it has no standard error."""
RARE_POINTS = 25
"""Points that a rare class gets, or half of what it would get of equal shares where that is less.
Olofsson et al. 2014 call twice as many the least for a good estimate of a rare class."""
CERTAIN = 0.95
"""An expected accuracy of one would leave no points for a class; this is the most that counts."""


@dataclass(frozen=True, slots=True)
class Stratum:
    """A class of the map as a stratum of a sample."""

    value: int
    name: str
    area_m2: float
    """True area of all its pixels."""
    pixels: int
    probability: float | None
    """Mean probability of the class, 0 to 1, as the map has it; None where it has none."""


@dataclass(frozen=True, slots=True, eq=False)
class DrawnSample:
    """A probability sample of pixels."""

    strata: tuple[Stratum, ...]
    """Classes of the map that have pixels, in the order of their values."""
    stratum_of: IntArray
    """(N,) index of the stratum of each point."""
    cells: IntArray
    """(N, 2) row and column of each point's pixel, in random order."""

    @property
    def weights_m2(self) -> FloatArray:
        """(N,) area that each point stands for."""
        return point_areas(self.stratum_of, np.array([each.area_m2 for each in self.strata]))


def draw_sample(
    classes: ClassMap,
    size: int,
    allocation: Allocation,
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> DrawnSample:
    """Draw points of a class map for checking, so many in each class.

    Args:
        classes: The map; it is read once.
        size: Points in all.
        allocation: `equal` in every class; `proportional` to their areas; `neyman`: to area times
            the standard deviation that the map's own probabilities let expect, which makes the
            interval of the overall accuracy smallest. Rare classes get `RARE_POINTS` where the
            size allows.
        seed: Another one draws another sample.
        progress: Called with a description and the number of windows.

    Raises:
        InputError: The size is too small for the classes, the map has no class, too many, or no
            probabilities where the allocation needs them.
    """
    tally = _Tally(size, seed)
    for pixels in classes.pixels(progress):
        tally.add(classes, pixels)
    strata = tuple(
        Stratum(
            value,
            classes.name_of(value),
            part.area_m2,
            part.pixels,
            part.probability / part.pixels if classes.has_probability else None,
        )
        for value, part in sorted(tally.parts.items())
    )
    if not strata:
        raise InputError(f"{classes.source.path} has no pixel with a class: nothing can be drawn")
    counts = allocate(strata, size, allocation)
    chosen = [
        tally.parts[stratum.value].index[:count]
        for stratum, count in zip(strata, counts, strict=True)
    ]
    stratum_of = np.repeat(np.arange(len(strata)), [len(one) for one in chosen])
    index = np.concatenate(chosen)
    # so that who checks the points is not led by their order
    order = np.argsort(uniform(index, seed + 1), kind="stable")
    width = classes.source.size_hw[1]
    cells = np.stack([index // width, index % width], axis=1)
    return DrawnSample(strata, stratum_of[order], cells[order])


def allocate(strata: tuple[Stratum, ...], size: int, allocation: Allocation) -> list[int]:
    """Points in each stratum: as many as asked in all, unless the map has fewer pixels.

    Raises:
        InputError: The size is too small, or Neyman's allocation has no probabilities.
    """
    if size < LEAST_POINTS * len(strata):
        raise InputError(
            f"--size {size} is too few for {len(strata)} classes: each needs {LEAST_POINTS} points "
            f"or more for an interval, so give {LEAST_POINTS * len(strata)} at the least"
        )
    shares = _shares(strata, allocation)
    pixels = np.array([stratum.pixels for stratum in strata])
    floor = max(LEAST_POINTS, min(RARE_POINTS, size // (2 * len(strata))))
    least = np.minimum(floor, pixels)
    counts: IntArray = least.astype(np.int64)
    for _ in range(size - int(least.sum())):
        # the class that is furthest from its share (the method of Webster), if it has pixels left
        need = np.where(counts < pixels, shares / (2 * counts + 1), -1.0)
        best = int(np.argmax(need))
        if need[best] < 0:
            break
        counts[best] += 1
    return [int(count) for count in counts]


def _shares(strata: tuple[Stratum, ...], allocation: Allocation) -> FloatArray:
    areas = np.array([stratum.area_m2 for stratum in strata])
    by_area: FloatArray = areas / areas.sum()
    if allocation == "equal":
        return np.ones(len(strata))
    if allocation == "proportional":
        return by_area
    expected = [stratum.probability for stratum in strata]
    if None in expected:
        raise InputError(
            "--allocation neyman needs the probabilities of the map's classes (a second band in "
            "per cent): use proportional or equal"
        )
    right = np.minimum(np.array(expected, dtype=np.float64), CERTAIN)
    shares: FloatArray = areas * np.sqrt(right * (1 - right))
    return shares if shares.any() else by_area


@dataclass(slots=True)
class _Part:
    """What is known of one class while the map is read."""

    most: int
    area_m2: float = 0.0
    pixels: int = 0
    probability: float = 0.0
    keys: FloatArray = field(default_factory=lambda: np.empty(0))
    index: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def add(self, keys: FloatArray, index: IntArray) -> None:
        """Keep the pixels with the smallest keys."""
        keys, index = np.concatenate([self.keys, keys]), np.concatenate([self.index, index])
        order = np.lexsort((index, keys))[: self.most]
        self.keys, self.index = keys[order], index[order]


@dataclass(slots=True)
class _Tally:
    """Areas and candidates of all classes: memory goes by classes times the size of the sample."""

    size: int
    seed: int
    parts: dict[int, _Part] = field(default_factory=dict)

    def add(self, classes: ClassMap, pixels: ClassPixels) -> None:
        window, rows, cols = pixels.window, pixels.rows, pixels.cols
        found, area = pixels.values, pixels.areas_m2
        index = (rows + window.start[0]) * classes.source.size_hw[1] + cols + window.start[1]
        keys = -np.log(uniform(index, self.seed)) / area
        sure = classes.probability(window)[rows, cols] if classes.has_probability else None
        for value in np.unique(found).tolist():
            at = np.flatnonzero(found == value)
            part = self.parts.setdefault(value, _Part(self.size))
            part.area_m2 += math.fsum(area[at])
            part.pixels += len(at)
            part.probability += 0.0 if sure is None else float(sure[at].sum())
            near = (
                at[np.argpartition(keys[at], self.size)[: self.size]] if len(at) > self.size else at
            )
            part.add(keys[near], index[near])
        if len(self.parts) > MOST_CLASSES:
            raise InputError(
                f"{classes.source.path} has more than {MOST_CLASSES} different values: it is no "
                f"class map"
            )

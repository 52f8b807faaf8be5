"""Design-based estimates: how accurate a class map is, and what area each class really has.

Points of a probability sample have the class that the map says and the class that is true
(*reference*). They are drawn in strata, most often the classes of the map, of which the area is
known. Accuracies are ratios of area totals, so one estimator serves all of them:

    R = Y / X,  Y = sum over h of A_h mean_h(y),  X likewise
    V(R) = sum over h of A_h^2 s_h^2(y - R x) / n_h,  over X^2

with `y` and `x` the indicators of a point (Stehman 2014, https://doi.org/10.1080/01431161.2014.930207,
equations 2 and 27 to 31). Where the strata are the classes of the map, these are the formulas of
Olofsson et al. 2014 (https://doi.org/10.1016/j.rse.2014.02.015, equations 5 to 7 and 9 to 11). As
there, the sample is taken to be small beside the map: no finite population correction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]
    IntArray = npt.NDArray[np.int64]

Z_95 = 1.959963984540054
"""Half of the width of a 95 % interval, in standard errors, of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimated figure with its uncertainty."""

    value: float
    """The estimate; NaN where no point of the sample tells."""
    standard_error: float
    """Of the value, in its unit; NaN where a stratum has one point only."""

    @property
    def margin(self) -> float:
        """Half of the width of the 95 % interval, in the unit of the value."""
        return Z_95 * self.standard_error

    def times(self, factor: float) -> Estimate:
        """The same figure in another unit."""
        return Estimate(self.value * factor, self.standard_error * factor)


@dataclass(frozen=True, slots=True)
class ClassEstimates:
    """What a probability sample says of one class."""

    name: str
    mapped_m2: float
    """Area that the map gives to the class."""
    area_m2: Estimate
    """Area that the class really has."""
    users: Estimate
    """User's accuracy: the share of what the map calls this class that is this class."""
    producers: Estimate
    """Producer's accuracy: the share of this class that the map calls this class."""


@dataclass(frozen=True, slots=True, eq=False)
class MapEstimates:
    """What a probability sample says of a map."""

    classes: tuple[ClassEstimates, ...]
    overall: Estimate
    """Overall accuracy: the share of the mapped area that has the right class."""
    counts: IntArray
    """(K, K) points by map class (rows) and reference class (columns)."""
    proportions: FloatArray
    """(K, K) shares of the mapped area by map class (rows) and reference class (columns)."""
    total_m2: float
    """Area of the map."""
    unsure: tuple[str, ...]
    """Strata of one point only: no standard error can be had from them."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Points of a probability sample, of which each belongs to a stratum.

    Laws:
        Every stratum that has an area has a point.
    """

    strata: IntArray
    """(N,) index of the stratum of each point."""
    mapped: IntArray
    """(N,) index of the class that the map has there."""
    reference: IntArray
    """(N,) index of the true class."""
    areas_m2: FloatArray
    """(H,) area of each stratum."""
    stratum_names: tuple[str, ...]
    """(H,) what messages call the strata."""

    def __post_init__(self) -> None:
        counts = np.bincount(self.strata, minlength=len(self.areas_m2))
        if (missing := np.flatnonzero((counts == 0) & (self.areas_m2 > 0))).size:
            first = int(missing[0])
            share = 100 * self.areas_m2[first] / self.areas_m2.sum()
            raise InputError(
                f"no point lies in {self.stratum_names[first]!r}, which is {share:.3g} % of the "
                f"map: nothing can be said of it (draw points in every class, see sam-geo sample)"
            )


def estimate(sample: Sample, class_names: Sequence[str], mapped_m2: npt.ArrayLike) -> MapEstimates:
    """Accuracies and areas from a stratified random sample, with standard errors.

    Args:
        sample: The points.
        class_names: (K,) names of the classes, in the order of their indices.
        mapped_m2: (K,) area that the map gives to each class, in square metres.

    Returns:
        The estimates. Figures of a class that no point has are NaN.

    Raises:
        InputError: A stratum has an area and no point.
    """
    mapped_areas = np.asarray(mapped_m2, dtype=np.float64)
    kinds = np.arange(len(class_names))
    in_map = sample.mapped[:, None] == kinds
    in_truth = sample.reference[:, None] == kinds
    total = float(sample.areas_m2.sum())
    everywhere = np.ones(len(sample.mapped))
    right = sample.mapped == sample.reference
    classes = tuple(
        ClassEstimates(
            name,
            mapped_m2=float(mapped_areas[k]),
            area_m2=_ratio(sample, in_truth[:, k], everywhere).times(total),
            users=_ratio(sample, right & in_map[:, k], in_map[:, k]),
            producers=_ratio(sample, right & in_truth[:, k], in_truth[:, k]),
        )
        for k, name in enumerate(class_names)
    )
    counts = np.zeros((len(kinds), len(kinds)), dtype=np.int64)
    np.add.at(counts, (sample.mapped, sample.reference), 1)
    shares = np.zeros(counts.shape)
    np.add.at(
        shares,
        (sample.mapped, sample.reference),
        point_areas(sample.strata, sample.areas_m2) / total,
    )
    per_stratum = np.bincount(sample.strata, minlength=len(sample.areas_m2))
    return MapEstimates(
        classes,
        _ratio(sample, right, everywhere),
        counts,
        shares,
        total,
        tuple(sample.stratum_names[h] for h in np.flatnonzero(per_stratum == 1)),
    )


def point_areas(strata: IntArray, areas_m2: FloatArray) -> FloatArray:
    """The area in square metres that each point stands for: an equal part of its stratum.

    Args:
        strata: (N,) index of the stratum of each point.
        areas_m2: (H,) area of each stratum.
    """
    counts = np.bincount(strata, minlength=len(areas_m2))
    each: FloatArray = (areas_m2 / np.maximum(counts, 1))[strata]
    return each


def _ratio(sample: Sample, y: npt.ArrayLike, x: npt.ArrayLike) -> Estimate:
    """The ratio of two area totals, from indicators (N,) of the points."""
    above, below = np.asarray(y, dtype=np.float64), np.asarray(x, dtype=np.float64)
    each = point_areas(sample.strata, sample.areas_m2)
    total = float(each @ below)
    if total == 0:
        return Estimate(math.nan, math.nan)
    ratio = float(each @ above) / total
    residuals = above - ratio * below
    variance = 0.0
    for stratum, area in enumerate(sample.areas_m2):
        inside = residuals[sample.strata == stratum]
        if len(inside) == 1:
            variance = math.nan
        elif len(inside) and np.ptp(inside) > 0:  # rounding would give equal ones a variance
            variance += float(area) ** 2 * float(np.var(inside, ddof=1)) / len(inside)
    return Estimate(ratio, math.sqrt(variance) / total)

"""Agreement of two masks: Dice, surface Dice and distances, in voxels and in mm.

Implementations of surface metrics differ by more than methods do, so `IMPLEMENTATION` names this
one, and every result carries it. Distances are measured from the pieces of each surface to the
nearest piece of the other (`sam_common.metrics.surface`), and weighed by their area, as by Nikolov
et al. 2018 (arXiv 1809.04430), who defined the surface Dice; the grid may be anisotropic, oblique
or sheared. Their package `surface-distance` is the oracle of the tests.

Results for empty masks:

```
                        overlap   surface Dice   distances
both masks empty        1         1              0
one mask empty          0         0              None
```
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sam_common import __version__
from sam_common.errors import InputError
from sam_common.metrics.surface import surface

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_common.frame import FloatArray

IMPLEMENTATION = f"sam-geomed {__version__}: surface pieces of marching cubes, weighed by area"
PERCENT = 95.0
"""Percentile of the distances that `hd95_mm` is."""
MM3_PER_ML = 1000.0
ORGAN_MM, MOST_VOXELS = 2.0, 4
"""Tolerance for organs, and the most voxels that a tolerance spans; see `usual_tolerance_mm`."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well a mask agrees with a reference mask on the same grid."""

    dice: float
    """Dice coefficient, 0 to 1."""
    iou: float
    """Intersection over union, 0 to 1."""
    surface_dice: float
    """Part of both surfaces, by area, within the tolerance of the other one (NSD), 0 to 1."""
    boundary_f: float
    """Harmonic mean of the parts of each surface within the tolerance of the other, 0 to 1."""
    hd95_mm: float | None
    """95th percentile of the distances, by area, in the direction in which it is larger."""
    hd_mm: float | None
    """Largest distance from a piece of one surface to the other (Hausdorff)."""
    mean_mm: float | None
    """Mean distance over the pieces of both surfaces, weighed by area."""
    reference_ml: float
    """Volume of the reference mask."""
    other_ml: float
    """Volume of the other mask."""
    tolerance_mm: float
    """Tolerance of the surface Dice and of the boundary F."""
    implementation: str = IMPLEMENTATION
    """Name and version of this implementation."""


def dice(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> float:
    """Dice coefficient of two masks: twice the shared elements, over the sum of both; 1 if empty.

    >>> dice(np.array([True, True, False]), np.array([True, False, False]))
    0.6666666666666666
    """
    _check_shapes(a, b)
    total = int(np.count_nonzero(a)) + int(np.count_nonzero(b))
    return 2 * int(np.count_nonzero(a & b)) / total if total else 1.0


def iou(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> float:
    """Intersection over union of two masks; 1 where both are empty.

    >>> iou(np.array([True, True, False]), np.array([True, False, False]))
    0.5
    """
    _check_shapes(a, b)
    union = int(np.count_nonzero(a | b))
    return int(np.count_nonzero(a & b)) / union if union else 1.0


def agreement(
    reference: npt.NDArray[np.bool_],
    other: npt.NDArray[np.bool_],
    steps_mm: npt.ArrayLike,
    *,
    tolerance_mm: float | None = None,
) -> Agreement:
    """Compute all metrics of two 3-D masks.

    Args:
        reference: Reference mask, 3-D.
        other: Mask on the same grid.
        steps_mm: (3,) spacing along each array axis in mm; or (3, 3), whose n-th column is the step
            in mm along axis n, for axes that are not perpendicular.
        tolerance_mm: Tolerance of the surface Dice and of the boundary F; where it is None,
            `usual_tolerance_mm` of the spacing.

    Raises:
        InputError: If shapes differ, the masks have not three axes, or the tolerance is below 0.
    """
    _check_shapes(reference, other)
    if tolerance_mm is not None and not tolerance_mm >= 0:
        raise InputError(f"the tolerance must be 0 mm or more, got {tolerance_mm}")
    steps: FloatArray = np.asarray(steps_mm, dtype=np.float64)
    if steps.ndim == 1:
        steps = np.diag(steps)
    if tolerance_mm is None:
        tolerance_mm = usual_tolerance_mm(np.linalg.norm(steps, axis=0).tolist())
    voxel_ml = float(abs(np.linalg.det(steps))) / MM3_PER_ML
    window = _bounds(reference | other)
    a, b = reference[window], other[window]
    one, two = _distances(a, b, steps)
    return Agreement(
        dice=dice(a, b),
        iou=iou(a, b),
        surface_dice=_surface_dice(one, two, tolerance_mm),
        boundary_f=_boundary_f(one, two, tolerance_mm),
        hd95_mm=_percentile(one, two, PERCENT),
        hd_mm=_percentile(one, two, 100.0),
        mean_mm=_mean(one, two),
        reference_ml=int(np.count_nonzero(a)) * voxel_ml,
        other_ml=int(np.count_nonzero(b)) * voxel_ml,
        tolerance_mm=float(tolerance_mm),
    )


def usual_tolerance_mm(spacing_mm: Sequence[float]) -> float:
    """The usual tolerance of surface metrics: 2 mm, but at most four voxels.

    2 mm is the usual choice for organs; on a grid with a spacing of a few micrometres it exceeds
    whole objects, and any two objects would agree.

    Args:
        spacing_mm: Spacing of the grid along each axis, of which the largest counts.

    >>> usual_tolerance_mm((5.0, 0.8, 0.8)), usual_tolerance_mm((0.01, 0.01, 0.01))
    (2.0, 0.04)
    """
    return min(ORGAN_MM, MOST_VOXELS * max(spacing_mm))


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """The pieces of one surface: distance to the other surface, ascending, and area."""

    distances_mm: FloatArray
    areas_mm2: FloatArray

    @property
    def area_mm2(self) -> float:
        return float(self.areas_mm2.sum())

    def within(self, tolerance_mm: float) -> float:
        """Area of the pieces within the tolerance of the other surface."""
        return float(self.areas_mm2[self.distances_mm <= tolerance_mm].sum())

    def percentile(self, percent: float) -> float:
        """The distance within which this percentage of the area lies."""
        reached = np.cumsum(self.areas_mm2) / self.area_mm2
        index = int(np.searchsorted(reached, percent / 100.0 * (1 - 1e-12)))
        return float(self.distances_mm[min(index, len(self.distances_mm) - 1)])


def _distances(
    a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_], steps_mm: FloatArray
) -> tuple[_Side, _Side]:
    """The surfaces of two masks; distances are infinite where one of the masks is empty."""
    from scipy.spatial import cKDTree  # noqa: PLC0415  # only where surfaces are compared

    places, areas = zip(surface(a, steps_mm), surface(b, steps_mm), strict=True)
    sides = []
    for n in (0, 1):
        if len(places[0]) and len(places[1]):
            distances, _ = cKDTree(places[1 - n]).query(places[n])
        else:
            distances = np.full(len(places[n]), np.inf)
        order = np.argsort(distances, kind="stable")
        sides.append(_Side(distances[order], areas[n][order]))
    return sides[0], sides[1]


def _surface_dice(one: _Side, two: _Side, tolerance_mm: float) -> float:
    total = one.area_mm2 + two.area_mm2
    return (one.within(tolerance_mm) + two.within(tolerance_mm)) / total if total else 1.0


def _boundary_f(one: _Side, two: _Side, tolerance_mm: float) -> float:
    if not one.area_mm2 or not two.area_mm2:
        return float(one.area_mm2 == two.area_mm2)
    recall = one.within(tolerance_mm) / one.area_mm2
    precision = two.within(tolerance_mm) / two.area_mm2
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _percentile(one: _Side, two: _Side, percent: float) -> float | None:
    """The percentile in the direction where it is larger; None where one of the masks is empty."""
    if not one.area_mm2 or not two.area_mm2:
        return None if one.area_mm2 != two.area_mm2 else 0.0
    return max(one.percentile(percent), two.percentile(percent))


def _mean(one: _Side, two: _Side) -> float | None:
    if not one.area_mm2 or not two.area_mm2:
        return None if one.area_mm2 != two.area_mm2 else 0.0
    weighed = [float(side.distances_mm @ side.areas_mm2) for side in (one, two)]
    return sum(weighed) / (one.area_mm2 + two.area_mm2)


def _bounds(mask: npt.NDArray[np.bool_]) -> tuple[slice, ...]:
    """Slices of the smallest box that holds the mask; one voxel where the mask is empty."""
    from scipy import ndimage  # noqa: PLC0415  # only where masks are compared

    boxes = ndimage.find_objects(mask.astype(np.uint8))
    return tuple(boxes[0]) if boxes else (slice(0, 1),) * mask.ndim


def _check_shapes(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> None:
    if a.shape != b.shape:
        raise InputError(f"masks must be of one shape, got {a.shape} and {b.shape}")

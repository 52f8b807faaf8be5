"""Reach: how far a mark may change an object, by how deep it lies in what it says is wrong.

```
  not the object | the object
                 |<---- D ---->-<---- D ---->|
                 edge          negative      nothing from here on
                               mark
```
Whoever marks what is wrong marks its middle. So a mark at a distance D from the object's edge
speaks of an error that is 2 D thick, and not of what lies deeper; nor of what is farther from it
than twice its distance from the edge on the slice that a person looks at. No evidence of the
network goes beyond: a box that is cut off at a mark leaves out all that lies behind it, and a box
around a mark may show the object itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from sam_med.corrections.regions import pieces_at
from sam_med.corrections.voxels import Voxels
from sam_med.propagate.vote import TIE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_common.frame import FloatArray
    from sam_med.geometry.volume import Volume
    from sam_med.propagate.propagated_object import PropagatedObject

THICKNESS = 2.0
"""Thickness of an error, in distances of its mark from the object's edge."""


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """The voxels that a mark may change."""

    most_mm: float
    """Distance from the mark beyond which nothing changes; infinite where its slice has no edge."""
    is_thin: bool
    """Whether the mark lies right beside the edge on its slice: the error is a voxel thick."""
    _thickness_mm: float
    """Depth from the object's edge from which on nothing changes."""
    _changed: Voxels
    """The voxels of the mark itself that change."""
    _spacing_mm: FloatArray
    _edge: cKDTree
    """Centres in mm of the voxels beside the object's edge, on its other side."""

    @classmethod
    def of(
        cls,
        result: PropagatedObject,
        volume: Volume,
        marked: Voxels,
        axes: Sequence[int],
        *,
        positive: bool,
    ) -> Reach | None:
        """The reach of a mark; None where it has no end.

        It has none where the object has no edge, and where the mark says nothing new.

        Args:
            result: The object before the mark.
            volume: Its volume, whose border is no edge of an object.
            marked: The voxels of the mark.
            axes: Of its slices; of several the nearest edge on any of them counts.
            positive: Whether it says that the object is there.
        """
        found = Voxels(result.window, result.mask)
        new = marked.mask & (found.inside(marked.window) != positive)
        around = result.window.expand(1).intersect(volume.window)
        if around is None:
            raise AssertionError("an object lies in its volume")
        mask = found.inside(around)
        other = mask if positive else ~mask
        edge = other & ndimage.binary_dilation(~other)
        if not new.any() or not edge.any():
            return None
        changed, spacing = Voxels(marked.window, new), np.array(volume.spacing_mm)
        beside, centres = _centres(Voxels(around, edge), spacing), _centres(changed, spacing)
        tree = cKDTree(beside)
        depth = float(tree.query(centres)[0].max())
        away = {axis: _on_slices(centres, beside, axis) for axis in axes}
        steps = {axis: np.delete(spacing, axis).min() * (1 + TIE) for axis in axes}
        is_thin = any(away[axis] <= steps[axis] for axis in axes)
        most = THICKNESS * min(away.values())
        return cls(most, is_thin, THICKNESS * depth, changed, spacing, tree)

    def part(self, change: Voxels) -> Voxels:
        """The part of a change that is within reach, and connected to the mark."""
        at, centres = np.argwhere(change.mask), _centres(change, self._spacing_mm)
        marked = cKDTree(_centres(self._changed, self._spacing_mm))
        # equal but for rounding: neither flips nor the order of axes may decide
        reached = _closer(marked, centres, self.most_mm * (1 + TIE))
        reached[reached] = _closer(self._edge, centres[reached], self._thickness_mm * (1 - TIE))
        mask = np.zeros_like(change.mask)
        mask[tuple(at[reached].T)] = True
        return Voxels(change.window, pieces_at(mask, self._changed.inside(change.window)))


def _on_slices(centres: FloatArray, beside: FloatArray, axis: int) -> float:
    """The distance of the place that is the farthest from an edge on its slice along an axis.

    It is infinite where the slice has no edge.
    """
    most = 0.0
    for at in np.unique(centres[:, axis]):
        edge = beside[beside[:, axis] == at]
        if not len(edge):
            return np.inf
        distances, _ = cKDTree(edge).query(centres[centres[:, axis] == at])
        most = max(most, float(distances.max()))
    return most


def _closer(tree: cKDTree, centres: FloatArray, most_mm: float) -> npt.NDArray[np.bool_]:
    """Which places are closer to one of a tree than a distance."""
    distances, _ = tree.query(centres, distance_upper_bound=most_mm)
    closer: npt.NDArray[np.bool_] = np.isfinite(distances)
    return closer


def _centres(voxels: Voxels, spacing_mm: FloatArray) -> FloatArray:
    """Centres (n, 3) of voxels, in mm from the first one of the volume along each axis."""
    return (np.argwhere(voxels.mask) + voxels.window.start) * spacing_mm

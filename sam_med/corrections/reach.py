"""Reach: how far a mark may change an object, by how deep it lies in what it says is wrong.

```
  not the object | the object                         - a negative mark, D mm from the edge
                 |
                 |<---- D ---->-<---- D ---->|         surplus is sought in 2 D from the edge,
                 |                                     and in 2 D around the mark
```
Whoever marks what is wrong marks its middle. So a mark at a distance D from the object's edge
speaks of an error that is 2 D thick, neither of what lies deeper nor of what lies farther from the
mark. No evidence of the network goes beyond that: a box that is cut off at a mark leaves out all
that lies behind it, and a box around a mark may well show the object itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_common.frame import FloatArray
    from sam_common.window import Window
    from sam_med.geometry.volume import Volume
    from sam_med.propagate.propagated_object import PropagatedObject

THICKNESS = 2.0
"""Thickness of an error, in distances of a mark from the object's edge."""
ROUNDING = 1e-6
"""Share by which distances are equal: neither flips nor the order of axes may decide."""


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """The voxels that a mark may change."""

    most_mm: float
    """Distance from the mark, and depth from the object's edge, beyond which nothing changes."""
    _spacing_mm: FloatArray
    _marked: cKDTree
    """Places in mm of the voxels that the mark changes."""
    _edge: cKDTree
    """Places in mm of the voxels beside the object's edge, on the side that the mark enlarges."""

    @classmethod
    def of(
        cls,
        result: PropagatedObject,
        volume: Volume,
        window: Window,
        voxels: npt.NDArray[np.bool_],
        *,
        positive: bool,
    ) -> Reach | None:
        """The reach of a mark; None where it has no end, because the object has no edge.

        Args:
            result: The object before the mark.
            volume: Its volume, whose border is no edge of an object.
            window: (k, j, i) part of the volume in which the mark lies.
            voxels: The mark, an array of `window.shape`.
            positive: Whether it says that the object is there.
        """
        spacing = np.array(volume.spacing_mm)
        changed = voxels & (_mask_in(result, window) != positive)
        around = result.window.expand(1).intersect(volume.window)
        if around is None:
            raise AssertionError("an object lies in its volume")
        mask = _mask_in(result, around)
        enlarged = mask if positive else ~mask
        edge = enlarged & ndimage.binary_dilation(~enlarged)
        if not changed.any() or not edge.any():
            return None
        marked = cKDTree(_places(changed, window, spacing))
        beside = cKDTree(_places(edge, around, spacing))
        depth = float(beside.query(marked.data)[0].max())
        return cls(THICKNESS * depth, spacing, marked, beside)

    def of_voxels(self, window: Window, voxels: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """The voxels of a mask of a (k, j, i) window that are within reach."""
        found = np.argwhere(voxels)
        at = (found + window.start) * self._spacing_mm
        near = _closer(self._marked, at, self.most_mm * (1 + ROUNDING))
        near[near] = _closer(self._edge, at[near], self.most_mm * (1 - ROUNDING))
        kept = np.zeros_like(voxels)
        kept[tuple(found[near].T)] = True
        return kept


def _closer(tree: cKDTree, at: FloatArray, most_mm: float) -> npt.NDArray[np.bool_]:
    """Which of some places are closer to one of a tree than a distance."""
    distances, _ = tree.query(at, distance_upper_bound=most_mm)
    return np.isfinite(distances)


def _mask_in(result: PropagatedObject, window: Window) -> npt.NDArray[np.bool_]:
    """The object in any (k, j, i) window."""
    mask = np.zeros(window.shape, dtype=np.bool_)
    shared = window.intersect(result.window)
    if shared is not None:
        mask[shared.within(window).slices] = result.mask[shared.within(result.window).slices]
    return mask


def _places(voxels: npt.NDArray[np.bool_], window: Window, spacing_mm: FloatArray) -> FloatArray:
    """Centres (n, 3) of voxels of a (k, j, i) window, in mm from the volume's first voxel."""
    return (np.argwhere(voxels) + window.start) * spacing_mm

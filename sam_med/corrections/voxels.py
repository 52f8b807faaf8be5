"""Voxels: what is meant of a volume, as a mask of the smallest window that holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sam_common.window import Window
from sam_med.objects.segments import crop
from sam_med.propagate.vote import slice_index

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Voxels:
    """Some voxels of a volume."""

    window: Window
    """(k, j, i) part of the volume outside of which no voxel is meant."""
    mask: npt.NDArray[np.bool_]
    """Array of `window.shape`."""

    @classmethod
    def of_slices(cls, slices: Mapping[int, npt.NDArray[np.bool_]], axis: int) -> Voxels:
        """Pixels of whole slices along an axis, by the index of their slice."""
        shown = {index: pixels for index, pixels in slices.items() if pixels.any()}
        if not shown:
            one = Window((0, 0, 0), (1, 1, 1))
            return cls(one, np.zeros(one.shape, dtype=np.bool_))
        part, _ = crop(np.logical_or.reduce(list(shown.values())))
        start, stop = list(part.start), list(part.stop)
        start.insert(axis, min(shown))
        stop.insert(axis, max(shown) + 1)
        window = Window(tuple(start), tuple(stop))
        mask = np.zeros(window.shape, dtype=np.bool_)
        for index, pixels in shown.items():
            mask[slice_index(window, axis, index)] = pixels[part.slices]
        return cls(window, mask)

    def inside(self, window: Window) -> npt.NDArray[np.bool_]:
        """The voxels that lie in any window, as an array of its shape."""
        mask = np.zeros(window.shape, dtype=np.bool_)
        shared = self.window.intersect(window)
        if shared is not None:
            mask[shared.within(window).slices] = self.mask[shared.within(self.window).slices]
        return mask


def counted(parts: Sequence[Voxels]) -> tuple[Window, npt.NDArray[np.uint8]]:
    """How many of some parts, fewer than 256, mean each voxel of the smallest window around all."""
    # what means nothing has a window all the same
    windows = [part.window for part in parts if part.mask.any()] or [parts[0].window]
    hull = windows[0]
    for window in windows[1:]:
        hull = hull.union(window)
    counts = np.zeros(hull.shape, dtype=np.uint8)
    for part in parts:
        counts += part.inside(hull)
    return hull, counts

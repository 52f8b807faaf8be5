"""Set operations on masks that lie in windows of one image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sam_common.masks.decoded import MaskRegion

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from sam_common.masks.instance import Instance
    from sam_common.window import Window


def crop(region: MaskRegion, window: Window) -> MaskRegion | None:
    """The part of a mask inside a window, None where no object pixel lies there."""
    if (shared := region.window.intersect(window)) is None:
        return None
    mask = _pixels(region, shared)
    return MaskRegion(shared, mask) if mask.any() else None


def minus(region: MaskRegion, other: MaskRegion) -> MaskRegion | None:
    """A mask without the pixels of another one, on its own window; None where none are left.

    A mask whose window does not overlap the other's is returned as it is.
    """
    if (shared := region.window.intersect(other.window)) is None:
        return region
    mask = region.mask.copy()
    mask[shared.within(region.window).slices] &= ~_pixels(other, shared)
    return MaskRegion(region.window, mask) if mask.any() else None


def drawn(pieces: Iterable[MaskRegion], place: Window) -> npt.NDArray[np.bool_]:
    """The union of masks on the pixels of a window, which may reach beyond the image."""
    mask = np.zeros(place.shape, dtype=np.bool_)
    for piece in pieces:
        if (shared := piece.window.intersect(place)) is not None:
            mask[shared.within(place).slices] |= _pixels(piece, shared)
    return mask


def mask_iou(a: MaskRegion, b: MaskRegion) -> float:
    """Intersection over union of two masks of one image."""
    shared = a.window.intersect(b.window)
    if shared is None:
        return 0.0
    both = int(np.count_nonzero(_pixels(a, shared) & _pixels(b, shared)))
    return both / (a.area_px + b.area_px - both)


def boxes_of(instances: Sequence[Instance]) -> npt.NDArray[np.int64]:
    """Windows of the masks of N instances as an (N, 4) array of top, left, bottom, right."""
    boxes = [(*i.region.window.start, *i.region.window.stop) for i in instances]
    return np.array(boxes, dtype=np.int64).reshape(-1, 4)


def _pixels(region: MaskRegion, part: Window) -> npt.NDArray[np.bool_]:
    """View of a mask on a part of its window."""
    return region.mask[part.within(region.window).slices]

"""Simulated prompts: boxes and clicks as a person gives them, for objects with a known mask.

Boxes are drawn a little off, clicks fall anywhere well inside, and a correction is a click on what
is still wrong, as in the training of Segment Anything (Kirillov et al. 2023, appendix A).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from sam_common.network.architecture import GRID

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_common.masks.decoded import MaskRegion

JITTER = 0.08
"""Standard deviation of an edge of a drawn box, as a part of the box's side."""
EXACT = 0.4
"""Share of the boxes that are drawn exactly."""
DEEP = 0.5
"""A click falls where the distance to the edge is at least this part of the largest one."""

Floats = "npt.NDArray[np.float64]"


def true_box(region: MaskRegion) -> list[float]:
    """The box (x0, y0, x1, y1) around a mask, in image indices; outer pixel edges are at .5."""
    (top, left), (bottom, right) = region.window.start, region.window.stop
    return [left - 0.5, top - 0.5, right - 0.5, bottom - 0.5]


def drawn_box(
    region: MaskRegion, size_hw: tuple[int, int], random: np.random.Generator
) -> list[float]:
    """A box around a mask as a person draws it, inside the image."""
    x0, y0, x1, y1 = true_box(region)
    if random.random() < EXACT:
        return [x0, y0, x1, y1]
    moved = np.array([x0, y0, x1, y1]) + random.normal(0, JITTER, 4) * np.array(
        [x1 - x0, y1 - y0, x1 - x0, y1 - y0]
    )
    limits = np.array([size_hw[1], size_hw[0], size_hw[1], size_hw[0]]) - 0.5
    xs, ys = (np.clip(np.sort(moved[n::2]), -0.5, limits[n]) for n in (0, 1))
    return [float(xs[0]), float(ys[0]), float(xs[1]), float(ys[1])]


def middle(region: MaskRegion) -> list[float]:
    """The pixel (x, y) of a mask that lies deepest in it, in image indices."""
    depth = _depth(region.mask)
    row, col = np.unravel_index(int(depth.argmax()), depth.shape)
    return [float(col + region.window.start[1]), float(row + region.window.start[0])]


def click(region: MaskRegion, random: np.random.Generator) -> list[float]:
    """A pixel (x, y) well inside a mask, by chance."""
    depth = _depth(region.mask)
    rows, cols = np.nonzero(depth >= DEEP * depth.max())
    n = int(random.integers(len(rows)))
    return [float(cols[n] + region.window.start[1]), float(rows[n] + region.window.start[0])]


def correction(
    found: npt.NDArray[np.bool_],
    wanted: npt.NDArray[np.bool_],
    scale_xy: Sequence[float],
    random: np.random.Generator,
) -> tuple[list[float], int]:
    """A click on the larger of what is missing and what is too much.

    Args:
        found: (256, 256) mask that the network gave, on the grid of its logits.
        wanted: (256, 256) mask of the object on that grid.
        scale_xy: Cells of the grid for one pixel of the image, along x and y.
        random: Chooses the cell.

    Returns:
        Position (x, y) in image indices, and 1 for a click on the object, 0 on the background.
        Where nothing is wrong, the middle of the object.
    """
    missing, surplus = wanted & ~found, found & ~wanted
    label = int(missing.sum() >= surplus.sum())
    wrong = missing if label else surplus
    if not wrong.any():
        wrong = wanted if wanted.any() else found
    if not wrong.any():
        return [(GRID / 2) / scale_xy[0] - 0.5, (GRID / 2) / scale_xy[1] - 0.5], label
    depth = _depth(wrong)
    rows, cols = np.nonzero(depth >= DEEP * depth.max())
    n = int(random.integers(len(rows)))
    x, y = (
        (int(at[n]) + 0.5) / scale - 0.5 for at, scale in zip((cols, rows), scale_xy, strict=True)
    )
    return [x, y], label


def _depth(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Distance of each pixel of a mask to its edge, which the edge of the array is too."""
    padded = np.pad(mask, 1).astype(np.uint8)
    return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1], dtype=np.float32)

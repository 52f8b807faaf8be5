"""Proposals: boxes of a file that an automatic job tries in place of its grid of points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import PromptError
from sam_common.stitching.bins import Bins
from sam_common.window import Window
from sam_geo.prompt_files.read import read_table
from sam_geo.prompt_files.table import Wanted
from sam_geo.prompts.geo_prompt import prompts_of

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_geo.raster.read_window import Box
    from sam_geo.raster.source import RasterSource

PROPOSALS = Wanted(option="proposals")
"""What a file of proposals is read for."""
LEAST_SHARE = 0.25
"""Least part of a box that has to lie in a window for the box to be tried there."""


def load_proposals(
    path: str | os.PathLike[str],
    source: RasterSource,
    *,
    crs: str | None = None,
    layer: str | None = None,
) -> list[Box]:
    """Read the boxes of a file that lie in a raster, clipped at its edges.

    Args:
        path: Any file that `sam_geo.load_prompts` reads; polygons become their bounding boxes.
        source: The raster.
        crs: Reference system of the coordinates in place of the file's own, or `"pixel"`.
        layer: Layer of a vector file that has several.

    Returns:
        Boxes (x0, y0, x1, y1) in raster indices; outer pixel edges are at .5.

    Raises:
        InputError: There is no such file.
        PromptError: The file is not understood, holds points, or no box of it lies in the raster.
    """
    table = read_table(path, PROPOSALS, layer=layer)
    found = prompts_of(table, source, crs=crs)
    for prompt in found:
        if prompt.is_placed and prompt.box_xyxy is None:
            raise PromptError(
                f"proposal {prompt.prompt_id} of {path} is a point, proposals are boxes or "
                f"polygons: sam-geo prompt takes points"
            )
    boxes = [prompt.box_xyxy for prompt in found if prompt.box_xyxy is not None]
    if not boxes:
        raise PromptError(f"none of the {len(found)} proposals of {path} lies in the raster")
    return boxes


class BoxIndex:
    """The proposed boxes of an automatic job, found by the windows in which they are tried.

    A window looks up the boxes near it only, however many boxes the job has.

    Args:
        boxes_xyxy: (N, 4) in raster indices.
        side: Side of a window in pixels.
    """

    def __init__(self, boxes_xyxy: Sequence[Box], side: int) -> None:
        self._boxes = np.asarray(boxes_xyxy, dtype=np.float64).reshape(-1, 4)
        sides = self._boxes[:, 2:] - self._boxes[:, :2]
        held = np.divide(side, sides, out=np.ones_like(sides), where=sides > side).prod(axis=1)
        self.too_large = int((held < LEAST_SHARE).sum())
        """Number of boxes that are never tried, because no window holds a quarter of them."""
        self._bins = Bins(side)
        low, high = np.floor(self._boxes[:, :2] + 0.5), np.ceil(self._boxes[:, 2:] + 0.5)
        for n in np.flatnonzero(held >= LEAST_SHARE).tolist():
            (left, top), (right, bottom) = low[n].astype(int), high[n].astype(int)
            place = Window((top, left), (max(bottom, top + 1), max(right, left + 1)))
            self._bins.add(n, place)

    def __len__(self) -> int:
        return len(self._boxes)

    def inside(self, window: Window) -> npt.NDArray[np.float64]:
        """(M, 4) the parts of boxes that are tried in a window, in its indices; see `boxes_in`."""
        return boxes_in(window, self._boxes[self._bins.near(window)])


def boxes_in(window: Window, boxes_xyxy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Clip boxes to a window, and leave out those of which less than a quarter lies in it.

    A box without width or height is a line or a point, of which a quarter has to lie inside too.

    Args:
        window: (row, col) in the raster.
        boxes_xyxy: (N, 4) in raster indices.

    Returns:
        (M, 4) the clipped boxes in the indices of the window.

    >>> from sam_common.window import Window
    >>> boxes_in(Window((0, 10), (8, 20)), np.array([[8.5, 1.5, 12.5, 3.5], [0, 0, 4, 4]])).tolist()
    [[-0.5, 1.5, 2.5, 3.5]]
    """
    origin = np.array(window.start[::-1] * 2, dtype=np.float64)
    height, width = window.shape
    low, high = np.full(4, -0.5), np.array([width, height] * 2) - 0.5
    local = boxes_xyxy - origin
    clipped = np.clip(local, low, high)
    meets = ((local[:, 2:] >= low[2:]) & (local[:, :2] <= high[:2])).all(axis=1)
    sides, parts = (part[:, 2:] - part[:, :2] for part in (local, clipped))
    share = np.divide(parts, sides, out=np.ones_like(parts), where=sides > 0).prod(axis=1)
    return np.asarray(clipped[meets & (share >= LEAST_SHARE)])

"""Candidates: all masks that the network offers for points, kept with the parts of a job.

The choice among them needs the whole layer (`sam_geo.prompted.one_class`), so a window keeps the
pixels of every candidate, and a few figures of each: the network's score, the size, which other
points it holds, and the colours in it and around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from sam_common.masks.instance import Instance
from sam_common.prompts import POSITIVE
from sam_common.tiled_job.parts import Part
from sam_geo.prompted.decode import spans

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from sam_common.masks.decoded import MaskRegion
    from sam_common.tiled_job.parts import PartStore
    from sam_geo.prompted.decode import Answer
    from sam_geo.prompted.refine import Refinement
    from sam_geo.prompts.geo_prompt import GeoPrompt
    from sam_geo.raster.read_window import ReadWindow

AROUND_PX = 3
"""Width of the rim around a candidate whose colours are compared with its own, in pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class Offered:
    """The candidates of N points; NaN and False where the network gave fewer than C."""

    prompts: npt.NDArray[np.int64]
    """(N,) numbers of the prompts."""
    usual: npt.NDArray[np.int64]
    """(N,) the candidate that is taken without a choice."""
    scores: npt.NDArray[np.float64]
    """(N, C) IoU with the object as the network predicts it."""
    areas: npt.NDArray[np.float64]
    """(N, C) areas in pixels of the image that was read."""
    spans: npt.NDArray[np.bool_]
    """(N, C) whether a candidate reaches from one edge of its window to the opposite one."""
    held: npt.NDArray[np.int64]
    """(N, C) number of points of other prompts in a candidate."""
    looks: npt.NDArray[np.float64]
    """(N, C, K) mean of each band in a candidate, then its difference from the rim around it."""


def points_of(prompts: Sequence[GeoPrompt]) -> npt.NDArray[np.float64]:
    """(M, 3) number of the prompt, x and y of every object point, in raster indices."""
    found = [
        (n, *xy)
        for n, prompt in enumerate(prompts)
        for xy, label in zip(prompt.points_xy, prompt.point_labels, strict=True)
        if label == POSITIVE
    ]
    return np.array(found, dtype=np.float64).reshape(-1, 3)


def with_candidates(
    part: Part,
    found: Mapping[int, tuple[Sequence[Answer], int]],
    seen: tuple[ReadWindow, npt.NDArray[np.uint8]],
    points: npt.NDArray[np.float64],
    refinement: Refinement,
) -> Part:
    """A part with all candidates of prompts that have several.

    Args:
        part: The usual masks of the window and the rows of its prompts.
        found: Candidates of each prompt, and which of them is the usual one.
        seen: The window, and the image that the network was fed.
        points: All points of the job, as `points_of` gives them.
        refinement: Decodes outlines again where the image was coarser than the raster.

    Returns:
        The part with further instances, and `candidates` in its notes: for each prompt its number,
        the usual candidate, and for each candidate the half-open range of its instances and its
        figures, or None where it is empty.
    """
    read, image = seen
    instances, rows = list(part.instances), []
    for n, (answers, usual) in found.items():
        if len(answers) == 1:
            continue
        offered: list[Any] = []
        for answer in answers:
            pieces = answer.pieces(read, refinement)
            if not pieces or answer.region is None:
                offered.append(None)
                continue
            first = len(instances)
            instances += [Instance(piece, answer.score, answer.stability) for piece in pieces]
            figures = [
                answer.score,
                answer.region.area_px,
                int(spans(answer.region, read.size_hw)),
                held_points(pieces, points[points[:, 0] != n, 1:]),
                *looks_of(answer.region, image),
            ]
            offered.append([first, len(instances), figures])
        rows.append([n, usual, offered])
    return Part(instances, {**part.notes, "candidates": rows})


def held_points(pieces: Sequence[MaskRegion], xy: npt.NDArray[np.float64]) -> int:
    """Number of points, (M, 2) in raster indices, that lie in an object of disjoint pieces."""
    count = 0
    cells = np.round(xy[:, ::-1]).astype(np.int64)
    for piece in pieces:
        start, stop = np.array(piece.window.start), np.array(piece.window.stop)
        near = cells[((cells >= start) & (cells < stop)).all(axis=1)] - start
        count += int(piece.mask[near[:, 0], near[:, 1]].sum())
    return count


def looks_of(region: MaskRegion, image: npt.NDArray[np.uint8]) -> list[float]:
    """Mean of each band in a mask, and how far that is from the mean of the rim around it.

    Args:
        region: In indices of the image.
        image: (H, W, 3) or (H, W).
    """
    bands = image[..., None] if image.ndim == 2 else image  # noqa: PLR2004
    # the rim at the edge of the image is cut by it
    start = [max(0, at - AROUND_PX) for at in region.window.start]
    stop = [min(n, at + AROUND_PX) for n, at in zip(bands.shape, region.window.stop, strict=False)]
    own = bands[start[0] : stop[0], start[1] : stop[1]].astype(np.float64)
    inside = np.zeros(own.shape[:2], dtype=np.uint8)
    top, left = (at - low for at, low in zip(region.window.start, start, strict=True))
    height, width = region.mask.shape
    inside[top : top + height, left : left + width] = region.mask
    side = 2 * AROUND_PX + 1
    rim = (cv2.dilate(inside, np.ones((side, side), np.uint8)) > inside).astype(bool)
    mean = own[inside > 0].mean(axis=0)
    contrast = mean - own[rim].mean(axis=0) if rim.any() else np.zeros_like(mean)
    return [round(value, 4) for value in (*mean.tolist(), *contrast.tolist())]


def offered_of(parts: PartStore) -> Offered:
    """The candidates of all windows of a job."""
    rows = [
        row
        for n in range(len(parts.plan))
        if (part := parts.read(n)) is not None
        for row in part.notes.get("candidates", [])
    ]
    count = max((len(row[2]) for row in rows), default=1)
    known = (each[2] for row in rows for each in row[2] if each is not None)
    length = len(next(known, [0.0] * 4))
    figures = np.full((len(rows), count, length), np.nan)
    for n, (_, _, offered) in enumerate(rows):
        for c, each in enumerate(offered):
            if each is not None:
                figures[n, c] = each[2]
    return Offered(
        np.array([row[0] for row in rows], dtype=np.int64),
        np.array([row[1] for row in rows], dtype=np.int64),
        figures[..., 0],
        figures[..., 1],
        figures[..., 2] > 0,
        np.nan_to_num(figures[..., 3]).astype(np.int64),
        figures[..., 4:],
    )

"""Synthetic scenes with their truth, and perfect or slightly wrong segmenters of their windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from sam_common.masks.decoded import MaskRegion
from sam_common.masks.instance import Instance
from sam_common.stitching.link import link
from sam_common.tiled_job.plan import tile_grid
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_common.stitching.link import LinkedObject

Labels = np.ndarray
"""(H, W) int32; 0 is background, each object has its own number."""


def buildings(size: int, count: int, seed: int = 1) -> Labels:
    """About `count` separate boxes and L shapes."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((size, size), dtype=np.int32)
    cell = size // round(count**0.5)
    number = 0
    for row in range(0, size - cell + 1, cell):
        for col in range(0, size - cell + 1, cell):
            height, width = rng.integers(8, cell - 6, 2)
            y, x = row + rng.integers(1, cell - height - 1), col + rng.integers(1, cell - width - 1)
            number += 1
            labels[y : y + height, x : x + width] = number
            if rng.random() < 0.4:
                labels[y : y + height // 2, x : x + width // 2] = 0
    return labels


def parcels(size: int, count: int, seed: int = 1) -> Labels:
    """`count` areas that touch each other and fill the image: Voronoi cells."""
    points = np.random.default_rng(seed).random((count, 2)) * size
    tree = cKDTree(points)
    rows, cols = np.mgrid[:size, :size]
    labels = np.empty((size, size), dtype=np.int32)
    for top in range(0, size, 256):
        part = np.stack([rows[top : top + 256], cols[top : top + 256]], axis=-1).reshape(-1, 2)
        labels[top : top + 256] = tree.query(part)[1].reshape(-1, size) + 1
    return labels


def seen_in(
    labels: Labels, window: Window, jitter: str | None = None, seed: int = 0
) -> list[tuple[int, Instance]]:
    """What a segmenter sees in a window: the number and the mask of each object in it.

    Args:
        labels: The truth.
        window: (row, col).
        jitter: None for perfect masks; `shift` moves each by up to a pixel along both axes,
            `edge` makes it a pixel larger or smaller all around, or leaves it.
        seed: Of the jitter.
    """
    part = labels[window.slices]
    rng = np.random.default_rng((seed, *window.start))
    found = []
    for number, box in enumerate(ndimage.find_objects(part), start=1):
        if box is None:
            continue
        mask = np.zeros((part.shape[0] + 4, part.shape[1] + 4), dtype=np.uint8)
        grown = tuple(slice(s.start, s.stop + 4) for s in box)
        small = np.pad(part[box] == number, 2).astype(np.uint8)
        mask[grown] = _jittered(small, jitter, rng)
        inner = mask[2:-2, 2:-2].view(np.bool_)
        if (region := _trimmed(inner, window)) is not None:
            found.append((number, Instance(region, 0.9, 0.95)))
    return found


def _jittered(mask: np.ndarray, jitter: str | None, rng: np.random.Generator) -> np.ndarray:
    if jitter == "shift":
        return np.roll(mask, rng.integers(-1, 2, 2), axis=(0, 1))
    if jitter == "edge":
        kernel = np.ones((3, 3), dtype=np.uint8)
        change = rng.integers(0, 3)
        return (cv2.dilate(mask, kernel), cv2.erode(mask, kernel), mask)[change]
    return mask


def _trimmed(mask: np.ndarray, window: Window) -> MaskRegion | None:
    if not mask.any():
        return None
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    inner = Window((rows[0], cols[0]), (rows[-1] + 1, cols[-1] + 1))
    kept = np.ascontiguousarray(mask[inner.slices])
    return MaskRegion(inner.shift(window.start), kept)


@dataclass(frozen=True)
class Score:
    """How well the objects of a scene were put together."""

    truth: int
    """Objects in the scene."""
    missing: int
    fragmented: int
    """Objects that came in two or more, or twice."""
    false_merges: int
    """Results made of more than one object."""
    exact: int
    """Results that have every pixel of their object and no other."""
    similar: int
    """Results with an IoU of at least 0.98 with their object."""


def linked(
    labels: Labels, *, side: int, overlap: int, jitter: str | None = None, seed: int = 0
) -> tuple[list[LinkedObject], list[set[int]]]:
    """The linked objects of a scene, and which true objects are in each."""
    windows = tile_grid(labels.shape, side=side, overlap=overlap)
    parts = [seen_in(labels, window, jitter, seed) for window in windows]
    objects = list(link(windows, lambda n: [found for _, found in parts[n]], image_hw=labels.shape))
    return objects, [{parts[n][i][0] for n, i in found.members} for found in objects]


def score(labels: Labels, objects: Sequence[LinkedObject], names: Sequence[set[int]]) -> Score:
    """Compare linked objects with the truth."""
    areas = np.bincount(labels.ravel())
    truth = {int(n) for n in np.flatnonzero(areas) if n}
    times = dict.fromkeys(truth, 0)
    exact = similar = false_merges = 0
    for found, named in zip(objects, names, strict=True):
        for name in named:
            times[name] += 1
        if len(named) > 1:
            false_merges += 1
            continue
        (name,) = named
        inside = sum(
            int(np.count_nonzero(piece.mask & (labels[piece.window.slices] == name)))
            for piece in found.pieces
        )
        area = sum(piece.area_px for piece in found.pieces)
        union = area + areas[name] - inside
        exact += inside == union
        similar += inside >= 0.98 * union
    return Score(
        truth=len(truth),
        missing=sum(count == 0 for count in times.values()),
        fragmented=sum(count > 1 for count in times.values()),
        false_merges=false_merges,
        exact=exact,
        similar=similar,
    )

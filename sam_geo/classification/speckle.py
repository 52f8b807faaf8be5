"""Speckle: pieces of a few pixels in a class map, given to the class around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    ByteArray = npt.NDArray[np.uint8]
    BoolArray = npt.NDArray[np.bool_]

ROUNDS = 2
"""How often small pieces are looked for: what lay between two of them may still be small."""
SIDES = ((-1, 0), (1, 0), (0, -1), (0, 1))
"""Steps to the four neighbours of a pixel."""


def reach(least: int) -> int:
    """Pixels around a window that its result depends on."""
    return 2 * least * ROUNDS


def without_speckle(
    classes: ByteArray, per_cent: ByteArray, least: int
) -> tuple[ByteArray, ByteArray]:
    """Give each piece of fewer than `least` pixels to a class beside it.

    A piece is what hangs together by sides of pixels. It becomes the class that has most
    probability among the pixels along it which are in no small piece; where there is none, it
    stays. Nothing but the pixels within `reach` of a pixel decides its class.

    Args:
        classes: (h, w) classes from 1; 0 is nodata, which is no class and stays.
        per_cent: (h, w) probability of the class.
        least: Pixels of a piece that may stay.

    Returns:
        The classes and their probabilities. That of a pixel which has changed is what its own class
        had left, the most that it can be, and 1 at least.
    """
    classes, per_cent = classes.copy(), per_cent.copy()
    for _ in range(ROUNDS if least > 1 else 0):
        small, owner, count = _small_pieces(classes, least)
        if not count:
            break
        found = _classes_beside(classes, per_cent, owner, count)
        changed = small & (found[owner] > 0)
        classes[changed] = found[owner[changed]]
        # 0 stands for nodata
        per_cent[changed] = np.maximum(100 - per_cent[changed], 1)
    return classes, per_cent


def _small_pieces(classes: ByteArray, least: int) -> tuple[BoolArray, npt.NDArray[np.int64], int]:
    """(h, w) pixels of small pieces; (h, w) numbers of these from 1, else 0; and their number."""
    owner = np.zeros(classes.shape, dtype=np.int64)
    count = 0
    for value in np.unique(classes[classes > 0]).tolist():
        total, labels, figures, _ = cv2.connectedComponentsWithStats(
            (classes == value).astype(np.uint8), connectivity=4
        )
        pixels = figures[:, cv2.CC_STAT_AREA]
        is_small = pixels < least
        is_small[0] = False
        number = np.zeros(total, dtype=np.int64)
        number[is_small] = count + 1 + np.arange(int(is_small.sum()))
        count += int(is_small.sum())
        owner += number[labels]
    return owner > 0, owner, count


def _classes_beside(
    classes: ByteArray, per_cent: ByteArray, owner: npt.NDArray[np.int64], count: int
) -> ByteArray:
    """(count + 1,) class beside each small piece, 0 where no large piece is beside it."""
    rows, cols = np.nonzero(owner)
    height, width = classes.shape
    values = np.unique(classes)
    column = np.zeros(256, dtype=np.int64)
    column[values] = np.arange(len(values))
    weight = np.zeros((count + 1, len(values)), dtype=np.int32)
    for down, right in SIDES:
        y, x = rows + down, cols + right
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        y, x, piece = y[inside], x[inside], owner[rows[inside], cols[inside]]
        is_large = (owner[y, x] == 0) & (classes[y, x] > 0)
        y, x, piece = y[is_large], x[is_large], piece[is_large]
        # one more, so that a neighbour counts at all where nothing is probable
        np.add.at(weight, (piece, column[classes[y, x]]), per_cent[y, x].astype(np.int32) + 1)
    found: ByteArray = values[weight.argmax(axis=1)]
    found[weight.max(axis=1) == 0] = 0
    return found

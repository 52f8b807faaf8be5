"""A detector whose boxes are known: those of the patches of a colour, named by their words."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy import ndimage

from sam_common.detectors.detector import Detections, check_phrases

COLOURS = {
    "red": (200, 0, 0),
    "green": (0, 200, 0),
    "blue": (0, 0, 200),
    "yellow": (200, 200, 0),
}
EVERY = 8
"""Neighbours along edges and corners."""


@dataclass
class ColourDetector:
    """Finds each connected patch of a colour, with the score that its brightness says."""

    name: str = "colours"
    sha256: str = "c" * 64
    side: int = 64
    threshold: float = 0.3
    seen: list[tuple[int, int]] = field(default_factory=list)
    """(rows, columns) of every image that was looked at."""
    fail_at: int = -1
    """Number of the image at which looking fails."""
    error: type[BaseException] = KeyboardInterrupt
    fails_on: str | None = None
    """A colour: looking fails at every image that has it."""
    killed: Path | None = None
    """A file: whoever looks at red first makes it, and ends its own process."""

    def check_text(self, phrases):
        check_phrases(phrases)

    def boxes_of(self, image, phrases, *, threshold=None):
        wanted = check_phrases(phrases)
        self.seen.append(image.shape[:2])
        if len(self.seen) == self.fail_at:
            raise self.error("stopped")
        if self.fails_on is not None and has(image, self.fails_on):
            raise RuntimeError(f"cannot look at {self.fails_on}")
        if self.killed is not None and has(image, "red") and made(self.killed):
            os.kill(os.getpid(), signal.SIGKILL)
        least = self.threshold if threshold is None else threshold
        boxes, scores, owners = [], [], []
        for n, phrase in enumerate(wanted):
            # a roof is of any colour, and less surely so
            each = [COLOURS[phrase]] if phrase in COLOURS else list(COLOURS.values())
            sure = 0.9 if phrase in COLOURS else 0.5
            for colour in each:
                labels, _ = ndimage.label((image == colour).all(axis=2), np.ones((3, 3)))
                for rows, cols in ndimage.find_objects(labels):
                    edges = (cols.start, rows.start, cols.stop, rows.stop)
                    boxes.append([edge - 0.5 for edge in edges])
                    scores.append(sure)
                    owners.append(n)
        keep = [n for n, score in enumerate(scores) if score > least]
        return Detections(
            np.array([boxes[n] for n in keep], dtype=float).reshape(-1, 4),
            np.array([scores[n] for n in keep], dtype=float),
            np.array([owners[n] for n in keep], dtype=np.int64),
        )


def has(image, colour):
    """Whether a pixel of an image has a colour."""
    return bool((image == COLOURS[colour]).all(axis=2).any())


def made(path):
    """Make a file; False where another process did so before."""
    try:
        path.open("x").close()
    except FileExistsError:
        return False
    return True


def painted(patches, size_hw=(200, 300)):
    """(3, H, W) pixels: each patch a rectangle (colour, top, left, bottom, right) on grey."""
    image = np.full((*size_hw, 3), 90, dtype=np.uint8)
    for colour, top, left, bottom, right in patches:
        image[top:bottom, left:right] = COLOURS[colour]
    return np.moveaxis(image, -1, 0)


PATCHES = (
    ("red", 10, 10, 30, 40),  # in one window
    ("red", 55, 50, 75, 80),  # over the corner of four windows of 64
    ("green", 100, 20, 110, 290),  # longer than a window
    ("blue", 120, 100, 190, 170),  # larger than a window both ways
    ("red", 195, 295, 200, 300),  # in the corner of the raster
    ("yellow", 12, 130, 16, 134),  # small
    ("green", 12, 140, 40, 141),  # one pixel wide
)
"""What lies in the raster; no two touch."""


def boxes_of_patches(patches=PATCHES):
    """{(x0, y0, x1, y1) corners in pixels: colour} of the patches."""
    return {(left, top, right, bottom): c for c, top, left, bottom, right in patches}

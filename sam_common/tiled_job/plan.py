"""Plan: the windows of a tiled job, everything that decides their results, and their cost."""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sam_common.errors import GeometryError
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Plan:
    """The windows of a job, in the order of their results, and what decides these results."""

    image_hw: tuple[int, int]
    """Rows and columns of the whole image."""
    windows: tuple[Window, ...]
    """(row, col) in the image."""
    signature: Mapping[str, Any]
    """Everything else that decides a result, as JSON: source, model and options."""

    def __len__(self) -> int:
        return len(self.windows)

    @property
    def digest(self) -> str:
        """sha256 of the whole plan, by which parts of another plan are told apart."""
        windows = hashlib.sha256(
            b"".join(b"%d,%d,%d,%d;" % (*window.start, *window.stop) for window in self.windows)
        )
        text = json.dumps(
            {
                "image_hw": self.image_hw,
                "windows": windows.hexdigest(),
                "signature": dict(self.signature),
            },
            sort_keys=True,
        )
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a plan will cost, extrapolated from one window."""

    windows: int
    """Number of windows."""
    encoder_calls: int
    """Most runs of the encoder: windows without valid pixels need none."""
    seconds: float
    """Duration of the job."""
    ram_bytes: int
    """Memory beside that of the loaded model."""
    disk_bytes: int
    """Disk space of the parts and the result together."""


def tile_grid(shape_hw: tuple[int, int], *, side: int, overlap: int) -> list[Window]:
    """Windows of one size that cover an image, row by row; the last ones are moved inside.

    ```
    length 10, side 5, overlap 2:  0-5, 3-8, 5-10
    ```

    Args:
        shape_hw: Rows and columns of the image.
        side: Side of a window in pixels; an image that is smaller has one window along that axis.
        overlap: Least number of pixels that neighbouring windows share.

    Raises:
        GeometryError: The overlap is not smaller than the side, or a number is out of range.

    >>> [w.start for w in tile_grid((5, 10), side=5, overlap=2)]
    [(0, 0), (0, 3), (0, 5)]
    """
    if side < 1 or not 0 <= overlap < side:
        raise GeometryError(
            f"windows need a side of at least 1 and a smaller overlap, got side {side} and "
            f"overlap {overlap}"
        )
    rows, cols = (_spans(length, side, overlap) for length in shape_hw)
    return [
        Window((top, left), (bottom, right))
        for (top, bottom), (left, right) in itertools.product(rows, cols)
    ]


def _spans(length: int, side: int, overlap: int) -> list[tuple[int, int]]:
    """Half-open spans of the windows along one axis."""
    if length <= side:
        return [(0, length)]
    step = side - overlap
    count = -(-(length - side) // step) + 1
    starts = [min(n * step, length - side) for n in range(count)]
    return [(start, start + side) for start in starts]

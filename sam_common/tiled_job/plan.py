"""Plan: the windows of a job, what decides their results, and what they will cost."""

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
    """Windows in the order in which their results are put together."""

    image_hw: tuple[int, int]
    """Size of the whole image."""
    windows: tuple[Window, ...]
    """(row, col) in the image."""
    signature: Mapping[str, Any]
    """Everything beside the windows that decides a result: source, model, parameters (JSON)."""

    def __len__(self) -> int:
        return len(self.windows)

    @property
    def digest(self) -> str:
        """sha256 of the whole plan: parts of another plan are not taken for this one's."""
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
    """What a plan will cost, from one window that was done."""

    windows: int
    encoder_calls: int
    """At most: windows without valid pixels need none."""
    seconds: float
    ram_bytes: int
    """Over the loaded model."""
    disk_bytes: int
    """Parts of the unfinished job and its result together."""


def tile_grid(shape_hw: tuple[int, int], *, side: int, overlap: int) -> list[Window]:
    """Windows of one size over an image, row by row; the last ones are moved inside.

    ```
    length 10, side 5, overlap 2:  0-5, 3-8, 5-10
    ```

    Args:
        shape_hw: Size of the image.
        side: Side of a window; the image's own where that is smaller.
        overlap: Least number of pixels that neighbours share.

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
    if length <= side:
        return [(0, length)]
    step = side - overlap
    count = -(-(length - side) // step) + 1
    starts = [min(n * step, length - side) for n in range(count)]
    return [(start, start + side) for start in starts]

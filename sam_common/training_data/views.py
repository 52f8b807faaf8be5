"""Views: an image turned, mirrored and brightened, with the masks of its objects.

A network that is asked about eight symmetries of a few objects cannot learn where they lie, and
one that sees them darker and brighter does not hang on their exact shade.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sam_common.masks.decoded import MaskRegion
from sam_common.window import Window

if TYPE_CHECKING:
    import numpy.typing as npt

SYMMETRIES = 8
"""Four quarter turns of an image, and of its mirror image."""
GAIN, GAMMA = 0.25, 0.25
"""Largest relative change of the contrast, and of the exponent of the brightness."""


@dataclass(frozen=True, slots=True)
class View:
    """One way to see an image."""

    turns: int = 0
    """Quarter turns anticlockwise, 0 to 3, after the mirroring."""
    is_mirrored: bool = False
    """Whether left and right are exchanged."""
    gain: float = 1.0
    """Contrast about the middle grey."""
    gamma: float = 1.0
    """Exponent of the brightness in 0..1."""

    def image(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The image in this view.

        Args:
            image: (H, W) or (H, W, 3), uint8.
        """
        seen = image[:, ::-1] if self.is_mirrored else image
        seen = np.rot90(seen, self.turns)
        if (self.gain, self.gamma) != (1.0, 1.0):
            shades = (np.linspace(0, 1, 256) ** self.gamma - 0.5) * self.gain + 0.5
            seen = np.clip(shades * 255 + 0.5, 0, 255).astype(np.uint8)[seen]
        return np.ascontiguousarray(seen)

    def size_hw(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of an image of this size in this view."""
        return size_hw if self.turns % 2 == 0 else size_hw[::-1]

    def region(self, region: MaskRegion, size_hw: tuple[int, int]) -> MaskRegion:
        """A mask of the image in this view.

        Law: `view.region(r, hw)` drawn on an image is the drawn mask in this view.

        Args:
            region: In indices of the image.
            size_hw: Rows and columns of the image.
        """
        (height, width), mask = size_hw, region.mask
        (top, left), (bottom, right) = region.window.start, region.window.stop
        if self.is_mirrored:
            left, right, mask = width - right, width - left, mask[:, ::-1]
        for _ in range(self.turns):
            # (row, col) of an image W wide comes to (W - 1 - col, row)
            top, bottom, left, right = width - right, width - left, top, bottom
            height, width = width, height
        mask = np.ascontiguousarray(np.rot90(mask, self.turns))
        return MaskRegion(Window((top, left), (bottom, right)), mask)


def views_of(count: int, *, seed: int) -> list[View]:
    """The first views of an image: itself, then the other symmetries, brightened at random.

    Args:
        count: Number of views, at least 1.
        seed: Another one gives other brightness.
    """
    random = np.random.default_rng([seed, 8])
    found = [View()]
    for n in range(1, count):
        gain, gamma = 1 + GAIN * random.uniform(-1, 1), 1 + GAMMA * random.uniform(-1, 1)
        found.append(View(n % 4, n % SYMMETRIES >= 4, float(gain), float(gamma)))  # noqa: PLR2004
    return found

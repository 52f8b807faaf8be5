"""Options of an automatic job: its windows, the prompts that are tried in each, and the filters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sam_common.automatic.options import EverythingOptions
from sam_common.errors import GeometryError

if TYPE_CHECKING:
    from sam_common.prompts import PromptKind

OVERLAP = 128
"""Pixels that neighbouring windows share: objects up to that size are whole in one window."""
MOST_OVERLAP = 2
"""The overlap is at most a window's side divided by this number: then no pixel lies in more than
four windows, except in the last row and column of windows, which are moved inside the raster."""
MOST_CROP_LAYERS = 2
"""Layers of crops: with 0, 1, 2, 3 layers a window is encoded 1, 5, 21, 85 times."""
MOST_ENLARGED = 16
"""Factor by which a window may be enlarged to the network's input. The networks see patches of 16
pixels: beyond this factor one pixel of the raster fills more than a patch, and the encoder runs
over more than 256 times the raster's pixels."""
LEAST_SIDE = 16
"""Least side of a window in pixels."""


@dataclass(frozen=True, slots=True)
class AutoOptions:
    """What an automatic job looks for, and in which windows.

    Raises:
        GeometryError: The windows or their overlap make no sense, or there are too many crops.
    """

    tile_size: int | None = None
    """Side of a window in pixels of the raster, at least 16; the side of the network's input (1024
    or 256) where None."""
    overlap: int | None = None
    """Pixels that neighbouring windows share, at most half of their side; where None, 128 or half
    of the side, whichever is less."""
    everything: EverythingOptions = field(default_factory=EverythingOptions)
    """Grid of points in each window, and the filters that masks have to pass."""
    superpixels: bool = False
    """Whether boxes around superpixels are the prompts, in place of the grid of points."""
    join: bool = True
    """Whether objects that end at a window's edge are looked for in the windows beyond it."""

    def __post_init__(self) -> None:
        if self.overlap is not None and self.overlap < 0:
            raise GeometryError(f"--overlap must be 0 or more, got {self.overlap}")
        if (layers := self.everything.crop_n_layers) > MOST_CROP_LAYERS:
            calls, most = (sum(4**n for n in range(k + 1)) for k in (layers, MOST_CROP_LAYERS))
            raise GeometryError(
                f"--crop-n-layers {layers} would run the encoder {calls} times for each window: "
                f"give {MOST_CROP_LAYERS} ({most} times) or less, or a smaller --tile-size"
            )
        if self.tile_size is None:
            return
        if self.tile_size < LEAST_SIDE:
            raise GeometryError(f"--tile-size must be at least {LEAST_SIDE}, got {self.tile_size}")
        self.overlap_of(self.tile_size)

    def kinds(self, *, has_proposals: bool = False) -> frozenset[PromptKind]:
        """The kinds of prompts that the network will be given.

        Args:
            has_proposals: Whether boxes of a file are tried in place of the grid of points.
        """
        return frozenset({"boxes"} if has_proposals or self.superpixels else {"points"})

    def check_side(self, model_size: int) -> None:
        """Raise `GeometryError` where windows would be enlarged too much for a network.

        Args:
            model_size: Side of the network's input in pixels.
        """
        side = self.tile_size or model_size
        if side * MOST_ENLARGED < model_size:
            raise GeometryError(
                f"windows of {side} x {side} pixels would be enlarged {model_size // side} times "
                f"to the network's {model_size} x {model_size}, one encoder run for each: give "
                f"--tile-size {-(-model_size // MOST_ENLARGED)} or more"
            )

    def overlap_of(self, side: int) -> int:
        """Pixels that neighbouring windows share where a window has this side in pixels.

        Raises:
            GeometryError: The overlap that was asked for is more than half of the side.

        >>> AutoOptions().overlap_of(1024), AutoOptions().overlap_of(100)
        (128, 50)
        """
        most = side // MOST_OVERLAP
        if self.overlap is None:
            return min(OVERLAP, most)
        if self.overlap > most:
            raise GeometryError(
                f"an overlap of {self.overlap} is too much for windows of {side} x {side} pixels: "
                f"give --overlap {most} or less, or a larger --tile-size"
            )
        return self.overlap

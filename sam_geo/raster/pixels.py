"""Pixels: the values of a part of a raster, and which of them belong to the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """What one read gives."""

    values: npt.NDArray[Any]
    """(B, h, w) in the raster's dtype, B is 1 or 3; uint8 colours for a palette raster."""
    valid: npt.NDArray[np.bool_]
    """(h, w) pixels that are part of the image."""

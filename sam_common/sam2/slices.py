"""Slices: prompts and masks of an object that a tracker follows, known before torch is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class SlicePrompt:
    """Points on a slice, in its indices: sample centres at integers."""

    points_xy: npt.NDArray[np.float64]
    """(P, 2) positions."""
    labels: npt.NDArray[np.int64]
    """(P,) labels: 1 object, 0 background, 2 and 3 the corners of a box, as published."""


@dataclass(frozen=True, slots=True, eq=False)
class TrackedMask:
    """The mask of the object on one slice."""

    index: int
    """Number of the slice."""
    logits: npt.NDArray[np.float32]
    """(H, W) logits on the slice; above 0 is object."""
    presence: float
    """Probability that the slice shows the object, 0 to 1."""

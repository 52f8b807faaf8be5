"""Options of words: what is looked for, by which detector, and in windows of which size."""

from __future__ import annotations

from dataclasses import dataclass

from sam_common.detectors.catalogue import DEFAULT
from sam_common.detectors.detector import check_phrases, check_threshold
from sam_common.errors import InputError

LEAST_WINDOW = 32
"""Smallest side of a window in pixels, below which it shows no object with its surroundings."""
OVERLAP = 4
"""Neighbouring windows share one part in so many of their side."""


@dataclass(frozen=True, slots=True)
class WordOptions:
    """What a text job looks for.

    Raises:
        PromptError: No phrase is given, or one is empty or occurs twice.
        InputError: The threshold or the window is out of range.
    """

    phrases: tuple[str, ...]
    """What to look for; each phrase is a class."""
    detector: str = DEFAULT
    """Name of a detector, or the folder of one."""
    threshold: float | None = None
    """Least score of a box, 0 to 1; that of the detector where None."""
    window: int | None = None
    """Side of the windows in pixels of the raster; what the detector is made for where None. Small
    objects are found in small windows, which are enlarged."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "phrases", check_phrases(self.phrases))
        if self.threshold is not None:
            check_threshold(self.threshold)
        if self.window is not None and self.window < LEAST_WINDOW:
            raise InputError(
                f"windows to look for words in have a side of at least {LEAST_WINDOW} pixels, got "
                f"{self.window}"
            )

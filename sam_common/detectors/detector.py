"""Detector: what everything that finds objects by words has in common, and what it returns.

```python
detector = load_detector("grounding_dino_tiny")
found = detector.boxes_of(image, ["solar panel", "car"])
found.boxes_xyxy[found.phrases == 1]                       # boxes of cars
```
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from sam_common.automatic.nms import batched_nms
from sam_common.errors import InputError, PromptError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

SAME_OBJECT = 0.5
"""IoU above which two boxes are one object, whatever the phrases: the one with the higher score
stays."""


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The objects that a detector found in an image, best score first."""

    boxes_xyxy: npt.NDArray[np.float64]
    """(N, 4) corners in indices of the image: outer edges of pixels are at .5, the corners lie in
    the image."""
    scores: npt.NDArray[np.float64]
    """(N,) how well each box goes with its phrase, 0 to 1."""
    phrases: npt.NDArray[np.int64]
    """(N,) number of the phrase of each box, from 0."""

    def __len__(self) -> int:
        return len(self.scores)


class Detector(Protocol):
    """Finds the objects that phrases describe; calls depend on their arguments alone.

    For an executor it is pickled: one of `load_detector` as its name or the path of its folder.
    """

    @property
    def name(self) -> str:
        """Name in the catalogue, or that of the folder."""

    @property
    def sha256(self) -> str:
        """sha256 of the weights, 64 hexadecimal digits."""

    @property
    def side(self) -> int:
        """Side in pixels of the images that the network is made for, which it need not resize."""

    @property
    def threshold(self) -> float:
        """Least score where no other is given, as published with the network."""

    def check_text(self, phrases: Sequence[str]) -> None:
        """Raise `PromptError` where the network cannot take some phrases; no image is needed."""

    def boxes_of(
        self,
        image: npt.NDArray[np.uint8],
        phrases: Sequence[str],
        *,
        threshold: float | None = None,
    ) -> Detections:
        """Find the objects that some phrases describe.

        Args:
            image: (H, W, 3) RGB or (H, W) grey, uint8, of any size.
            phrases: What to look for, such as `["solar panel", "car"]`.
            threshold: Least score; the network's own where None.

        Raises:
            InputError: If the array is no such image, or a phrase is empty or too long.
        """


def check_phrases(phrases: Sequence[str]) -> tuple[str, ...]:
    """Phrases without spaces around them.

    Raises:
        PromptError: If there is none, or one is empty or occurs twice.

    >>> check_phrases(["a  tree ", "car"])
    ('a tree', 'car')
    """
    given = tuple(" ".join(phrase.split()) for phrase in phrases)
    if not given:
        raise PromptError("no words to look for: give a phrase such as 'solar panel'")
    for n, phrase in enumerate(given):
        if not phrase:
            raise PromptError(
                f"text {n + 1} of {len(given)} is empty ({phrases[n]!r}): give words to look for, "
                f"such as 'solar panel'"
            )
        if phrase.lower() in (before.lower() for before in given[:n]):
            raise PromptError(f"the text {phrase!r} is given twice: each is a class, once")
    return given


def check_threshold(threshold: float) -> float:
    """Raise `InputError` unless a least score lies between 0 and 1."""
    if not 0 <= threshold <= 1:
        raise InputError(f"a score lies between 0 and 1, got the threshold {threshold}")
    return threshold


def kept(
    corners_xyxy: npt.NDArray[np.float64],
    scores: npt.NDArray[np.float64],
    size_hw: tuple[int, int],
    threshold: float,
) -> Detections:
    """The boxes with a score above a threshold, each with its best phrase, one for each object.

    Args:
        corners_xyxy: (K, 4) from the outer corner of the image, in pixels; x to the right.
        scores: (K, P) for each box and phrase.
        size_hw: Rows and columns of the image, to which boxes are cut.
        threshold: Least score.
    """
    rows, cols = size_hw
    best = scores.argmax(axis=1)
    high = scores[np.arange(len(scores)), best]
    inside = np.clip(corners_xyxy, 0, [cols, rows, cols, rows])
    has_area = (inside[:, 2:] > inside[:, :2]).all(axis=1)
    at = np.flatnonzero((high > threshold) & has_area)
    order = at[batched_nms(inside[at], high[at], np.zeros(len(at), np.int64), SAME_OBJECT)]
    return Detections(inside[order] - 0.5, high[order], best[order])

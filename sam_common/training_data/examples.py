"""Examples: images with the masks of objects, each object in one of three parts that lie apart.

```
learn   the network sees these objects
stop    says when to stop: the network of the epoch that is best here is kept
judge   the figures before and after come from these alone
```
Objects beside each other are alike, so the parts are blocks of ground or of slices, or patients
(Roberts et al. 2017, https://doi.org/10.1111/ecog.02881).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from sam_common.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from sam_common.masks.decoded import MaskRegion

Part: TypeAlias = Literal["learn", "stop", "judge"]
PARTS: tuple[Part, ...] = ("learn", "stop", "judge")
LEAST: Mapping[Part, int] = {"learn": 4, "stop": 3, "judge": 5}
"""Fewest objects of each part: with fewer to judge by, chance alone could show any gain."""
SHARES: Mapping[Part, float] = {"learn": 0.55, "stop": 0.17, "judge": 0.28}
"""Shares of the objects that learn, that say when to stop, and by which the result is judged."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingObject:
    """One object in an image, and what it is used for."""

    mask: MaskRegion
    """Its pixels, in indices of the image."""
    part: Part
    """Whether it is learned, says when to stop, or judges."""
    name: str
    """How reports call it."""
    unit: str = ""
    """Objects of one unit, such as slices of one organ, are one observation; by itself where
    empty."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingImage:
    """An image with objects; its pixels are read when they are needed."""

    load: Callable[[], npt.NDArray[np.uint8]]
    """Gives the (H, W, 3) RGB or (H, W) grey image, the same at every call."""
    size_hw: tuple[int, int]
    """Rows and columns of the image."""
    objects: tuple[TrainingObject, ...]
    """All objects of the image, of any part."""

    def of(self, *parts: Part) -> tuple[TrainingObject, ...]:
        """The objects of some parts, in order."""
        return tuple(one for one in self.objects if one.part in parts)


def counts(images: Sequence[TrainingImage]) -> dict[Part, int]:
    """Number of objects in each part."""
    found = Counter(one.part for image in images for one in image.objects)
    return {part: found[part] for part in PARTS}


def check_counts(images: Sequence[TrainingImage]) -> None:
    """Raise `InputError` where a part has too few objects to learn or to judge by."""
    found = counts(images)
    if any(found[part] < LEAST[part] for part in PARTS):
        got = ", ".join(f"{found[part]} to {part}" for part in PARTS)
        needed = ", ".join(f"{LEAST[part]} to {part}" for part in PARTS)
        raise InputError(
            f"too few objects: {sum(found.values())} ({got}); needed are {needed}, in parts that "
            f"lie apart: draw more objects, about 20 in all"
        )


def split_by_place(
    positions: npt.NDArray[np.float64], *, seed: int = 0, judged_elsewhere: bool = False
) -> list[Part]:
    """Part objects by where they lie: neighbouring stretches along the longer side of their extent.

    Args:
        positions: (N, D) centres of the objects.
        seed: An odd one begins at the other end.
        judged_elsewhere: Whether others judge, so that these are only to learn and to stop.

    Returns:
        The part of each object. Objects at one place go to one part.

    >>> split_by_place(np.arange(10.0)[:, None])
    ['learn', 'learn', 'learn', 'learn', 'learn', 'learn', 'stop', 'stop', 'judge', 'judge']
    """
    if not len(positions):
        return []
    along = positions[:, int(np.argmax(np.ptp(positions, axis=0)))]
    rank = np.searchsorted(np.sort(along), along) / len(along)
    if seed % 2:
        rank = 1 - (np.searchsorted(np.sort(along), along, side="right") / len(along))
    learned = SHARES["learn"] + (SHARES["judge"] if judged_elsewhere else 0.0)
    stopped = learned + SHARES["stop"]
    if judged_elsewhere:
        stopped = 1.0
    # a hair, so that a share of N objects is that many whatever the rounding
    edges = np.array([learned, stopped]) - 1e-9
    return [PARTS[int(n)] for n in np.searchsorted(edges, rank, side="right")]


def split_by_group(groups: Sequence[str], *, seed: int = 0) -> list[Part]:
    """Part objects by group, such as patients: no group is in two parts.

    Args:
        groups: The group of each object; at least three different ones.
        seed: Another one gives other parts.

    Returns:
        The part of each object: groups are dealt, the largest first, to the part that lacks most.

    Raises:
        InputError: If there are fewer than three groups.
    """
    sizes = Counter(groups)
    if len(sizes) < len(PARTS):
        raise InputError(f"parts by group need {len(PARTS)} groups, got {len(sizes)}")
    order = np.random.default_rng(seed).permutation(sorted(sizes)).tolist()
    order.sort(key=lambda name: -sizes[name])
    room = {part: SHARES[part] * len(groups) for part in PARTS}
    chosen: dict[str, Part] = {}
    for n, name in enumerate(order):
        empty = [part for part in PARTS if part not in chosen.values()]
        # each part gets a group, whatever their sizes
        left = empty if len(order) - n <= len(empty) else list(PARTS)
        part = max(left, key=lambda each: room[each])
        chosen[name] = part
        room[part] -= sizes[name]
    return [chosen[name] for name in groups]

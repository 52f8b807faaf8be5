"""Batches: items that go to a worker together, how many they are, and when one is late."""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_common.executors.executor import Item

BATCH_S = 0.5
"""Seconds of work that a batch is to have: quick items are sent together, slow ones alone."""
LONGEST_S = 2.0
"""Seconds after which a worker gives back what it has not begun of a batch."""
MOST_ITEMS = 256
"""Most items of a batch."""
RECENT = 200
"""Items whose times say what is usual."""
LATE_TIMES = 5.0
"""How many times as long as usual a batch takes that is late."""
LATE_S = 2.0
"""Seconds within which no batch is late."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Items that are worked on one after the other by one worker."""

    items: Sequence[Item]
    tries: int = 1
    """The number of this try of the items."""
    is_suspect: bool = False
    """Whether workers died while its item ran among others."""
    unfetched: int = 0
    """How often its answer was there and could not be fetched."""

    @property
    def label(self) -> str:
        """Numbers of the first and the last item."""
        first, last = self.items[0].number, self.items[-1].number
        return f"{first:08d}" if first == last else f"{first:08d}..{last:08d}"


@dataclass(slots=True, eq=False)
class Pace:
    """How long items take, from those that were done last."""

    seconds: float | None = None
    """Mean in which the last ones count most; None before the first."""
    _recent: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))

    def take(self, seconds: float) -> None:
        """Take the time of one more item into account."""
        known = seconds if self.seconds is None else self.seconds
        self.seconds = 0.9 * known + 0.1 * seconds
        self._recent.append(seconds)

    @property
    def batch(self) -> int:
        """Number of items that take `BATCH_S` together."""
        if self.seconds is None:
            return 1
        return max(1, min(MOST_ITEMS, int(BATCH_S / max(self.seconds, 1e-6))))

    def late_s(self, count: int) -> float | None:
        """Seconds after which a batch of some items is late; None before the first answer.

        The median decides: one slow worker among others does not move it.
        """
        if not self._recent:
            return None
        usual = statistics.median(self._recent)
        # a worker gives back the rest of a batch, but ends the item that it is at
        return max(LATE_S, LATE_TIMES * min(count * usual, LONGEST_S + usual))
